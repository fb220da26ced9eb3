//! Who besides its owner may play a private media: people who were granted it, and holders of
//! playback tokens, which stand in the path so that every relative URL of a playlist carries them.

pub mod playback;
pub mod signature;

pub use playback::Ticket;
