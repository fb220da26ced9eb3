//! Uploads that always arrive: tus 1.0, quotas, and how bytes become extents whatever way they come.

pub mod checksum;
pub mod concat;
pub mod creation;
pub mod declared;
mod error;
pub mod form;
pub mod form_routes;
mod import;
mod joining;
mod presigned;
pub mod presigned_routes;
pub mod routes;
pub mod service;
pub mod tus;
mod views;

pub use error::UploadError;
