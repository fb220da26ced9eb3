//! What people own: upload, look at, delete.

mod progress;
pub mod routes;
pub mod service;
pub mod source;
mod tags;
pub mod views;
