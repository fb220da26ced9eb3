//! What administrators do: accounts, roles, requests, the log of security events. And the first of them.

pub mod bootstrap;
pub mod routes;
mod service;
mod views;
