//! The offline commands: a package from one file, and a checker that finds what is broken.

use harness::{fixtures, media, process::bin_dir};
use std::{
    path::Path,
    process::{Command, Output},
};

fn transcode(file: &Path, output: &Path, options: &[&str]) -> Output {
    Command::new(bin_dir().join("sluice-worker")).arg("transcode").args(options).arg(file).arg(output).output().unwrap()
}

fn edit(file: &Path, change: impl Fn(String) -> String) {
    let before = std::fs::read_to_string(file).unwrap();
    let after = change(before.clone());
    assert_ne!(before, after, "nothing was broken");
    std::fs::write(file, after).unwrap();
}

#[test]
fn transcode_writes_a_compliant_package() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (fixtures::compliant(10), dir.path().join("out"));
    let done =
        transcode(&file, &out, &["--no-passthrough", "--ladder", "180:28:300,90:28:100", "--preset", "ultrafast"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let list = std::fs::read_to_string(out.join("index.m3u8")).unwrap();
    assert!(
        list.contains("RESOLUTION=320x180") && list.contains("RESOLUTION=160x90") && !list.contains("source/"),
        "{list}"
    );
    assert_eq!(media::decoded_frames(out.join("v180/index.m3u8").to_str().unwrap(), "v:0"), 250);
    assert_eq!(media::play(out.join("index.m3u8").to_str().unwrap()), "");
    let checked = Command::new(bin_dir().join("sluice-worker")).args(["verify", "--json"]).arg(&out).output().unwrap();
    assert!(checked.status.success());
    let report: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert!(report["findings"].as_array().unwrap().len() > 30);
}

/// Of a picture that stands still the seconds after the first ones repeat them, byte for byte: what costs its file nothing costs
/// little. What is decoded is the whole film.
#[test]
fn standing_picture_is_coded_for_some_seconds_and_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let done = transcode(&fixtures::talk(), &out, &["--ladder", "180:25:300,90:28:100"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (compliant, report) = media::verify(out.to_str().unwrap());
    assert!(compliant, "{report}");
    assert_eq!(media::play(out.join("index.m3u8").to_str().unwrap()), "");
    for rung in ["v180", "v90"] {
        let list = out.join(format!("{rung}/index.m3u8"));
        let pictures = media::decoded_hashes(list.to_str().unwrap());
        assert!(pictures.len().abs_diff(61 * 25) <= 2, "{}", pictures.len());
        let moving: std::collections::HashSet<_> = pictures[..150].iter().collect();
        assert!(moving.len() >= 149, "{} of 150 that move", moving.len());
        // A GOP of two seconds has 50 pictures: each looks as it did a GOP ago, but where an encoder has just begun.
        let alike = pictures[150..].iter().zip(&pictures[200..]).filter(|(one, next)| one == next).count();
        assert!(alike >= 700, "{alike} of {} stand", pictures.len());
        // An encoder that went on would number the IDR pictures of successive GOPs in turn.
        let text = std::fs::read_to_string(&list).unwrap();
        let segments: Vec<&str> = text.lines().filter(|l| l.ends_with(".m4s")).collect();
        let repeats = |name: &&&str| {
            let segment = std::fs::read(list.with_file_name(name)).unwrap();
            let gops = media::coded(&segment);
            gops.len() == 3 && gops.windows(2).all(|w| w[0] == w[1])
        };
        assert!(segments.iter().filter(repeats).count() >= 4, "{rung} was coded again and again");
    }
}

/// Text tracks and chapters are in the folder as they are in the service.
#[test]
fn transcode_keeps_text_and_chapters() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let done = transcode(&fixtures::annotated("mkv"), &out, &["--preset", "ultrafast"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = |file: &str| std::fs::read_to_string(out.join(file)).unwrap();
    assert!(
        text("index.m3u8").contains("URI=\"text-full-de/index.m3u8\"")
            && text("index.m3u8").contains("#EXT-X-SESSION-DATA")
    );
    assert!(text("text-full-de/000000.vtt").contains("\n00:00:01.000 --> 00:00:02.500\n<i>Guten</i> Tag &amp; mehr\n"));
    let list = text("text-full-de/index.m3u8");
    let pieces: Vec<String> =
        list.lines().filter(|l| l.ends_with(".vtt")).map(|l| text(&format!("text-full-de/{l}"))).collect();
    let said = pieces.iter().position(|p| p.contains("Zwiebelfisch"));
    assert!(said.is_some_and(|n| n > 0) && pieces.iter().filter(|p| p.contains("Guten")).count() <= 2, "{pieces:?}");
    assert!(text("chapters/chapters.json").contains("Middle"));
    let (compliant, report) = media::verify(out.to_str().unwrap());
    assert!(compliant, "{report}");
}

#[test]
fn refusal_is_one_line_with_a_code() {
    let dir = tempfile::tempdir().unwrap();
    let refused = transcode(&fixtures::text(), &dir.path().join("out"), &[]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.starts_with("unsupported_format: ") && said.trim().lines().count() == 1, "{said}");
    assert!(!dir.path().join("out").exists(), "nothing is left behind");
}

/// Each way of breaking a package is found, under the right rule.
#[test]
fn verify_finds_each_broken_rule() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    assert!(transcode(&fixtures::foreign(14), &whole, &["--preset", "ultrafast"]).status.success());
    let top = |out: &Path, change: &dyn Fn(String) -> String| edit(&out.join("index.m3u8"), change);
    let list = |out: &Path, change: &dyn Fn(String) -> String| edit(&out.join("v240/index.m3u8"), change);
    type Break<'a> = &'a dyn Fn(&Path);
    let cases: [(&str, Break<'_>); 11] = [
        ("9.1", &|o| top(o, &|t| t.replace("CODECS=", "X-CODECS="))),
        ("R4.3.4.2", &|o| top(o, &|t| t.replace(",mp4a.40.2", ""))),
        ("R4.3.4.2", &|o| top(o, &|t| t.replace("RESOLUTION=640x360", "RESOLUTION=641x360"))),
        ("1.27", &|o| top(o, &|t| t.replace(":BANDWIDTH=", ":BANDWIDTH=1"))),
        ("9.12", &|o| top(o, &|t| t.replace("#EXT-X-INDEPENDENT-SEGMENTS\n", ""))),
        ("8.1", &|o| list(o, &|t| t.replacen("#EXTINF:2.002", "#EXTINF:2.2", 1))),
        ("8.2", &|o| list(o, &|t| t.replace("TARGETDURATION:6", "TARGETDURATION:7"))),
        ("8.6", &|o| list(o, &|t| t.replace("#EXT-X-ENDLIST\n", ""))),
        ("7.3", &|o| {
            let (a, b) = (o.join("v240/000000.m4s"), o.join("v240/000001.m4s"));
            let (one, two) = (std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
            std::fs::write(a, two).unwrap();
            std::fs::write(b, one).unwrap();
        }),
        ("R", &|o| {
            let file = o.join("v240/000001.m4s");
            let mut data = std::fs::read(&file).unwrap();
            let middle = data.len() / 2;
            data[middle..middle + 2_000].fill(0);
            std::fs::write(file, data).unwrap();
        }),
        ("R6.2.1", &|o| std::fs::remove_file(o.join("v240/000001.m4s")).unwrap()),
    ];
    for (i, (rule, damage)) in cases.into_iter().enumerate() {
        let out = dir.path().join(i.to_string());
        assert!(Command::new("cp").arg("-r").arg(&whole).arg(&out).status().unwrap().success());
        damage(&out);
        let (compliant, report) = media::verify(out.to_str().unwrap());
        assert!(!compliant && report.contains(&format!("FAIL {rule} ")), "rule {rule}:\n{report}");
    }
    std::fs::remove_file(whole.join("v240/000002.m4s")).unwrap();
    let (status, report) = verify_json(&whole);
    let found = report["findings"].as_array().unwrap();
    let missing = found.iter().find(|f| f["rule"] == "R6.2.1").unwrap();
    assert!(status == 1 && missing["details"][0].as_str().unwrap().contains("000002.m4s"), "{report}");
}

fn verify_json(target: &Path) -> (i32, serde_json::Value) {
    let run = Command::new(bin_dir().join("sluice-worker")).args(["verify", "--json"]).arg(target).output().unwrap();
    (run.status.code().unwrap(), serde_json::from_slice(&run.stdout).unwrap())
}

/// Packages of the ffmpeg command: what is understood is judged, what is not is said, and JSON is JSON whatever comes of it.
#[test]
fn verify_judges_packages_of_others() {
    let dir = tempfile::tempdir().unwrap();
    let film = fixtures::compliant(10).display().to_string();
    let made = |name: &str, arguments: &[&str]| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let mut run = Command::new("ffmpeg");
        run.current_dir(&folder).args(["-v", "error", "-nostdin", "-i", &film, "-c", "copy"]);
        run.args(["-f", "hls", "-hls_time", "6", "-hls_playlist_type", "vod"]).args(arguments);
        let done = run.output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        folder
    };
    let split = made(
        "split",
        &[
            "-map",
            "0:v",
            "-map",
            "0:a",
            "-hls_segment_type",
            "fmp4",
            "-var_stream_map",
            "v:0,agroup:a a:0,agroup:a",
            "-hls_fmp4_init_filename",
            "init%v.mp4",
            "-master_pl_name",
            "index.m3u8",
            "list%v.m3u8",
        ],
    );
    let (status, report) = verify_json(&split);
    let outcome = |rule: &str| {
        let found = report["findings"].as_array().unwrap();
        found.iter().find(|f| f["rule"] == rule).unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (outcome("R6.2.1").as_str(), outcome("7.4").as_str(), outcome("2.17").as_str()),
        ("pass", "pass", "pass"),
        "{report}"
    );
    assert_eq!((status, outcome("9.14").as_str()), (1, "fail"), "it states no AVERAGE-BANDWIDTH: {report}");
    let (_, alone) = verify_json(&split.join("list0.m3u8"));
    let alone = alone["findings"].as_array().unwrap().iter().find(|f| f["rule"] == "9.14").unwrap()["outcome"].clone();
    assert_eq!(alone, "not_applicable", "a media playlist alone says nothing of variants");
    for (name, arguments) in [
        ("streams", &["-hls_segment_filename", "%d.ts", "index.m3u8"][..]),
        ("muxed", &["-hls_segment_type", "fmp4", "index.m3u8"]),
    ] {
        let (status, said) = verify_json(&made(name, arguments));
        assert!(status == 2 && said["error"].as_str().unwrap().contains("cannot be judged"), "{name}: {said}");
    }
    let (status, said) = verify_json(&dir.path().join("nothing"));
    assert!(status == 2 && said["error"].is_string(), "{said}");
}
