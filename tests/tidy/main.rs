//! Reads the code and keeps what ARCHITECTURE.md promises of it. Every rule is shown to find a planted offence.

mod code;
mod imports;
mod storeys;
mod types;
mod words;

use code::{File, all, offenders, planted, read};

const NONE: [String; 0] = [];

// Identifiers and instants say how they are stored; no statement is among it.
fn sql(files: &[File]) -> Vec<String> {
    offenders(files, &["sqlx::"], &["common/db/", "common/model/src/ids.rs", "common/model/src/timestamp.rs"])
}

fn ffmpeg(files: &[File]) -> Vec<String> {
    offenders(files, &["ffmpeg_next", "ffmpeg_sys"], &["worker/src/encoder/"])
}

// FFmpeg's calls, and the system calls of the sandbox that have no safe crate.
fn unsafe_code(files: &[File]) -> Vec<String> {
    let allowed = ["worker/src/encoder/ffi.rs", "worker/src/sandbox/raw.rs"];
    offenders(files, &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code)"], &allowed)
}

/// What only tests may be able to do is no part of a release.
fn evil_in_releases(files: &[File]) -> Vec<String> {
    let mut bad = Vec::new();
    for file in files {
        let lines: Vec<(usize, &str)> = file.lines().collect();
        let named =
            lines.iter().enumerate().filter(|(_, (_, code))| code.contains("evil::") || code.contains("mod evil"));
        let open = named.filter(|(n, _)| *n == 0 || lines[n - 1].1.trim() != "#[cfg(debug_assertions)]");
        bad.extend(open.map(|(_, (i, code))| file.at(*i, code)));
    }
    bad
}

fn clock(files: &[File]) -> Vec<String> {
    offenders(files, &["SystemTime::now", "Utc::now"], &["common/model/src/clock.rs"])
}

fn environment(files: &[File]) -> Vec<String> {
    offenders(files, &["env::var"], &["common/config/"])
}

fn unwrapping(files: &[File]) -> Vec<String> {
    offenders(files, &[".unwrap()", ".expect(", "todo!", "unimplemented!"], &[])
}

fn hasher(files: &[File]) -> Vec<String> {
    offenders(files, &["DefaultHasher"], &[])
}

#[test]
fn sql_is_in_one_folder() {
    assert_eq!(sql(&all()), NONE);
    assert_eq!(sql(&planted("api/src/health.rs", "sqlx::query(\"SELECT 1\")")).len(), 1);
}

#[test]
fn ffmpeg_and_unsafe_are_in_the_encoder_child() {
    assert_eq!(ffmpeg(&all()), NONE);
    assert_eq!(unsafe_code(&all()), NONE);
    assert_eq!(ffmpeg(&planted("worker/src/plan/mod.rs", "use ffmpeg_next as ffmpeg;")).len(), 1);
    assert_eq!(unsafe_code(&planted("worker/src/encoder/open.rs", "unsafe { open() }")).len(), 1);
}

#[test]
fn no_release_holds_the_evil_child() {
    assert_eq!(evil_in_releases(&all()), NONE);
    assert_eq!(evil_in_releases(&planted("worker/src/encoder/a.rs", "super::evil::turn(link, job)?;")).len(), 1);
    assert_eq!(evil_in_releases(&planted("worker/src/encoder/a.rs", "#[cfg(debug_assertions)]\nmod evil;")), NONE);
}

#[test]
fn arrows_go_one_way() {
    let upward = |files: &[File]| offenders(files, &["sluice_api::", "sluice_worker::", "axum"], &[]);
    assert_eq!(upward(&read(&["common"])), NONE);
    assert_eq!(upward(&planted("common/db/src/media.rs", "use axum::Json;")).len(), 1);
    let later: Vec<String> = ["publish", "verify", "pipeline", "consumer", "sweep", "offline", "package"]
        .iter()
        .map(|o| format!("crate::{o}"))
        .collect();
    let later: Vec<&str> = later.iter().map(String::as_str).collect();
    for stage in ["plan", "source", "child", "cmaf", "sandbox"] {
        assert_eq!(offenders(&read(&[&format!("worker/src/{stage}")]), &later, &[]), NONE, "{stage}");
    }
    assert_eq!(offenders(&planted("worker/src/cmaf/boxes.rs", "use crate::publish::Store;"), &later, &[]).len(), 1);
    let impure = |files: &[File]| offenders(files, &["std::fs", "tokio", "Instant::now", "SystemTime"], &[]);
    assert_eq!(impure(&read(&["worker/src/plan"])), NONE, "plans are pure");
    assert_eq!(impure(&planted("worker/src/plan/ladder.rs", "let now = Instant::now();")).len(), 1);
}

#[test]
fn clock_and_environment_are_read_in_one_module_each() {
    assert_eq!(clock(&all()), NONE);
    assert_eq!(environment(&all()), NONE);
    assert_eq!(clock(&planted("api/src/text.rs", "SystemTime::now()")).len(), 1);
    assert_eq!(environment(&planted("api/src/text.rs", "std::env::var(\"HOME\")")).len(), 1);
}

#[test]
fn nothing_unwraps_outside_tests() {
    assert_eq!(unwrapping(&all()), NONE);
    assert_eq!(unwrapping(&planted("api/src/text.rs", "let a = b.unwrap();")).len(), 1);
    let tests = "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() { a.unwrap(); }\n}";
    assert_eq!(unwrapping(&planted("api/src/text.rs", tests)), NONE);
}

#[test]
fn what_instances_must_agree_on_is_not_hashed_by_the_build() {
    assert_eq!(hasher(&all()), NONE);
    assert_eq!(hasher(&planted("api/src/text.rs", "use std::hash::DefaultHasher;")).len(), 1);
}

/// The names of what a folder of `tests/fuzz` holds, without endings.
fn fuzz_names(folder: &str) -> std::collections::BTreeSet<String> {
    let entries = std::fs::read_dir(code::root().join("tests/fuzz").join(folder)).unwrap().flatten();
    entries.map(|e| e.path().file_stem().unwrap().display().to_string()).collect()
}

#[test]
fn every_fuzz_target_has_its_body_its_program_and_inputs() {
    let bodies = read(&["api/src", "worker/src"]).into_iter().filter(|f| f.name.ends_with("src/fuzz.rs"));
    let table = |f: &File| f.text.split("TARGETS").nth(1).and_then(|t| t.split("];").next()).unwrap().to_owned();
    let tables: Vec<String> = bodies.map(|f| table(&f)).collect();
    assert_eq!(tables.len(), 2);
    let named = tables.iter().flat_map(|t| t.split("(\"").skip(1)).map(|t| t.split('"').next().unwrap().to_owned());
    let named: std::collections::BTreeSet<String> = named.collect();
    let manifest = std::fs::read_to_string(code::root().join("tests/fuzz/Cargo.toml")).unwrap();
    let programs = manifest.split("[[bin]]\nname = \"").skip(1).map(|b| b.split('"').next().unwrap().to_owned());
    assert!(named.len() >= 20 && named == programs.collect(), "{named:?}");
    assert_eq!((&named, &named), (&fuzz_names("fuzz_targets"), &fuzz_names("corpus")));
}

/// Files that do not say their job, are drawers, or are long.
fn untidy(files: &[File]) -> Vec<String> {
    let silent = files.iter().filter(|f| !f.text.starts_with("//!")).map(|f| format!("{}: says no job", f.name));
    let drawer = |f: &&File| f.name.ends_with("utils.rs") || f.name.ends_with("helpers.rs");
    let drawers = files.iter().filter(drawer).map(|f| format!("{}: a drawer", f.name));
    let lines = files.iter().map(|f| (f, f.running().lines().count()));
    let long = lines.filter(|(_, l)| *l > 450).map(|(f, l)| format!("{}: {l} lines", f.name));
    silent.chain(drawers).chain(long).collect()
}

#[test]
fn every_module_says_its_job_and_none_is_a_drawer() {
    assert_eq!(untidy(&all()), NONE, "look for the second thing they do");
    let silent = vec![File { name: "api/src/a.rs".to_owned(), text: "fn f() {}".to_owned() }];
    assert_eq!(untidy(&silent), ["api/src/a.rs: says no job"]);
    assert_eq!(untidy(&planted("api/src/utils.rs", "")), ["api/src/utils.rs: a drawer"]);
    assert_eq!(untidy(&planted("api/src/b.rs", &"\n".repeat(500))).len(), 1);
}
