//! Tokens of machines: scoped, shown once, stored as a hash, revocable.

pub mod routes;
pub mod service;
mod views;

/// How such a token begins, so that leaked ones can be searched for.
pub const PREFIX: &str = "slc_";
