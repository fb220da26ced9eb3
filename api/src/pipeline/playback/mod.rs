//! Playlists, segments and raw bytes.

mod bytes_response;
mod direct;
mod error;
mod growing;
pub mod routes;
mod service;

pub use error::PlaybackError;
