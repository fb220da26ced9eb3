//! Films and sounds of every kind that the installed ffmpeg can write: each becomes a package with all its pictures and
//! its tone, or is refused by name. `make test` tries one of each family, `make proof` and `make test-corpus` all.

use super::run::transcode;
use harness::{media, proof};
use std::{path::Path, process::Command, time::Duration};

const PATIENCE: Duration = Duration::from_secs(120);
const SECONDS: u64 = 2;

/// A file to write: its name, how its picture and its sound are coded, whether `make test` tries it.
struct Kind {
    name: &'static str,
    picture: &'static str,
    sound: &'static str,
    sampled: bool,
}

const fn film(name: &'static str, picture: &'static str, sound: &'static str) -> Kind {
    Kind { name, picture, sound, sampled: false }
}

const fn sound(name: &'static str, sound: &'static str) -> Kind {
    Kind { name, picture: "", sound, sampled: false }
}

const fn sampled(kind: Kind) -> Kind {
    Kind { sampled: true, ..kind }
}

const KINDS: &[Kind] = &[
    sampled(film("spark.flv", "flv", "mp3 -ar 44100")),
    film("h264.flv", "libx264 -bf 2", "aac"),
    film("screen.flv", "flashsv", "nellymoser -ar 44100"),
    film("screen2.flv", "flashsv2", "libspeex -ar 16000"),
    film("adpcm.flv", "flv", "adpcm_swf -ar 22050"),
    film("wmv1.wmv", "wmv1", "wmav1"),
    sampled(film("wmv2.wmv", "wmv2", "wmav2")),
    film("msmpeg4.asf", "msmpeg4", "mp3"),
    sampled(film("mpeg2.mpg", "mpeg2video", "mp2")),
    film("mpeg1.mpg", "mpeg1video", "mp2"),
    film("mpeg2.vob", "mpeg2video", "ac3 -f vob"),
    film("lpcm.vob", "mpeg2video", "pcm_dvd -f vob"),
    // Pictures so small that several share a packet, of which only the first has time stamps.
    sampled(film("h264.mpg", "libx264 -bf 2", "mp2")),
    film("h264.vob", "libx264 -bf 3 -g 12", "ac3 -f vob"),
    sampled(film("mpeg2.mxf", "mpeg2video", "pcm_s16le")),
    film("h264.mxf", "libx264 -g 12", "pcm_s16le"),
    film("mpeg4.3gp", "mpeg4", "aac"),
    film("h263.3gp", "h263 -s 176x144", "aac"),
    film("xvid.avi", "mpeg4 -vtag xvid -bf 2", "mp3"),
    film("huffyuv.avi", "huffyuv", "pcm_s16le"),
    film("ffvhuff.avi", "ffvhuff", "adpcm_ima_wav"),
    film("utvideo.avi", "utvideo", "adpcm_ms"),
    film("magicyuv.avi", "magicyuv", "pcm_u8"),
    film("mjpeg.avi", "mjpeg", "pcm_alaw"),
    film("cinepak.avi", "cinepak", "pcm_mulaw"),
    film("zmbv.avi", "zmbv", "pcm_s24le"),
    film("msvideo1.avi", "msvideo1", "pcm_s16le"),
    film("png.avi", "png", "pcm_f32le"),
    film("raw.avi", "rawvideo", "ac3"),
    film("dv.avi", "dvvideo -s 720x576 -pix_fmt yuv420p", "pcm_s16le"),
    film("dv.dv", "dvvideo -s 720x576 -pix_fmt yuv420p", "pcm_s16le -ac 2"),
    sampled(film("animation.mov", "qtrle", "pcm_s16be")),
    film("png.mov", "png", "pcm_s24be"),
    film("svq1.mov", "svq1", "adpcm_ima_qt"),
    film("rpza.mov", "rpza", "alac"),
    film("smc.mov", "smc", "pcm_f64be"),
    film("cineform.mov", "cfhd", "pcm_s16le"),
    film("jpeg2000.mov", "jpeg2000", "pcm_s16le"),
    film("v210.mov", "v210", "pcm_s32be"),
    film("v410.mov", "v410", "pcm_s8"),
    film("r210.mov", "r210", "pcm_s16le"),
    film("raw.mov", "rawvideo", "pcm_s16le"),
    film("theora.ogv", "libtheora", "libvorbis"),
    sampled(film("ffv1.mkv", "ffv1", "flac")),
    film("hevc.mkv", "libx265 -x265-params log-level=none", "eac3"),
    sampled(film("dts.mkv", "libx264", "dca -strict -2 -ac 2")),
    film("truehd.mkv", "libx264", "truehd -strict -2 -ac 2"),
    film("mlp.mkv", "libx264", "mlp -strict -2 -ac 2"),
    film("wavpack.mkv", "libx264", "wavpack"),
    film("tta.mkv", "libx264", "tta"),
    film("alac.mkv", "libx264", "alac"),
    film("speex.mkv", "libx264", "libspeex -ar 16000"),
    film("302m.ts", "libx264", "s302m -strict -2 -ac 2"),
    film("bluray.m2ts", "libx264", "ac3 -mpegts_m2ts_mode 1"),
    sampled(film("raw.h264", "libx264 -bf 2 -g 25", "")),
    film("delimited.264", "libx264 -bf 2 -x264-params aud=1", ""),
    film("raw.hevc", "libx265 -x265-params log-level=none", ""),
    film("raw.m2v", "mpeg2video", ""),
    sampled(film("loop.gif", "gif", "")),
    sampled(film("loop.apng", "apng", "")),
    sound("layer2.mp2", "mp2"),
    sound("layer3.mp3", "libmp3lame"),
    sampled(sound("sound.ac3", "ac3")),
    sound("sound.eac3", "eac3"),
    sound("sound.dts", "dca -strict -2 -ac 2"),
    sound("sound.aac", "aac"),
    sound("sound.latm", "aac -f latm"),
    sound("sound.flac", "flac"),
    sound("sound.wv", "wavpack"),
    sound("sound.tta", "tta"),
    sampled(sound("sound.aiff", "pcm_s16be")),
    sound("adpcm.aiff", "adpcm_ima_qt"),
    sampled(sound("alac.caf", "alac")),
    sound("pcm.caf", "pcm_s24be"),
    sampled(sound("opus.caf", "libopus")),
    sound("voice.caf", "libopus -ar 24000 -ac 1 -frame_duration 60"),
    sound("sound.w64", "pcm_s16le"),
    sound("rf64.wav", "pcm_s16le -rf64 always"),
    sound("gsm.wav", "libgsm_ms -ar 8000"),
    sound("g726.wav", "g726 -ar 8000"),
    sound("sound.au", "pcm_mulaw -ar 8000"),
    sound("wmav1.wma", "wmav1"),
    sound("wmav2.wma", "wmav2"),
    sound("alac.m4a", "alac"),
    sound("speex.ogg", "libspeex -ar 16000"),
    sound("opus.ogg", "libopus"),
    sound("vorbis.ogg", "libvorbis"),
    sound("narrow.amr", "libopencore_amrnb -ar 8000"),
];

/// Writes a file; `false` where the installed ffmpeg has no such encoder.
fn write(kind: &Kind, file: &Path) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error", "-y"]);
    if !kind.picture.is_empty() {
        command.args(["-f", "lavfi", "-i", &format!("testsrc2=s=192x108:r=25:d={SECONDS}")]);
    }
    if !kind.sound.is_empty() {
        command.args(["-f", "lavfi", "-i", &format!("sine=f=1000:r=48000:d={SECONDS}")]);
    }
    for (option, codec) in [("-c:v", kind.picture), ("-c:a", kind.sound)] {
        if !codec.is_empty() {
            command.arg(option).args(codec.split(' '));
        }
    }
    let output = command.arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let missing = said.contains("Unknown encoder");
    assert!(output.status.success() || missing, "{}: {said}", kind.name);
    !missing
}

/// What is wrong with the package in `folder`.
fn fault(kind: &Kind, folder: &Path) -> Option<String> {
    let list = folder.join("index.m3u8").display().to_string();
    if !kind.picture.is_empty() {
        let frames = media::decoded_frames(&list, "v:0");
        if frames.abs_diff(SECONDS * 25) > 1 {
            return Some(format!("{frames} pictures"));
        }
    }
    if !kind.sound.is_empty() {
        let db = tone_db(&list);
        if db < -36.0 {
            return Some(format!("the tone has {db} dB"));
        }
    }
    let (compliant, report) = media::verify(&folder.display().to_string());
    (!compliant).then_some(report)
}

/// Mean level of what a playlist has at 1 kHz, decibels.
fn tone_db(list: &str) -> f64 {
    let filter = "bandpass=f=1000:w=200,volumedetect";
    let arguments = ["-nostdin", "-hide_banner", "-i", list, "-map", "0:a:0", "-af", filter, "-f", "null", "-"];
    let output = Command::new("ffmpeg").args(arguments).output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let mean = log.split("mean_volume: ").nth(1).and_then(|t| t.split(' ').next()?.parse().ok());
    mean.unwrap_or_else(|| panic!("{list}: {log}"))
}

#[test]
fn what_ffmpeg_writes_is_played_whole() {
    let dir = tempfile::tempdir().unwrap();
    let all = proof(false, true) || std::env::var("SLUICE_TEST_CORPUS").is_ok();
    let mut faults = Vec::new();
    for kind in KINDS.iter().filter(|k| all || k.sampled) {
        let (file, output) = (dir.path().join(kind.name), dir.path().join("out"));
        if !write(kind, &file) {
            eprintln!("not tried: {}, which the installed ffmpeg cannot write", kind.name);
            continue;
        }
        let run = transcode(&file, &output, PATIENCE);
        let wrong = match run.status {
            Some(0) => fault(kind, &output),
            other => Some(format!("{other:?} {}", run.last_line())),
        };
        faults.extend(wrong.map(|what| format!("{}: {what}", kind.name)));
        drop(std::fs::remove_dir_all(&output));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Cuts and additions that recordings have: the file still plays from where it begins.
#[test]
fn recordings_are_known_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let (ts, aac, mp2) = (film("whole.ts", "libx264", "aac"), sound("whole.aac", "aac"), sound("whole.mp2", "mp2"));
    let bytes = |kind: &Kind| {
        let file = dir.path().join(kind.name);
        assert!(write(kind, &file));
        std::fs::read(&file).unwrap()
    };
    let (ts, aac, mp2) = (bytes(&ts), bytes(&aac), bytes(&mp2));
    let with_parity: Vec<u8> = ts.chunks(188).flat_map(|p| [p, &[0xab; 16]].concat()).collect();
    let zeros = vec![0; 300_000];
    for (name, data, picture) in [
        ("cut.ts", ts[101..].to_vec(), true),
        ("parity.ts", with_parity[77..].to_vec(), true),
        ("led.ts", [&b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n"[..], &ts].concat(), true),
        ("cut.aac", aac[700..].to_vec(), false),
        ("cut.mp2", mp2[700..].to_vec(), false),
        ("after_zeros.aac", [&zeros, &aac[..]].concat(), false),
        ("after_zeros.mp2", [&zeros, &mp2[..]].concat(), false),
    ] {
        let (file, output) = (dir.path().join(name), dir.path().join("out"));
        std::fs::write(&file, data).unwrap();
        let run = transcode(&file, &output, PATIENCE);
        assert_eq!(run.status, Some(0), "{name}: {}", run.said);
        let list = output.join("index.m3u8").display().to_string();
        assert!(tone_db(&list) > -36.0, "{name}");
        if picture {
            assert!(media::decoded_frames(&list, "v:0") > 20, "{name}");
        }
        drop(std::fs::remove_dir_all(&output));
    }
}
