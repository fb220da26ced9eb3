//! Captions of media: taken in as WebVTT or SubRip, served as WebVTT.

pub mod routes;
mod service;
mod views;
pub mod vtt;
