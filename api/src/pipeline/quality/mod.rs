//! How well films play, as their players tell by CMCD version 2 (CTA-5004-B, event mode).
//!
//! Invariant: nothing that is kept leads to a person. A session is a keyed hash of the player's random identifier, and
//! what stays are sums by day.

mod report;
pub mod routes;
mod service;
mod session;
mod views;
