//! Who somebody is: registration, sessions, tokens, passwords, what is sent by e-mail.

pub mod cookies;
pub mod password;
pub mod recovery_service;
mod refresh;
pub mod routes;
pub mod rules;
pub mod service;
mod tokens;
pub mod views;

pub use refresh::{opaque_token, token_hash};
pub use service::Viewer;
pub use tokens::Keys;
