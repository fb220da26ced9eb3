//! Text of broadcasts. Closed captions: CTA-608 in what ATSC A/53 puts beside every picture, or in a track of its own. They are
//! found in the bytes of packets and turned into what is shown and when; no picture is decoded for them. Teletext: which pages
//! there are and when each is sent.
//!
//! Invariant: the bytes may be anything. Work and memory are in proportion to them.

mod carried;
mod channels;
mod letters;
mod screen;
pub mod teletext;

pub use carried::{Carrier, Pair, triplets};
pub use channels::{CHANNELS, Channels, Shown};
