//! Uploads that always arrive: tus 1.0, quotas, and how bytes become extents whatever way they come.

pub mod budget;
pub mod form;
pub mod intake;
mod quota;
pub mod routes;
pub mod service;
mod tus;
mod views;
