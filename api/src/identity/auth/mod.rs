//! Who somebody is: registration, sessions, tokens, passwords, what is sent by e-mail.

pub mod recovery_service;
mod refresh;
pub mod routes;
pub mod rules;
pub mod service;
pub mod views;
