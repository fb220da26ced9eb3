//! What the API and the worker share: configuration, the database, the object store,
//! the task queue and the text of HLS playlists.
//!
//! Invariant: `api -> common <- worker`; nothing here knows HTTP or FFmpeg.

pub mod arrival;
pub mod clock;
pub mod config;
pub mod db;
pub mod hls;
pub mod model;
pub mod outbound;
pub mod queue;
pub mod quota;
pub mod sniff;
pub mod storage;
pub mod telemetry;
pub mod words;
