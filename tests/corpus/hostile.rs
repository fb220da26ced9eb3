//! Hostile files, as they are and under false names: each ends in time, in bounded memory, with a reason, and nothing
//! of this machine gets into what is made.

use super::{
    files,
    run::{BUSY, complaint, transcode},
    table::Table,
};
use harness::fixtures;
use std::{
    net::TcpListener,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Processor time that a file may take.
const MOST_WORK: Duration = Duration::from_secs(20);
/// What is a film, and may take what a film of its size does: 600 pictures of 8K, of which a core decodes some ten a second
/// and encodes, on all rungs of `ultrafast`, as many.
const FILMS: &[(&str, Duration)] = &[("cpu_bomb_7680x4320_20s.mp4", Duration::from_secs(150))];
const MOST_BYTES: u64 = 1 << 30;
/// Where playlists among the files ask for something.
const CANARY: &str = "127.0.0.1:18099";

/// Counts connections that a file made somebody open.
fn canary() -> Arc<AtomicUsize> {
    let hits = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind(CANARY).unwrap_or_else(|e| panic!("{CANARY}: {e}"));
    let counted = hits.clone();
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    hits
}

/// Whether a file below `folder` holds `marker`.
fn holds(folder: &Path, marker: &[u8]) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().map(|e| e.path()).any(|path| {
        if path.is_dir() {
            return holds(&path, marker);
        }
        std::fs::read(&path).unwrap().windows(marker.len()).any(|w| w == marker)
    })
}

#[test]
fn every_hostile_file_ends_in_time_and_leaks_nothing() {
    let list = files("hostile");
    if list.is_empty() {
        return;
    }
    let hits = canary();
    let dir = tempfile::tempdir().unwrap();
    let marker = std::fs::read_to_string("/etc/passwd").unwrap().lines().next().unwrap().to_owned();
    let mut table = Table::new("hostile");
    let (mut faults, mut slowest, mut largest) = (Vec::new(), (Duration::ZERO, String::new()), 0);
    for (number, file) in list.iter().enumerate() {
        for name in ["", "film.mp4", "film.avi", "film.gif"] {
            let label = format!("{} {name}", file.file_name().unwrap().to_string_lossy());
            let place = dir.path().join(format!("{number}-{name}"));
            std::fs::create_dir(&place).unwrap();
            // A copy has no neighbours that a playlist could name, but for the one that is its own.
            let named = if name.is_empty() { file.clone() } else { place.join(name) };
            if !name.is_empty() {
                std::fs::copy(file, &named).unwrap();
            }
            let output = place.join("out");
            let film = FILMS.iter().find(|(film, _)| label.starts_with(film));
            let most_work = film.map_or(MOST_WORK, |(_, work)| *work);
            let run = transcode(&named, &output, most_work * BUSY);
            if name.is_empty() {
                table.add(file, &output, &run);
            }
            if let Some(what) = complaint(&run, most_work, MOST_BYTES) {
                faults.push(format!("{label}: {what}"));
            }
            if run.said.contains(&marker) || holds(&output, marker.as_bytes()) {
                faults.push(format!("{label}: a line of /etc/passwd came out"));
            }
            let touched = hits.swap(0, Ordering::Relaxed);
            if touched > 0 {
                faults.push(format!("{label}: {touched} connections to {CANARY}"));
            }
            largest = largest.max(run.most_resident.unwrap_or(0));
            slowest = slowest.max((run.worked, label));
            drop(std::fs::remove_dir_all(&place));
        }
    }
    table.print();
    println!("{} files under four names; most work {slowest:?}, largest {} MiB", list.len(), largest >> 20);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let run = transcode(&fixtures::silent(), &dir.path().join("good"), MOST_WORK * BUSY);
    assert_eq!(run.status, Some(0), "{}", run.said);
}
