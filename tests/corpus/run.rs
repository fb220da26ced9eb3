//! One file through `sluice-worker transcode`, measured.

use harness::process::bin_dir;
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How a run ended.
#[derive(Debug)]
pub struct Run {
    /// Exit status; none if a signal or the deadline ended it.
    pub status: Option<i32>,
    /// What it printed and logged.
    pub said: String,
    pub took: Duration,
    /// Processor time of the command and its children.
    pub worked: Duration,
    /// The largest resident memory of the command or its child, bytes; none where an earlier run used more.
    pub most_resident: Option<u64>,
}

impl Run {
    pub fn last_line(&self) -> &str {
        self.said.lines().last().unwrap_or_default()
    }
}

/// The most that any process which has ended below this one has had in memory, bytes.
fn most_resident() -> u64 {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss().unsigned_abs() * 1024
}

/// The processor time of all processes that have ended below this one.
fn worked() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap();
    let micros =
        [usage.user_time(), usage.system_time()].iter().map(|t| t.tv_sec() * 1_000_000 + t.tv_usec()).sum::<i64>();
    Duration::from_micros(micros.unsigned_abs())
}

/// Transcodes `file` into the folder `output`, for `patience` at most.
pub fn transcode(file: &Path, output: &Path, patience: Duration) -> Run {
    transcode_with(file, output, patience, &["--preset", "ultrafast"])
}

/// The same with these options.
pub fn transcode_with(file: &Path, output: &Path, patience: Duration, options: &[&str]) -> Run {
    let log = output.with_extension("log");
    let (before, idle, began) = (most_resident(), worked(), Instant::now());
    let mut child = Command::new(bin_dir().join("sluice-worker"))
        .arg("transcode")
        .args(options)
        .arg("--")
        .args([file, output])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status.code(),
            None if began.elapsed() > patience => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    let after = most_resident();
    Run {
        status,
        said: std::fs::read_to_string(log).unwrap(),
        took: began.elapsed(),
        worked: worked().saturating_sub(idle),
        most_resident: (after > before).then_some(after),
    }
}

/// How much longer than it works a run may take before it is ended: machines are busy with other things.
pub const BUSY: u32 = 10;

/// What is wrong with a run of a file that may be anything: more work than it may make, too large, no typed end.
pub fn complaint(run: &Run, most_work: Duration, most_bytes: u64) -> Option<String> {
    if run.most_resident.is_some_and(|bytes| bytes > most_bytes) {
        return Some(format!("{} MiB resident", run.most_resident.unwrap_or(0) >> 20));
    }
    if run.worked > most_work {
        return Some(format!("{:?} of a processor, in {:?}", run.worked, run.took));
    }
    if run.said.contains("panicked") {
        return Some(run.said.clone());
    }
    match run.status {
        Some(0) => None,
        // `code: sentence`
        Some(1) if typed(run.last_line()) || run.said.contains("rules, 0 MUST broken") => None,
        other => Some(format!("{other:?} {}", run.last_line())),
    }
}

/// Whether a line is a stable code and a sentence, with a detail behind it or without.
fn typed(line: &str) -> bool {
    let Some((code, rest)) = line.split_once(": ") else { return false };
    let sentence = rest.split(" (").next().unwrap_or_default();
    let empty = rest.ends_with("()") || rest.ends_with(": )");
    !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && sentence.ends_with('.') && !empty
}
