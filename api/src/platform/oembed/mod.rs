//! What other sites show of a link to a media: oEmbed, and what crawlers read in the head of its page.

pub mod routes;
pub mod service;
mod views;

pub use views::head;
