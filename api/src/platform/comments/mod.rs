//! What people say below a media: threads of one level.

pub mod routes;
pub mod service;
pub mod views;
