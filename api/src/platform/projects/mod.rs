//! Projects: notes of one's own, perhaps about a media.

pub mod moments;
pub mod routes;
mod service;
mod views;
