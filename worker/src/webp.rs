//! What a picture of the animated preview must be before it is stored and shown: a simple lossy WebP (RFC 9649 section 2.5)
//! that holds nothing but the picture. Whoever made it is not believed.

/// Pixels of a simple lossy WebP that fills `data` to its last byte; `None` for anything else: other chunks, such as an
/// animation, a profile or what a camera says, and bytes behind the picture too.
pub fn size(data: &[u8]) -> Option<(u32, u32)> {
    let body = data.strip_prefix(b"RIFF")?;
    let (length, body) = body.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*length) as usize != body.len() {
        return None;
    }
    let chunk = body.strip_prefix(b"WEBPVP8 ")?;
    let (length, chunk) = chunk.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    // Chunks have an even length.
    let padded = length.checked_next_multiple_of(2)?;
    if padded != chunk.len() || chunk.get(length).is_some_and(|pad| *pad != 0) {
        return None;
    }
    frame_size(&chunk[..length])
}

/// Pixels of a VP8 key frame (RFC 6386 section 9.1) that is shown.
fn frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    let [a, b, c, 0x9d, 0x01, 0x2a, size @ ..] = frame else { return None };
    let tag = u32::from_le_bytes([*a, *b, *c, 0]);
    let (is_key, is_shown, first_partition) = (tag & 1 == 0, tag >> 4 & 1 == 1, (tag >> 5) as usize);
    // Beside the sides there is how much larger it is shown, which WebP does not do.
    let side = |i: usize| Some(u32::from(u16::from_le_bytes([*size.get(i)?, *size.get(i + 1)?])));
    let (width, height) = (side(0)?, side(2)?);
    let fits = is_key && is_shown && first_partition <= size.len().checked_sub(4)?;
    (fits && (1..1 << 14).contains(&width) && (1..1 << 14).contains(&height)).then_some((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(extra: usize) -> Vec<u8> {
        // A key frame, shown, with a first partition of four bytes.
        let mut frame = vec![0x90, 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 180, 0];
        frame.extend(vec![7; 4 + extra]);
        let length = frame.len() as u32;
        frame.resize(frame.len().next_multiple_of(2), 0);
        let mut data = b"RIFF".to_vec();
        data.extend((frame.len() as u32 + 12).to_le_bytes());
        data.extend(b"WEBPVP8 ");
        data.extend(length.to_le_bytes());
        data.extend(frame);
        data
    }

    #[test]
    fn a_plain_picture_is_read() {
        assert_eq!(size(&plain(2)), Some((320, 180)));
        assert_eq!(size(&plain(3)), Some((320, 180)), "padded");
    }

    #[test]
    fn what_is_more_or_less_than_a_picture_is_refused() {
        for whole in [plain(2), plain(3)] {
            for length in 0..whole.len() {
                assert_eq!(size(&whole[..length]), None, "{length}");
            }
            assert_eq!(size(&[&whole[..], b"<script>"].concat()), None);
        }
        let changed = |at: usize, byte: u8| {
            let mut data = plain(3);
            data[at] = byte;
            size(&data)
        };
        let last = plain(3).len() - 1;
        for (why, at, byte) in [
            ("another chunk", 15, b'X'),
            ("no key frame", 20, 0x91),
            ("not shown", 20, 0x80),
            ("no start code", 23, 0),
            ("no width", 27, 0x80),
            ("a longer partition", 22, 1),
            ("something in the padding", last, 1),
        ] {
            assert_eq!(changed(at, byte), None, "{why}");
        }
    }
}
