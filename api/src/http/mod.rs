//! What every request passes on its way in and every answer on its way out; the one storey that turns errors into
//! statuses.

pub mod access_log;
pub mod base_url;
pub mod body_limit;
pub mod connections;
pub mod drain;
pub mod error;
pub mod extract;
pub mod headers;
pub mod listener;
pub mod pace;
pub mod problem;
pub mod rate_limit;
pub mod read_ahead;
pub mod serve;
