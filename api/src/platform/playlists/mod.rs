//! Playlists: media in an order of one's own.

pub mod routes;
pub mod service;
mod views;
