//! What both stores and both databases must do: one suite each.

mod database;
mod store;
