//! A PostgreSQL server of a test's own, which can be broken: stopped in the middle, or replaced by its standby. The
//! standby has what a commit wrote before the commit is answered, so nothing that was acknowledged is lost with the
//! primary.

use super::{
    database::{prepare, prepared, psql},
    process::{Process, free_port},
    stack::base_settings,
};
use nix::sys::signal::Signal;
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Its database, with all migrations.
const DATABASE: &str = "sluice";
/// Longest that a server may need to begin or to catch up.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct Server {
    process: Process,
    data: PathBuf,
    port: u16,
}

/// A primary and its standby; both end with this.
#[derive(Debug)]
pub struct Cluster {
    primary: Server,
    standby: Option<Server>,
    folder: TempDir,
    made: usize,
}

/// The newest version's programs.
fn programs() -> PathBuf {
    let mut all: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").unwrap().flatten().map(|e| e.path().join("bin")).collect();
    all.sort_by_key(|p| p.ancestors().nth(1).and_then(|v| v.file_name()?.to_str()?.parse::<u32>().ok()));
    all.pop().expect("no PostgreSQL server programs")
}

/// Whether tests run as root, which some servers refuse to.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A program of the server with its arguments: not as root, which it refuses.
fn as_its_user(program: &str, arguments: &[&str]) -> Vec<String> {
    let drop: &[&str] =
        if is_root() { &["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] } else { &[] };
    let program = programs().join(program).display().to_string();
    drop.iter().copied().chain([program.as_str()]).chain(arguments.iter().copied()).map(ToOwned::to_owned).collect()
}

fn run(program: &str, arguments: &[&str]) {
    let command = as_its_user(program, arguments);
    let output = Command::new(&command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A folder that the server's user may enter and own.
fn own_folder(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    if is_root() {
        let done = Command::new("chown").arg("postgres:postgres").arg(folder).status().unwrap();
        assert!(done.success());
    }
}

impl Server {
    fn start(data: &Path) -> Self {
        Self::start_on(data, free_port())
    }

    fn start_on(data: &Path, port: u16) -> Self {
        let (data_text, port_text) = (data.display().to_string(), port.to_string());
        let mut arguments = vec!["-D", data_text.as_str(), "-p", port_text.as_str()];
        // Memory of the system outlives the process: nothing that these tests do to it needs a disk that is in step.
        for setting in [
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=200",
            "shared_buffers=16MB",
            "fsync=off",
            "max_wal_senders=4",
            "wal_keep_size=64MB",
        ] {
            arguments.extend(["-c", setting]);
        }
        let command = as_its_user("postgres", &arguments);
        let rest: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        let process = Process::program(Path::new(&command[0]), &rest, &[], &data.with_extension("log"));
        let server = Self { process, data: data.to_owned(), port };
        let port = server.port.to_string();
        server.until("it accepts connections", || {
            let mut asked = Command::new(programs().join("pg_isready"));
            asked.args(["-q", "-h", "127.0.0.1", "-p", &port]).status().is_ok_and(|s| s.success())
        });
        server
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    fn until(&self, what: &str, mut is: impl FnMut() -> bool) {
        let began = Instant::now();
        while !is() {
            assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}; log:\n{}", self.process.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends all of it in the middle of whatever it does, as `pg_ctl -m immediate` does.
    fn stop_at_once(&mut self) {
        assert!(self.process.ends_by(Signal::SIGQUIT), "PostgreSQL did not stop");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A postmaster that is killed leaves shared memory behind.
        self.process.ends_by(Signal::SIGQUIT);
    }
}

impl Cluster {
    /// Starts one with a prepared database.
    pub fn start() -> Self {
        let from = prepared("cluster", |folder| {
            let data = folder.join("data");
            own_folder(&data);
            let path = data.to_str().unwrap();
            run("initdb", &["-D", path, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--wal-segsize=4"]);
            let mut server = Server::start(&data);
            psql(&server.url(), &format!("CREATE DATABASE {DATABASE}"));
            let mut environment = base_settings(folder);
            environment.push(("SLUICE_DATABASE_URL".to_owned(), format!("{}/{DATABASE}", server.url())));
            prepare(&environment, folder);
            assert!(server.process.ends_by(Signal::SIGINT), "PostgreSQL did not stop");
        });
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        own_folder(folder.path());
        let data = folder.path().join("0");
        let copied = Command::new("cp").arg("-a").arg(from.join("data")).arg(&data).status().unwrap();
        assert!(copied.success());
        let mut cluster = Self { primary: Server::start(&data), standby: None, folder, made: 0 };
        cluster.renew_standby();
        cluster
    }

    /// Where the primary is.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.primary.port)
    }

    /// What its sessions do, and what they wait for.
    pub fn activity(&self) -> String {
        let sql = "SELECT a.pid, a.state, a.wait_event_type, a.wait_event, now() - a.query_start AS since, \
                   pg_blocking_pids(a.pid) AS behind, left(a.query, 120) AS query FROM pg_stat_activity a \
                   WHERE a.backend_type = 'client backend' OR a.wait_event = 'SyncRep' ORDER BY a.query_start";
        let said =
            Command::new("psql").args([&format!("{}/{DATABASE}", self.primary.url()), "-c", sql]).output().unwrap();
        String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
    }

    /// URL of the database, behind an address.
    pub fn url_at(address: &str) -> String {
        format!("postgres://postgres@{address}/{DATABASE}")
    }

    /// Stops the primary in the middle of what it does.
    pub fn stop_at_once(&mut self) {
        self.primary.stop_at_once();
    }

    /// Starts a primary again that was stopped; it recovers from its log.
    pub fn start_again(&mut self) {
        // The process is replaced, its data and its port stay.
        let (data, port) = (self.primary.data.clone(), self.primary.port);
        self.primary = Server::start_on(&data, port);
    }

    /// Loses the primary for ever and makes the standby the primary, at another address.
    pub fn fail_over(&mut self) {
        let standby = self.standby.take().expect("a standby");
        self.primary.stop_at_once();
        psql(&standby.url(), "SELECT pg_promote(true, 60)");
        let lost = std::mem::replace(&mut self.primary, standby);
        fs::remove_dir_all(&lost.data).unwrap();
    }

    /// Makes a standby for a primary that has none, and has every commit wait for it from then on.
    pub fn renew_standby(&mut self) {
        self.made += 1;
        let data = self.folder.path().join(self.made.to_string());
        let (port, path) = (self.primary.port.to_string(), data.to_str().unwrap());
        let source = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres"];
        run("pg_basebackup", &[&source[..], &["-D", path, "-R", "-X", "stream", "-c", "fast", "--no-sync"]].concat());
        self.standby = Some(Server::start(&data));
        let url = self.primary.url();
        self.primary.until("the standby follows", || {
            let streaming = "SELECT 1 / COUNT(*) FROM pg_stat_replication WHERE state = 'streaming'";
            let mut asked = Command::new("psql");
            asked.args([&format!("{url}/postgres"), "-v", "ON_ERROR_STOP=1", "-qc", streaming]);
            asked.output().is_ok_and(|o| o.status.success())
        });
        psql(&url, "ALTER SYSTEM SET synchronous_standby_names = '*'");
        psql(&url, "SELECT pg_reload_conf()");
    }
}
