//! PCM in MP4 (ISO/IEC 23003-5): what a sample is says the box `pcmC`. The demuxer goes by the sample entry, which may
//! say 16 bits whatever the samples are; then it gives noise.

use super::{ffi, link::Link};
use ffmpeg_next::format::{context::Input, stream::Stream};

/// Longest index that is looked at, bytes.
const MOST_INDEX_BYTES: u64 = 64 << 20;
/// Boxes of a file that are gone through to find its index.
const MOST_BOXES: usize = 1000;

/// The sound streams of which the demuxer takes the samples for others than they are.
pub fn misread(link: &Link, input: &Input, source_bytes: u64) -> Vec<usize> {
    let tagged = |s: &Stream<'_>| matches!(&ffi::parameter_fields(&s.parameters()).tag, b"ipcm" | b"fpcm");
    let streams: Vec<(usize, i32)> = input
        .streams()
        .filter(tagged)
        .map(|s| (s.index(), ffi::parameter_fields(&s.parameters()).sample_bits))
        .collect();
    if streams.is_empty() {
        return Vec::new();
    }
    let sizes = index(link, source_bytes).map(|moov| sample_sizes(&moov)).unwrap_or_default();
    let differs = |(n, (_, bits)): &(usize, (usize, i32))| sizes.get(*n).is_none_or(|s| i32::from(*s) != *bits);
    streams.into_iter().enumerate().filter(differs).map(|(_, (stream, _))| stream).collect()
}

/// Bits of a sample by every `pcmC`, in their order.
fn sample_sizes(moov: &[u8]) -> Vec<u8> {
    let boxes = moov.windows(10).filter(|w| w.starts_with(b"pcmC"));
    // Version and flags, then the byte order, then the size.
    boxes.map(|w| w[9]).collect()
}

/// The box `moov`; nothing where it cannot be read. It is longer than sixteen bytes, and so is what comes before it.
fn index(link: &Link, source_bytes: u64) -> Option<Vec<u8>> {
    let mut at = 0;
    for _ in 0..MOST_BOXES {
        let head = read(link, at, 16)?;
        let short = u64::from(u32::from_be_bytes(head[..4].try_into().ok()?));
        let size = match short {
            0 => source_bytes.checked_sub(at)?,
            1 => u64::from_be_bytes(head[8..16].try_into().ok()?),
            size => size,
        };
        if &head[4..8] == b"moov" && size <= MOST_INDEX_BYTES {
            return read(link, at, size);
        }
        at = at.checked_add(size.max(8)).filter(|at| *at < source_bytes)?;
    }
    None
}

fn read(link: &Link, from: u64, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < length {
        let left = length - bytes.len() as u64;
        let more = link.read(from + bytes.len() as u64, left.min(1 << 20) as u32).ok().filter(|m| !m.is_empty())?;
        bytes.extend(more);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_samples_is_in_pcmc() {
        let moov =
            [&b"....moov....ipcm"[..], b"\0\0\0\x0epcmC\0\0\0\0\x01\x18", b"\0\0\0\x0epcmC\0\0\0\0\0\x10"].concat();
        assert_eq!(sample_sizes(&moov), [24, 16]);
        assert!(sample_sizes(b"pcmC").is_empty());
    }
}
