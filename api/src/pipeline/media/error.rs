//! Why something about a media is refused.

use crate::{error::domain_error, identity::IdentityError, pipeline::quota::QuotaError};

domain_error! {
    /// A refusal of media, and of grants and links to them.
    MediaError {
        NoOriginal = "There is no original: this is a clip, or what it was cut from was deleted.",
        NoPicture = "The media is sound alone: it has no picture.",
        NotFailed = "The media has not failed, so there is nothing to retry.",
        NotPlayable = "The media cannot be played yet.",
        NotReady = "This can be done once the media is ready.",
        NotStoppable = "There is no work for this media alone that could be stopped.",
    }
    from { Identity(IdentityError), Quota(QuotaError) }
}
