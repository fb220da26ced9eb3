//! One fragmented MP4 file of the segments of several tracks (ISO/IEC 14496-12), without a copy of them.
//!
//! Segments are made with one track each. In a file of two the second track has another number, and fragments are counted
//! on; neither changes the size of a segment, so where every byte of the file lies follows from the sizes alone.

mod boxes;
mod file;

pub use boxes::BoxError;
pub use file::{Track, header, overwritten};
