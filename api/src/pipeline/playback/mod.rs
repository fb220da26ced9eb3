//! Playlists, segments and raw bytes.

pub mod bytes_response;
mod direct;
mod error;
mod event_window;
pub mod routes;
mod service;

pub use error::PlaybackError;
