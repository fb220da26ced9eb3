//! What may be uploaded, from the tables by which uploads are judged.

pub mod routes;
mod views;
