//! What a rung says of its colours, and how pictures are brought to that (ITU-T H.273).
//!
//! Invariant: whatever a source is tagged with, its rungs carry code points that x264 writes and players know; a tag that
//! means nothing becomes "unspecified".

use super::facts::Colour;

/// Code points in the video usability information of a rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags {
    pub primaries: u8,
    pub transfer: u8,
    pub matrix: u8,
}

const UNSPECIFIED: u8 = 2;
const BT709: u8 = 1;

/// FFmpeg's names of primaries by code point.
const PRIMARIES: [&str; 13] = [
    "reserved",
    "bt709",
    "unknown",
    "reserved",
    "bt470m",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "film",
    "bt2020",
    "smpte428",
    "smpte431",
    "smpte432",
];
/// Transfers. `bt470m` is gamma 2.2, `bt470bg` gamma 2.8.
const TRANSFERS: [&str; 19] = [
    "reserved",
    "bt709",
    "unknown",
    "reserved",
    "bt470m",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "linear",
    "log100",
    "log316",
    "iec61966-2-4",
    "bt1361e",
    "iec61966-2-1",
    "bt2020-10",
    "bt2020-12",
    "smpte2084",
    "smpte428",
    "arib-std-b67",
];
/// Matrices.
const MATRICES: [&str; 15] = [
    "gbr",
    "bt709",
    "unknown",
    "reserved",
    "fcc",
    "bt470bg",
    "smpte170m",
    "smpte240m",
    "ycgco",
    "bt2020nc",
    "bt2020c",
    "smpte2085",
    "chroma-derived-nc",
    "chroma-derived-c",
    "ictcp",
];
/// Matrices that players know.
const KEPT: [u8; 6] = [1, 4, 5, 6, 7, 9];
/// Matrices that few know, but zimg; and whether it must be told primaries and transfer for them.
const REMADE: [(&str, bool); 4] =
    [("ycgco", false), ("bt2020c", true), ("chroma-derived-nc", true), ("chroma-derived-c", true)];

/// A colour description from code points, which may be any numbers.
pub fn from_codes(primaries: i32, transfer: i32, matrix: i32, full_range: bool) -> Colour {
    let name = |table: &[&str], code: i32| {
        let known = usize::try_from(code).ok().and_then(|c| table.get(c).copied());
        known.unwrap_or("unknown").to_owned()
    };
    Colour {
        primaries: name(&PRIMARIES, primaries),
        transfer: name(&TRANSFERS, transfer),
        matrix: name(&MATRICES, matrix),
        full_range,
    }
}

/// The code point of a name; unspecified for what is reserved.
fn code(table: &[&str], name: &str) -> u8 {
    let at = table.iter().position(|n| *n == name && *n != "reserved");
    at.and_then(|c| u8::try_from(c).ok()).unwrap_or(UNSPECIFIED)
}

fn matrix_code(name: &str) -> u8 {
    Some(code(&MATRICES, name)).filter(|c| KEPT.contains(c)).unwrap_or(UNSPECIFIED)
}

/// How pictures get the colours of their rungs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Treatment {
    /// As they are, but for the range.
    Kept,
    /// RGB into luma and chroma of BT.709.
    FromRgb,
    /// Another matrix into that of BT.709, by this filter.
    Remade(String),
    /// HDR into SDR of BT.709.
    Mapped,
}

/// The treatment of pictures of a pixel format.
pub fn treatment(colour: &Colour, pixel_format: &str) -> Treatment {
    if colour.is_hdr() {
        return Treatment::Mapped;
    }
    if is_rgb(pixel_format) {
        return Treatment::FromRgb;
    }
    remade(colour).map_or(Treatment::Kept, Treatment::Remade)
}

fn remade(colour: &Colour) -> Option<String> {
    let (matrix, needs_all) = REMADE.iter().find(|(name, _)| *name == colour.matrix)?;
    let range = if colour.full_range { "full" } else { "limited" };
    let mut filter = format!("zscale=min={matrix}:m=bt709:rin={range}:r=limited");
    if *needs_all {
        let primaries = match (code(&PRIMARIES, &colour.primaries), colour.matrix.as_str()) {
            (UNSPECIFIED, "bt2020c") => "bt2020",
            (UNSPECIFIED, _) => "bt709",
            _ => &colour.primaries,
        };
        // Only its shape counts, and zimg knows few.
        let transfer = if colour.transfer == "iec61966-2-1" { "iec61966-2-1" } else { "bt709" };
        filter += &format!(":pin={primaries}:p={primaries}:tin={transfer}:t={transfer}");
    }
    Some(filter)
}

/// What the rungs of a source say, `small` ones of a large source in particular: players guess the matrix of what says
/// nothing by its size, and all rungs of a film must look alike.
pub fn tags(colour: &Colour, pixel_format: &str, small_of_large: bool) -> Tags {
    let treatment = treatment(colour, pixel_format);
    if treatment == Treatment::Mapped {
        return Tags { primaries: BT709, transfer: BT709, matrix: BT709 };
    }
    let matrix = match (&treatment, matrix_code(&colour.matrix)) {
        (Treatment::Kept, UNSPECIFIED) if !small_of_large => UNSPECIFIED,
        (Treatment::Kept, known) if known != UNSPECIFIED => known,
        _ => BT709,
    };
    Tags { primaries: code(&PRIMARIES, &colour.primaries), transfer: code(&TRANSFERS, &colour.transfer), matrix }
}

/// Whether a description can be left as it is: all code points known, or none said.
pub fn means_something(colour: &Colour) -> bool {
    let known = |table: &[&str], name: &str| name == "unknown" || code(table, name) != UNSPECIFIED;
    let matrix = colour.matrix == "unknown" || matrix_code(&colour.matrix) != UNSPECIFIED;
    matrix && known(&PRIMARIES, &colour.primaries) && known(&TRANSFERS, &colour.transfer)
}

/// Whether players take a picture of this size for BT.709 where nothing is said.
pub fn is_large(width: u32, height: u32) -> bool {
    width.max(height) >= 1280 || width.min(height) > 576
}

/// Whether pixels are red, green and blue: palettes too.
pub fn is_rgb(pixel_format: &str) -> bool {
    ["rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr", "pal8"]
        .iter()
        .any(|name| pixel_format.starts_with(name))
}

/// Whether pixels are luma alone.
pub fn is_gray(pixel_format: &str) -> bool {
    pixel_format.starts_with("gray") || pixel_format.starts_with("mono")
}

/// Whether pixels can be transparent.
pub fn has_alpha(pixel_format: &str) -> bool {
    ["rgba", "bgra", "argb", "abgr", "gbrap", "yuva", "ya8", "ya16", "pal8"]
        .iter()
        .any(|name| pixel_format.starts_with(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(primaries: &str, transfer: &str, matrix: &str) -> Colour {
        Colour { primaries: primaries.into(), transfer: transfer.into(), matrix: matrix.into(), full_range: false }
    }

    fn said(primaries: &str, transfer: &str, matrix: &str) -> (u8, u8, u8) {
        let tags = tags(&colour(primaries, transfer, matrix), "yuv420p", false);
        (tags.primaries, tags.transfer, tags.matrix)
    }

    #[test]
    fn known_code_points_are_kept_and_reserved_ones_unspecified() {
        assert_eq!(said("bt709", "bt709", "bt709"), (1, 1, 1));
        assert_eq!(said("smpte170m", "bt470bg", "bt470bg"), (6, 5, 5));
        assert_eq!(said("bt470m", "bt470m", "fcc"), (4, 4, 4));
        assert_eq!(said("bt2020", "bt2020-10", "bt2020nc"), (9, 14, 9));
        assert_eq!(said("smpte432", "iec61966-2-1", "smpte240m"), (12, 13, 7));
        assert_eq!(said("reserved", "reserved", "reserved"), (2, 2, 2));
        for code in -1..300 {
            let colour = from_codes(code, code, code, false);
            let tags = tags(&colour, "yuv420p", false);
            let kept = |said: u8| said == UNSPECIFIED || i32::from(said) == code;
            assert!(kept(tags.primaries) && kept(tags.transfer) || colour.is_hdr(), "{code}: {tags:?}");
        }
        assert_eq!(said("unknown", "unknown", "unknown"), (2, 2, 2));
        // RGB's matrix on pictures that are not, and what has a meaning in HDR only.
        assert_eq!(said("bt709", "bt709", "gbr"), (1, 1, 2));
        assert_eq!(said("bt709", "bt709", "ictcp"), (1, 1, 2));
        assert_eq!(said("bt2020", "arib-std-b67", "reserved"), (1, 1, 1));
    }

    #[test]
    fn what_players_do_not_know_is_brought_to_bt709() {
        for matrix in ["ycgco", "bt2020c", "chroma-derived-nc", "chroma-derived-c"] {
            assert_eq!(said("unknown", "unknown", matrix).2, 1, "{matrix}");
        }
        assert_eq!(tags(&colour("unknown", "unknown", "gbr"), "gbrp", false).matrix, 1);
        assert_eq!(tags(&colour("unknown", "unknown", "unknown"), "bgra", false).matrix, 1);
    }

    #[test]
    fn small_rungs_of_a_large_film_say_what_the_large_one_is_taken_for() {
        let nothing = colour("unknown", "unknown", "unknown");
        assert_eq!(tags(&nothing, "yuv420p", true).matrix, 1);
        assert_eq!(tags(&colour("bt709", "bt709", "smpte170m"), "yuv420p", true).matrix, 6);
        assert!(is_large(1920, 1080) && is_large(720, 1280) && is_large(960, 720));
        assert!(!is_large(640, 360) && !is_large(720, 576) && !is_large(854, 480));
    }
}
