//! The Debian package has all that it should, and what is in it starts. Container files and Kubernetes manifests fit the code.

use harness::process::bin_dir;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&stdout).into_owned(), String::from_utf8_lossy(&stderr).into_owned());
    assert!(status.success(), "{command:?}: {out}{err}");
    out
}

/// A program that is not on every machine.
fn is_there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !there {
        println!("{program} is not installed: what needs it was not looked at");
    }
    there
}

/// The units are such as systemd takes, in a root with the programs.
fn assert_units_verify(root: &Path) {
    if !is_there("systemd-analyze") {
        return;
    }
    let units = ["sluice-api.service", "sluice-worker.service"];
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no", "--root"])
        .arg(root)
        .args(units)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<&str> = said.lines().filter(|l| l.contains("sluice")).collect();
    assert_eq!(ours, [] as [&str; 0], "{said}");
}

/// The example is a configuration that fits.
fn assert_example_fits(api: &Path, example: PathBuf, data: PathBuf) {
    let environment = [("SLUICE_CONFIG", example), ("SLUICE_DATA_DIR", data)];
    let checked = run(Command::new(api).env_clear().envs(environment).arg("check"));
    assert!(checked.contains("every one fits"), "{checked}");
}

#[test]
fn programs_bring_their_pages_completions_and_units() {
    let dir = tempfile::tempdir().unwrap();
    for (program, page) in [("sluice-api", "sluice-api-fsck.1"), ("sluice-worker", "sluice-worker-transcode.1")] {
        let folder = dir.path().join(program);
        run(Command::new(bin_dir().join(program)).env_clear().arg("manual").arg(&folder));
        for name in [format!("{program}.1"), page.to_owned()] {
            let text = fs::read_to_string(folder.join("man1").join(&name)).unwrap();
            assert!(text.contains(".SH NAME"), "{name}: {text}");
        }
        let completions = folder.join("completions");
        for name in [format!("{program}.bash"), format!("_{program}"), format!("{program}.fish")] {
            let text = fs::read_to_string(completions.join(&name)).unwrap();
            assert!(text.contains("help"), "{name}");
        }
    }
    let root = dir.path().join("root");
    let (units, programs) = (root.join("usr/lib/systemd/system"), root.join("usr/bin"));
    fs::create_dir_all(&units).unwrap();
    fs::create_dir_all(&programs).unwrap();
    for program in ["sluice-api", "sluice-worker"] {
        let unit = format!("{program}.service");
        fs::copy(repository().join("docker/systemd").join(&unit), units.join(&unit)).unwrap();
        // It is only looked whether there is a program.
        let stub = programs.join(program);
        fs::write(&stub, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert_units_verify(&root);
    let example = repository().join("docker/deb/sluice.toml");
    assert_example_fits(&bin_dir().join("sluice-api"), example, dir.path().join("data"));
}

/// Schemas, queries, settings, ports; and each rule finds what it is for.
#[test]
fn manifests_fit_the_code_and_the_schemas() {
    let python = std::env::var("SLUICE_TEST_PYTHON").expect("run the tests with `make test`");
    let said = run(Command::new(python).arg(repository().join("docker/lint.py")).arg("--all"));
    assert!(said.contains("docker files: ok"), "{said}");
}

#[test]
fn a_debian_package_is_whole_and_its_programs_start() {
    if !harness::proof(false, true) {
        println!("not run: packing takes long; `make proof` does it");
        return;
    }
    if !is_there("dpkg-deb") || !is_there("dpkg-shlibdeps") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let build = repository().join("docker/deb/build.sh");
    // Without compression, which takes a minute for what is built for tests.
    let said = run(Command::new(build).arg(bin_dir()).arg(dir.path()).env("DPKG_DEB_COMPRESSOR_TYPE", "none"));
    let package = said.lines().last().unwrap();
    let contents = run(Command::new("dpkg-deb").args(["--contents", package]));
    for file in [
        "./usr/bin/sluice-api",
        "./usr/bin/sluice-worker",
        "./usr/lib/systemd/system/sluice-api.service",
        "./usr/lib/systemd/system/sluice-worker.service",
        "./usr/lib/sysusers.d/sluice.conf",
        "./usr/share/man/man1/sluice-api.1.gz",
        "./usr/share/man/man1/sluice-api-fsck.1.gz",
        "./usr/share/man/man1/sluice-worker-transcode.1.gz",
        "./usr/share/bash-completion/completions/sluice-api",
        "./usr/share/zsh/vendor-completions/_sluice-worker",
        "./usr/share/fish/vendor_completions.d/sluice-api.fish",
        "./usr/share/doc/sluice/operations.md",
        "./usr/share/doc/sluice/copyright",
        "./etc/sluice/sluice.toml",
    ] {
        assert!(contents.lines().any(|l| l.ends_with(file)), "{file}: {contents}");
    }
    assert!(contents.lines().all(|l| l.contains(" root/root ")), "{contents}");
    assert!(!contents.contains("sluice-worker-encoder"), "what is hidden has no page: {contents}");
    let depends = run(Command::new("dpkg-deb").args(["--field", package, "Depends"]));
    assert!(depends.contains("libavcodec") && depends.contains("libc6"), "{depends}");
    let root = dir.path().join("root");
    run(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root));
    for program in ["sluice-api", "sluice-worker"] {
        let version = run(Command::new(root.join("usr/bin").join(program)).arg("--version"));
        assert!(version.starts_with(program), "{version}");
    }
    assert_units_verify(&root);
    let example = root.join("etc/sluice/sluice.toml");
    assert_example_fits(&root.join("usr/bin/sluice-api"), example, dir.path().join("data"));
    let page = run(Command::new("gzip").arg("-dc").arg(root.join("usr/share/man/man1/sluice-api-backup.1.gz")));
    assert!(page.contains(".SH NAME"), "{page}");
}
