//! Playlists, segments and raw bytes.

pub mod bytes_response;
mod dash;
mod direct;
mod download;
pub mod download_routes;
mod error;
mod event_window;
pub mod file;
mod images;
mod presentation;
pub mod routes;
pub mod service;
mod subtitles;

pub use error::PlaybackError;
