//! Posts: Markdown with embedded media, and what readers subscribe to elsewhere: Atom and podcasts.

mod feeds;
mod html;
pub mod routes;
mod service;
mod views;
