//! Webhooks: other services are told what happens to one's media.

mod deliver;
pub mod routes;
mod service;
mod signature;
mod views;

pub use deliver::run;
