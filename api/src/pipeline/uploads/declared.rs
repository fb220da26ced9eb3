//! Media types as clients declare them: checked before bytes are sent, and held against the bytes after.

use crate::pipeline::uploads::UploadError;
use sluice_ingest::container::{Demuxer, accepted};

/// Refuses a declared type that no video or audio has. Nothing declared, or "some bytes", says nothing.
pub fn plausible(content_type: &str) -> Result<(), UploadError> {
    let kind = essence(content_type);
    let (top, sub) = kind.split_once('/').unwrap_or((&kind, ""));
    let container = ["octet-stream", "mp4", "ogg", "mxf", "x-matroska", "vnd.ms-asf"];
    // Animations; other pictures are none.
    let animated = ["image/gif", "image/apng", "image/vnd.mozilla.apng"];
    // What systems take transport streams (`.ts`, `.mts`) for, by their names' endings.
    let mistaken = ["text/vnd.trolltech.linguist", "model/vnd.mts"];
    match top {
        "" | "video" | "audio" | "binary" => Ok(()),
        "application" if container.contains(&sub) => Ok(()),
        _ if mistaken.contains(&kind.as_str()) || animated.contains(&kind.as_str()) => Ok(()),
        _ => Err(UploadError::UnsupportedType(format!("The declared type is no video or audio. {}", accepted()))),
    }
}

/// Whether a declared type names another container than the bytes are.
pub fn contradicts(content_type: &str, demuxer: Demuxer) -> bool {
    let kind = essence(content_type);
    let (_, sub) = kind.split_once('/').unwrap_or(("", ""));
    let named = match sub {
        "mp4" | "quicktime" | "x-m4v" | "x-m4a" | "m4a" | "3gpp" | "3gpp2" => Demuxer::Mov,
        "webm" | "x-matroska" | "matroska" => Demuxer::Matroska,
        "mp2t" => Demuxer::MpegTs,
        "x-msvideo" | "avi" => Demuxer::Avi,
        "flac" | "x-flac" => Demuxer::Flac,
        "ogg" | "opus" => Demuxer::Ogg,
        "x-flv" => Demuxer::Flv,
        "x-ms-wmv" | "x-ms-wma" | "x-ms-asf" | "vnd.ms-asf" => Demuxer::Asf,
        "mxf" => Demuxer::Mxf,
        "gif" => Demuxer::Gif,
        "aiff" | "x-aiff" => Demuxer::Aiff,
        _ => return false,
    };
    named != demuxer
}

/// The type without parameters, in lower case (RFC 9110 section 8.3.1).
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_no_film_is_refused() {
        for fine in [
            "",
            "video/mp4",
            "Audio/MPEG",
            "application/octet-stream",
            "video/x-anything; codecs=\"a\"",
            "text/vnd.trolltech.linguist",
            "image/gif",
            "application/mxf",
        ] {
            assert!(plausible(fine).is_ok(), "{fine}");
        }
        for bad in ["text/html", "image/png", "application/pdf", "application/javascript", "nonsense"] {
            assert!(plausible(bad).is_err(), "{bad}");
        }
        assert!(contradicts("video/webm", Demuxer::Mov));
        assert!(!contradicts("video/quicktime", Demuxer::Mov));
        assert!(!contradicts("application/octet-stream", Demuxer::Mov));
    }
}
