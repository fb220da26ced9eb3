//! Small media, made once with the ffmpeg command and kept below `target/`.

use std::{path::PathBuf, process::Command};

/// What the ffmpeg command makes of `arguments`, in a file that is kept.
pub fn made(name: &str, arguments: &[&str]) -> PathBuf {
    let folder = super::process::bin_dir().join("test-fixtures");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    if !file.exists() {
        // Several tests may make it at once, also in one process, and Matroska files get a random identifier: the first
        // one stays, so that nobody uploads two different files as the same.
        let draft = folder.join(format!("{}-{name}", uuid::Uuid::new_v4().simple()));
        let output = Command::new("ffmpeg")
            .args(["-v", "error", "-y", "-nostdin"])
            .args(arguments)
            .arg(&draft)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let kept = std::fs::hard_link(&draft, &file);
        assert!(kept.is_ok() || file.exists(), "{kept:?}");
        std::fs::remove_file(&draft).unwrap();
    }
    file
}

/// A compliant H.264/AAC film: 640x360, 25 fps, `seconds` long, an IDR every 2 s, moov first.
pub fn compliant(seconds: u32) -> PathBuf {
    let (video, audio) = (format!("testsrc2=s=640x360:r=25:d={seconds}"), format!("sine=440:r=48000:d={seconds}"));
    made(
        &format!("compliant-{seconds}.mp4"),
        &[
            "-f",
            "lavfi",
            "-i",
            &video,
            "-f",
            "lavfi",
            "-i",
            &audio,
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-x264-params",
            "keyint=50:min-keyint=50:scenecut=0:bframes=2",
            "-c:a",
            "aac",
            "-b:a",
            "96k",
            "-ac",
            "2",
            "-movflags",
            "+faststart",
        ],
    )
}

/// A compliant film of 1280x720 without sound that takes 12 Mb/s: four times what the ladder gives its size.
pub fn heavy(seconds: u32) -> PathBuf {
    let video = &format!("testsrc2=s=1280x720:r=25:d={seconds},noise=alls=20:allf=t");
    let codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "12M", "-maxrate", "12M"];
    let mut arguments = vec!["-f", "lavfi", "-i", video];
    arguments.extend(codec);
    arguments.extend([
        "-bufsize",
        "6M",
        "-x264-params",
        "keyint=50:min-keyint=50:scenecut=0",
        "-movflags",
        "+faststart",
    ]);
    made(&format!("heavy-{seconds}.mp4"), &arguments)
}

/// A film that must be encoded: MPEG-4 part 2 and MP3 in Matroska, 640x360 at 30000/1001 fps.
pub fn foreign(seconds: u32) -> PathBuf {
    let (video, audio) =
        (format!("testsrc2=s=640x360:r=30000/1001:d={seconds}"), format!("sine=440:r=44100:d={seconds}"));
    made(
        &format!("foreign-{seconds}.mkv"),
        &[
            "-f",
            "lavfi",
            "-i",
            &video,
            "-f",
            "lavfi",
            "-i",
            &audio,
            "-c:v",
            "mpeg4",
            "-g",
            "60",
            "-b:v",
            "2M",
            "-bf",
            "2",
            "-c:a",
            "libmp3lame",
            "-b:a",
            "128k",
            "-ac",
            "2",
        ],
    )
}

/// A film that must be encoded and whose picture changes once a second: an encoder makes it faster than its frames let expect.
pub fn still(seconds: u32) -> PathBuf {
    let (video, audio) =
        (format!("testsrc2=s=640x360:r=1:d={seconds},fps=30"), format!("sine=440:r=44100:d={seconds}"));
    let input = ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
    let codecs = ["-c:v", "mpeg4", "-g", "60", "-b:v", "2M", "-c:a", "libmp3lame", "-b:a", "128k", "-ac", "2"];
    made(&format!("still-{seconds}.mkv"), &[&input[..], &codecs].concat())
}

/// A talk of 61 s whose picture moves for six seconds, 25 times in each, and stands from then on.
pub fn talk() -> PathBuf {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=6", "-f", "lavfi", "-i", "sine=440:r=48000:d=61"];
    let codecs = ["-c:v", "mpeg4", "-q:v", "2", "-c:a", "libmp3lame", "-b:a", "64k"];
    made("talk.mkv", &[&input[..], &codecs].concat())
}

/// A film that must be encoded, in an MP4 with its index in front: MPEG-4 part 2 and AAC, 640x360 at 25 fps.
pub fn fast_start(seconds: u32) -> PathBuf {
    let (video, audio) = (format!("testsrc2=s=640x360:r=25:d={seconds}"), format!("sine=440:r=48000:d={seconds}"));
    let input = ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
    let codecs = ["-c:v", "mpeg4", "-g", "50", "-b:v", "2M", "-c:a", "aac", "-ac", "2", "-movflags", "+faststart"];
    made(&format!("fast-start-{seconds}.mp4"), &[&input[..], &codecs].concat())
}

/// The same film with a comment in its index, which comes first.
pub fn commented(film: &std::path::Path, comment: &str, name: &str) -> PathBuf {
    let comment = format!("comment={comment}");
    made(name, &["-i", film.to_str().unwrap(), "-c", "copy", "-movflags", "+faststart", "-metadata", &comment])
}

/// The compliant film's pictures in another container, which the ending of `name` chooses, with a beep at 21 s
/// of so many samples a second.
pub fn contained(seconds: u32, name: &str, rate: u32) -> PathBuf {
    let film = compliant(seconds);
    let sound = format!("sine=1000:r={rate}:d={seconds},volume='if(between(t,21,21.4),1,0)':eval=frame");
    let input = ["-i", film.to_str().unwrap(), "-f", "lavfi", "-i", &sound, "-map", "0:v", "-map", "1:a"];
    let flags: &[&str] =
        if name.ends_with("mp4") { &["-movflags", "frag_keyframe+empty_moov+default_base_moof"] } else { &[] };
    made(&format!("{rate}-{name}"), &[&input[..], &["-c:v", "copy", "-c:a", "aac"], flags].concat())
}

/// Tones of the tracks of [`many_sounds`], Hz; the first one is 5.1 with a tone in each channel.
pub const TONES: [u32; 4] = [500, 1000, 1500, 2000];
/// Tones of the channels of its first track.
pub const SURROUND_TONES: [u32; 6] = [500, 600, 700, 60, 800, 900];

/// Seconds of [`many_sounds`].
pub const MANY_SOUNDS_S: u64 = 24;

/// A film with four sounds, each silent until 4 s and then a tone of its own: German in 5.1, English, French that ends
/// at 20 s, and an English commentary. `kept` chooses whether picture and sounds can be kept as they are, in MP4.
pub fn many_sounds(kept: bool) -> PathBuf {
    let wave = |tone: u32, loud: f64| format!("{loud}*sin(2*PI*{tone}*t)*between(t,4,24)");
    let channels: Vec<String> =
        SURROUND_TONES.iter().enumerate().map(|(n, tone)| wave(*tone, if n == 0 { 0.5 } else { 0.1 })).collect();
    let surround = format!("aevalsrc='{}':c=5.1:s=48000:d=24", channels.join("|"));
    let tone = |n: usize, seconds| format!("aevalsrc='{}':s=48000:d={seconds}", wave(TONES[n], 0.5));
    let first = if kept { tone(0, 24) } else { surround };
    let (second, third, fourth) = (tone(1, 24), tone(2, 20), tone(3, 24));
    let mut arguments = vec!["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=24"];
    for sound in [&first, &second, &third, &fourth] {
        arguments.extend(["-f", "lavfi", "-i", sound]);
    }
    arguments.extend(["-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map", "4", "-b:a", "128k"]);
    if kept {
        arguments.extend(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50"]);
        arguments.extend(["-c:a", "aac", "-ac", "2", "-movflags", "+faststart"]);
    } else {
        arguments.extend(["-c:v", "mpeg4", "-g", "50", "-b:v", "1M", "-c:a", "libmp3lame"]);
        arguments.extend(["-c:a:0", "ac3", "-b:a:0", "448k", "-c:a:1", "libopus"]);
    }
    arguments.extend(["-metadata:s:a:0", "language=ger", "-metadata:s:a:1", "language=eng"]);
    arguments.extend(["-metadata:s:a:2", "language=fra", "-metadata:s:a:3", "language=eng"]);
    arguments.extend(["-metadata:s:a:3", "title=Director's remarks", "-disposition:a:0", "default"]);
    arguments.extend(["-disposition:a:1", "0", "-disposition:a:2", "0", "-disposition:a:3", "comment"]);
    made(if kept { "many-sounds.mp4" } else { "many-sounds.mkv" }, &arguments)
}

/// A sound of its own for a film: silent until 4 s, then a tone, Hz.
pub fn lone_tone(tone: u32, seconds: u32, ending: &str) -> PathBuf {
    let wave = format!("aevalsrc='0.5*sin(2*PI*{tone}*t)*gte(t,4)':s=48000:d={seconds}");
    made(&format!("tone-{tone}-{seconds}.{ending}"), &["-f", "lavfi", "-i", &wave, "-b:a", "128k"])
}

/// A film whose second sound is noise that no decoder takes.
pub fn broken_sound() -> PathBuf {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=4", "-f", "lavfi", "-i", "sine=1000:d=4"];
    let plain = ["-map", "0", "-map", "1", "-map", "1", "-c:v", "mpeg4", "-c:a:0", "aac", "-c:a:1", "flac"];
    let whole = made("two-sounds.mkv", &[&input[..], &plain].concat());
    let name = ["-metadata:s:a:1", "title=Broken", "-disposition:a:1", "0", "-bsf:a:1", "noise=amount=1"];
    let copied = ["-i", whole.to_str().unwrap(), "-map", "0", "-c", "copy"];
    made("broken-sound.mkv", &[&copied[..], &name].concat())
}

/// A film with two pictures, of which a package has a place for one.
pub fn two_pictures() -> PathBuf {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=2"];
    made("two-pictures.mkv", &[&input[..], &["-map", "0", "-map", "0", "-c:v", "mpeg4"]].concat())
}

/// Seconds of [`sounds_alone`].
pub const SOUNDS_ALONE_S: u64 = 12;

/// Sound alone in three tracks of the first [`TONES`], each silent until 4 s: German, English of another rate that ends at 10 s,
/// and French.
pub fn sounds_alone() -> PathBuf {
    let tone = |n: usize, rate: u32, seconds: u32| {
        format!("aevalsrc='0.5*sin(2*PI*{}*t)*gte(t,4)':s={rate}:d={seconds}", TONES[n])
    };
    let sounds = [tone(0, 48_000, 12), tone(1, 44_100, 10), tone(2, 48_000, 12)];
    let mut arguments: Vec<&str> = sounds.iter().flat_map(|sound| ["-f", "lavfi", "-i", sound.as_str()]).collect();
    arguments.extend(["-map", "0", "-map", "1", "-map", "2", "-c:a", "flac", "-metadata:s:a:0", "language=ger"]);
    arguments.extend(["-metadata:s:a:1", "language=eng", "-metadata:s:a:2", "language=fra"]);
    made("sounds-alone.mka", &arguments)
}

/// Two seconds of a loop, as GIF.
pub fn animation() -> PathBuf {
    made("animation.gif", &["-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=2"])
}

/// Ten seconds of black and silence but for one white flash and one beep at exactly 4 s.
/// `compliant` chooses whether it can be passed through.
pub fn flash(compliant: bool) -> PathBuf {
    let video = "color=black:s=320x180:r=25:d=10,drawbox=color=white:t=fill:enable='between(n,100,109)'";
    let audio = "sine=1000:r=48000:d=10,volume='if(between(t,4,4.4),1,0)':eval=frame";
    let codec: &[&str] = if compliant {
        &[
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-x264-params",
            "keyint=50:scenecut=0",
            "-c:a",
            "aac",
            "-b:a",
            "128k",
        ]
    } else {
        &["-c:v", "mpeg4", "-b:v", "1M", "-g", "50", "-c:a", "libmp3lame", "-b:a", "192k"]
    };
    let mut arguments = vec!["-f", "lavfi", "-i", video, "-f", "lavfi", "-i", audio];
    arguments.extend(codec);
    made(if compliant { "flash.mp4" } else { "flash.mkv" }, &arguments)
}

/// A flash of ten pictures and a beep of 0.2 s begin together at pictures `flashes` of a film of `seconds`, at so many
/// pictures a second; `codecs` are options of the ffmpeg command. Nothing else is seen or heard.
pub fn flashes(name: &str, rate: (u32, u32), seconds: u32, flashes: &[u32], codecs: &[&str]) -> PathBuf {
    let shown: Vec<String> = flashes.iter().map(|n| format!("between(n,{n},{})", n + 9)).collect();
    let at = |n: &u32| f64::from(*n) * f64::from(rate.1) / f64::from(rate.0);
    let heard: Vec<String> = flashes.iter().map(|n| format!("between(t,{:.6},{:.6})", at(n), at(n) + 0.2)).collect();
    let video = format!(
        "color=black:s=320x180:r={}/{}:d={seconds},drawbox=color=white:t=fill:enable='{}'",
        rate.0,
        rate.1,
        shown.join("+")
    );
    let audio = format!("aevalsrc='0.5*sin(2*PI*1000*t)*({})':s=48000:d={seconds}", heard.join("+"));
    let input = ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
    made(name, &[&input[..], codecs].concat())
}

/// A film whose lower half is lighter with every second and whose upper half is black for four, then a test pattern: 320x180,
/// 25 pictures a second, an entry point every two seconds. `passed` chooses whether it can be passed through.
pub fn by_second(seconds: u32, passed: bool) -> PathBuf {
    let x264 =
        ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x264-params", "keyint=50:scenecut=0"];
    if passed {
        seconds_seen(&format!("by-second-{seconds}.mp4"), seconds, &x264)
    } else {
        seconds_seen(&format!("by-second-{seconds}.mkv"), seconds, &["-c:v", "mpeg4", "-q:v", "3", "-g", "50"])
    }
}

/// Bits of the number that every picture of [`numbered`] shows.
pub const NUMBER_BITS: usize = 10;

/// A film whose pictures show their number, from 0: columns of equal width, black for 0 and white for 1, the lowest bit first.
/// 640x360, 25 pictures a second, an entry point every two seconds, and a tone for the first tenth of every second. `passed`
/// chooses whether it can be passed through.
pub fn numbered(seconds: u32, passed: bool) -> PathBuf {
    let boxes: Vec<String> = (0..NUMBER_BITS)
        .map(|bit| {
            format!("drawbox=x={}:w=64:h=360:color=white:t=fill:enable='mod(floor(n/{}),2)'", bit * 64, 1 << bit)
        })
        .collect();
    let video = format!("color=black:s=640x360:r=25:d={seconds},{}", boxes.join(","));
    let audio = format!("aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=48000:d={seconds}");
    let input = ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
    let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2"];
    let kept = ["-x264-params", "keyint=50:min-keyint=50:scenecut=0", "-c:a", "aac", "-b:a", "96k"];
    let other = ["-c:v", "mpeg4", "-q:v", "3", "-g", "50", "-bf", "2", "-c:a", "libmp3lame", "-b:a", "128k"];
    if passed {
        made(&format!("numbered-{seconds}.mp4"), &[&input[..], &x264, &kept].concat())
    } else {
        made(&format!("numbered-{seconds}.mkv"), &[&input[..], &other].concat())
    }
}

/// The same film with a single entry point, so that it is one chunk.
pub fn by_second_one_entry(seconds: u32) -> PathBuf {
    let x264 =
        ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-x264-params", "keyint=9999:scenecut=0"];
    seconds_seen(&format!("by-second-one-entry-{seconds}.mkv"), seconds, &x264)
}

fn seconds_seen(name: &str, seconds: u32, codecs: &[&str]) -> PathBuf {
    let video = format!(
        "testsrc2=s=320x90:r=25:d={seconds},drawbox=color=black:t=fill:enable='lt(t,4)'[a];\
         color=gray:s=320x90:r=25:d={seconds},eq=brightness='-0.4+0.03*floor(t)':eval=frame[b];[a][b]vstack"
    );
    let audio = format!("sine=440:r=48000:d={seconds}");
    let input = ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio, "-c:a", "aac", "-b:a", "64k"];
    made(name, &[&input[..], codecs].concat())
}

/// A picture without sound.
pub fn silent() -> PathBuf {
    made(
        "silent.mp4",
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=320x180:r=24:d=5",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p",
            "-g",
            "300",
        ],
    )
}

/// Sound without a picture, as a lossless file.
pub fn sound() -> PathBuf {
    made("sound.flac", &["-f", "lavfi", "-i", "sine=440:r=44100:d=20", "-ac", "2"])
}

/// Sound with a picture that is attached to it: 600 pixels of grey.
pub fn covered_sound() -> PathBuf {
    let input = ["-f", "lavfi", "-i", "sine=440:r=44100:d=8", "-f", "lavfi", "-i", "color=gray:s=600x600:d=1"];
    let maps = ["-map", "0", "-map", "1", "-frames:v", "1", "-c:a", "libmp3lame", "-c:v", "png", "-pix_fmt", "rgb24"];
    made("covered.mp3", &[&input[..], &maps, &["-disposition:v", "attached_pic"]].concat())
}

/// One picture, as PNG.
pub fn picture(width: u32, height: u32) -> PathBuf {
    let source = format!("testsrc2=s={width}x{height}");
    made(&format!("picture-{width}.png"), &["-f", "lavfi", "-i", &source, "-frames:v", "1"])
}

/// The bytes of an MP4 with so many more of filler, which no player reads.
pub fn padded(file: &std::path::Path, filler: u32) -> Vec<u8> {
    let mut data = std::fs::read(file).unwrap();
    data.extend(filler.to_be_bytes());
    data.extend(b"free");
    data.resize(data.len() + filler as usize - 8, 7);
    data
}

/// A settings file with a preset that still has B-frames, CABAC and the deblocking filter; its path.
pub fn quick_preset() -> String {
    settings("quick", "[encode]\npreset = \"superfast\"\n")
}

/// A settings file with the encoder as it is by default; its path.
pub fn default_preset() -> String {
    settings("default", "[encode]\n")
}

/// A settings file with a slow preset, so that there is time while a film is encoded; its path.
pub fn slow_preset() -> String {
    settings("slow", "[encode]\npreset = \"medium\"\n")
}

/// A settings file with this text; its path.
pub fn settings(name: &str, text: &str) -> String {
    let folder = super::process::bin_dir().join("test-fixtures");
    std::fs::create_dir_all(&folder).unwrap();
    let draft = folder.join(format!("{name}-{}.toml", uuid::Uuid::new_v4().simple()));
    std::fs::write(&draft, text).unwrap();
    let file = folder.join(format!("{name}.toml"));
    std::fs::rename(&draft, &file).unwrap();
    file.display().to_string()
}

/// A file of this text that others are made of.
fn written(name: &str, text: &str) -> String {
    kept(name, text.as_bytes()).display().to_string()
}

/// A file of these bytes.
pub fn kept(name: &str, data: &[u8]) -> PathBuf {
    let folder = super::process::bin_dir().join("test-fixtures");
    std::fs::create_dir_all(&folder).unwrap();
    let draft = folder.join(format!("{}-{name}", uuid::Uuid::new_v4().simple()));
    std::fs::write(&draft, data).unwrap();
    let file = folder.join(name);
    std::fs::rename(&draft, &file).unwrap();
    file
}

/// A film of twelve seconds with German text, English text for those who hear badly (ASS in Matroska), three chapters and
/// tags, the place among them; by its ending Matroska or MP4.
pub fn annotated(ending: &str) -> PathBuf {
    let german = written(
        "annotated.srt",
        "1\n00:00:01,000 --> 00:00:02,500\n<i>Guten</i> Tag & mehr\n\n2\n00:00:07,200 --> 00:00:08,000\nZwiebelfisch\n",
    );
    let english = written(
        "annotated.ass",
        "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,20\n\n[Events]\n\
         Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
         Dialogue: 0,0:00:01.00,0:00:02.50,Default,,0,0,0,,{\\an8}[door]\\NHello, you\n",
    );
    let about = written(
        "annotated.ffmetadata",
        ";FFMETADATA1\ntitle=A film about onions\nartist=Ada\ndate=2024\nlocation=+48.1+011.6/\n\
         [CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=4000\ntitle=Begin\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=4000\nEND=9500\ntitle=Middle\n\
         [CHAPTER]\nTIMEBASE=1/1000\nSTART=9500\nEND=12000\ntitle=End\n",
    );
    let film = compliant(12).display().to_string();
    let text = if ending == "mkv" { "copy" } else { "mov_text" };
    let mut arguments = vec!["-i", &film, "-i", &german, "-i", &english, "-i", &about];
    arguments.extend([
        "-map",
        "0:v",
        "-map",
        "0:a",
        "-map",
        "1",
        "-map",
        "2",
        "-map_metadata",
        "3",
        "-map_chapters",
        "3",
    ]);
    arguments.extend([
        "-c",
        "copy",
        "-c:s",
        text,
        "-metadata:s:s:0",
        "language=ger",
        "-metadata:s:s:1",
        "language=eng",
    ]);
    arguments.extend(["-disposition:s:1", "hearing_impaired", "-movflags", "+faststart"]);
    made(&format!("annotated.{ending}"), &arguments)
}

/// Text that calls itself a film.
pub fn text() -> PathBuf {
    let file = super::process::bin_dir().join("test-fixtures").join("text.mp4");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "#EXTM3U\nfile:///etc/passwd\n".repeat(1000)).unwrap();
    file
}

/// A real film of the shared collection, where that is at hand.
pub fn real(name: &str) -> Option<PathBuf> {
    let folder = std::env::var("SLUICE_TEST_MEDIA").map_or_else(|_| PathBuf::from("../../shared/media"), PathBuf::from);
    let file = folder.join(name);
    file.exists().then_some(file)
}
