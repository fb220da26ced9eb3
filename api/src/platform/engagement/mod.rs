//! Likes, views, and where people are in what they watch.

pub mod routes;
mod service;
mod views;
