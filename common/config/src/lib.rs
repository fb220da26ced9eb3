//! Settings: environment over file, checked at start, every fault named at once.
//!
//! The only crate that reads the environment. [`SETTINGS`] is the single list from which `--help` and the loader work.

mod checks;
mod encode;
mod in_force;
pub mod manual;
mod private_files;
mod reader;
mod secret;
mod sections;
mod settings;
mod store_url;
pub mod telemetry;

pub use encode::{BurnedTrack, EncodeSettings, LoudnessSetting, RungSetting};
pub use in_force::SettingInForce;
pub use private_files::keep_private;
pub use secret::{rotate_secret, signing_secrets};
pub use sections::{
    AccountsConfig, ChildConfig, Config, HttpConfig, IngestConfig, MailConfig, OutboundConfig, PlaybackConfig,
    RetentionConfig, WorkerConfig,
};
pub use settings::{Described, Optional, SETTINGS, Setting};
pub use store_url::{MovingStore, S3Location, StoreUrl};

use reader::Reader;
use secrecy::SecretString;
use sluice_model::RateLimit;
use std::{collections::BTreeMap, str::FromStr, time::Duration};

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
        // More would overflow nothing, but says something else than was meant.
        let fits = limit.count <= 1_000_000 && (1..=31_536_000).contains(&limit.seconds);
        if fits { Ok(limit) } else { Err(()) }
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
        // A player reports once or twice a minute, and a school has one address.
        RateLimit::PlaybackReport => Limit { count: 60_000, seconds: 3600 },
        RateLimit::Post => Limit { count: 120, seconds: 3600 },
        RateLimit::Report => Limit { count: 60, seconds: 3600 },
        RateLimit::WebhookTest => Limit { count: 30, seconds: 3600 },
    }
}

/// A word in a list of networks.
const NETWORK: &str = "a network like 10.0.0.0/8 or 2001:db8::/32, or one address like 192.0.2.1/32";

/// Every fault found, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Config {
    /// Reads the process environment and the file that `SLUICE_CONFIG` names.
    pub fn load() -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        let mut env = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !name.starts_with("SLUICE_") && !name.starts_with("AWS_") {
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(env.insert(name, value)),
                Err(_) => faults.push(format!("{name}: what is set does not fit; needed is text in UTF-8")),
            }
        }
        let file = env.get("SLUICE_CONFIG").map_or_else(toml::Table::new, |path| {
            let text = std::fs::read_to_string(path).map_err(|e| e.to_string());
            text.and_then(|t| table(&t)).unwrap_or_else(|e| {
                faults.push(format!("SLUICE_CONFIG: {path:?} cannot be read: {e}"));
                toml::Table::new()
            })
        });
        Self::checked(&env, &file, faults)
    }

    /// The same from given parts, so that it can be tested.
    pub fn from_parts(env: &BTreeMap<String, String>, file: &str) -> Result<Self, ConfigError> {
        let file = table(file).map_err(|e| ConfigError(vec![e]))?;
        Self::checked(env, &file, Vec::new())
    }

    fn checked(env: &BTreeMap<String, String>, file: &toml::Table, faults: Vec<String>) -> Result<Self, ConfigError> {
        let before = faults.len();
        let mut r = Reader { env, file, faults };
        r.check_names();
        let data_dir = r.data_dir();
        let store = r.store(&data_dir);
        let config = Self {
            log: r.checked(&settings::LOG, checks::log_filter),
            otlp_url: r.web_url(&settings::OTLP_URL),
            database_url: r.database_url(&data_dir),
            http: http(&mut r),
            accounts: accounts(&mut r),
            mail: mail(&mut r),
            ingest: ingest(&mut r),
            outbound: OutboundConfig { networks: r.list(&settings::OUTBOUND_NETWORKS, NETWORK), ca: r.authorities() },
            playback: playback(&mut r, &store),
            retention: retention(&mut r),
            worker: worker(&mut r),
            encode: EncodeSettings::read(file, &mut r.faults),
            min_free_bytes: r.min_free_bytes(),
            in_force: in_force::all(|s| r.text(s)),
            store,
            data_dir,
        };
        // What was typed may have several lines; its fault has one.
        r.faults[before..].iter_mut().for_each(|f| *f = f.replace('\n', "\\n"));
        if r.faults.is_empty() { Ok(config) } else { Err(ConfigError(r.faults)) }
    }
}

/// A file of settings, or where it is no TOML and why.
fn table(text: &str) -> Result<toml::Table, String> {
    text.parse().map_err(|e: toml::de::Error| e.to_string().trim_end().to_owned())
}

fn http(r: &mut Reader<'_>) -> HttpConfig {
    HttpConfig {
        listen: r.parsed(&settings::LISTEN),
        metrics_listen: r.address(&settings::METRICS_LISTEN),
        public_url: r.web_url(&settings::PUBLIC_URL),
        trusted_proxies: r.list(&settings::TRUSTED_PROXIES, NETWORK),
        allowed_origins: r.origins(&settings::ALLOWED_ORIGINS),
        tls: r.tls(),
        idle: Duration::from_secs(r.parsed(&settings::IDLE_SECONDS)),
        max_connections: r.number(&settings::MAX_CONNECTIONS, 1..=1_000_000),
        connections_per_address: r.parsed(&settings::CONNECTIONS_PER_ADDRESS),
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

fn mail(r: &mut Reader<'_>) -> MailConfig {
    let app_url = r.web_url(&settings::APP_URL).or_else(|| r.optional(&settings::PUBLIC_URL));
    MailConfig {
        smtp_url: r.smtp_url(),
        from: r.checked(&settings::MAIL_FROM, checks::mailbox),
        app_url: app_url.map(|u| u.trim_end_matches('/').to_owned()),
    }
}

fn ingest(r: &mut Reader<'_>) -> IngestConfig {
    IngestConfig {
        max_upload_bytes: r.parsed(&settings::MAX_UPLOAD_BYTES),
        quotas: r.quotas(),
        presigned_ttl: Duration::from_secs(r.parsed(&settings::PRESIGNED_SECONDS)),
    }
}

fn playback(r: &mut Reader<'_>, store: &StoreUrl) -> PlaybackConfig {
    let direct = r.parsed(&settings::DIRECT);
    if direct && matches!(store.current(), StoreUrl::Local(_)) {
        r.fault(&settings::DIRECT, "needs a store on S3");
    }
    PlaybackConfig {
        encryption: r.parsed(&settings::ENCRYPTION),
        direct,
        media_url: r.web_url(&settings::MEDIA_BASE_URL),
        segment_cache_bytes: r.parsed(&settings::SEGMENT_CACHE_BYTES),
    }
}

fn retention(r: &mut Reader<'_>) -> RetentionConfig {
    RetentionConfig {
        gc_window: Duration::from_secs(r.parsed(&settings::GC_SECONDS)),
        sweep_interval: Duration::from_secs(r.parsed(&settings::SWEEP_SECONDS)),
        audit: Duration::from_secs(r.parsed(&settings::AUDIT_DAYS).saturating_mul(86_400)),
    }
}

fn worker(r: &mut Reader<'_>) -> WorkerConfig {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = r.derived(&settings::WORKER_CORES, cores, 1..=1024);
    let memory_bytes = memory_total_bytes() / 4 * 3;
    WorkerConfig {
        lease: Duration::from_secs(r.parsed(&settings::LEASE_SECONDS)),
        cores,
        metrics_listen: r.address(&settings::WORKER_METRICS_LISTEN),
        memory_bytes: r.derived(&settings::WORKER_MEMORY_BYTES, memory_bytes, 64 << 20..=1 << 50),
        tasks: r.task_kinds(),
        fleet_cores: r.derived(&settings::FLEET_CORES, cores, 1..=1_000_000),
        child: ChildConfig {
            // 0 is the same as unset.
            wall: Some(r.derived(&settings::CHILD_SECONDS, 0, 0..=31_536_000))
                .filter(|s| *s > 0)
                .map(Duration::from_secs),
            stall: Duration::from_secs(r.parsed(&settings::STALL_SECONDS)),
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
        Config::from_parts(&env, file)
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
    fn a_fault_has_one_line_whatever_was_typed() {
        let file = "listen = [\"\"\"\na\n\"\"\"]\n[encode]\npreset = [\"\"\"\nx\n\"\"\"]\n\"a\\nb\" = 1\n";
        let faults = load(&[("SLUICE_LOG", "a\nb"), ("SLUICE_A\nB", "x")], file).unwrap_err();
        assert_eq!((faults.0.len(), faults.to_string().lines().count()), (6, 6), "{faults}");
    }

    #[test]
    fn switches_are_words_or_digits() {
        let allowed = |text| load(&[("SLUICE_ALLOW_UNSANDBOXED", text)], "").map(|c| c.worker.child.allow_unsandboxed);
        assert!(allowed("1").unwrap() && allowed("true").unwrap() && !allowed("0").unwrap() && allowed("2").is_err());
    }

    #[test]
    fn every_fault_is_named_at_once_with_what_would_fit() {
        let faults = [
            ("SLUICE_LISTEN", "nowhere", "an address with its port"),
            ("SLUICE_SECRET", "short", "at least 32 characters"),
            ("SLUICE_LISTN", "x", "no such setting"),
            ("SLUICE_STORE_URL", "ftp://x", "neither file:// nor s3://"),
            ("SLUICE_STORE_MOVES_FROM", "ftp://y", "neither file:// nor s3://"),
            ("SLUICE_DATABASE_URL", "mysql://root:hush@h/d", "sqlite://PATH or postgres://"),
            ("SLUICE_LOG", "inof", "off, error, warn, info"),
            ("SLUICE_PUBLIC_URL", "video.example.org", "a URL like https://"),
            ("SLUICE_APP_URL", "app.example.org", "a URL like https://"),
            ("SLUICE_MEDIA_BASE_URL", "cdn.example.org", "a URL like https://"),
            ("SLUICE_SEGMENT_CACHE_BYTES", "1G", "a whole number from 0 to"),
            ("SLUICE_SMTP_URL", "http://u:hush@h", "smtps://USER:PASSWORD@HOST"),
            ("SLUICE_MAIL_FROM", "Films", "an address like"),
            ("SLUICE_OUTBOUND_CA", "/no/such/file", "a PEM file"),
            ("SLUICE_OUTBOUND_NETWORKS", "10.0.0.1", "a network like"),
            ("SLUICE_TRUSTED_PROXIES", "proxy", "a network like"),
            ("SLUICE_ALLOWED_ORIGINS", "https://a/b", "an origin like"),
            ("SLUICE_LIMITS", "login=1/0", "NAME=COUNT/SECONDS"),
            ("SLUICE_QUOTAS", "creator.films=1", "ROLE.WHAT=NUMBER"),
            ("SLUICE_ENCRYPTION", "des", "none or aes-128"),
            ("SLUICE_OPEN_CREATORS", "maybe", "true or false"),
            ("SLUICE_LEASE_SECONDS", "0", "a whole number from 2 to 3600"),
            ("SLUICE_IDLE_SECONDS", "0", "from 1 to 86400"),
            ("SLUICE_SWEEP_SECONDS", "-1", "from 1 to 86400"),
            ("SLUICE_GC_SECONDS", "0", "from 1 to"),
            ("SLUICE_PRESIGNED_SECONDS", "604801", "from 1 to 604800"),
            ("SLUICE_AUDIT_DAYS", "1e9", "from 0 to 36500"),
            ("SLUICE_MAX_UPLOAD_BYTES", "0", "from 1 to"),
            ("SLUICE_MIN_FREE_BYTES", "1G", "a whole number"),
            ("SLUICE_WORKER_CORES", "0", "from 1 to 1024"),
            ("SLUICE_WORKER_MEMORY_BYTES", "1", "from 67108864 to"),
            ("SLUICE_WORKER_TASKS", "plan,encode", "kinds of task joined by commas"),
            ("SLUICE_FLEET_CORES", "0", "from 1 to 1000000"),
        ];
        let env: Vec<(&str, &str)> = faults.iter().map(|(name, value, _)| (*name, *value)).collect();
        let e = load(&env, "[encode]\npreset = \"bogus\"\n[encoder]\nx = 1").unwrap_err();
        let text = e.to_string();
        for (name, _, expected) in faults {
            let line = e.0.iter().find(|l| l.starts_with(&format!("{name}: ")));
            assert!(line.is_some_and(|l| l.contains(expected)), "{name}, {expected:?}: {text}");
        }
        assert!(!text.contains("hush"), "passwords are not repeated: {text}");
        assert!(text.contains("[encode] preset") && text.contains("encoder: no such setting"), "{text}");
        assert_eq!(e.0.len(), faults.len() + 2, "{text}");
    }
}
