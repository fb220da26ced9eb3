//! What ingest says, as a client is told of it.

use super::UploadError;
use crate::{identity::IdentityError, pipeline::quota::QuotaError};
use sluice_ingest::{IngestError, ReceiveError};

impl From<IngestError> for UploadError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::TooLarge(most) => Self::TooLarge(most),
            IngestError::QuotaExceeded(what) => QuotaError::QuotaExceeded(what).into(),
            IngestError::UnsupportedType => Self::UnsupportedType,
            IngestError::LengthConflict => {
                Self::BadRequest("the length was said before, or is less than what is there".to_owned())
            }
            IngestError::LeaseLost => Self::TakenOver,
            IngestError::UploadGone => Self::UploadExpired,
            IngestError::AccountGone => IdentityError::Unauthenticated.into(),
            IngestError::Store(error) => error.into(),
            IngestError::Database(error) => error.into(),
            IngestError::Aborted(_) => {
                tracing::error!(%error, "ingest");
                Self::Internal
            }
        }
    }
}

impl From<ReceiveError<Self>> for UploadError {
    fn from(error: ReceiveError<Self>) -> Self {
        match error {
            ReceiveError::Interrupted(sender) => sender,
            ReceiveError::Ingest(error) => error.into(),
        }
    }
}
