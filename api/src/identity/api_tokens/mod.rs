//! Tokens of machines: scoped, shown once, stored as a hash, revocable.

pub mod routes;
pub mod service;
mod views;
