//! Captions of media: taken in as WebVTT or SubRip, served as WebVTT.

pub mod routes;
pub mod service;
mod views;
pub mod vtt;
