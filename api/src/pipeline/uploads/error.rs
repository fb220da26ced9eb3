//! Why an upload is refused.

use crate::{
    error::domain_error,
    identity::IdentityError,
    pipeline::{media::service::MediaError, quota::QuotaError},
};
use sluice_ingest::{IngestError, ReceiveError};

domain_error! {
    /// A refusal of uploads, whatever way their bytes come.
    UploadError {
        BadSignature = "This URL was not signed, has expired, or is for another size or type.",
        ChecksumMismatch = "The checksum does not match; these bytes were not kept.",
        EmptyFile = "The file is empty.",
        MissingFile = "The upload has no file.",
        OffsetMismatch(i64) = "The upload is at {0} bytes.",
        PartExists = "This URL was used already; ask for another one.",
        PartsMissing(i64) = "{0} parts are missing.",
        TakenOver = "Another request goes on with this upload.",
        TypeMismatch = "The file is not of the type that was declared.",
        UnsupportedType(String) = "{0}",
        UploadComplete = "The upload is complete already.",
        UploadExpired = "The upload has expired.",
        UploadInterrupted = "The connection broke off. What came before is kept: ask how much that is, and go on.",
    }
    from { Identity(IdentityError), Media(MediaError), Quota(QuotaError) }
}

impl From<IngestError> for UploadError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::TooLarge(most) => Self::TooLarge(most),
            IngestError::QuotaExceeded(what) => QuotaError::QuotaExceeded(what).into(),
            IngestError::UnsupportedType(what) => Self::UnsupportedType(what),
            IngestError::TypeMismatch => Self::TypeMismatch,
            IngestError::PartsMissing(count) => Self::PartsMissing(count),
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
