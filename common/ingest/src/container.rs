//! The containers that are accepted. Each is a decision: what people have it from, and which demuxer of FFmpeg reads it.
//!
//! Every demuxer has a fuzzer of its own upstream (`ffmpeg_dem_NAME_fuzzer`, built by OSS-Fuzz), and runs in a confined
//! child. What is missing here is refused: playlists and scripts because they name other files, pictures because they
//! are no films, RealMedia, NUT and the containers of games because hardly anybody has them.

use serde::{Deserialize, Serialize};

/// The demuxers that are ever opened, one for each container that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Demuxer {
    /// MP4, QuickTime and 3GP.
    Mov,
    /// Matroska and WebM.
    Matroska,
    /// MPEG transport stream.
    MpegTs,
    /// AVI.
    Avi,
    /// MPEG audio, layers I to III.
    Mp3,
    /// FLAC.
    Flac,
    /// Ogg.
    Ogg,
    /// WAVE, RF64 and RIFX.
    Wav,
    /// AAC with ADTS headers.
    Aac,
    /// Flash Video.
    Flv,
    /// ASF, which WMV and WMA files are.
    Asf,
    /// MPEG program stream.
    MpegPs,
    /// Material Exchange Format.
    Mxf,
    /// GIF.
    Gif,
    /// Animated PNG.
    Apng,
    /// AIFF and AIFF-C.
    Aiff,
    /// Core Audio Format.
    Caf,
    /// Sony Wave64.
    W64,
    /// Sun and NeXT audio.
    Au,
    /// AC-3.
    Ac3,
    /// E-AC-3.
    Eac3,
    /// DTS.
    Dts,
    /// AAC with LOAS headers.
    Loas,
    /// WavPack.
    WavPack,
    /// Monkey's Audio.
    Ape,
    /// True Audio.
    Tta,
    /// AMR, narrow and wide band.
    Amr,
    /// Raw DV.
    Dv,
    /// Raw H.264, Annex B.
    H264,
    /// Raw HEVC, Annex B.
    Hevc,
    /// Raw MPEG-1 and MPEG-2 video.
    MpegVideo,
}

/// Where in a file decoding may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entries {
    /// Where a packet is marked as a key.
    Marked,
    /// At its first byte only: later pictures are painted over earlier ones, whatever their marks say.
    Start,
    /// At its first byte only, and nothing says when a picture is shown: they are counted, at an even rate.
    StartCounted,
}

/// A container as people are told of it.
#[derive(Debug, Clone, Copy)]
pub struct Container {
    pub demuxer: Demuxer,
    /// What people call it.
    pub name: &'static str,
    /// FFmpeg's name of the demuxer, which the white list of the open call compares.
    pub ffmpeg: &'static str,
    /// Media type of such files (RFC 6838 names).
    pub content_type: &'static str,
    /// Endings of file names, the usual one first.
    pub endings: &'static [&'static str],
    pub entries: Entries,
    /// Where such files come from: why it is accepted.
    pub why: &'static str,
}

const fn container(
    demuxer: Demuxer,
    name: &'static str,
    ffmpeg: &'static str,
    content_type: &'static str,
    endings: &'static [&'static str],
    why: &'static str,
) -> Container {
    Container { demuxer, name, ffmpeg, content_type, endings, entries: Entries::Marked, why }
}

const fn entered_at(entries: Entries, container: Container) -> Container {
    Container { entries, ..container }
}

use Demuxer as D;
use Entries::{Start, StartCounted};

/// All of them, the commonest first.
pub const CONTAINERS: &[Container] = &[
    container(
        D::Mov,
        "MP4, QuickTime, 3GP",
        "mov,mp4,m4a,3gp,3g2,mj2",
        "video/mp4",
        &["mp4", "mov", "m4v", "m4a", "3gp", "3g2"],
        "phones, cameras, editors, shops",
    ),
    container(
        D::Matroska,
        "Matroska, WebM",
        "matroska,webm",
        "video/x-matroska",
        &["mkv", "webm", "mka"],
        "browsers' recordings, OBS, copies of discs",
    ),
    container(
        D::MpegTs,
        "MPEG-TS",
        "mpegts",
        "video/mp2t",
        &["ts", "m2ts", "mts"],
        "television recorders, AVCHD cameras, streams that were saved",
    ),
    container(D::Avi, "AVI", "avi", "video/x-msvideo", &["avi"], "older cameras, screen recorders, capture cards"),
    container(D::Flv, "FLV", "flv", "video/x-flv", &["flv", "f4v"], "the web before 2015, RTMP recorders, OBS"),
    container(
        D::Asf,
        "ASF, WMV, WMA",
        "asf",
        "video/x-ms-asf",
        &["wmv", "wma", "asf"],
        "Windows Movie Maker, older Windows recorders and shops",
    ),
    container(
        D::MpegPs,
        "MPEG-PS",
        "mpeg",
        "video/mpeg",
        &["mpg", "mpeg", "vob"],
        "DVDs, DVD recorders, hard-disk cameras",
    ),
    container(D::Mxf, "MXF", "mxf", "application/mxf", &["mxf"], "professional cameras and broadcasters"),
    entered_at(
        Start,
        container(D::Gif, "GIF", "gif", "image/gif", &["gif"], "short loops from the web and from phones"),
    ),
    entered_at(
        Start,
        container(D::Apng, "animated PNG", "apng", "image/apng", &["apng", "png"], "stickers, loops with many colours"),
    ),
    container(D::Dv, "DV", "dv", "video/x-dv", &["dv"], "tapes of DV cameras as they were captured"),
    entered_at(
        StartCounted,
        container(D::H264, "H.264 stream", "h264", "video/h264", &["h264", "264"], "doorbells, dash cameras, encoders"),
    ),
    entered_at(
        StartCounted,
        container(
            D::Hevc,
            "HEVC stream",
            "hevc",
            "video/h265",
            &["hevc", "265", "h265"],
            "surveillance cameras, encoders",
        ),
    ),
    entered_at(
        StartCounted,
        container(
            D::MpegVideo,
            "MPEG-1 and MPEG-2 video stream",
            "mpegvideo",
            "video/mpeg",
            &["m2v", "m1v"],
            "DVD authoring",
        ),
    ),
    container(D::Mp3, "MP3, MP2", "mp3", "audio/mpeg", &["mp3", "mp2"], "music, podcasts, recorders"),
    container(D::Aac, "AAC with ADTS headers", "aac", "audio/aac", &["aac"], "web radio, phones' recorders"),
    container(D::Loas, "AAC with LOAS headers", "loas", "audio/aac", &["latm", "loas"], "sound cut out of broadcasts"),
    container(D::Wav, "WAV, RF64", "wav", "audio/wav", &["wav", "rf64"], "recorders and editors"),
    container(D::Flac, "FLAC", "flac", "audio/flac", &["flac"], "music as it was bought, without loss"),
    container(
        D::Ogg,
        "Ogg",
        "ogg",
        "application/ogg",
        &["ogg", "opus", "ogv", "oga", "spx"],
        "free software, games, voice messages",
    ),
    container(D::Aiff, "AIFF", "aiff", "audio/aiff", &["aiff", "aif", "aifc"], "editors on Apple's systems"),
    container(D::Caf, "CAF", "caf", "audio/x-caf", &["caf"], "recordings of Apple's systems"),
    container(D::W64, "Wave64", "w64", "audio/x-w64", &["w64"], "recordings beyond 4 GiB"),
    container(D::Au, "AU", "au", "audio/basic", &["au", "snd"], "Unix, Java and old recorders"),
    container(D::Ac3, "AC-3", "ac3", "audio/ac3", &["ac3"], "sound of DVDs and broadcasts"),
    container(D::Eac3, "E-AC-3", "eac3", "audio/eac3", &["eac3", "ec3"], "sound of streaming services"),
    container(D::Dts, "DTS", "dts", "audio/vnd.dts", &["dts"], "sound of discs"),
    container(D::WavPack, "WavPack", "wv", "audio/x-wavpack", &["wv"], "music without loss"),
    container(D::Ape, "Monkey's Audio", "ape", "audio/x-ape", &["ape"], "music without loss"),
    container(D::Tta, "True Audio", "tta", "audio/x-tta", &["tta"], "music without loss"),
    container(D::Amr, "AMR", "amr", "audio/amr", &["amr", "awb"], "voice notes of phones"),
];

/// The media type of a sound: containers that hold either are named after films.
pub fn sound_type(content_type: &str) -> String {
    content_type.replacen("video/", "audio/", 1)
}

impl Demuxer {
    /// What is decided of it; there is an entry for each (a test counts them).
    pub fn container(self) -> &'static Container {
        CONTAINERS.iter().find(|c| c.demuxer == self).unwrap_or(&CONTAINERS[0])
    }

    /// FFmpeg's name, which the white list of the open call compares.
    pub fn ffmpeg_name(self) -> &'static str {
        self.container().ffmpeg
    }

    /// Media type of files of this kind (RFC 6838 names).
    pub fn content_type(self) -> &'static str {
        self.container().content_type
    }

    /// Where decoding may begin.
    pub fn entries(self) -> Entries {
        self.container().entries
    }
}

/// Those that a refusal names; all would be too many for a sentence.
const NAMED: [Demuxer; 14] = [
    D::Mov,
    D::Matroska,
    D::MpegTs,
    D::MpegPs,
    D::Avi,
    D::Flv,
    D::Asf,
    D::Mxf,
    D::Gif,
    D::Mp3,
    D::Aac,
    D::Flac,
    D::Ogg,
    D::Wav,
];

/// What is accepted, as the end of a refusal.
pub fn accepted() -> String {
    let names: Vec<&str> = NAMED.iter().map(|d| d.container().name).collect();
    format!("Accepted are {} and others that GET /api/v1/formats lists.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demuxer_has_one_entry() {
        // The last variant: variants have consecutive numbers.
        assert_eq!(CONTAINERS.len(), Demuxer::MpegVideo as usize + 1);
        let mut seen = Vec::new();
        for c in CONTAINERS {
            assert!(!seen.contains(&c.demuxer) && c.demuxer.container().name == c.name, "{}", c.name);
            assert!(!c.endings.is_empty() && !c.why.is_empty());
            seen.push(c.demuxer);
        }
    }

    #[test]
    fn sound_in_containers_of_films_is_named_as_sound() {
        assert_eq!(sound_type("video/mp4"), "audio/mp4");
        assert_eq!(sound_type("audio/flac"), "audio/flac");
    }
}
