//! Playlists, segments and raw bytes.

mod bytes_response;
mod direct;
mod growing;
pub mod routes;
mod service;
