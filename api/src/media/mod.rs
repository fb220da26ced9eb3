//! What people own: upload, look at, delete.

pub mod drain;
mod ingest;
pub mod routes;
pub mod service;
pub mod views;
