//! An animation of still pictures: a WebP file (RFC 9649) that is put together from files of single pictures, none of which is
//! changed.

/// How long each picture is shown.
const FRAME_MS: u32 = 250;
/// RIFF, its length, WEBP: what comes before the picture in a file of one.
const FILE_HEADER: usize = 12;
/// VP8X: there is an animation, and neither transparency nor metadata.
const ANIMATED: u8 = 0x02;
/// ANMF: the picture takes the place of the one before it as it is.
const NO_BLENDING: u8 = 0x02;

/// The animation of simple WebP files of one size, pixels, from 1 to 16,383; it begins anew when it has ended. What is no such
/// file is left out.
pub fn animated_webp<P: AsRef<[u8]>>(pictures: &[P], (width, height): (u32, u32)) -> Vec<u8> {
    let mut canvas = vec![ANIMATED, 0, 0, 0];
    canvas.extend(three_bytes(width.saturating_sub(1)));
    canvas.extend(three_bytes(height.saturating_sub(1)));
    let mut body = b"WEBP".to_vec();
    chunk(&mut body, b"VP8X", &canvas);
    // A black background, without end.
    chunk(&mut body, b"ANIM", &[0, 0, 0, 0xff, 0, 0]);
    for picture in pictures.iter().filter_map(|p| p.as_ref().get(FILE_HEADER..)) {
        // In the corner above.
        let mut frame = vec![0; 6];
        frame.extend(three_bytes(width.saturating_sub(1)));
        frame.extend(three_bytes(height.saturating_sub(1)));
        frame.extend(three_bytes(FRAME_MS));
        frame.push(NO_BLENDING);
        frame.extend(picture);
        chunk(&mut body, b"ANMF", &frame);
    }
    let mut out = Vec::with_capacity(body.len() + 8);
    chunk(&mut out, b"RIFF", &body);
    out
}

/// The low three bytes, little-endian.
fn three_bytes(n: u32) -> [u8; 3] {
    let [a, b, c, _] = n.to_le_bytes();
    [a, b, c]
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    out.extend(name);
    out.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(data);
    out.resize(out.len().next_multiple_of(2), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chunks of a file or of a chunk, each with its name.
    fn chunks(mut data: &[u8]) -> Vec<(String, &[u8])> {
        let mut list = Vec::new();
        while !data.is_empty() {
            let length = u32::from_le_bytes(data[4..8].try_into().unwrap()) as usize;
            list.push((String::from_utf8_lossy(&data[..4]).into_owned(), &data[8..8 + length]));
            data = &data[8 + length.next_multiple_of(2)..];
        }
        list
    }

    #[test]
    fn pictures_are_shown_one_after_the_other_for_three_seconds() {
        let still = |byte: u8, length: usize| {
            let mut body = b"WEBP".to_vec();
            chunk(&mut body, b"VP8 ", &vec![byte; length]);
            let mut file = Vec::new();
            chunk(&mut file, b"RIFF", &body);
            file
        };
        let made = animated_webp(&[still(1, 10), still(2, 7)], (320, 180));
        let file = chunks(&made);
        assert_eq!((file.len(), file[0].0.as_str(), &file[0].1[..4]), (1, "RIFF", &b"WEBP"[..]));
        let inside = chunks(&file[0].1[4..]);
        let names: Vec<&str> = inside.iter().map(|c| c.0.as_str()).collect();
        assert_eq!(names, ["VP8X", "ANIM", "ANMF", "ANMF"]);
        assert_eq!(inside[0].1, [2, 0, 0, 0, 0x3f, 1, 0, 179, 0, 0]);
        assert_eq!(inside[2].1[..16], [0, 0, 0, 0, 0, 0, 0x3f, 1, 0, 179, 0, 0, 250, 0, 0, 2]);
        assert_eq!(chunks(&inside[3].1[16..]), [("VP8 ".to_owned(), &[2_u8; 7][..])]);
        assert_eq!(made.len() % 2, 0);
    }
}
