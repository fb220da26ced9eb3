//! Who besides its owner may see a media: grants to people, and playback tokens for links.

pub mod routes;
mod service;
mod views;
