//! What people do around the player. Of the pipeline it sees the media's service and views alone.

pub mod captions;
pub mod catalogue;
pub mod chapters;
pub mod comments;
pub mod creators;
pub mod engagement;
mod error;
pub mod feed;
pub mod live;
pub mod moderation;
pub mod oembed;
mod picture_views;
pub mod pictures;
pub mod playlists;
pub mod posts;
pub mod projects;
pub mod search;
pub mod webhooks;

pub use error::PlatformError;
