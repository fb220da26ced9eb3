//! Pictures of people, playlists and categories: taken in, made small, and served.

mod body;
mod render;
pub mod routes;
mod service;
pub mod views;
