//! What both stores and both databases must do: one suite each.

mod accounts;
mod clips;
mod clock;
mod merging;
mod operations;
mod publishing;
mod queue_speed;
mod store;
mod tasks;
mod transactions;
mod uploads;
mod webhooks;
mod work;
mod world;
