//! Accounts as far as uploading needs them: register, log in, stay logged in, log out.

mod password;
pub mod routes;
pub mod service;
mod tokens;
mod views;

pub use service::Viewer;
pub use tokens::Tokens;
