//! What both stores and both databases must do: one suite each.

mod accounts;
mod backup;
mod claim_storm;
mod clips;
mod clock;
mod merging;
mod objects;
mod operations;
mod publishing;
mod queue_speed;
mod reencodes;
mod rounds;
mod store;
mod tasks;
mod transactions;
mod uploads;
mod webhooks;
mod work;
mod world;
