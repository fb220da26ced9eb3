//! Why something is not played.

use crate::{error::domain_error, identity::IdentityError, pipeline::media::service::MediaError};

domain_error! {
    /// A refusal of playback.
    PlaybackError {}
    from { Identity(IdentityError), Media(MediaError) }
}
