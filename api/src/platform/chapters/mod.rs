//! Chapters of media: typed by their owners, read by players.

pub mod routes;
mod service;
mod views;
