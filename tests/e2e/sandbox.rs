//! What an encoder child may do: nothing. And what becomes of a film, and of those after it, when a child tries.

use harness::{
    Pair, Stack,
    client::PATIENCE,
    eventually, fixtures,
    process::{bin_dir, kill_pid},
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

harness::on_both!(a_film_that_takes_over_its_child_harms_nobody);

/// A film whose decoder turns evil once it has decoded real pictures. Debug builds of the worker know how.
fn evil(deed: &str) -> PathBuf {
    fixtures::commented(&fixtures::fast_start(4), &format!("SLUICE-TEST-EVIL:{deed}"), &format!("evil-{deed}.mp4"))
}

fn worker() -> Command {
    Command::new(bin_dir().join("sluice-worker"))
}

fn transcode(file: &Path, output: &Path, stall_s: &str) -> Output {
    let ladder = ["--ladder", "180:28:300", "--preset", "ultrafast"];
    worker().env("SLUICE_STALL_SECONDS", stall_s).arg("transcode").args(ladder).arg(file).arg(output).output().unwrap()
}

#[test]
fn every_deed_of_an_evil_child_ends_with_its_code() {
    let dir = tempfile::tempdir().unwrap();
    let nested = dir.path().join("a/b");
    std::fs::create_dir_all(&nested).unwrap();
    for (deed, code) in [
        ("attack", "forbidden_syscall"),
        ("connect", "forbidden_syscall"),
        ("crash", "decoder_crashed"),
        ("abort", "decoder_crashed"),
        ("hoard", "out_of_memory"),
        ("spin", "timed_out"),
        ("pretend", "timed_out"),
        ("babble", "decoder_crashed"),
        ("escape", "decoder_crashed"),
        ("inject", "decoder_crashed"),
    ] {
        let began = Instant::now();
        // On a busy machine a child may take seconds to start.
        let stall_s = if code == "timed_out" { "8" } else { "120" };
        let ended = transcode(&evil(deed), &nested.join(deed), stall_s);
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{deed}: {said}");
        assert!(said.lines().any(|l| l.starts_with(&format!("{code}: "))), "{deed}: {said}");
        assert!(!said.contains("()"), "{deed}: {said}");
        assert_eq!(code == "forbidden_syscall", said.contains("forbidden system call"), "{deed}: {said}");
        assert!(began.elapsed() < Duration::from_secs(60), "{deed}");
    }
    assert!(!dir.path().join("escaped").exists() && !dir.path().join("a/escaped").exists());
}

#[test]
fn endless_words_of_a_child_are_cut_and_its_film_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let file = evil("flood");
    let mut command = worker();
    command.env("SLUICE_LOG", "debug").args(["transcode", "--ladder", "180:28:300", "--preset", "ultrafast"]);
    let made = command.arg(file).arg(dir.path().join("out")).output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && said.contains("xxxx"), "{said}");
    assert!(said.lines().all(|l| l.len() < 1000), "64 MiB in one line");
}

async fn a_film_that_takes_over_its_child_harms_nobody(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let file = evil("attack");
    let bad = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let failed = client.wait_for(&bad, &["failed", "ready"]).await;
    assert_eq!(failed["error"]["code"], "forbidden_syscall", "{failed}");
    assert!(stack.logs().contains("forbidden system call"), "an operator is told");
    let good = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&good, &["ready"]).await;
}

/// No film notices when what its children are forked from ends, or is renewed for the layout of its addresses.
#[tokio::test]
async fn films_outlive_the_fork_server() {
    let settings = fixtures::settings("slower", "[encode]\npreset = \"slower\"\n");
    let mut stack = Stack::start_with(Pair::Embedded, &[("SLUICE_CONFIG", &settings)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = client.upload(&fixtures::foreign(14)).await["id"].as_str().unwrap().to_owned();
    let works = || async { stack.workers[0].encoders().first().copied() };
    eventually("a child works", PATIENCE, works).await;
    let [first] = stack.workers[0].fork_servers()[..] else { panic!("there is one at a time") };
    kill_pid(first);
    client.wait_for(&film, &["ready"]).await;
    assert_eq!(stack.run_sql("SELECT MAX(attempts) FROM tasks").trim(), "1", "no child died with it");
    let another = |than: i32| {
        let worker = &stack.workers[0];
        async move { worker.fork_servers().first().copied().filter(|pid| *pid != than) }
    };
    let second = eventually("another takes its place", PATIENCE, || another(first)).await;
    let next = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&next, &["ready"]).await;
    eventually("what has forked is renewed", PATIENCE, || another(second)).await;
    assert!(!stack.logs().contains("ERROR"), "{}", stack.logs());
}

/// Runs the check with something in front of it.
fn check(prefix: &[&str], dir: &Path) -> Output {
    let program = bin_dir().join("sluice-worker").display().to_string();
    let words = [prefix, &[&program, "sandbox-check"]].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(dir).env("TMPDIR", dir).output().unwrap()
}

/// A folder that anybody may write to.
fn open_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    dir
}

fn assert_all_denied(checked: &Output) {
    let table = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{table}{}", String::from_utf8_lossy(&checked.stderr));
    assert!(table.lines().count() > 70 && table.contains("\nstart threads"), "{table}");
    assert!(!["ALLOWED", "MISSING", "BROKEN"].iter().any(|word| table.contains(word)), "{table}");
}

#[test]
fn sandbox_check_finds_everything_denied() {
    assert_all_denied(&check(&["env"], open_folder().path()));
}

#[test]
fn sandbox_check_finds_everything_denied_to_an_unprivileged_user() {
    let dir = open_folder();
    let prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    if !Command::new(prefix[0]).args(&prefix[1..]).arg("true").status().is_ok_and(|s| s.success()) {
        return eprintln!("not run: this user cannot become another; the plain check ran as this one");
    }
    // The build folder may be closed to others.
    let program = dir.path().join("sluice-worker");
    std::fs::copy(bin_dir().join("sluice-worker"), &program).unwrap();
    let words = [&prefix[1..], &[program.to_str().unwrap(), "sandbox-check"]].concat();
    let mut command = Command::new(prefix[0]);
    assert_all_denied(&command.args(words).current_dir(dir.path()).env("TMPDIR", dir.path()).output().unwrap());
}

#[test]
fn sandbox_check_finds_everything_denied_in_a_user_namespace() {
    let prefix = ["unshare", "-Ur"];
    if !Command::new(prefix[0]).args(&prefix[1..]).arg("true").status().is_ok_and(|s| s.success()) {
        return eprintln!("not run: no user namespaces for this user here");
    }
    assert_all_denied(&check(&prefix, open_folder().path()));
}

/// Runs the worker where no filter of system calls can be installed, as on a kernel without them.
fn without_filters(arguments: &[&str], allow: bool, dir: &Path) -> (bool, String) {
    let mut command = worker();
    command.args(arguments).current_dir(dir);
    if allow {
        command.env("SLUICE_ALLOW_UNSANDBOXED", "1");
    }
    // A filter holds for the thread that installs it and for what that starts.
    let run = std::thread::spawn(move || {
        let rules = [(libc::SYS_seccomp, Vec::new())].into();
        let (refuse, arch) = (SeccompAction::Errno(libc::EPERM as u32), std::env::consts::ARCH.try_into().unwrap());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).unwrap();
        seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
        command.output().unwrap()
    });
    let output = run.join().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_worker_whose_children_cannot_be_confined_does_not_start_unless_told_to() {
    let dir = tempfile::tempdir().unwrap();
    let film = fixtures::silent().display().to_string();
    let transcode = ["transcode", "--preset", "ultrafast", &film, "out"];
    for arguments in [&transcode[..], &["run"]] {
        let (started, said) = without_filters(arguments, false, dir.path());
        assert!(
            !started && said.contains("no system call filter") && said.contains("SLUICE_ALLOW_UNSANDBOXED=1"),
            "{said}"
        );
        assert!(!dir.path().join("out").exists() && !dir.path().join("data").exists());
    }
    let (checked, _) = without_filters(&["sandbox-check"], false, dir.path());
    assert!(!checked, "the check says so too");
    let (made, said) = without_filters(&transcode, true, dir.path());
    assert!(made && said.contains("SLUICE_ALLOW_UNSANDBOXED is set"), "{said}");
}

/// What a service manager or a shell allows at most is no reason not to start.
#[test]
fn limits_of_the_session_stay() {
    let dir = tempfile::tempdir().unwrap();
    let line = format!(
        "ulimit -c 0 -n 256 -t 3000 -d 2000000; exec {} transcode --preset ultrafast {} out",
        bin_dir().join("sluice-worker").display(),
        fixtures::silent().display()
    );
    let made = Command::new("bash").args(["-c", &line]).current_dir(dir.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
