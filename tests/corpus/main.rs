//! Every file of the shared media through the offline command, where they are at hand (`make test-corpus`).

use harness::{media, process::bin_dir};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Longest any file may take, refused or not.
const PATIENCE: Duration = Duration::from_secs(240);

fn files(folder: &str) -> Vec<PathBuf> {
    if std::env::var("SLUICE_TEST_CORPUS").is_err() {
        eprintln!("not run: `make test-corpus` runs it");
        return Vec::new();
    }
    let root = PathBuf::from(std::env::var("SLUICE_TEST_MEDIA").expect("SLUICE_TEST_MEDIA")).join(folder);
    let Ok(entries) = std::fs::read_dir(&root) else {
        eprintln!("not run: {} is not at hand", root.display());
        return Vec::new();
    };
    let mut list: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.is_file() && p.extension().is_none_or(|e| e != "md"))
        .collect();
    list.sort();
    list
}

/// Exit status and what was said.
fn transcode(file: &Path, output: &Path) -> (Option<i32>, String) {
    let log = output.with_extension("log");
    let mut child = Command::new(bin_dir().join("sluice-worker"))
        .args(["transcode", "--preset", "ultrafast"])
        .arg("--")
        .args([file, output])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let end = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if Instant::now() > end => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    (status, std::fs::read_to_string(log).unwrap())
}

#[test]
fn every_real_file_becomes_a_package_that_plays() {
    let dir = tempfile::tempdir().unwrap();
    let mut faults = Vec::new();
    for (i, file) in files("").iter().enumerate() {
        let output = dir.path().join(i.to_string());
        let (status, said) = transcode(file, &output);
        if status != Some(0) {
            faults.push(format!("{}: {status:?} {}", file.display(), said.lines().last().unwrap_or_default()));
            continue;
        }
        let list = output.join("index.m3u8").display().to_string();
        let complaints = media::play(&list);
        let (compliant, report) = media::verify(&output.display().to_string());
        if !complaints.is_empty() || !compliant {
            faults.push(format!("{}: {complaints} {report}", file.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_hostile_file_ends_in_time_and_leaks_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let marker = std::fs::read_to_string("/etc/passwd").unwrap().lines().next().unwrap().to_owned();
    let mut faults = Vec::new();
    for (i, file) in files("hostile").iter().enumerate() {
        let output = dir.path().join(i.to_string());
        let (status, said) = transcode(file, &output);
        match status {
            Some(0 | 1) => {}
            other => faults.push(format!("{}: {other:?} {}", file.display(), said.lines().last().unwrap_or_default())),
        }
        if said.contains(&marker) || said.contains("panicked") {
            faults.push(format!("{}: {said}", file.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
