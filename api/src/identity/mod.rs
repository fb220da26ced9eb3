//! Who somebody is and what they may do: accounts, sessions, tokens, roles, and the record of what they did.

pub mod access;
pub mod account;
pub mod admin;
pub mod api_tokens;
pub mod audit;
pub mod auth;
pub mod authentication;
pub mod cookies;
mod error;
pub mod guards;
mod opaque_token;
mod viewer;

pub use error::IdentityError;
pub use opaque_token::{opaque_token, token_hash};
pub use viewer::Viewer;
