//! Settings: environment over file, checked at start, every fault named at once.
//!
//! The only module that reads the environment. `SETTINGS` is the single list from which
//! `--help` and the loader work.

mod reader;
mod secret;
mod store_url;
pub mod telemetry;

pub use secret::{rotate_secret, signing_secrets};
pub use store_url::{S3Location, StoreUrl};

use ipnet::IpNet;
use reader::Reader;
use secrecy::SecretString;
use sluice_model::{Encryption, RateLimit};
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

/// One setting: environment name, default as text, what it means.
pub struct Setting {
    /// Environment variable; in the TOML file the same name in lower case without `SLUICE_`.
    pub env: &'static str,
    /// What is used when it is unset; empty means "derived", as the text says.
    pub default: &'static str,
    /// For people.
    pub help: &'static str,
}

const fn setting(env: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { env, default, help }
}

/// Every setting there is.
pub const SETTINGS: &[Setting] = &[
    setting("SLUICE_LISTEN", "127.0.0.1:8080", "address of the HTTP API; port 0 takes a free one"),
    setting("SLUICE_DATA_DIR", "./data", "SQLite file, local store and signing secret"),
    setting("SLUICE_DATABASE_URL", "", "sqlite://PATH or postgres://...; default: sqlite in the data directory"),
    setting(
        "SLUICE_STORE_URL",
        "",
        "file:///DIR or s3://BUCKET/PREFIX?endpoint=URL&region=R; default: the data directory",
    ),
    setting("SLUICE_PUBLIC_URL", "", "how clients reach the API; default: relative to the request"),
    setting("SLUICE_LOG", "info", "log filter, for example info or sluice_worker=debug"),
    setting(
        "SLUICE_SECRET",
        "",
        "signing secret, at least 32 characters; default: made at the first start and kept in the data directory",
    ),
    setting("SLUICE_SECRET_PREVIOUS", "", "the signing secret before: what it signed stays valid until it expires"),
    setting("SLUICE_OPEN_CREATORS", "true", "whether registration may ask for the role creator"),
    setting("SLUICE_ADMIN_USERNAME", "", "an administrator made at start while there is none, with the next two"),
    setting("SLUICE_ADMIN_EMAIL", "", "e-mail address of that administrator"),
    setting("SLUICE_ADMIN_PASSWORD", "", "password of that administrator"),
    setting(
        "SLUICE_LIMITS",
        "",
        "rate limits that differ from the defaults, as NAME=COUNT/SECONDS joined by commas; COUNT 0 lifts one",
    ),
    setting(
        "SLUICE_QUOTAS",
        "",
        "what accounts may use, as ROLE.WHAT=NUMBER joined by commas; WHAT is stored or day (bytes), uploads or media",
    ),
    setting("SLUICE_TRUSTED_PROXIES", "", "networks whose X-Forwarded-For and -Proto are believed, joined by commas"),
    setting("SLUICE_ALLOWED_ORIGINS", "", "origins of web apps on other hosts that may use the API, joined by commas"),
    setting("SLUICE_TLS_CERT", "", "PEM file with the certificate chain; with the next one, the API serves HTTPS"),
    setting("SLUICE_TLS_KEY", "", "PEM file with the private key"),
    setting(
        "SLUICE_SMTP_URL",
        "",
        "smtps://USER:PASSWORD@HOST or smtp://HOST?tls=required; default: .eml files in DATA_DIR/mail",
    ),
    setting("SLUICE_MAIL_FROM", "Sluice <noreply@localhost>", "sender of e-mails"),
    setting(
        "SLUICE_ENCRYPTION",
        "none",
        "aes-128 encrypts the segments of every new media that does not say otherwise",
    ),
    setting(
        "SLUICE_DIRECT",
        "false",
        "whether playlists name presigned URLs of the S3 server, so that segments do not pass through the API",
    ),
    setting(
        "SLUICE_OUTBOUND_NETWORKS",
        "",
        "networks beyond the public internet that imports and webhooks may reach, joined by commas",
    ),
    setting("SLUICE_OUTBOUND_CA", "", "PEM file with certificate authorities that they trust beside the system's"),
    setting("SLUICE_PRESIGNED_SECONDS", "3600", "how long a signed URL for a part of an upload is good"),
    setting("SLUICE_AUDIT_DAYS", "365", "how long security events are kept"),
    setting("SLUICE_MAX_UPLOAD_BYTES", "68719476736", "largest accepted upload"),
    setting("SLUICE_IDLE_SECONDS", "60", "a request whose body stands still for so long is ended; uploads are resumed"),
    setting("SLUICE_LEASE_SECONDS", "15", "a running task without a heartbeat for so long is given to another worker"),
    setting("SLUICE_GC_SECONDS", "86400", "how long unreferenced bytes are kept"),
    setting("SLUICE_SWEEP_SECONDS", "60", "how often what has expired is looked for and removed"),
    setting("SLUICE_WORKER_CORES", "", "cores this worker may use; default: all"),
    setting(
        "SLUICE_WORKER_MEMORY_BYTES",
        "",
        "memory this worker may plan with; default: three quarters of the machine's",
    ),
    setting("SLUICE_FLEET_CORES", "", "cores of all workers together, for the chunk length; default: this worker's"),
];

/// The checked settings of one process.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the API.
    pub listen: SocketAddr,
    /// Directory of the embedded default.
    pub data_dir: PathBuf,
    /// `sqlite://PATH` or `postgres://...`.
    pub database_url: String,
    /// Where objects are kept.
    pub store: StoreUrl,
    /// External base URL without a trailing slash.
    pub public_url: Option<String>,
    /// Filter for [`crate::telemetry::init`].
    pub log: String,
    /// As configured; [`signing_secrets`] supplies one when it is unset.
    pub secret: Option<SecretString>,
    /// The one before, whose signatures are still accepted.
    pub previous_secret: Option<SecretString>,
    /// An administrator to be made while there is none.
    pub admin: Option<FirstAdmin>,
    /// Rate limits that differ from the defaults, by name.
    pub limits: BTreeMap<RateLimit, Limit>,
    /// What accounts may use, by `role.what`; no limit where there is none.
    pub quotas: BTreeMap<String, i64>,
    /// Networks of proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins of web apps on other hosts.
    pub allowed_origins: Vec<String>,
    /// Certificate chain and private key files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Mail server; files are written without one.
    pub smtp_url: Option<SecretString>,
    /// Sender of e-mails.
    pub mail_from: String,
    /// What new media get that do not say otherwise.
    pub encryption: Encryption,
    /// Whether playlists name presigned URLs of the store.
    pub direct: bool,
    /// Networks beyond the public internet that imports and webhooks may reach.
    pub outbound_networks: Vec<IpNet>,
    /// Certificate authorities beside the system's.
    pub outbound_ca: Option<PathBuf>,
    /// Life of a signed URL for a part of an upload.
    pub presigned: Duration,
    /// How long security events are kept.
    pub audit_kept: Duration,
    /// Whether newcomers may be creators at once.
    pub open_creators: bool,
    /// Largest accepted upload.
    pub max_upload_bytes: u64,
    /// Lease of a running task.
    pub lease: Duration,
    /// How long unreferenced bytes are kept.
    pub gc_window: Duration,
    /// Between two looks for what has expired.
    pub sweep: Duration,
    /// How long the body of a request may stand still.
    pub idle: Duration,
    /// Cores this worker may use.
    pub worker_cores: usize,
    /// Memory this worker may plan with.
    pub worker_memory_bytes: u64,
    /// Cores of all workers together.
    pub fleet_cores: usize,
    /// The file's tables, for sections that one binary alone reads (`[encode]`).
    pub file: toml::Table,
}

/// The administrator that a first start makes.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    pub username: String,
    pub email: String,
    pub password: SecretString,
}

/// So many within so many seconds; a count of 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub count: u32,
    pub seconds: u32,
}

impl FromStr for Limit {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (count, seconds) = text.split_once('/').ok_or(())?;
        let limit = Self { count: count.trim().parse().map_err(drop)?, seconds: seconds.trim().parse().map_err(drop)? };
        if limit.seconds == 0 { Err(()) } else { Ok(limit) }
    }
}

/// What a rate limit is unless the settings say otherwise. Those of an account bound guesses from many addresses.
pub const fn default_limit(name: RateLimit) -> Limit {
    match name {
        RateLimit::Login => Limit { count: 60, seconds: 60 },
        RateLimit::LoginAccount => Limit { count: 20, seconds: 600 },
        RateLimit::Register => Limit { count: 20, seconds: 3600 },
        RateLimit::Reset => Limit { count: 20, seconds: 3600 },
        RateLimit::ResetAccount => Limit { count: 5, seconds: 3600 },
        RateLimit::Upload => Limit { count: 600, seconds: 3600 },
        RateLimit::UploadAccount => Limit { count: 600, seconds: 3600 },
        // A whole has two parts or more, and its answer may be lost.
        RateLimit::Join => Limit { count: 1200, seconds: 3600 },
        RateLimit::Comment => Limit { count: 30, seconds: 60 },
        RateLimit::Captions => Limit { count: 60, seconds: 3600 },
        RateLimit::Picture => Limit { count: 30, seconds: 3600 },
        RateLimit::View => Limit { count: 1200, seconds: 3600 },
        RateLimit::Post => Limit { count: 120, seconds: 3600 },
        RateLimit::Report => Limit { count: 60, seconds: 3600 },
        RateLimit::WebhookTest => Limit { count: 30, seconds: 3600 },
    }
}

/// Every fault found, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Config {
    /// Reads the process environment and the file that `SLUICE_CONFIG` names.
    pub fn load() -> Result<Self, ConfigError> {
        let env: BTreeMap<String, String> =
            std::env::vars().filter(|(k, _)| k.starts_with("SLUICE_") || k.starts_with("AWS_")).collect();
        let file = match env.get("SLUICE_CONFIG") {
            None => toml::Table::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|e| ConfigError(vec![format!("SLUICE_CONFIG={path}: {e}")]))?
                .parse()
                .map_err(|e| ConfigError(vec![format!("SLUICE_CONFIG={path}: {e}")]))?,
        };
        Self::from_parts(&env, file)
    }

    /// The same from given parts, so that it can be tested.
    pub fn from_parts(env: &BTreeMap<String, String>, file: toml::Table) -> Result<Self, ConfigError> {
        let mut r = Reader { env, file: &file, faults: Vec::new() };
        r.check_names();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let data_dir: PathBuf = r.text("SLUICE_DATA_DIR").into();
        let database_url = match r.text("SLUICE_DATABASE_URL") {
            s if s.is_empty() => format!("sqlite://{}", data_dir.join("sluice.db").display()),
            s => s,
        };
        if !["sqlite:", "postgres:", "postgresql:"].iter().any(|p| database_url.starts_with(p)) {
            r.fault("SLUICE_DATABASE_URL", "must begin with sqlite:// or postgres://");
        }
        let store = match r.text("SLUICE_STORE_URL") {
            s if s.is_empty() => StoreUrl::Local(data_dir.join("store")),
            s => StoreUrl::parse(&s, env).unwrap_or_else(|e| {
                r.fault("SLUICE_STORE_URL", &e);
                StoreUrl::Local(PathBuf::new())
            }),
        };
        let secret = r.secret("SLUICE_SECRET");
        let public_url = Some(r.text("SLUICE_PUBLIC_URL").trim_end_matches('/').to_owned()).filter(|s| !s.is_empty());
        if public_url.as_ref().is_some_and(|u| !u.starts_with("http://") && !u.starts_with("https://")) {
            r.fault("SLUICE_PUBLIC_URL", "must begin with http:// or https://");
        }
        let (previous_secret, limits) = (r.secret("SLUICE_SECRET_PREVIOUS"), r.limits());
        let allowed_origins = r.origins("SLUICE_ALLOWED_ORIGINS");
        let (admin, tls) = (r.admin(), r.tls());
        let direct = r.parsed("SLUICE_DIRECT", false);
        if direct && matches!(store, StoreUrl::Local(_)) {
            r.fault("SLUICE_DIRECT", "needs a store on S3");
        }
        let worker_cores = r.parsed("SLUICE_WORKER_CORES", cores).max(1);
        let config = Self {
            listen: r.parsed("SLUICE_LISTEN", SocketAddr::from(([127, 0, 0, 1], 8080))),
            database_url,
            store,
            public_url,
            log: r.text("SLUICE_LOG"),
            secret,
            previous_secret,
            admin,
            limits,
            quotas: r.quotas(),
            trusted_proxies: r.list("SLUICE_TRUSTED_PROXIES"),
            allowed_origins,
            tls,
            smtp_url: Some(r.text("SLUICE_SMTP_URL")).filter(|s| !s.is_empty()).map(SecretString::from),
            mail_from: r.text("SLUICE_MAIL_FROM"),
            encryption: r.parsed("SLUICE_ENCRYPTION", Encryption::None),
            direct,
            outbound_networks: r.list("SLUICE_OUTBOUND_NETWORKS"),
            outbound_ca: Some(r.text("SLUICE_OUTBOUND_CA")).filter(|s| !s.is_empty()).map(PathBuf::from),
            presigned: Duration::from_secs(r.parsed("SLUICE_PRESIGNED_SECONDS", 3600_u64).clamp(1, 7 * 86_400)),
            audit_kept: Duration::from_secs(r.parsed("SLUICE_AUDIT_DAYS", 365_u64).saturating_mul(86_400)),
            open_creators: r.parsed("SLUICE_OPEN_CREATORS", true),
            max_upload_bytes: r.parsed("SLUICE_MAX_UPLOAD_BYTES", 1 << 36),
            idle: Duration::from_secs(r.parsed("SLUICE_IDLE_SECONDS", 60_u64).max(1)),
            lease: Duration::from_secs(r.parsed("SLUICE_LEASE_SECONDS", 15_u64).max(2)),
            gc_window: Duration::from_secs(r.parsed("SLUICE_GC_SECONDS", 86_400)),
            sweep: Duration::from_secs(r.parsed("SLUICE_SWEEP_SECONDS", 60_u64).max(1)),
            worker_cores,
            worker_memory_bytes: r.parsed("SLUICE_WORKER_MEMORY_BYTES", memory_total_bytes() / 4 * 3),
            fleet_cores: r.parsed("SLUICE_FLEET_CORES", worker_cores).max(1),
            data_dir,
            file: toml::Table::new(),
        };
        let faults = r.faults;
        if faults.is_empty() { Ok(Self { file, ..config }) } else { Err(ConfigError(faults)) }
    }
}

/// The settings as text for `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "Settings (environment, or lower case without SLUICE_ in the TOML file that SLUICE_CONFIG names):\n",
    );
    for s in SETTINGS {
        let default = if s.default.is_empty() { String::new() } else { format!(" [{}]", s.default) };
        text.push_str(&format!("  {}{default}\n      {}\n", s.env, s.help));
    }
    text
}

/// Installed memory, or 4 GiB where the system does not say.
fn memory_total_bytes() -> u64 {
    let kib = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        text.lines().find_map(|l| l.strip_prefix("MemTotal:")?.trim().trim_end_matches(" kB").parse::<u64>().ok())
    });
    kib.map_or(4 << 30, |k| k * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(env: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
        let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_parts(&env, file.parse().unwrap_or_default())
    }

    #[test]
    fn environment_wins_over_file_and_defaults_fill_the_rest() {
        let c = load(&[("SLUICE_LISTEN", "127.0.0.1:1")], "listen = \"127.0.0.1:2\"\nlease_seconds = 9").unwrap();
        assert_eq!(c.listen.port(), 1);
        assert_eq!(c.lease, Duration::from_secs(9));
        assert_eq!(c.database_url, "sqlite://./data/sluice.db");
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let e = load(
            &[
                ("SLUICE_LISTEN", "nowhere"),
                ("SLUICE_SECRET", "short"),
                ("SLUICE_LISTN", "x"),
                ("SLUICE_STORE_URL", "ftp://x"),
            ],
            "",
        )
        .unwrap_err();
        let text = e.to_string();
        for name in ["SLUICE_LISTEN:", "SLUICE_SECRET:", "SLUICE_LISTN:", "SLUICE_STORE_URL:"] {
            assert!(text.contains(name), "{name} is missing in: {text}");
        }
        assert_eq!(e.0.len(), 4);
    }
}
