//! Orientation, colour, size, rate of the picture; level of the sound.

use super::{Package, ffmpeg, reported};
use harness::media;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A picture of a package in 8-bit RGB.
struct Picture {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

impl Picture {
    /// The first one of a file or playlist that is shown at `at_s` or later.
    fn of(input: &str, at_s: f64) -> Self {
        let select = format!("select=gte(t-start_t\\,{at_s})");
        let arguments = ["-nostdin", "-v", "error", "-i", input, "-map", "0:v:0", "-vf", &select, "-frames:v", "1"];
        // The default conversion is coarse.
        let raw = ["-sws_flags", "accurate_rnd+full_chroma_int", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"];
        let output = Command::new("ffmpeg").args(arguments).args(raw).output().unwrap();
        assert!(output.status.success(), "{input}: {}", String::from_utf8_lossy(&output.stderr));
        let (width, height) = size(input);
        // What ffmpeg turns upright has its sides exchanged.
        let turned = input.ends_with("B_transpose.mp4");
        let (width, height) = if turned { (height, width) } else { (width, height) };
        assert_eq!(output.stdout.len(), width * height * 3, "{input}");
        Self { width, height, rgb: output.stdout }
    }

    /// The pixel at shares of width and height.
    fn at(&self, x: f64, y: f64) -> [u8; 3] {
        let column = ((x * self.width as f64) as usize).min(self.width - 1);
        let row = ((y * self.height as f64) as usize).min(self.height - 1);
        let i = (row * self.width + column) * 3;
        [self.rgb[i], self.rgb[i + 1], self.rgb[i + 2]]
    }

    /// Width and height of what is brighter than `least` in all colours.
    fn bright(&self, least: u8) -> (usize, usize) {
        let is_bright = |x: usize, y: usize| self.rgb[(y * self.width + x) * 3..][..3].iter().all(|c| *c >= least);
        let columns = (0..self.width).filter(|x| (0..self.height).any(|y| is_bright(*x, y))).count();
        let rows = (0..self.height).filter(|y| (0..self.width).any(|x| is_bright(x, *y))).count();
        (columns, rows)
    }
}

fn size(input: &str) -> (usize, usize) {
    let entries =
        ["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=width,height", "-of", "csv=p=0", input];
    let output = Command::new("ffprobe").args(entries).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let mut sides = text.lines().next().unwrap().split(',').map(|n| n.trim().parse().unwrap());
    (sides.next().unwrap(), sides.next().unwrap())
}

/// What ffprobe says of a field of the picture of a playlist; of a programme it says it twice.
fn said(input: &str, field: &str) -> String {
    let entry = format!("stream={field}");
    let arguments = ["-v", "error", "-select_streams", "v:0", "-show_entries", &entry, "-of", "csv=p=0", input];
    let output = Command::new("ffprobe").args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim_matches(',').to_owned()
}

impl Package {
    /// Media playlists and sizes of the variants with pictures, the largest first.
    fn rungs(&self) -> Vec<(String, usize, usize)> {
        let list = std::fs::read_to_string(self.list()).unwrap();
        let mut rungs = Vec::new();
        let mut resolution = None;
        for line in list.lines() {
            if let Some((_, rest)) = line.split_once("RESOLUTION=") {
                let (w, h) = rest.split(',').next().unwrap().split_once('x').unwrap();
                resolution = Some((w.parse::<usize>().unwrap(), h.parse::<usize>().unwrap()));
            } else if !line.starts_with('#')
                && let Some((w, h)) = resolution.take()
            {
                rungs.push((self.folder().join(line).display().to_string(), w, h));
            }
        }
        rungs.sort_by_key(|r| std::cmp::Reverse(r.1 * r.2));
        rungs
    }

    /// The best rung's playlist.
    fn best(&self) -> String {
        self.rungs()[0].0.clone()
    }

    fn variants(&self) -> String {
        std::fs::read_to_string(self.list()).unwrap()
    }
}

fn near(got: [u8; 3], want: [u8; 3], tolerance: u8) -> bool {
    got.iter().zip(want).all(|(g, w)| g.abs_diff(w) <= tolerance)
}

/// A film made with the ffmpeg command, in a folder of its own.
fn made(name: &str, arguments: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    let mut all = arguments.to_vec();
    let path = file.display().to_string();
    all.extend(["-y", &path]);
    ffmpeg(&all);
    (dir, file)
}

/// Nine patches of three rows that colours are judged by, as a source of ffmpeg in RGB.
const PATCHES: [[u8; 3]; 9] = [
    [16, 16, 16],
    [128, 128, 128],
    [235, 235, 235],
    [200, 40, 40],
    [40, 180, 40],
    [40, 40, 200],
    [200, 180, 40],
    [40, 160, 180],
    [220, 150, 120],
];

fn patches(seconds: u32) -> String {
    let channel = |c: usize| {
        PATCHES.iter().enumerate().rev().fold("0".to_owned(), |rest, (i, p)| {
            let place = format!("eq(floor(X*3/W)+3*floor(Y*3/H)\\,{i})");
            format!("if({place}\\,{}\\,{rest})", p[c])
        })
    };
    format!(
        "color=black:s=192x108:r=10:d={seconds},format=gbrp,geq=r='{}':g='{}':b='{}'",
        channel(0),
        channel(1),
        channel(2)
    )
}

fn assert_patches(what: &str, playlist: &str, tolerance: u8) {
    let picture = Picture::of(playlist, 0.4);
    for (i, want) in PATCHES.iter().enumerate() {
        let got = picture.at(((i % 3) as f64 + 0.5) / 3.0, ((i / 3) as f64 + 0.5) / 3.0);
        assert!(near(got, *want, tolerance), "{what}: patch {i} is {got:?}, not {want:?}");
    }
}

#[test]
fn mirrored_pictures_are_shown_as_ffmpeg_shows_them() {
    for name in ["B_hflip.mp4", "B_vflip.mp4", "B_transpose.mp4"] {
        let Some(file) = reported(name) else { return };
        let package = Package::of(&file);
        assert!(!package.variants().contains("source/"), "{name} is passed through");
        let (shown, right) = (Picture::of(&package.best(), 0.0), Picture::of(&file.display().to_string(), 0.0));
        assert_eq!((shown.width, shown.height), (right.width, right.height), "{name}");
        for (x, y) in [(0.05, 0.1), (0.15, 0.1), (0.9, 0.1), (0.9, 0.9), (0.05, 0.9), (0.15, 0.9), (0.5, 0.5)] {
            let (got, want) = (shown.at(x, y), right.at(x, y));
            assert!(near(got, want, 24), "{name} at {x} {y}: {got:?}, not {want:?}");
        }
    }
}

#[test]
fn lossless_pictures_are_encoded() {
    let Some(file) = reported("C1_lossless_hi444_yuv420p.mp4") else { return };
    let package = Package::of(&file);
    let variants = package.variants();
    assert!(!variants.contains("source/") && !variants.to_lowercase().contains("avc1.f4"), "{variants}");
}

#[test]
fn rgb_becomes_luma_and_chroma_of_bt709() {
    let Some(file) = reported("C3_rgb_gbrp.mp4") else { return };
    let best = Package::of(&file).best_kept();
    let (shown, right) = (Picture::of(&best.1, 0.5), Picture::of(&file.display().to_string(), 0.5));
    for i in 0..6 {
        let (x, y) = ((f64::from(i) + 0.5) / 6.0, 0.85);
        assert!(near(shown.at(x, y), right.at(x, y), 12), "{i}: {:?}, not {:?}", shown.at(x, y), right.at(x, y));
    }
    assert_eq!(said(&best.1, "color_space"), "bt709");
}

impl Package {
    /// The package with its best rung, for what needs no more of it.
    fn best_kept(self) -> (Self, String) {
        let best = self.best();
        (self, best)
    }
}

#[test]
fn colour_tags_are_kept_or_unspecified() {
    for (name, primaries, transfer, matrix) in [
        ("C_android_smpte170m_bt470bg_bt470bg.mp4", "smpte170m", "bt470bg", "bt470bg"),
        ("C_matrix_gbr_yuv.mp4", "bt709", "bt709", "unknown"),
        ("C_matrix_reserved3.mp4", "bt709", "bt709", "unknown"),
        ("C_s25_hlg_matrix_reserved.mp4", "bt709", "bt709", "bt709"),
        ("C_samsung_a53_reserved_3_3_3.mp4", "unknown", "unknown", "unknown"),
        ("C_trc_bt470bg.mp4", "bt709", "bt470bg", "bt709"),
        ("C_trc_reserved3.mp4", "bt709", "unknown", "bt709"),
    ] {
        let Some(file) = reported(name) else { return };
        let package = Package::of(&file);
        for (rung, ..) in package.rungs() {
            let got = ["color_primaries", "color_transfer", "color_space"].map(|field| said(&rung, field));
            assert_eq!(got, [primaries, transfer, matrix], "{name} {rung}");
        }
    }
}

/// Other code points, depths, samplings and matrices than those of the reports: the colours of patches are what they were.
#[test]
fn patches_keep_their_colours() {
    let x264 = |format: &'static str, tags: &'static str, matrix: &'static str| (format, "libx264", tags, matrix);
    let cases = [
        x264("yuv420p", "colorprim=bt709:transfer=bt709:colormatrix=bt709", "bt709"),
        x264("yuv444p", "colorprim=bt470m:transfer=bt470m:colormatrix=smpte170m", "smpte170m"),
        x264("yuv422p10le", "colorprim=bt709:transfer=iec61966-2-1:colormatrix=bt709", "bt709"),
        x264("yuvj420p", "fullrange=on:colormatrix=smpte170m", "smpte170m"),
        x264("yuv420p", "colorprim=film:transfer=linear:colormatrix=smpte240m", "smpte240m"),
        x264("yuv420p", "colorprim=bt709:transfer=log100:colormatrix=fcc", "fcc"),
        x264("yuv420p", "colorprim=bt2020:transfer=bt2020-10:colormatrix=bt2020nc", "bt2020nc"),
        x264("yuv444p", "colorprim=bt709:transfer=bt709:colormatrix=YCgCo", "ycgco"),
        ("bgr24", "libx264rgb", "", ""),
    ];
    for (format, codec, tags, matrix) in cases {
        let range = if format.starts_with("yuvj") { "full" } else { "limited" };
        let plain = format.replace("yuvj", "yuv");
        let convert = match matrix {
            "" => format!("format={format}"),
            "smpte240m" => format!("scale=out_color_matrix=smpte240m,format={plain}"),
            _ => format!(
                "zscale=min=gbr:rin=full:m={matrix}:r={range}:pin=bt709:p=bt709:tin=bt709:t=bt709,format={plain}"
            ),
        };
        let source = format!("{},{convert}", patches(1));
        let mut arguments = vec!["-f", "lavfi", "-i", &source, "-c:v", codec];
        arguments.extend(["-crf", "8"]);
        if !tags.is_empty() {
            arguments.extend(["-x264-params", tags]);
        }
        let (_dir, file) = made("patches.mkv", &arguments);
        let package = Package::of(&file);
        let what = format!("{format} {tags}");
        assert_patches(&what, &package.best(), 9);
    }
}

#[test]
fn gray_and_transparent_pictures_are_not_washed_out() {
    let (_dir, file) = made(
        "gray.mkv",
        &[
            "-f",
            "lavfi",
            "-i",
            "color=gray:s=320x180:r=25:d=1,format=yuv420p",
            "-pix_fmt",
            "gray",
            "-c:v",
            "libx264",
            "-crf",
            "8",
        ],
    );
    let (shown, right) = (
        Picture::of(&Package::of(&file).best_kept().1, 0.0).at(0.5, 0.5),
        Picture::of(&file.display().to_string(), 0.0).at(0.5, 0.5),
    );
    assert!(near(shown, right, 3), "{shown:?}, not {right:?}");
    // White that is half transparent, over nothing.
    let half = "color=white@0.5:s=320x180:r=25:d=1,format=yuva444p10le";
    let (_dir, file) = made("alpha.mov", &["-f", "lavfi", "-i", half, "-c:v", "prores_ks", "-profile:v", "4444"]);
    let shown = Picture::of(&Package::of(&file).best_kept().1, 0.0).at(0.5, 0.5);
    assert!(near(shown, [128, 128, 128], 4), "{shown:?}");
}

#[test]
fn a_size_that_changes_gets_one_canvas() {
    let Some(file) = reported("D1_size_changes.mkv") else { return };
    let package = Package::of(&file);
    let (best, width, height) = package.rungs()[0].clone();
    assert_eq!((width, height), (640, 360));
    let (columns, rows) = Picture::of(&best, 6.0).bright(200);
    assert!(columns.abs_diff(rows) <= 4 && columns > 60, "{columns}x{rows}");
    let bars = Picture::of(&best, 6.0);
    assert!(near(bars.at(0.05, 0.5), [0; 3], 3) && near(bars.at(0.95, 0.5), [0; 3], 3));
    assert_eq!(media::play(&package.list()), "");
}

#[test]
fn a_call_that_begins_small_has_the_ladder_of_the_rest() {
    let Some(file) = reported("D3_webrtc_starts_small.webm") else { return };
    let sizes: Vec<_> = Package::of(&file).rungs().iter().map(|r| (r.1, r.2)).collect();
    assert_eq!(sizes[0], (640, 360));
}

/// A broadcast that goes from 4:3 to 16:9 with the same number of pixels, and others that grow.
#[test]
fn other_changes_of_size_and_shape_stretch_nothing() {
    let part = |size: &str, sar: &str, square: &str| {
        format!(
            "color=gray:s={size}:r=25:d=3,setsar={sar},drawbox=x=(iw-{square})/2:y=40:w={square}:h=100:c=white:t=fill"
        )
    };
    for (name, codec, parts, want) in [
        ("shape.ts", "mpeg2video", [part("360x288", "16/15", "94"), part("360x288", "64/45", "70")], (384, 288)),
        ("grows.ts", "libx264", [part("320x180", "1", "100"), part("640x360", "1", "100")], (640, 360)),
        ("turned.ts", "mpeg2video", [part("352x288", "1", "100"), part("288x352", "1", "100")], (352, 288)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut whole = Vec::new();
        for (i, source) in parts.iter().enumerate() {
            let file = dir.path().join(format!("{i}.ts"));
            let offset = format!("{}", i * 3);
            let path = file.display().to_string();
            ffmpeg(&[
                "-f",
                "lavfi",
                "-i",
                source,
                "-c:v",
                codec,
                "-qmin",
                "1",
                "-b:v",
                "3M",
                "-bf",
                "0",
                "-g",
                "25",
                "-output_ts_offset",
                &offset,
                "-y",
                &path,
            ]);
            whole.extend(std::fs::read(file).unwrap());
        }
        let file = dir.path().join(name);
        std::fs::write(&file, whole).unwrap();
        let package = Package::of(&file);
        let (best, width, height) = package.rungs()[0].clone();
        assert_eq!((width, height), want, "{name}");
        for at_s in [0.5, 4.5] {
            let (columns, rows) = Picture::of(&best, at_s).bright(200);
            assert!(columns.abs_diff(rows) <= 6 && columns > 20, "{name} at {at_s}: {columns}x{rows}");
        }
    }
}

#[test]
fn a_panorama_fits_the_highest_level() {
    let Some(file) = reported("H8_panorama_10000x1000.mp4") else { return };
    let package = Package::of(&file);
    for (_, width, height) in package.rungs() {
        assert!(width.max(height) <= 8688 && width.div_ceil(16) * height.div_ceil(16) <= 36_864, "{width}x{height}");
        assert!((width as f64 / height as f64 / 10.0 - 1.0).abs() < 0.02, "{width}x{height}");
    }
    assert!(package.rungs()[0].1 > 8600);
}

#[test]
fn fast_films_get_an_even_rate() {
    let Some(file) = reported("H9_90fps.mp4") else { return };
    assert!(Package::of(&file).variants().contains("FRAME-RATE=45"));
    for (rate, want) in [("144", "FRAME-RATE=48"), ("75", "FRAME-RATE=37.5"), ("100", "FRAME-RATE=50")] {
        let source = format!("testsrc2=s=320x180:r={rate}:d=2");
        let (_dir, file) = made("fast.mp4", &["-f", "lavfi", "-i", &source, "-c:v", "libx264", "-preset", "ultrafast"]);
        let variants = Package::of(&file).variants();
        assert!(variants.contains(want), "{rate}: {variants}");
    }
}

/// Levels of both channels of a package of sound, decibels: peak and root mean square.
fn levels(list: &str) -> Vec<(f64, f64)> {
    let (_, log) =
        ffmpeg(&["-v", "info", "-i", list, "-map", "0:a:0", "-af", "astats=measure_overall=none", "-f", "null", "-"]);
    let numbers = |name: &str| {
        let parts = log.split(name).skip(1);
        parts.map(|t| t.split_whitespace().next().unwrap().parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    numbers("Peak level dB: ").into_iter().zip(numbers("RMS level dB: ")).collect()
}

#[test]
fn mono_is_as_loud_on_both_sides_as_it_was() {
    let Some(file) = reported("H4_mono.wav") else { return };
    let levels = levels(&Package::of(&file).list());
    assert!(levels.len() == 2 && levels.iter().all(|l| (l.1 + 9.1).abs() <= 0.3), "{levels:?}");
}

#[test]
fn loud_surround_does_not_clip_and_a_single_channel_keeps_its_level() {
    let Some(file) = reported("H4b_51_loud.mka") else { return };
    let loud = levels(&Package::of(&file).list());
    assert!(loud.len() == 2 && loud.iter().all(|l| l.0 <= 0.0), "{loud:?}");
    let true_peak = media::loudness(&Package::of(&file).list())[2];
    assert!(true_peak <= 0.0, "{true_peak} dBTP");
    let front = "sine=440:r=48000:d=2,volume=12dB,pan=5.1|FL=c0";
    let (_dir, file) = made("front.wav", &["-f", "lavfi", "-i", front]);
    let source = levels(&file.display().to_string())[0].1;
    let left = levels(&Package::of(&file).list())[0].1;
    assert!((left - source).abs() < 0.3, "{left} dB, not {source}");
}

/// A lean original: no smaller picture costs as much.
#[test]
fn rungs_below_a_lean_film_cost_less() {
    let source = "testsrc2=s=1280x720:r=25:d=6";
    let encode = [
        "-c:v", "libx264", "-preset", "slow", "-b:v", "250k", "-maxrate", "250k", "-bufsize", "500k", "-pix_fmt",
        "yuv420p", "-g", "50",
    ];
    let mut arguments = vec!["-f", "lavfi", "-i", source];
    arguments.extend(encode);
    let (_dir, file) = made("lean.mp4", &arguments);
    let package = Package::of(&file);
    let list = package.variants();
    let number =
        |line: &str, name: &str| line.split(name).nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap();
    let mut rates: Vec<(u64, u64)> = list
        .lines()
        .filter(|l| l.starts_with("#EXT-X-STREAM-INF"))
        .map(|l| {
            let side = l.split("RESOLUTION=").nth(1).unwrap().split('x').next().unwrap();
            (side.parse::<u64>().unwrap(), number(l, "AVERAGE-BANDWIDTH="))
        })
        .collect();
    rates.sort_unstable_by_key(|r| std::cmp::Reverse(r.0));
    assert!(rates.windows(2).all(|w| w[1].1 * 10 <= w[0].1 * 8 + 10), "{rates:?}");
    assert!(media::verify(&package.folder().display().to_string()).0);
}

/// Film that was woven into television, with and without the flags of interlacing: its own frames come out, one by one.
#[test]
fn film_is_taken_out_of_television() {
    for (name, size, weave, codec) in [
        (
            "woven.ts",
            "720x480",
            "telecine=pattern=23",
            &["-c:v", "mpeg2video", "-b:v", "6M", "-flags", "+ilme+ildct"][..],
        ),
        (
            "shifted.ts",
            "360x288",
            "telecine=pattern=32:first_field=bottom",
            &["-c:v", "libx264", "-x264-params", "bff=1", "-crf", "16"],
        ),
        ("progressive.mp4", "640x480", "telecine=pattern=23", &["-c:v", "libx264", "-crf", "18"]),
    ] {
        let film = format!("testsrc2=s={size}:r=24000/1001:d=8");
        let woven = format!("{film},{weave}");
        let mut arguments = vec!["-f", "lavfi", "-i", &woven, "-pix_fmt", "yuv420p"];
        arguments.extend(codec);
        let (_dir, file) = made(name, &arguments);
        let package = Package::of(&file);
        assert!(package.variants().contains("FRAME-RATE=23.976"), "{name}: {}", package.variants());
        let frames = media::decoded_frames(&package.best(), "v:0");
        assert!((188..=193).contains(&frames), "{name}: {frames}");
        // Each is a frame of the film, and no mixture of two.
        let alike = "[0:v]settb=1/24,setpts=N,format=yuv420p[a];[1:v]settb=1/24,setpts=N,format=yuv420p[b];[a][b]psnr";
        let arguments =
            ["-v", "info", "-i", &package.best(), "-f", "lavfi", "-i", &film, "-lavfi", alike, "-f", "null", "-"];
        let log = ffmpeg(&arguments).1;
        let least = log.split(" min:").nth(1).unwrap().split_whitespace().next().unwrap();
        assert!(least.parse::<f64>().unwrap() > 21.0, "{name}: {log}");
    }
}

/// Television that was never film stays thirty frames a second.
#[test]
fn what_is_not_film_is_left_alone() {
    let source = "testsrc2=s=360x288:r=60000/1001:d=4,tinterlace=interleave_top";
    let (_dir, file) = made(
        "television.ts",
        &["-f", "lavfi", "-i", source, "-c:v", "mpeg2video", "-b:v", "4M", "-flags", "+ilme+ildct"],
    );
    assert!(Package::of(&file).variants().contains("FRAME-RATE=29.97"));
}

/// Patches of HDR with known light: grey stays grey, reference white and a grey card are where SDR has them.
#[test]
fn hdr_patches_come_out_where_sdr_has_them() {
    const PQ: &str = "smpte2084";
    const HLG: &str = "arib-std-b67";
    // Share of the signal; luma that may come out of 16 to 235.
    for (transfer, signal, low, high) in [
        (PQ, 0.0, 16.0, 18.0),
        (PQ, 0.379, 110.0, 140.0),
        (PQ, 0.5806, 205.0, 230.0),
        (PQ, 0.7518, 230.0, 236.0),
        (HLG, 0.38, 110.0, 140.0),
        (HLG, 0.75, 205.0, 230.0),
        (HLG, 1.0, 230.0, 236.0),
    ] {
        let luma = f64::round(64.0 + 876.0 * signal);
        let source = format!("color=black:s=160x90:r=10:d=1,format=yuv420p10le,geq=lum={luma}:cb=512:cr=512");
        let tags = format!("log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc");
        let (_dir, file) = made(
            "hdr.mp4",
            &[
                "-f",
                "lavfi",
                "-i",
                &source,
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                &tags,
                "-tag:v",
                "hvc1",
            ],
        );
        let package = Package::of(&file);
        let [r, g, b] = Picture::of(&package.best(), 0.4).at(0.5, 0.5);
        assert!(r.abs_diff(g) <= 3 && b.abs_diff(g) <= 3, "{transfer} {signal}: {r} {g} {b}");
        let got = 16.0 + f64::from(g) * 219.0 / 255.0;
        assert!((low..=high).contains(&got), "{transfer} {signal}: luma {got}");
        assert_eq!(said(&package.best(), "color_transfer"), "bt709");
    }
}

/// Real films whose pixels are not square, or which are turned.
#[test]
fn real_films_keep_their_shape() {
    let Ok(root) = std::env::var("SLUICE_TEST_MEDIA") else { return };
    for (name, shape) in [
        ("sar_2x1_360p.mp4", 1280.0 / 360.0),
        ("bbb_576i25_tff_mpeg2.ts", 16.0 / 9.0),
        ("portrait_720x1080.mp4", 720.0 / 1080.0),
        ("phone_portrait_rot90_29fps.mov", 320.0 / 568.0),
        ("bpyramid_3b.mp4", 800.0 * 64.0 / 45.0 / 640.0),
    ] {
        let package = Package::of(&Path::new(&root).join(name));
        for (rung, width, height) in package.rungs() {
            let got = width as f64 / height as f64;
            assert!((got / shape - 1.0).abs() < 0.02, "{name} {rung}: {width}x{height}");
        }
    }
}
