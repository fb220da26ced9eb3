//! From the first byte to the picture: uploads, media, who may play them, and playback.

pub mod formats;
pub mod media;
pub mod operations;
pub mod playback;
pub mod quality;
pub mod quota;
pub mod sharing;
pub mod uploads;
