//! The machines of a fleet: their networks, processes and servers.

use harness::{
    client::PATIENCE,
    eventually, fixtures,
    namespace::Namespace,
    postgres::{Cluster, is_root},
    process::{Process, bin_dir, free_port},
    proxy::TcpProxy,
    stack::{NO_QUOTAS, need},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

const APIS: usize = 2;
const WORKERS: usize = 3;
/// Where an API listens in its own network.
const PORT: u16 = 8080;
/// What is asked for is many films, not much work in each.
const CHEAP: &str = "[encode]\npreset = \"ultrafast\"\naudio_kbps = [64]\n\
                     ladder = [{ short_side = 144, crf = 30.0, max_kbps = 145 }, { short_side = 240, crf = 30.0, max_kbps = 300 }]\n";

/// One process in a network of its own.
pub struct Machine {
    network: Namespace,
    program: &'static str,
    environment: Vec<(String, String)>,
    log: PathBuf,
    process: Process,
}

impl Machine {
    fn start(folder: &Path, name: &str, program: &'static str, settings: &[(String, String)]) -> Option<Self> {
        let network = Namespace::make()?;
        let host = network.host().to_string();
        let mut environment: Vec<_> =
            settings.iter().map(|(n, v)| (n.clone(), v.replace("127.0.0.1", &host))).collect();
        let own = folder.join(name);
        fs::create_dir_all(&own).unwrap();
        environment.push(("SLUICE_DATA_DIR".to_owned(), own.display().to_string()));
        let log = folder.join(format!("{name}.log"));
        let process = run(&network, program, &environment, &log);
        Some(Self { network, program, environment, log, process })
    }

    fn is_api(&self) -> bool {
        self.program == "sluice-api"
    }

    /// How often it has said that it works.
    fn starts(&self) -> usize {
        let sign = if self.is_api() { "\"connections\"" } else { "worker starts" };
        self.process.log().matches(sign).count()
    }

    /// Starts it again once it has ended, and waits until it works.
    async fn again(&mut self) {
        let before = self.starts();
        self.process = run(&self.network, self.program, &self.environment, &self.log);
        eventually("a process that was started works", PATIENCE, || async { (self.starts() > before).then_some(()) })
            .await;
    }
}

fn run(network: &Namespace, program: &str, environment: &[(String, String)], log: &Path) -> Process {
    let path = bin_dir().join(program);
    let arguments: &[&str] = if program == "sluice-worker" { &["run"] } else { &[] };
    let command = network.command(&path, arguments);
    let rest: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    Process::program(Path::new(&command[0]), &rest, environment, log)
}

/// Everything; it ends with this.
pub struct Fleet {
    /// APIs first.
    pub machines: Vec<Machine>,
    /// Between everybody and the store.
    pub store: TcpProxy,
    /// Of nginx.
    pub url: String,
    database: Cluster,
    _before_database: TcpProxy,
    _nginx: Process,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

/// `host:port` of the S3 server of the tests.
fn s3_address() -> String {
    let url = need("SLUICE_TEST_S3");
    let endpoint = url.split("endpoint=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    url::Url::parse(&endpoint).map(|u| format!("{}:{}", u.host_str().unwrap(), u.port().unwrap())).unwrap()
}

impl Fleet {
    /// `None`, with a word on standard error, where networks may not be made.
    pub async fn start() -> Option<Self> {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let database = tokio::task::block_in_place(Cluster::start);
        let before_database = TcpProxy::start(&database.address()).await;
        let s3 = s3_address();
        let store = TcpProxy::start(&s3).await;
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let bucket = format!("/fleet{}?", uuid::Uuid::new_v4().simple());
        let store_url = need("SLUICE_TEST_S3").replace("/test?", &bucket).replace(&s3, &store.address.to_string());
        let settings: Vec<(String, String)> = [
            ("SLUICE_LISTEN", format!("0.0.0.0:{PORT}")),
            ("SLUICE_DATABASE_URL", Cluster::url_at(&before_database.address.to_string())),
            ("SLUICE_STORE_URL", store_url),
            ("AWS_ACCESS_KEY_ID", need("AWS_ACCESS_KEY_ID")),
            ("AWS_SECRET_ACCESS_KEY", need("AWS_SECRET_ACCESS_KEY")),
            ("SLUICE_SECRET", "a secret that both instances have in common".to_owned()),
            ("SLUICE_TRUSTED_PROXIES", "10.201.0.0/16".to_owned()),
            ("SLUICE_WORKER_CORES", "1".to_owned()),
            ("SLUICE_LEASE_SECONDS", "3".to_owned()),
            ("SLUICE_SWEEP_SECONDS", "1".to_owned()),
            ("SLUICE_CONFIG", fixtures::settings("cheap-fleet", CHEAP)),
            ("SLUICE_LIMITS", "register=0/1,upload=0/1,upload_account=0/1,playback_report=0/1".to_owned()),
            (NO_QUOTAS.0, NO_QUOTAS.1.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        let mut machines = Vec::new();
        for n in 0..APIS + WORKERS {
            let program = if n < APIS { "sluice-api" } else { "sluice-worker" };
            machines.push(Machine::start(folder.path(), &format!("{program}-{n}"), program, &settings)?);
        }
        let apis: Vec<String> = machines.iter().filter(|m| m.is_api()).map(|m| m.network.guest().to_string()).collect();
        let nginx = nginx(folder.path(), port, &apis);
        let fleet =
            Self { machines, store, url, database, _before_database: before_database, _nginx: nginx, settings, folder };
        for machine in &fleet.machines {
            eventually("every process works", PATIENCE, || async { (machine.starts() > 0).then_some(()) }).await;
        }
        let http = harness::client::http();
        let ready = format!("{}/ready", fleet.url);
        eventually("nginx reaches an API", PATIENCE, || async {
            http.get(&ready).send().await.is_ok_and(|a| a.status() == 200).then_some(())
        })
        .await;
        Some(fleet)
    }

    /// Kills a process and starts it again.
    pub async fn kill(&mut self, machine: usize) {
        self.machines[machine].process.kill();
        self.machines[machine].again().await;
    }

    /// Ends a process as it should end, and starts another one in its place, as an upgrade does.
    pub async fn replace(&mut self, machine: usize) {
        let machine = &mut self.machines[machine];
        tokio::task::block_in_place(|| machine.process.stop());
        machine.again().await;
    }

    /// Ends the database in the middle of what it does, and starts it again.
    pub async fn restart_database(&mut self) {
        tokio::task::block_in_place(|| {
            self.database.stop_at_once();
            self.database.start_again();
        });
    }

    /// Runs a command of the API's binary beside the fleet: its status, and what it said.
    pub fn command(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(bin_dir().join("sluice-api"));
        let own = self.folder.path().join("command");
        command.args(arguments).env_clear().envs(self.settings.iter().cloned()).env("SLUICE_DATA_DIR", own);
        let output = command.output().unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout) + &text(&output.stderr))
    }

    /// Lines of all logs that name something.
    pub fn logs_of(&self, name: &str) -> String {
        let logs = self.machines.iter().map(|m| m.process.log()).collect::<String>();
        logs.lines().filter(|l| l.contains(name) || l.contains("\"ERROR\"")).collect::<Vec<_>>().join("\n")
    }
}

/// nginx in front of some APIs: it asks the other one where one does not answer, and keeps public segments.
fn nginx(folder: &Path, port: u16, apis: &[String]) -> Process {
    let dir = folder.join("nginx");
    fs::create_dir_all(&dir).unwrap();
    let at = dir.display();
    let upstream: String = apis.iter().map(|a| format!("server {a}:{PORT} max_fails=1 fail_timeout=1s; ")).collect();
    let temporary: String =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|t| format!("{t}_temp_path {at}/{t}; ")).concat();
    let user = if is_root() { "user root; " } else { "" };
    let text = format!(
        "daemon off; worker_processes 1; {user}pid {at}/nginx.pid; error_log {at}/error.log;\n\
         events {{ worker_connections 512; }}\n\
         http {{ access_log off; {temporary}\n\
         proxy_cache_path {at}/cache keys_zone=segments:1m;\n\
         client_max_body_size 0; proxy_request_buffering off; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;\n\
         proxy_connect_timeout 1s; proxy_next_upstream error timeout http_502 http_503 http_504;\n\
         upstream apis {{ {upstream} }}\n\
         server {{ listen 127.0.0.1:{port};\n\
         location ~ \\.m4s$ {{ proxy_cache segments; proxy_cache_lock on; proxy_pass http://apis; }}\n\
         location / {{ proxy_pass http://apis; }} }} }}\n"
    );
    let config = dir.join("nginx.conf");
    fs::write(&config, text).unwrap();
    let (config, error) = (config.display().to_string(), format!("{at}/error.log"));
    let arguments = ["-p", &at.to_string(), "-c", &config, "-e", &error].map(ToOwned::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|p| Path::new(p).exists()).expect("nginx");
    Process::program(Path::new(program), &arguments, &[], &dir.join("nginx.log"))
}
