//! What lies below a media's package, as it is served.

use crate::state::Text;
use bytes::Bytes;
use sluice_storage::{ByteStream, Key};
use std::{sync::Arc, time::Duration};

/// A file of a rendition, or beside them.
#[derive(Debug)]
pub enum File {
    /// A text, which is never sent in parts.
    Text(TextFile),
    /// A published object of so many bytes.
    /// `tag` is another for other bytes.
    Object { key: Key, tag: String, size_bytes: u64, is_public: bool },
    /// An animation, made of published objects: as much a secret as they are.
    Animation { bytes: Bytes, tag: String, is_public: bool },
    /// An AES key; it is sent so that no client and no cache keeps a copy.
    Key(Vec<u8>),
}

/// A text and what becomes of it on its way.
#[derive(Debug)]
pub struct TextFile {
    pub kind: TextKind,
    pub text: Arc<Text>,
    pub lifetime: Lifetime,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    Playlist,
    /// DASH.
    Manifest,
    /// Subtitles, or what is shown on the seek bar: WebVTT.
    Vtt,
    /// The chapters, or the shape of the sound.
    Json,
    /// The shape of the sound.
    Svg,
}

/// How long caches may keep something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// The caches of whoever asked, and only if they ask again each time.
    Checked,
    /// All caches.
    Public(Duration),
}

/// What is said of a media by its owner: captions, tracks, chapters. A change is seen so much later by who watches by a cache.
const LISTED: Duration = Duration::from_secs(10);
/// What never changes once it is complete. A media that is made private may be seen so much longer by who watches by a cache that
/// is not purged.
const COMPLETE: Duration = Duration::from_secs(3600);

impl Lifetime {
    /// Of what lists parts that may be added.
    pub fn listed(is_public: bool) -> Self {
        if is_public { Self::Public(LISTED) } else { Self::Checked }
    }

    /// Of what never changes.
    pub fn complete(is_public: bool) -> Self {
        if is_public { Self::Public(COMPLETE) } else { Self::Checked }
    }
}

/// The bytes of an object.
pub enum ObjectBytes {
    /// In memory: the range that was asked for.
    Held(Bytes),
    /// As they are read.
    Read(ByteStream),
}
