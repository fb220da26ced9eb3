//! Why bytes are not taken in. Whoever called decides what that is to its own side: a status, a retry, an end.

use sluice_db::DbError;
use sluice_storage::StoreError;

/// Why ingest does not go on.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// More bytes than there may be: so many.
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    /// The account's quota of this has no room for it.
    #[error("the quota of {0} is exceeded")]
    QuotaExceeded(&'static str),
    /// The first bytes are those of no container that is accepted.
    /// The sentence says what they are, and what is accepted.
    #[error("{0}")]
    UnsupportedType(String),
    /// The first bytes are those of another container than was declared.
    #[error("not of the type that was declared")]
    TypeMismatch,
    /// So many parts have not come.
    #[error("{0} parts are missing")]
    PartsMissing(i64),
    /// The length was declared before, or is less than what is there.
    #[error("the length was declared before, or is less than what is there")]
    LengthConflict,
    /// Another writer holds the upload by now, or it was given up while this one wrote.
    #[error("the lease on the upload was lost")]
    LeaseLost,
    /// The upload was given up.
    #[error("the upload is gone")]
    UploadGone,
    /// The account was deleted.
    #[error("the account is gone")]
    AccountGone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A step that ran beside this one panicked or was cancelled.
    #[error("a step ended abnormally: {0}")]
    Aborted(String),
}

impl IngestError {
    /// Whether this was decided, so that nothing was committed. Of failures of the database nobody knows: a commit
    /// whose answer was lost may have been made.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::Database(_) | Self::Aborted(_))
    }
}

/// Why bytes ended before their end.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError<S> {
    /// The sender broke off, for a reason of its own kind.
    #[error("the sender broke off: {0}")]
    Interrupted(S),
    /// They were not taken in.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}
