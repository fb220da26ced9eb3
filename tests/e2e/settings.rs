//! Settings are checked whole by both binaries; files are the service's own.

use harness::{Pair, Stack, fixtures, process::bin_dir};
use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

harness::on_both!(files_are_nobody_elses);

#[test]
fn both_binaries_name_every_fault_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sluice.toml");
    std::fs::write(
        &file,
        "lease_seconds = 0\n[encode]\npreset = \"bogus\"\nladder = [{ short_side = 1, crf = 99, max_kbps = 0 }]",
    )
    .unwrap();
    for program in ["sluice-api", "sluice-worker"] {
        let output = Command::new(bin_dir().join(program))
            .env_clear()
            .env("SLUICE_DATA_DIR", dir.path().join("data"))
            .env("SLUICE_CONFIG", &file)
            .env("SLUICE_WORKER_CORES", "0")
            .env("SLUICE_LOG", "loud")
            .env("SLUICE_SMTP_URL", "mail.example.org")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{program}: {said}");
        for fault in [
            "SLUICE_LEASE_SECONDS: \"0\" does not fit; needed is a whole number from 2 to 3600",
            "SLUICE_WORKER_CORES: \"0\"",
            "SLUICE_LOG: \"loud\"",
            "SLUICE_SMTP_URL: what is set",
            "[encode] preset: \"bogus\"",
            "[encode] short_side: 1 ",
            "[encode] crf: 99 ",
            "[encode] max_kbps: 0 ",
        ] {
            assert!(said.contains(fault), "{program}: {fault} is missing in:\n{said}");
        }
        assert_eq!(said.lines().count(), 8, "{said}");
        assert!(!dir.path().join("data").exists(), "nothing was begun");
    }
}

#[test]
fn options_of_transcode_are_settings_too() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(bin_dir().join("sluice-worker"))
        .args(["transcode", "--preset", "bogus", "--ladder", "1:99:0"])
        .args([fixtures::silent(), dir.path().join("out")])
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 4), "{said}");
    for fault in ["preset: \"bogus\"", "short_side: 1 ", "crf: 99 ", "max_kbps: 0 "] {
        assert!(said.contains(fault), "{fault} is missing in:\n{said}");
    }
}

/// What others may reach below a folder, with its mode.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, data) = (entry.path(), entry.metadata().unwrap());
        let mode = data.permissions().mode() & 0o777;
        if mode & 0o077 != 0 || (data.is_file() && mode & 0o111 != 0) {
            found.push(format!("{mode:o} {}", path.display()));
        }
        if data.is_dir() {
            found.extend(open_to_others(&path));
        }
    }
    found
}

async fn files_are_nobody_elses(pair: Pair) {
    let stack = Stack::start(pair).await;
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("data");
    // As an older version left it, whatever umask this test has.
    let left = if pair == Pair::Embedded { folder.join("store") } else { folder.clone() };
    std::fs::create_dir_all(&left).unwrap();
    for open in [&folder, &left] {
        std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let settings = [("SLUICE_DATA_DIR", folder.to_str().unwrap())];
    let mut api = stack.beside("sluice-api", &settings, Stdio::piped(), Stdio::null());
    let url = api.line_after("listening on ");
    let client = harness::Client::register(&url).await;
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let _worker = stack.beside("sluice-worker", &settings, Stdio::null(), Stdio::null());
    client.wait_for(&id, &["ready"]).await;
    let mode = std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    assert_eq!(open_to_others(&folder), [] as [String; 0]);
    assert!(folder.join("secret").exists() && folder.join("mail").exists());
}
