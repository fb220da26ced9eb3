//! What handlers take from a request: who asks, from where, and a readable body.

mod body;
mod caller;
mod guards;
mod same_site;

pub use body::Body;
pub use caller::{Caller, attach};
pub use guards::{Actor, Admin, Follower, Person, Player, Reader, Uploader};
pub use same_site::{SameSite, own_pages_only};
