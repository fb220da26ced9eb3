//! Under which paths caches in front of the service may hold a public media.

use crate::MediaId;

/// The paths of a media, from the root of the service; one that ends in `*` stands for all that begin so.
pub fn cached_paths(media: MediaId) -> [String; 3] {
    [format!("/hls/{media}/*"), format!("/raw/{media}*"), format!("/download/{media}/*")]
}
