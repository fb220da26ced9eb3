//! Categories, which administrators keep, and tags, which creators choose.

pub mod routes;
pub mod service;
mod views;
