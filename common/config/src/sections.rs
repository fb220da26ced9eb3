//! The checked settings of one process, a section for each of its consumers.

use crate::{EncodeSettings, FirstAdmin, Limit, SettingInForce, StoreUrl};
use ipnet::IpNet;
use secrecy::SecretString;
use sluice_model::{Encryption, RateLimit, TaskKinds};
use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

/// The checked settings of one process.
#[derive(Debug, Clone)]
pub struct Config {
    /// Directory of the embedded default.
    pub data_dir: PathBuf,
    /// Filter for [`crate::telemetry::init`].
    pub log: String,
    /// Where traces are sent.
    pub otlp_url: Option<String>,
    /// `sqlite://PATH` or `postgres://...`.
    pub database_url: String,
    /// Where objects are kept.
    pub store: StoreUrl,
    /// Of the API's connections.
    pub http: HttpConfig,
    /// Of accounts and their secrets.
    pub accounts: AccountsConfig,
    /// Of e-mails.
    pub mail: MailConfig,
    /// Of bytes on their way in.
    pub ingest: IngestConfig,
    /// Of requests to the web.
    pub outbound: OutboundConfig,
    /// Of what players are given.
    pub playback: PlaybackConfig,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// Of a worker.
    pub worker: WorkerConfig,
    /// How media are encoded: the section `[encode]` of the file.
    pub encode: EncodeSettings,
    /// Free space below which nothing new begins on a disk, bytes; unset means a default that depends on the disk.
    pub min_free_bytes: Option<u64>,
    /// All of it as people may see it.
    pub in_force: Vec<SettingInForce>,
}

/// The API's connections.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Where metrics are read.
    pub metrics_listen: Option<SocketAddr>,
    /// External base URL without a trailing slash.
    pub public_url: Option<String>,
    /// Networks of proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins of web apps on other hosts.
    pub allowed_origins: Vec<String>,
    /// Certificate chain and private key files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// How long the body of a request may stand still, and an answer that nobody takes.
    pub idle: Duration,
    /// Connections in all, where that is bounded by more than the open files.
    pub max_connections: Option<usize>,
    /// Connections of one address.
    pub connections_per_address: usize,
    /// Rate limits that differ from the defaults.
    pub rate_limits: BTreeMap<RateLimit, Limit>,
}

/// Accounts and their secrets.
#[derive(Debug, Clone)]
pub struct AccountsConfig {
    /// As configured; [`crate::signing_secrets`] supplies one when it is unset.
    pub secret: Option<SecretString>,
    /// The one before, whose signatures are still accepted.
    pub previous_secret: Option<SecretString>,
    /// An administrator to be made while there is none.
    pub first_admin: Option<FirstAdmin>,
    /// Whether newcomers may be creators at once.
    pub open_creators: bool,
}

/// E-mails.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// Mail server; files are written without one.
    pub smtp_url: Option<SecretString>,
    /// Sender.
    pub from: String,
    /// Where the app is that links lead to, without a trailing slash.
    pub app_url: Option<String>,
}

/// Bytes on their way in.
#[derive(Debug, Clone)]
pub struct IngestConfig {
    /// Largest accepted upload.
    pub max_upload_bytes: u64,
    /// What accounts may use, by `role.what`, with the defaults; no limit where there is none.
    pub quotas: BTreeMap<String, i64>,
    /// Life of a signed URL for a part of an upload.
    pub presigned_ttl: Duration,
}

/// Requests to addresses that people name.
#[derive(Debug, Clone, Default)]
pub struct OutboundConfig {
    /// Networks beyond the public internet that may be reached.
    pub networks: Vec<IpNet>,
    /// Certificate authorities beside the system's.
    pub ca: Option<PathBuf>,
}

/// What players are given.
#[derive(Debug, Clone)]
pub struct PlaybackConfig {
    /// What new media get that do not say otherwise.
    pub encryption: Encryption,
    /// Whether playlists name presigned URLs of the store.
    pub direct: bool,
    /// Where what is not private is addressed, without a trailing slash, if not at this service itself.
    pub media_url: Option<String>,
    /// Memory for segments that many ask for, bytes.
    pub segment_cache_bytes: u64,
}

/// How long things are kept.
#[derive(Debug, Clone)]
pub struct RetentionConfig {
    /// Bytes that nothing refers to, and uploads without a sign of life.
    pub gc_window: Duration,
    /// How often what has expired is looked for.
    pub sweep_interval: Duration,
    /// Security events.
    pub audit: Duration,
}

/// A worker.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Lease of a running task.
    pub lease: Duration,
    /// Cores it may use.
    pub cores: usize,
    /// Where its metrics are read.
    pub metrics_listen: Option<SocketAddr>,
    /// Memory it may plan with.
    pub memory_bytes: u64,
    /// Kinds of task that it takes.
    pub tasks: TaskKinds,
    /// Cores of all workers together.
    pub fleet_cores: usize,
    /// Of its encoder children.
    pub child: ChildConfig,
}

/// A worker's encoder children.
#[derive(Debug, Clone)]
pub struct ChildConfig {
    /// Longest that one may work, where that is less than its work may take.
    pub wall: Option<Duration>,
    /// Longest without progress.
    pub stall: Duration,
    /// Whether they may work where they cannot be confined.
    pub allow_unsandboxed: bool,
}
