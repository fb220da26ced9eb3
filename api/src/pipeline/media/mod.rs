//! What people own: upload, look at, delete.

pub mod clip_routes;
mod clips;
mod error;
mod estimate;
mod progress;
pub mod report;
pub mod routes;
pub mod service;
pub mod source;
mod status;
mod tags;
pub mod track_routes;
pub mod tracks;
pub mod views;
pub mod waiting;
