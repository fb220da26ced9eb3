//! Live comments: Socket.IO on the same port.
//!
//! A socket belongs to the login whose token it came with, and ends with it. A room is a media that its
//! sockets may see. What happens is told to all instances by the database ([`crate::state::LiveHub`]); each reads it
//! from there and passes it to its own sockets.

mod fanout;
mod guest;
mod room;
mod socket;
mod watch;

pub use socket::sockets;
pub use watch::run;
