//! Finding public media by words.

pub mod routes;
mod service;
mod views;
