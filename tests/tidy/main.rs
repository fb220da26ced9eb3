//! Reads the code and keeps what ARCHITECTURE.md promises of it.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![root().join(folder)]);
    while let Some(dir) = folders.pop() {
        for entry in std::fs::read_dir(&dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no code");
    found
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

/// Every line that holds one of `words`, outside files that begin with one of `allowed`.
fn offenders(folders: &[&str], words: &[&str], allowed: &[&str]) -> Vec<String> {
    let files = folders.iter().flat_map(|f| sources(f));
    let mut bad = Vec::new();
    for (name, text) in files.filter(|(n, _)| !allowed.iter().any(|a| n.starts_with(a))) {
        for (i, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            if words.iter().any(|w| code.contains(w)) {
                bad.push(format!("{name}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    bad
}

#[test]
fn sql_is_in_one_folder() {
    assert_eq!(offenders(&["api/src", "worker/src", "common"], &["sqlx::"], &["common/db/"]), [] as [String; 0]);
}

#[test]
fn ffmpeg_and_unsafe_are_in_the_encoder_child() {
    let all = ["api/src", "worker/src", "common"];
    assert_eq!(offenders(&all, &["ffmpeg_next", "ffmpeg_sys"], &["worker/src/encoder/"]), [] as [String; 0]);
    assert_eq!(
        offenders(&all, &["unsafe {", "unsafe fn", "allow(unsafe_code)"], &["worker/src/encoder/ffi.rs"]),
        [] as [String; 0]
    );
}

#[test]
fn services_do_not_know_http() {
    let services: Vec<String> = sources("api/src")
        .into_iter()
        .filter(|(n, t)| n.ends_with("service.rs") && t.contains("axum"))
        .map(|(n, _)| n)
        .collect();
    assert_eq!(services, [] as [String; 0]);
}

#[test]
fn arrows_go_one_way() {
    assert_eq!(offenders(&["common"], &["sluice_api::", "sluice_worker::", "axum"], &[]), [] as [String; 0]);
    let stages = ["plan", "source", "child", "cmaf"];
    for stage in stages {
        let others: Vec<String> = ["publish", "verify", "pipeline", "consumer", "sweep", "offline", "package"]
            .iter()
            .map(|o| format!("crate::{o}"))
            .collect();
        let words: Vec<&str> = others.iter().map(String::as_str).collect();
        assert_eq!(offenders(&[&format!("worker/src/{stage}")], &words, &[]), [] as [String; 0], "{stage}");
    }
    assert_eq!(
        offenders(&["worker/src/plan"], &["std::fs", "tokio", "Instant::now", "SystemTime"], &[]),
        [] as [String; 0],
        "plans are pure"
    );
}

#[test]
fn clock_and_environment_are_read_in_one_module_each() {
    let all = ["api/src", "worker/src", "common"];
    assert_eq!(offenders(&all, &["SystemTime::now", "Utc::now"], &["common/model/src/clock.rs"]), [] as [String; 0]);
    assert_eq!(offenders(&all, &["env::var"], &["common/config/"]), [] as [String; 0]);
}

#[test]
fn nothing_unwraps_outside_tests() {
    assert_eq!(
        offenders(&["api/src", "worker/src", "common"], &[".unwrap()", ".expect(", "todo!", "unimplemented!"], &[]),
        [] as [String; 0]
    );
}

#[test]
fn every_module_says_its_job_and_none_is_a_drawer() {
    let all: Vec<_> = ["api/src", "worker/src", "common"].iter().flat_map(|f| sources(f)).collect();
    let silent: Vec<&String> = all.iter().filter(|(_, t)| !t.starts_with("//!")).map(|(n, _)| n).collect();
    assert_eq!(silent, [] as [&String; 0]);
    let drawers: Vec<&String> =
        all.iter().map(|(n, _)| n).filter(|n| n.ends_with("utils.rs") || n.ends_with("helpers.rs")).collect();
    assert_eq!(drawers, [] as [&String; 0]);
    let long: Vec<String> = all
        .iter()
        .map(|(n, t)| (n, without_tests(t).lines().count()))
        .filter(|(_, l)| *l > 450)
        .map(|(n, l)| format!("{n}: {l}"))
        .collect();
    assert_eq!(long, [] as [String; 0], "look for the second thing they do");
}
