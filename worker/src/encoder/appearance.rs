//! How a picture stream is to be shown: upright, in which shape, in which colours.

use super::ffi;
use crate::plan::{Colour, colour::from_codes};
use ffmpeg_next::{codec::packet::side_data, format::stream::Stream};

/// What a display matrix says (ISO/IEC 14496-12 8.3.2), to the nearest quarter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation {
    /// Clockwise quarter turns.
    pub quarter_turns: u8,
    /// Whether left and right are exchanged before.
    pub mirrored: bool,
    /// Whether the picture is shown just as it is coded.
    pub is_identity: bool,
}

impl Orientation {
    /// That of a stream.
    pub fn of(stream: &Stream<'_>) -> Self {
        let matrix = stream.side_data().find(|d| d.kind() == side_data::Type::DisplayMatrix);
        matrix.map_or(Self::from_matrix([1, 0, 0, 1]), |matrix| {
            let number = |i: usize| {
                let bytes = matrix.data().get(i * 4..i * 4 + 4).and_then(|b| b.try_into().ok());
                bytes.map_or(0, i32::from_ne_bytes)
            };
            Self::from_matrix([number(0), number(1), number(3), number(4)])
        })
    }

    /// From the four numbers of a matrix that turn: a point (x, y) goes to (ax + cy, bx + dy).
    fn from_matrix([a, b, c, d]: [i32; 4]) -> Self {
        let [a, b, c, d] = [a, b, c, d].map(f64::from);
        let mirrored = a * d - b * c < 0.0;
        // What is left when the exchange of left and right is taken away.
        let (x, y) = if mirrored { (-a, -b) } else { (a, b) };
        let quarters = (y.atan2(x) / std::f64::consts::FRAC_PI_2).round() as i32;
        let is_identity = a > 0.0 && d > 0.0 && b == 0.0 && c == 0.0;
        Self { quarter_turns: quarters.rem_euclid(4) as u8, mirrored, is_identity }
    }
}

/// A shape of pixels, if it is one.
pub fn aspect((num, den): (i32, i32)) -> Option<(u32, u32)> {
    let side = |n: i32| u32::try_from(n).ok().filter(|n| *n > 0);
    side(num).zip(side(den))
}

/// The shape of pixels as the container has it.
pub fn container_aspect(stream: &Stream<'_>) -> Option<(u32, u32)> {
    aspect(ffi::stream_aspect(stream))
}

/// Colour of a stream, as its decoder tells it.
pub fn colour(decoder: &ffmpeg_next::decoder::Video, pixel_format: &str) -> Colour {
    let (primaries, transfer, matrix, full_range) = ffi::colour_codes(decoder);
    from_codes(primaries, transfer, matrix, full_range || pixel_format.starts_with("yuvj"))
}

/// Whether a picture is in Dolby Vision's own colours: profiles 5 and 10 without a base layer that is compatible with anything.
/// Shown as something else it is purple and green.
pub fn is_dolby_alone(stream: &Stream<'_>) -> bool {
    let record = stream.side_data().find(|d| d.kind() == side_data::Type::DOVI_CONF);
    record.is_some_and(|r| is_alone(r.data()))
}

/// FFmpeg's record: versions, profile, level, three flags, compatibility of the base layer; one byte each.
fn is_alone(record: &[u8]) -> bool {
    matches!(record, [_, _, 5 | 10, _, _, _, _, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dolby_vision_is_shown_where_its_base_can_be() {
        assert!(is_alone(&[1, 0, 5, 6, 1, 0, 1, 0]));
        assert!(is_alone(&[1, 0, 10, 6, 1, 0, 1, 0]));
        // HDR10 and HLG below.
        assert!(!is_alone(&[1, 0, 8, 6, 1, 0, 1, 1]));
        assert!(!is_alone(&[1, 0, 8, 6, 1, 0, 1, 4]));
        assert!(!is_alone(&[1, 0]));
    }

    #[test]
    fn eight_ways_to_hold_a_camera() {
        const ONE: i32 = 1 << 16;
        for (matrix, turns, mirrored) in [
            ([ONE, 0, 0, ONE], 0, false),
            ([0, ONE, -ONE, 0], 1, false),
            ([-ONE, 0, 0, -ONE], 2, false),
            ([0, -ONE, ONE, 0], 3, false),
            ([-ONE, 0, 0, ONE], 0, true),
            ([0, -ONE, -ONE, 0], 1, true),
            ([ONE, 0, 0, -ONE], 2, true),
            ([0, ONE, ONE, 0], 3, true),
        ] {
            let found = Orientation::from_matrix(matrix);
            assert_eq!((found.quarter_turns, found.mirrored), (turns, mirrored), "{matrix:?}");
            assert_eq!(found.is_identity, matrix == [ONE, 0, 0, ONE]);
        }
    }
}
