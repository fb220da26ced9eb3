//! Why something around the player is refused.

use crate::{error::domain_error, identity::IdentityError, pipeline::media::service::MediaError};

domain_error! {
    /// A refusal of the storey `platform`.
    PlatformError {
        AlreadyDecided = "This was decided already.",
        BrokenPicture = "The picture is damaged, or has more than 50 megapixels.",
        FormatNotSupported = "Answers are there as JSON only.",
        UnsupportedPicture = "The file is no JPEG, PNG, WebP or GIF picture.",
        VersionMismatch(i64) = "Somebody else saved meanwhile; this is version {0}.",
    }
    from { Identity(IdentityError), Media(MediaError) }
}
