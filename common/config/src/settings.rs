//! Every setting there is: its name, its default, what it means. `--help` and the loader read this list; README's
//! table repeats it for people.

use sluice_model::Encryption;
use std::{
    fmt::{self, Display},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    ops::RangeInclusive,
    str::FromStr,
};

/// A setting that has a default.
#[derive(Debug)]
pub struct Setting<T> {
    /// Environment variable; in the TOML file the same name in lower case without `SLUICE_`.
    pub env: &'static str,
    /// Used when it is unset.
    pub default: T,
    /// What it may be, where not everything of its type makes sense.
    pub range: Option<RangeInclusive<T>>,
    /// For people.
    pub help: &'static str,
}

/// A setting without a fixed default: what is done without it is in its help.
#[derive(Debug)]
pub struct Optional {
    /// As in [`Setting`].
    pub env: &'static str,
    /// For people.
    pub help: &'static str,
}

const fn setting<T>(env: &'static str, default: T, help: &'static str) -> Setting<T> {
    Setting { env, default, range: None, help }
}

const fn within<T>(env: &'static str, default: T, range: RangeInclusive<T>, help: &'static str) -> Setting<T> {
    Setting { env, default, range: Some(range), help }
}

const fn optional(env: &'static str, help: &'static str) -> Optional {
    Optional { env, help }
}

/// On or off, also as 1 or 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub struct Switch(pub bool);

impl FromStr for Switch {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "1" | "true" => Ok(Self(true)),
            "0" | "false" => Ok(Self(false)),
            _ => Err(()),
        }
    }
}

impl Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Value for Switch {
    const EXPECTED: &str = "true or false";
}

/// A type that settings have.
pub(crate) trait Value: FromStr + Display + Copy + PartialOrd + Sync {
    /// What a text must be to be one, for people.
    const EXPECTED: &str;

    /// The same within a range.
    fn expected(range: Option<&RangeInclusive<Self>>) -> String {
        match range {
            Some(r) => format!("{} from {} to {}", Self::EXPECTED, r.start(), r.end()),
            None => Self::EXPECTED.to_owned(),
        }
    }
}

impl Value for u64 {
    const EXPECTED: &str = "a whole number";
}

impl Value for usize {
    const EXPECTED: &str = "a whole number";
}

impl Value for bool {
    const EXPECTED: &str = "true or false";
}

impl Value for SocketAddr {
    const EXPECTED: &str = "an address with its port, for example 127.0.0.1:8080 or [::]:8080";
}

impl Value for Encryption {
    const EXPECTED: &str = "none or aes-128";
}

/// What a list of settings needs to know of one.
pub trait Described: Sync {
    /// Environment variable.
    fn env(&self) -> &'static str;
    /// The default as it would be typed; empty where there is none.
    fn default_text(&self) -> String;
    /// For people.
    fn help(&self) -> &'static str;
}

impl<T: Display + Sync> Described for Setting<T> {
    fn env(&self) -> &'static str {
        self.env
    }

    fn default_text(&self) -> String {
        self.default.to_string()
    }

    fn help(&self) -> &'static str {
        self.help
    }
}

impl Described for Optional {
    fn env(&self) -> &'static str {
        self.env
    }

    fn default_text(&self) -> String {
        String::new()
    }

    fn help(&self) -> &'static str {
        self.help
    }
}

pub(crate) const LISTEN: Setting<SocketAddr> = setting(
    "SLUICE_LISTEN",
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080)),
    "address of the HTTP API; port 0 takes a free one",
);
pub(crate) const METRICS_LISTEN: Optional = optional(
    "SLUICE_METRICS_LISTEN",
    "address for Prometheus to read the API's metrics from (GET /metrics), not to be reached by the world; default: none",
);
pub(crate) const WORKER_METRICS_LISTEN: Optional =
    optional("SLUICE_WORKER_METRICS_LISTEN", "the same of a worker: another address, where both are on one machine");
pub(crate) const DATA_DIR: Setting<&str> =
    setting("SLUICE_DATA_DIR", "./data", "SQLite file, local store and signing secret");
pub(crate) const DATABASE_URL: Optional =
    optional("SLUICE_DATABASE_URL", "sqlite://PATH or postgres://...; default: sqlite in the data directory");
pub(crate) const STORE_URL: Optional = optional(
    "SLUICE_STORE_URL",
    "file:///DIR or s3://BUCKET/PREFIX?endpoint=URL&region=R; default: the data directory",
);
pub(crate) const STORE_MOVES_FROM: Optional = optional(
    "SLUICE_STORE_MOVES_FROM",
    "the store before, while its objects are moved to SLUICE_STORE_URL by `sluice-api move-store`: what is not there yet is read here",
);
pub(crate) const PUBLIC_URL: Optional =
    optional("SLUICE_PUBLIC_URL", "how clients reach the API; default: relative to the request");
pub(crate) const APP_URL: Optional = optional(
    "SLUICE_APP_URL",
    "where the app is that links in e-mails lead to, where it is not the one that the API serves; default: SLUICE_PUBLIC_URL",
);
pub(crate) const LOG: Setting<&str> =
    setting("SLUICE_LOG", "info", "log filter, for example info or sluice_worker=debug");
pub(crate) const OTLP_URL: Optional = optional(
    "SLUICE_OTLP_URL",
    "where traces of films are sent by OTLP over HTTP, such as http://collector:4318/v1/traces; default: nowhere",
);
pub(crate) const SECRET: Optional = optional(
    "SLUICE_SECRET",
    "signing secret, at least 32 characters; default: made at the first start and kept in the data directory",
);
pub(crate) const SECRET_PREVIOUS: Optional =
    optional("SLUICE_SECRET_PREVIOUS", "the signing secret before: what it signed stays valid until it expires");
pub(crate) const OPEN_CREATORS: Setting<bool> =
    setting("SLUICE_OPEN_CREATORS", true, "whether registration may ask for the role creator");
pub(crate) const ADMIN_USERNAME: Optional =
    optional("SLUICE_ADMIN_USERNAME", "an administrator made at start while there is none, with the next two");
pub(crate) const ADMIN_EMAIL: Optional = optional("SLUICE_ADMIN_EMAIL", "e-mail address of that administrator");
pub(crate) const ADMIN_PASSWORD: Optional = optional("SLUICE_ADMIN_PASSWORD", "password of that administrator");
pub(crate) const LIMITS: Optional = optional(
    "SLUICE_LIMITS",
    "rate limits that differ from the defaults, as NAME=COUNT/SECONDS joined by commas; COUNT 0 lifts one",
);
/// Room for a newcomer's own server with a few creators on an ordinary disk. Administrators have no limits.
pub(crate) const QUOTAS: Setting<&str> = setting(
    "SLUICE_QUOTAS",
    "creator.stored=107374182400,creator.day=53687091200,creator.uploads=20,creator.media=1000,creator.encode=600",
    "what accounts may use, as ROLE.WHAT=NUMBER joined by commas; WHAT is stored or day (bytes), uploads, media or \
     encode (minutes of one core a day); `unlimited` lifts one; what is not named keeps its default",
);
pub(crate) const TRUSTED_PROXIES: Optional =
    optional("SLUICE_TRUSTED_PROXIES", "networks whose X-Forwarded-For and -Proto are believed, joined by commas");
pub(crate) const ALLOWED_ORIGINS: Optional =
    optional("SLUICE_ALLOWED_ORIGINS", "origins of web apps on other hosts that may use the API, joined by commas");
pub(crate) const TLS_CERT: Optional =
    optional("SLUICE_TLS_CERT", "PEM file with the certificate chain; with the next one, the API serves HTTPS");
pub(crate) const TLS_KEY: Optional = optional("SLUICE_TLS_KEY", "PEM file with the private key");
pub(crate) const SMTP_URL: Optional = optional(
    "SLUICE_SMTP_URL",
    "smtps://USER:PASSWORD@HOST or smtp://HOST?tls=required; default: .eml files in DATA_DIR/mail",
);
pub(crate) const MAIL_FROM: Setting<&str> =
    setting("SLUICE_MAIL_FROM", "Sluice <noreply@localhost>", "sender of e-mails");
pub(crate) const ENCRYPTION: Setting<Encryption> = setting(
    "SLUICE_ENCRYPTION",
    Encryption::None,
    "aes-128 encrypts the segments of every new media that does not say otherwise",
);
pub(crate) const DIRECT: Setting<bool> = setting(
    "SLUICE_DIRECT",
    false,
    "whether playlists name presigned URLs of the S3 server, so that segments do not pass through the API",
);
pub(crate) const MEDIA_BASE_URL: Optional = optional(
    "SLUICE_MEDIA_BASE_URL",
    "URL of a CDN in front of this service: addresses of what is not private lead there; default: none",
);
pub(crate) const SEGMENT_CACHE_BYTES: Setting<u64> = within(
    "SLUICE_SEGMENT_CACHE_BYTES",
    128 << 20,
    0..=1 << 40,
    "memory of the API for segments that many ask for; 0 reads each from the store",
);
pub(crate) const OUTBOUND_NETWORKS: Optional = optional(
    "SLUICE_OUTBOUND_NETWORKS",
    "networks beyond the public internet that imports and webhooks may reach, joined by commas",
);
pub(crate) const OUTBOUND_CA: Optional =
    optional("SLUICE_OUTBOUND_CA", "PEM file with certificate authorities that they trust beside the system's");
pub(crate) const PRESIGNED_SECONDS: Setting<u64> =
    within("SLUICE_PRESIGNED_SECONDS", 3600, 1..=604_800, "how long a signed URL for a part of an upload is good");
pub(crate) const AUDIT_DAYS: Setting<u64> =
    within("SLUICE_AUDIT_DAYS", 365, 0..=36_500, "how long security events are kept");
pub(crate) const MAX_UPLOAD_BYTES: Setting<u64> =
    within("SLUICE_MAX_UPLOAD_BYTES", 64 << 30, 1..=1 << 60, "largest accepted upload");
pub(crate) const IDLE_SECONDS: Setting<u64> = within(
    "SLUICE_IDLE_SECONDS",
    60,
    1..=86_400,
    "a request whose body stands still for so long is ended, or an answer that nobody takes; uploads are resumed",
);
pub(crate) const CONNECTIONS_PER_ADDRESS: Setting<usize> = within(
    "SLUICE_CONNECTIONS_PER_ADDRESS",
    512,
    1..=1_000_000,
    "connections of one address (IPv6: of one /64); trusted proxies have as many as there are",
);
pub(crate) const MAX_CONNECTIONS: Optional = optional(
    "SLUICE_MAX_CONNECTIONS",
    "connections in all; default: 10000, or as many as the limit of open files allows",
);
pub(crate) const LEASE_SECONDS: Setting<u64> = within(
    "SLUICE_LEASE_SECONDS",
    15,
    2..=3600,
    "a running task without a heartbeat for so long is given to another worker",
);
pub(crate) const GC_SECONDS: Setting<u64> =
    within("SLUICE_GC_SECONDS", 86_400, 1..=315_360_000, "how long unreferenced bytes are kept");
pub(crate) const SWEEP_SECONDS: Setting<u64> =
    within("SLUICE_SWEEP_SECONDS", 60, 1..=86_400, "how often what has expired is looked for and removed");
pub(crate) const WORKER_CORES: Optional = optional("SLUICE_WORKER_CORES", "cores this worker may use; default: all");
pub(crate) const WORKER_MEMORY_BYTES: Optional = optional(
    "SLUICE_WORKER_MEMORY_BYTES",
    "memory this worker may plan with; default: three quarters of the machine's",
);
pub(crate) const WORKER_TASKS: Optional = optional(
    "SLUICE_WORKER_TASKS",
    "kinds of task this worker takes, like plan,hash,import; what no running worker takes waits; default: all",
);
pub(crate) const CHILD_SECONDS: Optional = optional(
    "SLUICE_CHILD_SECONDS",
    "longest that one encoder child may work; default: by its work, ten minutes or more",
);
pub(crate) const STALL_SECONDS: Setting<u64> =
    within("SLUICE_STALL_SECONDS", 120, 1..=86_400, "an encoder child that gets no further for so long is ended");
pub(crate) const ALLOW_UNSANDBOXED: Setting<Switch> = setting(
    "SLUICE_ALLOW_UNSANDBOXED",
    Switch(false),
    "1 lets a worker start where its encoder children cannot be confined: uploads can then take over the machine",
);
pub(crate) const MIN_FREE_BYTES: Optional = optional(
    "SLUICE_MIN_FREE_BYTES",
    "free space of the data directory and the local store below which nothing new begins; default: 1 GiB, or a fiftieth of the disk where that is less",
);
pub(crate) const FLEET_CORES: Optional =
    optional("SLUICE_FLEET_CORES", "cores of all workers together, for the chunk length; default: this worker's");

/// Every setting, in the order in which they are shown.
pub const SETTINGS: &[&dyn Described] = &[
    &LISTEN,
    &METRICS_LISTEN,
    &WORKER_METRICS_LISTEN,
    &DATA_DIR,
    &DATABASE_URL,
    &STORE_URL,
    &STORE_MOVES_FROM,
    &PUBLIC_URL,
    &APP_URL,
    &LOG,
    &OTLP_URL,
    &SECRET,
    &SECRET_PREVIOUS,
    &OPEN_CREATORS,
    &ADMIN_USERNAME,
    &ADMIN_EMAIL,
    &ADMIN_PASSWORD,
    &LIMITS,
    &QUOTAS,
    &TRUSTED_PROXIES,
    &ALLOWED_ORIGINS,
    &TLS_CERT,
    &TLS_KEY,
    &SMTP_URL,
    &MAIL_FROM,
    &ENCRYPTION,
    &DIRECT,
    &MEDIA_BASE_URL,
    &SEGMENT_CACHE_BYTES,
    &OUTBOUND_NETWORKS,
    &OUTBOUND_CA,
    &PRESIGNED_SECONDS,
    &AUDIT_DAYS,
    &MAX_UPLOAD_BYTES,
    &IDLE_SECONDS,
    &CONNECTIONS_PER_ADDRESS,
    &MAX_CONNECTIONS,
    &LEASE_SECONDS,
    &GC_SECONDS,
    &SWEEP_SECONDS,
    &MIN_FREE_BYTES,
    &WORKER_CORES,
    &WORKER_MEMORY_BYTES,
    &WORKER_TASKS,
    &FLEET_CORES,
    &CHILD_SECONDS,
    &STALL_SECONDS,
    &ALLOW_UNSANDBOXED,
];
