//! One's own account: who am I, sessions, password, what happened, becoming a creator, leaving.

pub mod routes;
mod service;
pub mod views;
