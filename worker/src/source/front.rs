//! Whether work can begin on the front of an MP4 that is still arriving: only where the index of all samples
//! (`moov`, ISO/IEC 14496-12 section 8.2.1) comes before the samples themselves.

/// What the front says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// The whole index is here.
    Ready,
    /// Every fragment brings its own index.
    Fragments,
    /// It will be, once so many bytes are here.
    After(u64),
    /// It lies behind the samples, or there is none: all bytes are needed.
    Last,
}

/// Reads the top-level boxes of the first bytes of a file.
pub fn front(bytes: &[u8]) -> Front {
    let mut at = 0_usize;
    loop {
        let Some(head) = bytes.get(at..at + 16) else { return Front::After(at as u64 + 16) };
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let (size, header) = match size {
            1 => {
                (u64::from_be_bytes([head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15]]), 16)
            }
            n => (u64::from(n), 8),
        };
        let end = (at as u64).saturating_add(size);
        match &head[4..8] {
            // To the end of the file, or nonsense: the demuxer will say.
            _ if size < header => return Front::Last,
            b"moov" if end > bytes.len() as u64 => return Front::After(end),
            b"moov" if bytes[at..end as usize].windows(4).any(|w| w == b"mvex") => return Front::Fragments,
            b"moov" => return Front::Ready,
            b"mdat" | b"moof" => return Front::Last,
            _ if end > bytes.len() as u64 => return Front::After(end.saturating_add(16)),
            _ => at = end as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn atom(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    #[test]
    fn an_index_in_front_is_enough() {
        let (ftyp, moov, mdat) = (atom(b"ftyp", b"isomxxxx"), atom(b"moov", &[7; 100]), atom(b"mdat", &[1; 50]));
        let fast = [&ftyp[..], &moov, &mdat].concat();
        assert_eq!(front(&fast), Front::Ready);
        assert_eq!(front(&fast[..60]), Front::After(16 + 108));
        assert_eq!(front(&fast[..20]), Front::After(32));
        assert_eq!(front(&[&ftyp[..], &mdat, &moov].concat()), Front::Last);
        assert_eq!(front(&[&ftyp[..], &atom(b"moov", b"abcdmvexabcd"), &mdat].concat()), Front::Fragments);
        assert_eq!(front(&[0; 64]), Front::Last);
        // A box of 64 bits that claims everything there could be.
        let huge = [&1_u32.to_be_bytes()[..], b"free", &u64::MAX.to_be_bytes()].concat();
        assert_eq!(front(&huge), Front::After(u64::MAX));
    }
}
