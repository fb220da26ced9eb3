//! How bytes become a source, whatever way they come: what they are, whether there is room for them, and the
//! step that makes work of them.
//!
//! Invariant: forms, tus, presigned parts and imports go through here, so a rule is kept in one place.

pub mod arrival;
pub mod quota;
pub mod sniff;
