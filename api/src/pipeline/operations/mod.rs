//! What administrators see of the machinery: the queue, workers, what is stored, the settings in force.

pub mod routes;
mod service;
mod views;
