//! The codecs that are decoded. Each is a decision: what people have it from, and by which of FFmpeg's decoders.
//!
//! How they are fuzzed upstream: OSS-Fuzz builds `tools/target_dec_fuzzer.c` once for every decoder of FFmpeg
//! (`ffmpeg_AV_CODEC_ID_NAME_fuzzer`), and libdav1d has a project of its own. Decoders that turn few bytes into many
//! pixels (QuickTime Animation, RLE, GIF: their fuzzers count less of them) are held by the child's bounds of pixels,
//! time and memory as all are. Left out: codecs of games, of hardware and of experiments, text that is rendered (ANSI,
//! XBIN), Dirac, Snow and the later Windows Media Screen, whose decoders take hours for small input.

/// What a codec carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    Picture,
    Sound,
    Text,
}

/// A codec as people are told of it.
#[derive(Debug, Clone, Copy)]
pub struct Codec {
    /// What people call it.
    pub name: &'static str,
    pub medium: Medium,
    /// FFmpeg's decoders that may run for it.
    pub decoders: &'static [&'static str],
    /// Where such streams come from: why it is accepted.
    pub why: &'static str,
}

const fn picture(name: &'static str, decoders: &'static [&'static str], why: &'static str) -> Codec {
    Codec { name, medium: Medium::Picture, decoders, why }
}

const fn sound(name: &'static str, decoders: &'static [&'static str], why: &'static str) -> Codec {
    Codec { name, medium: Medium::Sound, decoders, why }
}

const fn text(name: &'static str, decoders: &'static [&'static str], why: &'static str) -> Codec {
    Codec { name, medium: Medium::Text, decoders, why }
}

/// All of them, the commonest first.
pub const CODECS: &[Codec] = &[
    picture("H.264", &["h264"], "nearly every camera, phone and web page"),
    picture("HEVC", &["hevc"], "phones since 2017, 4K cameras and broadcasts"),
    picture("AV1", &["libdav1d"], "the web since 2019, screen recorders"),
    picture("VP8", &["vp8"], "browsers' recordings"),
    picture("VP9", &["vp9"], "the web, browsers' recordings"),
    picture("MPEG-4 Part 2, DivX, Xvid", &["mpeg4"], "cameras and films before 2010"),
    picture("MPEG-1 and MPEG-2", &["mpeg1video", "mpeg2video"], "DVDs, broadcasts, Video CDs"),
    picture("Motion JPEG", &["mjpeg", "mjpegb"], "compact cameras, webcams, capture cards"),
    picture("ProRes", &["prores"], "cameras and editors"),
    picture("DNxHD, DNxHR", &["dnxhd"], "editors"),
    picture("CineForm", &["cfhd"], "GoPro's editor and others"),
    picture("JPEG 2000", &["jpeg2000"], "archives and digital cinema, in MXF"),
    picture("DV", &["dvvideo"], "cameras with tapes"),
    picture("VC-1, WMV 7 to 9", &["wmv1", "wmv2", "wmv3", "vc1"], "Windows Movie Maker, Blu-ray"),
    picture("Windows Media MPEG-4", &["msmpeg4v1", "msmpeg4v2", "msmpeg4"], "DivX 3, films about 2000"),
    picture("H.263, Sorenson Spark", &["h263", "h263i", "h263p", "flv"], "phones before 2010, the first web videos"),
    picture("VP6", &["vp6", "vp6f", "vp6a"], "Flash Video"),
    picture("Theora, VP3", &["theora", "vp3"], "free software, screen recorders, Wikimedia"),
    picture("Flash Screen Video", &["flashsv", "flashsv2"], "recorded lectures and meetings"),
    picture("FFV1", &["ffv1"], "archives, capture without loss"),
    picture("HuffYUV", &["huffyuv", "ffvhuff"], "capture without loss"),
    picture("Ut Video", &["utvideo"], "capture and editing without loss"),
    picture("MagicYUV", &["magicyuv"], "capture without loss"),
    picture("Lagarith", &["lagarith"], "capture without loss"),
    picture("Fraps", &["fraps"], "recorded games"),
    picture("QuickTime Animation", &["qtrle"], "titles and screen recordings with transparency"),
    picture("QuickTime Graphics and Video", &["smc", "rpza"], "QuickTime films of the nineties"),
    picture("Sorenson Video", &["svq1", "svq3"], "QuickTime trailers about 2000"),
    picture("Cinepak", &["cinepak"], "CD-ROMs of the nineties"),
    picture("Indeo", &["indeo3", "indeo4", "indeo5"], "Windows films of the nineties"),
    picture("Microsoft Video 1 and RLE", &["msvideo1", "msrle"], "Windows films of the nineties"),
    picture("TechSmith, CamStudio, DOSBox capture", &["camtasia", "tscc2", "camstudio", "zmbv"], "screen recorders"),
    picture("RealVideo 3 and 4", &["rv30", "rv40"], "films in Matroska about 2005"),
    picture("PNG", &["png", "apng"], "animations, screen recordings without loss"),
    picture("GIF", &["gif"], "loops from the web"),
    picture("uncompressed", &["rawvideo", "v210", "v410", "r210", "v308", "v408"], "capture cards and editors"),
    sound("AAC", &["aac", "aac_fixed", "aac_latm"], "nearly every camera, phone and broadcast"),
    sound("MP3, MP2, MP1", &["mp3float", "mp3", "mp2float", "mp2", "mp1float", "mp1"], "music, broadcasts"),
    sound("Opus", &["opus"], "the web, browsers' recordings, voice messages"),
    sound("Vorbis", &["vorbis"], "the web, games"),
    sound("AC-3, E-AC-3", &["ac3", "eac3"], "DVDs, broadcasts, streaming services"),
    sound("DTS", &["dca"], "DVDs and Blu-ray"),
    sound("TrueHD, MLP", &["truehd", "mlp"], "Blu-ray and DVD-Audio"),
    sound("FLAC", &["flac"], "music without loss"),
    sound("ALAC", &["alac"], "music without loss on Apple's systems"),
    sound("WavPack", &["wavpack"], "music without loss"),
    sound("Monkey's Audio", &["ape"], "music without loss"),
    sound("True Audio", &["tta"], "music without loss"),
    sound("WMA", &["wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"], "Windows recorders and shops"),
    sound("AMR", &["amrnb", "amrwb"], "phones"),
    sound("Speex", &["speex"], "voice over IP, Flash Video"),
    sound("GSM", &["gsm", "gsm_ms"], "voice mail"),
    sound("Nellymoser", &["nellymoser"], "Flash Video from webcams"),
    sound("Cook", &["cook"], "films in Matroska about 2005"),
    sound("QDesign, MACE", &["qdm2", "qdmc", "mace3", "mace6"], "QuickTime films before 2005"),
    sound(
        "ADPCM",
        &["adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf", "adpcm_yamaha", "g722", "g726", "g726le"],
        "dictation machines, surveillance cameras, old films",
    ),
    sound("SMPTE 302M", &["s302m"], "broadcasters"),
    sound(
        "PCM",
        &[
            "pcm_s16le",
            "pcm_s16be",
            "pcm_s24le",
            "pcm_s24be",
            "pcm_s32le",
            "pcm_s32be",
            "pcm_s8",
            "pcm_u8",
            "pcm_u16le",
            "pcm_u16be",
            "pcm_u24le",
            "pcm_u24be",
            "pcm_u32le",
            "pcm_u32be",
            "pcm_f32le",
            "pcm_f32be",
            "pcm_f64le",
            "pcm_f64be",
            "pcm_s16le_planar",
            "pcm_s16be_planar",
            "pcm_s24le_planar",
            "pcm_s32le_planar",
            "pcm_s8_planar",
            "pcm_alaw",
            "pcm_mulaw",
            "pcm_bluray",
            "pcm_dvd",
            "dvaudio",
        ],
        "recorders, editors, discs, tapes",
    ),
    text("SubRip, plain text", &["srt", "subrip", "text"], "films in Matroska"),
    text("ASS, SSA", &["ass", "ssa"], "anime and translations by fans; what is said is kept, how it looks is not"),
    text("WebVTT", &["webvtt"], "the web"),
    text("3GPP Timed Text", &["mov_text"], "MP4 and QuickTime"),
    text("DVB teletext", &["libzvbi_teletextdec"], "broadcasts of Europe: the pages that are subtitles"),
    // Read by own code: it needs no decoder of pictures (docs/adr/0057).
    text(
        "CEA-608 closed captions",
        &[],
        "broadcasts of North America, beside pictures of H.264, HEVC, AV1 and MPEG-2; tracks of QuickTime",
    ),
];

/// FFmpeg's decoders that may run. Parsers and decoders outside this list are never reached.
pub fn decoders() -> impl Iterator<Item = &'static str> {
    CODECS.iter().flat_map(|c| c.decoders.iter().copied())
}

/// Decoders of subtitles that are pictures. They run where an operator asks for subtitles that are part of the picture,
/// and for nothing else.
pub const IMAGE_SUBTITLES: [&str; 4] = ["pgssub", "dvbsub", "dvdsub", "xsub"];

/// So many of each kind a refusal names; all would be too many for a sentence.
const NAMED: usize = 12;

/// What of a kind is decoded, as the end of a refusal.
pub fn accepted(medium: Medium) -> String {
    let names: Vec<&str> = CODECS.iter().filter(|c| c.medium == medium).map(|c| c.name).take(NAMED).collect();
    format!("Decoded are {} and others that GET /api/v1/formats lists.", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_decoder_stands_once_and_has_a_reason() {
        let mut all: Vec<&str> = decoders().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        // Text may be read without one.
        let is_decoded = |c: &Codec| !c.decoders.is_empty() || c.medium == Medium::Text;
        assert!(CODECS.iter().all(|c| !c.why.is_empty() && is_decoded(c)));
    }

    #[test]
    fn what_renders_text_or_reads_elsewhere_is_not_among_them() {
        for never in ["xbin", "ansi", "bintext", "idf", "wrapped_avframe", "librsvg", "svg", "dirac", "snow", "mss2"] {
            assert!(decoders().all(|d| d != never), "{never}");
        }
    }
}
