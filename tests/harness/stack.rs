//! An API and its workers over one of the two pairs.

use super::{
    Client,
    client::PASSWORD,
    database, fixtures,
    namespace::Namespace,
    process::{Process, bin_dir},
};
use sluice_config::StoreUrl;
use sluice_db::Db;
use sluice_storage::Store;
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;
use uuid::Uuid;

/// Database and store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// SQLite and a local directory.
    Embedded,
    /// PostgreSQL and an S3 server.
    Servers,
}

/// A running service.
#[derive(Debug)]
pub struct Stack {
    pub api: Process,
    pub workers: Vec<Process>,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    pub(crate) pair: Pair,
    environment: Vec<(String, String)>,
    dir: TempDir,
}

/// A variable that `tests/with-servers.sh` sets.
pub fn need(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `make test`"))
}

/// Without the default quotas, for tests that upload a lot.
pub const NO_QUOTAS: (&str, &str) = (
    "SLUICE_QUOTAS",
    "creator.stored=unlimited,creator.day=unlimited,creator.uploads=unlimited,creator.media=unlimited,creator.encode=unlimited",
);

/// What every service under test is started with: intervals are short, so that nobody waits for a sweep, and the encoder
/// takes the quickest preset that has all tools of the default one.
pub(crate) fn base_settings(data_dir: &Path) -> Vec<(String, String)> {
    let data_dir = data_dir.display().to_string();
    let quick = fixtures::quick_preset();
    let settings = [
        ("SLUICE_LISTEN", "127.0.0.1:0"),
        ("SLUICE_DATA_DIR", data_dir.as_str()),
        ("SLUICE_LOG", "info"),
        ("SLUICE_LEASE_SECONDS", "3"),
        ("SLUICE_SWEEP_SECONDS", "1"),
        ("SLUICE_WORKER_CORES", "2"),
        ("SLUICE_CONFIG", quick.as_str()),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

impl Stack {
    /// An API without workers.
    pub async fn start(pair: Pair) -> Self {
        Self::start_with(pair, &[]).await
    }

    /// The same with further settings.
    pub async fn start_with(pair: Pair, settings: &[(&str, &str)]) -> Self {
        Self::start_through(pair, settings, &[]).await
    }

    /// The same, reaching its servers elsewhere: each `(host:port, host:port)` replaces one address by another.
    pub async fn start_through(pair: Pair, settings: &[(&str, &str)], addresses: &[(String, String)]) -> Self {
        // The clients of tests are built with TLS, because the service's are.
        drop(rustls::crypto::ring::default_provider().install_default());
        let dir = tempfile::tempdir().unwrap();
        let mut environment = base_settings(dir.path());
        if pair == Pair::Embedded {
            let data_dir = settings.iter().find(|(n, _)| *n == "SLUICE_DATA_DIR").map(|(_, v)| Path::new(*v));
            database::copy_sqlite(data_dir.unwrap_or(dir.path()));
        } else {
            let name = format!("t{}", Uuid::new_v4().simple());
            if !settings.iter().any(|(n, _)| *n == "SLUICE_DATABASE_URL") {
                database::create_postgres(&name);
                let url = format!("{}/{name}", need("SLUICE_TEST_POSTGRES"));
                environment.push(("SLUICE_DATABASE_URL".to_owned(), url));
            }
            let store = need("SLUICE_TEST_S3").replace("/test?", &format!("/{name}?"));
            environment.push(("SLUICE_STORE_URL".to_owned(), store));
            for key in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
                environment.push((key.to_owned(), need(key)));
            }
        }
        for (name, value) in settings {
            environment.retain(|(n, _)| n != name);
            environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        for (from, to) in addresses {
            environment.iter_mut().for_each(|(_, value)| *value = value.replace(from, to));
        }
        let mut api = Process::start("sluice-api", &[], &environment, &dir.path().join("api.log"));
        let url = api.line_after("listening on ");
        Self { api, workers: Vec::new(), url, pair, environment, dir }
    }

    /// Adds a worker; its number.
    pub fn add_worker(&mut self) -> usize {
        let log = self.dir.path().join(format!("worker-{}.log", self.workers.len()));
        self.workers.push(Process::start("sluice-worker", &["run"], &self.environment, &log));
        self.workers.len() - 1
    }

    /// Adds a worker that lives in a network of its own; its number.
    pub fn add_worker_in(&mut self, network: &Namespace) -> usize {
        let log = self.dir.path().join(format!("worker-{}.log", self.workers.len()));
        let host = network.host().to_string();
        let environment: Vec<_> =
            self.environment.iter().map(|(n, v)| (n.clone(), v.replace("127.0.0.1", &host))).collect();
        let command = network.command(&bin_dir().join("sluice-worker"), &["run"]);
        let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        self.workers.push(Process::program(Path::new(&command[0]), &arguments, &environment, &log));
        self.workers.len() - 1
    }

    /// A second instance of the API over the same database and store: its process and URL.
    pub fn another_api(&self) -> (Process, String) {
        let log = self.dir.path().join(format!("api-{}.log", Uuid::new_v4().simple()));
        let mut api = Process::start("sluice-api", &[], &self.environment, &log);
        let url = api.line_after("listening on ");
        (api, url)
    }

    /// A process of this service with further settings, whose standard output and error go elsewhere.
    pub fn beside(&self, program: &str, settings: &[(&str, &str)], out: Stdio, err: Stdio) -> Process {
        let mut environment = self.environment.clone();
        environment.extend(settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        Process::program_to(&bin_dir().join(program), &[], &environment, (out, err), &self.dir.path().join("none.log"))
    }

    /// Runs a command of the API's binary; whether it succeeded, and what it said.
    pub fn command(&self, arguments: &[&str], input: &str) -> (bool, String) {
        self.command_with(&[], arguments, input)
    }

    /// The same with further settings.
    pub fn command_with(&self, settings: &[(&str, &str)], arguments: &[&str], input: &str) -> (bool, String) {
        let mut command = Command::new(bin_dir().join("sluice-api"));
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).envs(settings.iter().copied());
        let output = database::fed(&mut command, input);
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Runs a command of the API's binary to its end: its status, what it said, and what it complained of.
    ///
    /// # Panics
    /// When a signal ended it.
    pub fn run_command(&self, settings: &[(&str, &str)], arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(bin_dir().join("sluice-api"));
        command.args(arguments).env_clear().envs(self.environment.iter().cloned()).envs(settings.iter().copied());
        let output = database::fed(&mut command, "");
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// Starts a command of the API's binary.
    pub fn start_command(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Process {
        let mut environment = self.environment.clone();
        environment.extend(settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        Process::start("sluice-api", arguments, &environment, &self.dir.path().join("command.log"))
    }

    /// A logged-in administrator, made as README says.
    pub async fn admin(&self) -> Client {
        let name = format!("a{}", &Uuid::new_v4().simple().to_string()[..12]);
        let mail = format!("{name}@example.org");
        let arguments = ["admin", "create", "--username", &name, "--email", &mail];
        let (made, said) = self.command(&arguments, &format!("{PASSWORD}\n"));
        assert!(made, "{said}");
        Client::login(&self.url, &name).await
    }

    /// A logged-in viewer.
    pub async fn viewer(&self) -> Client {
        Client::register_as(&self.url, Some("viewer")).await
    }

    /// The text of the newest e-mail to an address, once there is one that says `containing`.
    pub async fn mail(&self, to: &str, containing: &str) -> String {
        let folder = self.dir.path().join("mail");
        super::eventually(&format!("an e-mail to {to}"), Duration::from_secs(20), || async {
            let files = std::fs::read_dir(&folder).ok()?.flatten();
            let texts =
                files.filter_map(|f| Some((f.metadata().ok()?.modified().ok()?, std::fs::read(f.path()).ok()?)));
            let mut texts: Vec<_> =
                texts.map(|(at, t)| (at, String::from_utf8_lossy(&t).replace("=\r\n", ""))).collect();
            texts.sort();
            let found =
                texts.into_iter().rev().find(|(_, t)| t.contains(&format!("To: {to}")) && t.contains(containing));
            found.map(|(_, t)| t)
        })
        .await
    }

    /// Stops the API, changes its settings and starts it again on another port.
    pub fn restart_api_with(&mut self, settings: &[(&str, &str)]) {
        for (name, value) in settings {
            self.environment.retain(|(n, _)| n != name);
            self.environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.api.stop();
        self.api = Process::start("sluice-api", &[], &self.environment, &self.dir.path().join("api.log"));
        self.url = self.api.line_after("listening on ");
    }

    /// A setting of this service.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.environment.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone())
    }

    /// The database of this service, past the service.
    pub async fn database(&self) -> Db {
        let url = self.environment.iter().find(|(n, _)| n == "SLUICE_DATABASE_URL").map(|(_, v)| v.clone());
        Db::open(&url.unwrap_or_else(|| format!("sqlite://{}/sluice.db", self.data_dir().display()))).await.unwrap()
    }

    /// The store of this service, past the service.
    pub async fn store(&self) -> Store {
        let environment = self.environment.iter().cloned().collect();
        let url = self.environment.iter().find(|(n, _)| n == "SLUICE_STORE_URL").map(|(_, v)| v.clone());
        let url = url.unwrap_or_else(|| format!("file://{}/store", self.data_dir().display()));
        Store::open(&StoreUrl::parse(&url, &environment).unwrap()).await.unwrap()
    }

    /// Kills the API and starts it again on another port.
    pub fn restart_api(&mut self) {
        self.api.kill();
        self.api = Process::start("sluice-api", &[], &self.environment, &self.dir.path().join("api.log"));
        self.url = self.api.line_after("listening on ");
    }

    /// A logged-in creator.
    pub async fn creator(&self) -> Client {
        Client::register(&self.url).await
    }

    /// Where the service keeps its files.
    pub fn data_dir(&self) -> PathBuf {
        PathBuf::from(self.setting("SLUICE_DATA_DIR").unwrap())
    }

    /// A folder that goes with the stack.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    /// All logs together.
    pub fn logs(&self) -> String {
        self.workers.iter().map(Process::log).chain([self.api.log()]).collect()
    }
}
