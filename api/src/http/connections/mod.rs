//! Who is connected: how many may be, how long each may keep others waiting, and who is let go first.
//!
//! The listener accepts; [`Gate`] admits each connection to the [`Table`]; its bytes ([`stream`]) and its requests
//! ([`exchange`]) are wrapped. Both tell the connection what happens; once a tick the table ends those that are overdue.
//! Invariant: a connection in use is never ended to make room for another; only one on which nothing is asked is.

mod connection;
mod exchange;
mod gate;
mod limits;
mod stream;
mod table;

pub use exchange::{Counted, FromReserve};
pub use gate::{Gate, first_bytes};
pub use limits::{Limits, raise_descriptor_limit};
pub use stream::Watched;
pub use table::{Place, Table};
