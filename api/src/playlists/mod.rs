//! Playlists: media in an order of one's own.

pub mod routes;
mod service;
mod views;
