//! Whether work can begin on the front of an MP4 that is still arriving: only where the index of all samples
//! (`moov`, ISO/IEC 14496-12 section 8.2.1) comes before the samples themselves.

/// Where the index of all samples is, as far as the first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoovPosition {
    /// Before the samples, and all of it was delivered.
    Delivered,
    /// Nowhere: every fragment brings its own index.
    Fragmented,
    /// Not known yet, or not delivered yet: so many bytes are needed first.
    NeedsBytes(u64),
    /// Behind the samples, or there is none: all bytes are needed.
    AfterMdat,
}

/// Reads the top-level boxes of the first bytes of a file.
pub fn moov_position(bytes: &[u8]) -> MoovPosition {
    let mut at = 0_usize;
    loop {
        let Some(head) = bytes.get(at..at + 16) else { return MoovPosition::NeedsBytes(at as u64 + 16) };
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
            _ if size < header => return MoovPosition::AfterMdat,
            b"moov" if end > bytes.len() as u64 => return MoovPosition::NeedsBytes(end),
            b"moov" if bytes[at..end as usize].windows(4).any(|w| w == b"mvex") => return MoovPosition::Fragmented,
            b"moov" => return MoovPosition::Delivered,
            b"mdat" | b"moof" => return MoovPosition::AfterMdat,
            _ if end > bytes.len() as u64 => return MoovPosition::NeedsBytes(end.saturating_add(16)),
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
        assert_eq!(moov_position(&fast), MoovPosition::Delivered);
        assert_eq!(moov_position(&fast[..60]), MoovPosition::NeedsBytes(16 + 108));
        assert_eq!(moov_position(&fast[..20]), MoovPosition::NeedsBytes(32));
        assert_eq!(moov_position(&[&ftyp[..], &mdat, &moov].concat()), MoovPosition::AfterMdat);
        assert_eq!(
            moov_position(&[&ftyp[..], &atom(b"moov", b"abcdmvexabcd"), &mdat].concat()),
            MoovPosition::Fragmented
        );
        assert_eq!(moov_position(&[0; 64]), MoovPosition::AfterMdat);
        // A box of 64 bits that claims everything there could be.
        let huge = [&1_u32.to_be_bytes()[..], b"free", &u64::MAX.to_be_bytes()].concat();
        assert_eq!(moov_position(&huge), MoovPosition::NeedsBytes(u64::MAX));
    }
}
