//! What people own: upload, look at, delete.

mod ingest;
pub mod routes;
pub mod service;
mod views;
