//! What every refusal is, below all storeys: a stable code for programs, a sentence for people, and the facts that go
//! with it. Each domain declares its own errors with [`domain_error`]; which HTTP status a code has, the storey `http`
//! alone knows.

use crate::{state::RateLimitStatus, validation::FieldError};
use sluice_db::DbError;
use sluice_storage::StoreError;

macro_rules! codes {
    ($($variant:ident = $word:literal),+ $(,)?) => {
        /// Every code that a client may be told. The words are stable: programs match on them.
        #[expect(clippy::enum_variant_names, reason = "they are named as their words")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code { $($variant),+ }

        impl Code {
            /// Every one there is.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that clients match on.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

codes! {
    AlreadyCreator = "already_creator",
    AlreadyDecided = "already_decided",
    BadCredentials = "bad_credentials",
    BadRequest = "bad_request",
    BadSignature = "bad_signature",
    Banned = "banned",
    BrokenPicture = "broken_picture",
    Busy = "busy",
    ChecksumMismatch = "checksum_mismatch",
    CrossSite = "cross_site",
    EmptyFile = "empty_file",
    Forbidden = "forbidden",
    FormatNotSupported = "format_not_supported",
    InsufficientScope = "insufficient_scope",
    Internal = "internal",
    Invalid = "invalid",
    InvalidCode = "invalid_code",
    LastAdmin = "last_admin",
    LinkEnded = "link_ended",
    MethodNotAllowed = "method_not_allowed",
    MissingFile = "missing_file",
    NoOriginal = "no_original",
    NoPicture = "no_picture",
    NotAChunk = "not_a_chunk",
    NotFailed = "not_failed",
    NotFound = "not_found",
    NotJson = "not_json",
    NotMultipart = "not_multipart",
    NotPlayable = "not_playable",
    NotReady = "not_ready",
    NotStoppable = "not_stoppable",
    OffsetMismatch = "offset_mismatch",
    OriginNotAllowed = "origin_not_allowed",
    Overloaded = "overloaded",
    PartExists = "part_exists",
    PartsMissing = "parts_missing",
    QuotaExceeded = "quota_exceeded",
    RangeNotSatisfiable = "range_not_satisfiable",
    RateLimited = "rate_limited",
    RequestPending = "request_pending",
    StoreFull = "store_full",
    TakenOver = "taken_over",
    Taken = "taken",
    TooLarge = "too_large",
    TooMany = "too_many",
    TusVersion = "tus_version",
    TypeMismatch = "type_mismatch",
    Unauthenticated = "unauthenticated",
    Unavailable = "unavailable",
    UnsupportedPicture = "unsupported_picture",
    UnsupportedType = "unsupported_type",
    UploadComplete = "upload_complete",
    UploadCut = "upload_cut",
    UploadExpired = "upload_expired",
    UploadInterrupted = "upload_interrupted",
    VersionMismatch = "version_mismatch",
    VersionMissing = "version_missing",
    ViewsExhausted = "views_exhausted",
    WrongPassword = "wrong_password",
}

/// What a client is told beside code and sentence.
#[derive(Debug, Clone, Default)]
pub enum Facts {
    #[default]
    None,
    /// What is wrong with which field.
    Fields(Vec<FieldError>),
    /// How long to wait.
    RateLimit(RateLimitStatus),
    /// Bytes that there are.
    Size(u64),
}

/// Why something that was asked for is not done. Its `Display` is the sentence for people and names no internals.
pub trait Refusal: std::error::Error {
    /// The stable code.
    fn code(&self) -> Code;

    /// What else is told.
    fn facts(&self) -> Facts {
        Facts::None
    }
}

/// What a failed service means to whoever needed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    NotFound,
    StoreFull,
    Unavailable,
}

impl From<DbError> for Failure {
    /// Here an error of the database ends, so here it is logged, once.
    fn from(error: DbError) -> Self {
        match error {
            DbError::Missing => Self::NotFound,
            DbError::Full => Self::StoreFull,
            _ => {
                tracing::error!(%error, "database");
                Self::Unavailable
            }
        }
    }
}

impl From<StoreError> for Failure {
    /// Here an error of the store ends, so here it is logged, once.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => Self::NotFound,
            StoreError::Full => Self::StoreFull,
            StoreError::Unavailable(_) => {
                tracing::error!(%error, "store");
                Self::Unavailable
            }
        }
    }
}

/// Declares the error enum of one domain: its own variants, each named as its [`Code`], the errors of other domains
/// that pass through it, and the refusals that every service knows. It converts from the errors of database, store,
/// hashing, rate limits and validation.
macro_rules! domain_error {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$vdoc:meta])* $variant:ident $(($payload:ty))? = $text:tt),* $(,)? }
        from { $($outer:ident($inner:ty)),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, thiserror::Error)]
        pub enum $name {
            $($(#[$vdoc])* #[error($text)] $variant $(($payload))?,)*
            $(#[error(transparent)] $outer(#[from] $inner),)*
            #[error("There is nothing here.")]
            NotFound,
            #[allow(dead_code, reason = "not every domain has this refusal")]
            #[error("Your account may not do this.")]
            Forbidden,
            #[allow(dead_code, reason = "not every domain has this refusal")]
            #[error("The request could not be read: {0}")]
            BadRequest(String),
            #[error("Some fields are not valid.")]
            Invalid(Vec<$crate::validation::FieldError>),
            #[allow(dead_code, reason = "not every domain has this refusal")]
            #[error("It is larger than {0} bytes.")]
            TooLarge(u64),
            #[allow(dead_code, reason = "not every domain has this refusal")]
            #[error("There are too many {0}; remove some first.")]
            TooMany(&'static str),
            #[allow(dead_code, reason = "not every domain has this refusal")]
            #[error("The upload was cut off.")]
            UploadCut,
            #[error("Too many requests; wait {} seconds.", .0.reset_s)]
            RateLimited($crate::state::RateLimitStatus),
            #[error("Too many requests at once; try again soon.")]
            Busy,
            #[error("There is no room left to store this.")]
            StoreFull,
            #[error("A service that is needed does not answer; try again soon.")]
            Unavailable,
            #[error("Something went wrong inside the service.")]
            Internal,
        }

        impl $crate::error::Refusal for $name {
            fn code(&self) -> $crate::error::Code {
                use $crate::error::Code;
                match self {
                    $(Self::$variant { .. } => Code::$variant,)*
                    $(Self::$outer(inner) => inner.code(),)*
                    Self::NotFound => Code::NotFound,
                    Self::Forbidden => Code::Forbidden,
                    Self::BadRequest(_) => Code::BadRequest,
                    Self::Invalid(_) => Code::Invalid,
                    Self::TooLarge(_) => Code::TooLarge,
                    Self::TooMany(_) => Code::TooMany,
                    Self::UploadCut => Code::UploadCut,
                    Self::RateLimited(_) => Code::RateLimited,
                    Self::Busy => Code::Busy,
                    Self::StoreFull => Code::StoreFull,
                    Self::Unavailable => Code::Unavailable,
                    Self::Internal => Code::Internal,
                }
            }

            fn facts(&self) -> $crate::error::Facts {
                use $crate::error::Facts;
                match self {
                    $(Self::$outer(inner) => inner.facts(),)*
                    Self::Invalid(fields) => Facts::Fields(fields.clone()),
                    Self::RateLimited(status) => Facts::RateLimit(*status),
                    _ => Facts::None,
                }
            }
        }

        impl From<$crate::error::Failure> for $name {
            fn from(failure: $crate::error::Failure) -> Self {
                match failure {
                    $crate::error::Failure::NotFound => Self::NotFound,
                    $crate::error::Failure::StoreFull => Self::StoreFull,
                    $crate::error::Failure::Unavailable => Self::Unavailable,
                }
            }
        }

        impl From<sluice_db::DbError> for $name {
            fn from(error: sluice_db::DbError) -> Self {
                $crate::error::Failure::from(error).into()
            }
        }

        impl From<sluice_storage::StoreError> for $name {
            fn from(error: sluice_storage::StoreError) -> Self {
                $crate::error::Failure::from(error).into()
            }
        }

        impl From<$crate::validation::Invalid> for $name {
            fn from(error: $crate::validation::Invalid) -> Self {
                Self::Invalid(error.0)
            }
        }

        impl From<$crate::paging::BadCursor> for $name {
            fn from(_: $crate::paging::BadCursor) -> Self {
                Self::BadRequest($crate::paging::BadCursor.to_string())
            }
        }

        impl From<$crate::state::BusyError> for $name {
            fn from(error: $crate::state::BusyError) -> Self {
                match error {
                    $crate::state::BusyError::Busy => Self::Busy,
                    $crate::state::BusyError::Failed => Self::Internal,
                }
            }
        }

        impl From<$crate::state::RateLimitError> for $name {
            fn from(error: $crate::state::RateLimitError) -> Self {
                match error {
                    $crate::state::RateLimitError::Exceeded(status) => Self::RateLimited(status),
                    $crate::state::RateLimitError::Database(error) => error.into(),
                }
            }
        }
    };
}

pub(crate) use domain_error;
