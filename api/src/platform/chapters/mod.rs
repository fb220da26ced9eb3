//! Chapters of media: typed by their owners, read by players.

pub mod routes;
pub mod service;
pub mod views;
