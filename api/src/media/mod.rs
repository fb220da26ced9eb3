//! What people own: upload, look at, delete.

pub mod drain;
mod progress;
pub mod routes;
pub mod service;
pub mod source;
pub mod views;
