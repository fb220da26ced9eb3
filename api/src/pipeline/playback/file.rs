//! What lies below a media's package, as it is served.

use bytes::Bytes;
use sluice_storage::Key;

/// A file of a rendition, or beside them.
#[derive(Debug)]
pub enum File {
    /// A playlist.
    Playlist(String),
    /// A published object of so many bytes.
    /// `tag` is another for other bytes.
    Object { key: Key, tag: String, size_bytes: u64, is_public: bool },
    /// An animation, made of published objects: as much a secret as they are.
    Animation { bytes: Bytes, tag: String, is_public: bool },
    /// A segment of subtitles, WebVTT.
    Subtitles(String),
    /// What is shown on the seek bar, WebVTT.
    Storyboard(String),
    /// The chapters, or the shape of the sound, as JSON.
    Json(String),
    /// The shape of the sound, SVG.
    Drawing(String),
    /// An AES key; it is sent so that no client and no cache keeps a copy.
    Key(Vec<u8>),
}
