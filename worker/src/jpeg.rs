//! What a still picture must be before it is stored and shown: a plain JPEG (ITU-T T.81) that holds nothing but the
//! picture. Whoever made it is not believed.

/// Pixels of a baseline JPEG in colours that fills `data` to its last byte; `None` for anything else: other markers, such
/// as a comment or what a camera says, and bytes behind the picture too.
pub fn size(data: &[u8]) -> Option<(u32, u32)> {
    let mut rest = data.strip_prefix(&[0xff, 0xd8])?;
    let mut size = None;
    loop {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (body, after) = (rest.get(4..2 + length)?, rest.get(2 + length..)?);
        match marker {
            // JFIF header, quantizers, code tables, restart interval.
            0xe0 if body.starts_with(b"JFIF\0") => {}
            0xdb | 0xc4 | 0xdd => {}
            // Eight bits a sample, three components.
            0xc0 if size.is_none() && body.first() == Some(&8) && body.get(5) == Some(&3) => {
                let side = |i: usize| Some(u32::from(u16::from_be_bytes([*body.get(i)?, *body.get(i + 1)?])));
                size = Some((side(3)?, side(1)?)).filter(|(w, h)| *w > 0 && *h > 0);
            }
            0xda => return size.filter(|_| is_one_scan(after)),
            _ => return None,
        }
        rest = after;
    }
}

/// Whether these are the bytes of a scan and the end of the picture.
fn is_one_scan(data: &[u8]) -> bool {
    let Some(scan) = data.strip_suffix(&[0xff, 0xd9]) else { return false };
    let stuffed = |w: &[u8]| w[0] != 0xff || matches!(w[1], 0 | 0xd0..=0xd7);
    !scan.is_empty() && scan.last() != Some(&0xff) && scan.windows(2).all(stuffed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Vec<u8> {
        let mut data = vec![0xff, 0xd8, 0xff, 0xe0, 0, 16];
        data.extend(b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
        data.extend([0xff, 0xc0, 0, 17, 8, 0, 90, 0, 160, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
        data.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0]);
        data.extend([1, 2, 0xff, 0, 3, 0xff, 0xd9]);
        data
    }

    #[test]
    fn a_plain_picture_is_read() {
        assert_eq!(size(&plain()), Some((160, 90)));
    }

    #[test]
    fn what_is_more_or_less_than_a_picture_is_refused() {
        let whole = plain();
        for length in 0..whole.len() {
            assert_eq!(size(&whole[..length]), None, "{length}");
        }
        let behind = [whole.clone(), b"<script>".to_vec()].concat();
        let comment = [&whole[..2], &[0xff, 0xfe, 0, 5, b'a', b'b', b'c'], &whole[2..]].concat();
        let camera = [&whole[..2], &[0xff, 0xe1, 0, 8, b'E', b'x', b'i', b'f', 0, 0], &whole[2..]].concat();
        let mut flat = whole.clone();
        flat[25..27].fill(0);
        let two = [&whole[..whole.len() - 2], &whole[..]].concat();
        for odd in [behind, comment, camera, flat, two, b"RIFF....WEBP".to_vec()] {
            assert_eq!(size(&odd), None);
        }
    }
}
