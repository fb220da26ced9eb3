//! What to watch next: the newest of those one follows, mixed with what others took to.

pub mod routes;
pub mod service;
mod views;
