//! Creators as others see them, subscriptions to them, and blocks.

pub mod routes;
mod service;
pub mod views;
