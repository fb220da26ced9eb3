//! Reports by people, decisions by administrators, appeals by those concerned.

pub mod routes;
mod service;
mod views;
