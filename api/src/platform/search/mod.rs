//! Finding public media by words.

pub mod routes;
pub mod service;
mod views;
