//! What handlers take from a request: who asks, from where, and a readable body.

mod body;
pub mod client;
mod faults;
mod same_site;

pub use body::{Body, RawBody, is_json};
pub use client::attach;
pub use same_site::{SameSite, own_pages_only};
