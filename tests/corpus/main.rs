//! Files through the offline command, which runs the code of claimed tasks: every one of the shared media, where they
//! are at hand (`make test-corpus`), hostile ones under false names, and good ones with damage.

mod hostile;
mod matrix;
mod mutation;
mod reported;
mod run;
mod table;

use harness::media;
use run::transcode;
use std::{path::PathBuf, time::Duration};
use table::Table;

/// Longest any good file may take.
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

#[test]
fn every_real_file_becomes_a_package_that_plays() {
    let dir = tempfile::tempdir().unwrap();
    let (mut faults, mut table) = (Vec::new(), Table::new("media"));
    for (i, file) in files("").iter().enumerate() {
        let output = dir.path().join(i.to_string());
        let run = transcode(file, &output, PATIENCE);
        table.add(file, &output, &run);
        if run.status != Some(0) {
            faults.push(format!("{}: {:?} {}", file.display(), run.status, run.last_line()));
            continue;
        }
        let list = output.join("index.m3u8").display().to_string();
        let complaints = media::play(&list);
        let (compliant, report) = media::verify(&output.display().to_string());
        if !complaints.is_empty() || !compliant {
            faults.push(format!("{}: {complaints} {report}", file.display()));
        }
    }
    table.print();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What each of them must be, `reported` says; here none may end without a name.
#[test]
fn every_reported_file_becomes_a_package_or_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (mut faults, mut table) = (Vec::new(), Table::new("reported"));
    for (i, file) in files("reported").iter().enumerate() {
        let output = dir.path().join(i.to_string());
        let run = transcode(file, &output, PATIENCE);
        table.add(file, &output, &run);
        faults.extend(run::complaint(&run, PATIENCE, 4 << 30).map(|what| format!("{}: {what}", file.display())));
        drop(std::fs::remove_dir_all(&output));
    }
    table.print();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
