//! Processes that a test started, and nobody else's.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// What a service has from whoever runs the tests: where programs are, and the clock that libfaketime sets, so that
/// all processes have the same one.
const INHERITED: [&str; 4] = ["PATH", "LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC"];

/// A started binary; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// The folder of the built binaries.
pub fn bin_dir() -> PathBuf {
    if let Ok(dir) = std::env::var("SLUICE_TEST_BIN_DIR") {
        return PathBuf::from(dir);
    }
    // target/debug/deps/test-... -> target/debug
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// A port that nobody listens on, below those that the system gives to clients: whoever stops and starts again finds
/// it free.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(22_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Process {
    /// Starts `program` of the built binaries, its log going to a file.
    pub fn start(program: &str, arguments: &[&str], environment: &[(String, String)], log: &Path) -> Self {
        Self::program(&bin_dir().join(program), arguments, environment, log)
    }

    /// The same with any program.
    pub fn program(program: &Path, arguments: &[&str], environment: &[(String, String)], log: &Path) -> Self {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        Self::program_to(program, arguments, environment, (Stdio::piped(), file.into()), log)
    }

    /// The same with its standard output and error going elsewhere; nothing is in `log` then.
    pub fn program_to(
        program: &Path,
        arguments: &[&str],
        environment: &[(String, String)],
        (out, err): (Stdio, Stdio),
        log: &Path,
    ) -> Self {
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .unwrap_or_else(|e| panic!("{} does not start: {e}", program.display()));
        Self { child, log: log.to_owned() }
    }

    /// The first line on standard output that begins with `prefix`, without it.
    pub fn line_after(&mut self, prefix: &'static str) -> String {
        let out = self.child.stdout.take().unwrap();
        let (tx, rx) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if let Some(rest) = line.strip_prefix(prefix) {
                    drop(tx.send(rest.to_owned()));
                }
            }
        });
        rx.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("no {prefix:?}; log:\n{}", self.log()))
    }

    /// Process id.
    pub fn id(&self) -> i32 {
        self.child.id() as i32
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id()), signal).unwrap();
    }

    /// kill -9, and waits for the end.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Panics
    /// When it has not ended after 40 s.
    pub fn stop(&mut self) {
        assert!(self.ends_by(Signal::SIGTERM), "did not stop; log:\n{}", self.log());
    }

    /// Sends a signal and waits for the end; whether that came within 40 s.
    pub fn ends_by(&mut self, signal: Signal) -> bool {
        // Whose end was waited for already may be somebody else by now.
        if !self.has_ended() {
            self.signal(signal);
        }
        let began = Instant::now();
        while !self.has_ended() {
            if began.elapsed() > Duration::from_secs(40) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The encoder children of this process.
    pub fn encoders(&self) -> Vec<i32> {
        self.children("sluice-encoder")
    }

    /// What its encoder children are forked from.
    pub fn fork_servers(&self) -> Vec<i32> {
        self.children("sluice-forks")
    }

    /// Its children of this name that live.
    fn children(&self, name: &str) -> Vec<i32> {
        let children = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (named, rest) = stat.rsplit_once(')')?;
            let mut rest = rest.split_whitespace();
            let (state, parent): (_, i32) = (rest.next()?, rest.next()?.parse().ok()?);
            (parent == self.id() && named.ends_with(&format!("({name}")) && state != "Z").then_some(pid)
        });
        children.collect()
    }

    /// Resident memory, bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let kib =
            status.lines().find_map(|l| l.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }
}

/// kill -9 of a process that a test's worker started.
pub fn kill_pid(pid: i32) {
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

impl Drop for Process {
    fn drop(&mut self) {
        // A stopped process does not die before it is continued.
        let _ = kill(Pid::from_raw(self.id()), Signal::SIGCONT);
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- {}", self.log.display());
            tail.iter().rev().for_each(|l| eprintln!("{l}"));
        }
    }
}
