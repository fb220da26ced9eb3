//! Settings: environment over file, checked at start, every fault named at once.
//!
//! The only crate that reads the environment. [`SETTINGS`] is the single list from which `--help` and the loader work.

mod reader;
mod secret;
mod sections;
mod settings;
mod store_url;
pub mod telemetry;

pub use secret::{rotate_secret, signing_secrets};
pub use sections::{
    AccountsConfig, ChildConfig, Config, HttpConfig, IngestConfig, MailConfig, OutboundConfig, PlaybackConfig,
    RetentionConfig, WorkerConfig,
};
pub use settings::{Described, Optional, SETTINGS, Setting};
pub use store_url::{S3Location, StoreUrl};

use reader::Reader;
use secrecy::SecretString;
use sluice_model::RateLimit;
use std::{collections::BTreeMap, path::PathBuf, str::FromStr, time::Duration};

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
        let data_dir = PathBuf::from(r.text(&settings::DATA_DIR));
        let store = r.store(&data_dir);
        let config = Self {
            log: r.text(&settings::LOG),
            database_url: r.database_url(&data_dir),
            http: http(&mut r),
            accounts: accounts(&mut r),
            mail: MailConfig {
                smtp_url: r.optional(&settings::SMTP_URL).map(SecretString::from),
                from: r.text(&settings::MAIL_FROM),
            },
            ingest: ingest(&mut r),
            outbound: OutboundConfig {
                networks: r.list(&settings::OUTBOUND_NETWORKS),
                ca: r.optional(&settings::OUTBOUND_CA).map(PathBuf::from),
            },
            playback: playback(&mut r, &store),
            retention: retention(&mut r),
            worker: worker(&mut r),
            store,
            data_dir,
            file: toml::Table::new(),
        };
        let faults = r.faults;
        if faults.is_empty() { Ok(Self { file, ..config }) } else { Err(ConfigError(faults)) }
    }
}

fn http(r: &mut Reader<'_>) -> HttpConfig {
    HttpConfig {
        listen: r.parsed(&settings::LISTEN),
        public_url: r.public_url(),
        trusted_proxies: r.list(&settings::TRUSTED_PROXIES),
        allowed_origins: r.origins(&settings::ALLOWED_ORIGINS),
        tls: r.tls(),
        idle: Duration::from_secs(r.parsed(&settings::IDLE_SECONDS).max(1)),
        max_connections: r.number(&settings::MAX_CONNECTIONS).map(|n| n.max(1)),
        connections_per_address: r.parsed(&settings::CONNECTIONS_PER_ADDRESS).max(1),
        rate_limits: r.limits(),
    }
}

fn accounts(r: &mut Reader<'_>) -> AccountsConfig {
    AccountsConfig {
        secret: r.secret(&settings::SECRET),
        previous_secret: r.secret(&settings::SECRET_PREVIOUS),
        first_admin: r.admin(),
        open_creators: r.parsed(&settings::OPEN_CREATORS),
    }
}

fn ingest(r: &mut Reader<'_>) -> IngestConfig {
    IngestConfig {
        max_upload_bytes: r.parsed(&settings::MAX_UPLOAD_BYTES),
        quotas: r.quotas(),
        presigned_ttl: Duration::from_secs(r.parsed(&settings::PRESIGNED_SECONDS).clamp(1, 7 * 86_400)),
    }
}

fn playback(r: &mut Reader<'_>, store: &StoreUrl) -> PlaybackConfig {
    let direct = r.parsed(&settings::DIRECT);
    if direct && matches!(store, StoreUrl::Local(_)) {
        r.fault(&settings::DIRECT, "needs a store on S3");
    }
    PlaybackConfig { encryption: r.parsed(&settings::ENCRYPTION), direct }
}

fn retention(r: &mut Reader<'_>) -> RetentionConfig {
    RetentionConfig {
        gc_window: Duration::from_secs(r.parsed(&settings::GC_SECONDS)),
        sweep_interval: Duration::from_secs(r.parsed(&settings::SWEEP_SECONDS).max(1)),
        audit: Duration::from_secs(r.parsed(&settings::AUDIT_DAYS).saturating_mul(86_400)),
    }
}

fn worker(r: &mut Reader<'_>) -> WorkerConfig {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = r.derived(&settings::WORKER_CORES, cores).max(1);
    WorkerConfig {
        lease: Duration::from_secs(r.parsed(&settings::LEASE_SECONDS).max(2)),
        cores,
        memory_bytes: r.derived(&settings::WORKER_MEMORY_BYTES, memory_total_bytes() / 4 * 3),
        fleet_cores: r.derived(&settings::FLEET_CORES, cores).max(1),
        child: ChildConfig {
            // 0 is the same as unset.
            wall: Some(r.derived(&settings::CHILD_SECONDS, 0)).filter(|s| *s > 0).map(Duration::from_secs),
            stall: Duration::from_secs(r.parsed(&settings::STALL_SECONDS).max(1)),
            allow_unsandboxed: r.parsed(&settings::ALLOW_UNSANDBOXED).0,
        },
    }
}

/// The settings as text for `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "Settings (environment, or lower case without SLUICE_ in the TOML file that SLUICE_CONFIG names):\n",
    );
    for s in SETTINGS {
        let default = Some(s.default_text()).filter(|d| !d.is_empty()).map_or(String::new(), |d| format!(" [{d}]"));
        text.push_str(&format!("  {}{default}\n      {}\n", s.env(), s.help()));
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
        assert_eq!(c.http.listen.port(), 1);
        assert_eq!(c.worker.lease, Duration::from_secs(9));
        assert_eq!(c.database_url, "sqlite://./data/sluice.db");
    }

    #[test]
    fn every_default_reads_back() {
        let defaults: Vec<(String, String)> =
            SETTINGS.iter().map(|s| (s.env().to_owned(), s.default_text())).filter(|s| !s.1.is_empty()).collect();
        let typed: Vec<(&str, &str)> = defaults.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let (typed, unset) = (load(&typed, "").unwrap(), load(&[], "").unwrap());
        assert_eq!(format!("{typed:?}"), format!("{unset:?}"));
        assert_eq!(unset.ingest.max_upload_bytes, 64 << 30);
    }

    #[test]
    fn quotas_have_defaults_that_are_changed_one_by_one() {
        let quotas = |text: &str| load(&[("SLUICE_QUOTAS", text)], "").unwrap().ingest.quotas;
        let defaults = load(&[], "").unwrap().ingest.quotas;
        assert_eq!(defaults.get("creator.stored"), Some(&(100 << 30)));
        assert!(!defaults.keys().any(|k| k.starts_with("admin")));
        let changed = quotas("creator.uploads=3, creator.day=unlimited,admin.encode=9");
        assert_eq!((changed.get("creator.uploads"), changed.get("admin.encode")), (Some(&3), Some(&9)));
        assert_eq!((changed.get("creator.day"), changed.get("creator.media")), (None, Some(&1000)));
        assert!(load(&[("SLUICE_QUOTAS", "creator.minutes=3")], "").is_err());
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
