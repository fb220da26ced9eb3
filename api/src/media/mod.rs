//! What people own: upload, look at, delete.

pub mod drain;
pub mod routes;
pub mod service;
pub mod views;
