//! What a file is by its first bytes. The name and the declared type of an upload mean nothing.

use serde::{Deserialize, Serialize};

/// The demuxers that are ever opened, one for each container that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Demuxer {
    /// MP4 and QuickTime.
    Mov,
    /// Matroska and WebM.
    Matroska,
    /// MPEG transport stream.
    MpegTs,
    /// AVI.
    Avi,
    /// MPEG audio layer 3.
    Mp3,
    /// FLAC.
    Flac,
    /// Ogg.
    Ogg,
    /// WAVE.
    Wav,
    /// AAC with ADTS headers.
    Aac,
}

impl Demuxer {
    /// FFmpeg's name, which the white list of the open call compares.
    pub fn ffmpeg_name(self) -> &'static str {
        match self {
            Self::Mov => "mov,mp4,m4a,3gp,3g2,mj2",
            Self::Matroska => "matroska,webm",
            Self::MpegTs => "mpegts",
            Self::Avi => "avi",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Wav => "wav",
            Self::Aac => "aac",
        }
    }
}

/// The media type of a sound: containers that hold either are named after films.
pub fn sound_type(content_type: &str) -> String {
    content_type.replacen("video/", "audio/", 1)
}

impl Demuxer {
    /// Media type of files of this kind (RFC 6838 names).
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mov => "video/mp4",
            Self::Matroska => "video/x-matroska",
            Self::MpegTs => "video/mp2t",
            Self::Avi => "video/x-msvideo",
            Self::Mp3 => "audio/mpeg",
            Self::Flac => "audio/flac",
            Self::Ogg => "application/ogg",
            Self::Wav => "audio/wav",
            Self::Aac => "audio/aac",
        }
    }
}

/// How many bytes [`sniff`] wants to see.
pub const SNIFF_BYTES: usize = 4096;

/// The demuxer for a file that begins with `head`, or `None` for what is not accepted.
pub fn sniff(head: &[u8]) -> Option<Demuxer> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    let mov_box = [&b"ftyp"[..], b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"];
    if mov_box.iter().any(|kind| at(4, kind)) {
        return Some(Demuxer::Mov);
    }
    if at(0, &[0x1a, 0x45, 0xdf, 0xa3]) {
        return Some(Demuxer::Matroska);
    }
    if at(0, b"RIFF") || at(0, b"RF64") {
        return if at(8, b"AVI ") {
            Some(Demuxer::Avi)
        } else if at(8, b"WAVE") {
            Some(Demuxer::Wav)
        } else {
            None
        };
    }
    if at(0, b"fLaC") {
        return Some(Demuxer::Flac);
    }
    if at(0, b"OggS") {
        return Some(Demuxer::Ogg);
    }
    // 188-byte packets, or 192 with a time stamp in front (M2TS).
    if [(0, 188), (4, 192)].iter().any(|(first, step)| (0..4).all(|i| at(first + i * step, &[0x47]))) {
        return Some(Demuxer::MpegTs);
    }
    if at(0, b"ID3") {
        return Some(after_id3(head));
    }
    match head {
        // ADTS: twelve sync bits, layer 0.
        [0xff, b, ..] if b & 0xf6 == 0xf0 => Some(Demuxer::Aac),
        // MPEG audio: eleven sync bits, layer III.
        [0xff, b, ..] if b & 0xe6 == 0xe2 => Some(Demuxer::Mp3),
        _ => None,
    }
}

/// FLAC and ADTS files may carry an ID3 tag too, though it belongs to MP3.
fn after_id3(head: &[u8]) -> Demuxer {
    let size = head.get(6..10).map_or(0, |s| s.iter().fold(0_usize, |n, b| (n << 7) | usize::from(b & 0x7f)));
    match head.get(10 + size..) {
        Some([b'f', b'L', b'a', b'C', ..]) => Demuxer::Flac,
        Some([0xff, b, ..]) if b & 0xf6 == 0xf0 => Demuxer::Aac,
        _ => Demuxer::Mp3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_are_known_by_their_bytes_and_text_is_refused() {
        assert_eq!(sniff(b"\0\0\0\x18ftypisom"), Some(Demuxer::Mov));
        assert_eq!(sniff(&[0x1a, 0x45, 0xdf, 0xa3, 0]), Some(Demuxer::Matroska));
        assert_eq!(sniff(b"RIFF\0\0\0\0WAVEfmt "), Some(Demuxer::Wav));
        assert_eq!(sniff(b"RIFF\0\0\0\0WEBPVP8 "), None);
        assert_eq!(sniff(b"ID3\x03\0\0\0\0\0\0\xff\xfb"), Some(Demuxer::Mp3));
        let mut ts = vec![0_u8; 188 * 4];
        (0..4).for_each(|i| ts[i * 188] = 0x47);
        assert_eq!(sniff(&ts), Some(Demuxer::MpegTs));
        for text in [&b"#EXTM3U\n"[..], b"hello", b"GIF89a", b"<html>", b"\x89PNG", b"%PDF", b"", b"\0"] {
            assert_eq!(sniff(text), None, "{text:?}");
        }
    }
}
