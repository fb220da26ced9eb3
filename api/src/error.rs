//! The one table of errors: code, status, what people are told.

use crate::{
    state::{BusyError, RateLimitError, RateLimitStatus},
    validation::{FieldError, Invalid},
};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sluice_db::DbError;
use sluice_storage::StoreError;

/// An error on its way to a client.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    #[error("You are not logged in, or the token is not valid any more.")]
    Unauthenticated,
    #[error("The user name or the password is wrong. An e-mail address works once it is confirmed.")]
    BadCredentials,
    #[error("Your account may not do this.")]
    Forbidden,
    #[error("Your account was banned; /me/moderation says why.")]
    Banned,
    #[error("This token's scopes do not cover this.")]
    InsufficientScope,
    #[error("A page of another site asked for this with your cookies.")]
    CrossSite,
    #[error("The password is wrong.")]
    WrongPassword,
    #[error("The code is wrong, used or expired.")]
    InvalidCode,
    #[error("This link is not valid, or not any more.")]
    LinkEnded,
    #[error("This link has been opened as often as it may be.")]
    ViewsExhausted,
    #[error("This link does not work on this page.")]
    OriginNotAllowed,
    #[error("Somebody must stay administrator.")]
    LastAdmin,
    #[error("Your request is waiting for an answer already.")]
    RequestPending,
    #[error("You are a creator already.")]
    AlreadyCreator,
    #[error("This was decided already.")]
    AlreadyDecided,
    #[error("There are too many {0}; remove some first.")]
    TooMany(&'static str),
    #[error("Too many requests; wait {} seconds.", .0.reset_s)]
    RateLimited(RateLimitStatus),
    #[error("There is nothing here.")]
    NotFound,
    #[error("This method is not supported here.")]
    MethodNotAllowed,
    #[error("The media cannot be played yet.")]
    NotPlayable,
    #[error("{0} is already taken.")]
    Taken(&'static str),
    #[error("The media has not failed, so there is nothing to retry.")]
    NotFailed,
    #[error("The request could not be read: {0}")]
    BadRequest(String),
    #[error("Some fields are not valid.")]
    Invalid(Vec<FieldError>),
    #[error("The body must be application/json.")]
    NotJson,
    #[error("The upload must be multipart/form-data.")]
    NotMultipart,
    #[error("The upload has no file.")]
    MissingFile,
    #[error("The file is empty.")]
    EmptyFile,
    #[error("The file is no video or audio that is supported.")]
    UnsupportedType,
    #[error("The file is no JPEG, PNG, WebP or GIF picture.")]
    UnsupportedPicture,
    #[error("The picture is damaged, or has more than 50 megapixels.")]
    BrokenPicture,
    #[error("It is larger than {0} bytes.")]
    TooLarge(u64),
    #[error("The body must be application/offset+octet-stream.")]
    NotAChunk,
    #[error("Only tus 1.0.0 is spoken here.")]
    TusVersion,
    #[error("The upload is at {0} bytes.")]
    OffsetMismatch(i64),
    #[error("Another request goes on with this upload.")]
    TakenOver,
    #[error("The checksum does not match; these bytes were not kept.")]
    ChecksumMismatch,
    #[error("The upload has expired.")]
    UploadExpired,
    #[error("The upload is complete already.")]
    UploadComplete,
    #[error("This URL was not signed, has expired, or is for another size or type.")]
    BadSignature,
    #[error("This URL was used already; ask for another one.")]
    PartExists,
    #[error("{0} parts are missing.")]
    PartsMissing(i64),
    #[error("The file is not of the type that was declared.")]
    TypeMismatch,
    #[error("Somebody else saved meanwhile; this is version {0}.")]
    VersionMismatch(i64),
    #[error("If-Match must name the version that was opened.")]
    VersionMissing,
    #[error("Your account may not have more {0}.")]
    QuotaExceeded(&'static str),
    #[error("The upload was cut off.")]
    UploadCut,
    #[error("The connection broke off. What came before is kept: ask how much that is, and go on.")]
    UploadInterrupted,
    #[error("The requested range lies outside the {0} bytes there are.")]
    RangeNotSatisfiable(u64),
    #[error("Too many requests at once; try again soon.")]
    Busy,
    #[error("There is no room left to store this.")]
    StoreFull,
    #[error("A service that is needed does not answer; try again soon.")]
    Unavailable,
    #[error("Something went wrong inside the service.")]
    Internal,
}

impl ApiError {
    /// Stable code and HTTP status.
    pub fn code(&self) -> (&'static str, StatusCode) {
        match self {
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED),
            Self::BadCredentials => ("bad_credentials", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN),
            Self::Banned => ("banned", StatusCode::FORBIDDEN),
            Self::InsufficientScope => ("insufficient_scope", StatusCode::FORBIDDEN),
            Self::CrossSite => ("cross_site", StatusCode::FORBIDDEN),
            Self::WrongPassword => ("wrong_password", StatusCode::FORBIDDEN),
            Self::InvalidCode => ("invalid_code", StatusCode::UNPROCESSABLE_ENTITY),
            Self::LinkEnded => ("link_ended", StatusCode::NOT_FOUND),
            Self::ViewsExhausted => ("views_exhausted", StatusCode::FORBIDDEN),
            Self::OriginNotAllowed => ("origin_not_allowed", StatusCode::FORBIDDEN),
            Self::LastAdmin => ("last_admin", StatusCode::CONFLICT),
            Self::RequestPending => ("request_pending", StatusCode::CONFLICT),
            Self::AlreadyCreator => ("already_creator", StatusCode::CONFLICT),
            Self::AlreadyDecided => ("already_decided", StatusCode::CONFLICT),
            Self::TooMany(_) => ("too_many", StatusCode::CONFLICT),
            Self::RateLimited(_) => ("rate_limited", StatusCode::TOO_MANY_REQUESTS),
            Self::NotJson => ("not_json", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::NotPlayable => ("not_playable", StatusCode::NOT_FOUND),
            Self::Taken(_) => ("taken", StatusCode::CONFLICT),
            Self::NotFailed => ("not_failed", StatusCode::CONFLICT),
            Self::BadRequest(_) => ("bad_request", StatusCode::BAD_REQUEST),
            Self::Invalid(_) => ("invalid", StatusCode::UNPROCESSABLE_ENTITY),
            Self::NotMultipart => ("not_multipart", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::MissingFile => ("missing_file", StatusCode::UNPROCESSABLE_ENTITY),
            Self::EmptyFile => ("empty_file", StatusCode::UNPROCESSABLE_ENTITY),
            Self::UnsupportedPicture => ("unsupported_picture", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::BrokenPicture => ("broken_picture", StatusCode::UNPROCESSABLE_ENTITY),
            Self::UnsupportedType => ("unsupported_type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::TooLarge(_) => ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::NotAChunk => ("not_a_chunk", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::TusVersion => ("tus_version", StatusCode::PRECONDITION_FAILED),
            Self::OffsetMismatch(_) => ("offset_mismatch", StatusCode::CONFLICT),
            Self::TakenOver => ("taken_over", StatusCode::CONFLICT),
            // The protocol's own number.
            Self::ChecksumMismatch => {
                ("checksum_mismatch", StatusCode::from_u16(460).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY))
            }
            Self::UploadExpired => ("upload_expired", StatusCode::GONE),
            Self::UploadComplete => ("upload_complete", StatusCode::CONFLICT),
            Self::BadSignature => ("bad_signature", StatusCode::FORBIDDEN),
            Self::PartExists => ("part_exists", StatusCode::PRECONDITION_FAILED),
            Self::PartsMissing(_) => ("parts_missing", StatusCode::CONFLICT),
            Self::TypeMismatch => ("type_mismatch", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::VersionMismatch(_) => ("version_mismatch", StatusCode::PRECONDITION_FAILED),
            Self::VersionMissing => ("version_missing", StatusCode::PRECONDITION_REQUIRED),
            Self::QuotaExceeded(_) => ("quota_exceeded", StatusCode::FORBIDDEN),
            Self::UploadCut => ("upload_cut", StatusCode::BAD_REQUEST),
            // Clients try again after 5xx, not after 4xx.
            Self::UploadInterrupted => ("upload_interrupted", StatusCode::SERVICE_UNAVAILABLE),
            Self::RangeNotSatisfiable(_) => ("range_not_satisfiable", StatusCode::RANGE_NOT_SATISFIABLE),
            Self::Busy => ("busy", StatusCode::TOO_MANY_REQUESTS),
            Self::StoreFull => ("store_full", StatusCode::INSUFFICIENT_STORAGE),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

impl From<Invalid> for ApiError {
    fn from(error: Invalid) -> Self {
        Self::Invalid(error.0)
    }
}

impl From<BusyError> for ApiError {
    fn from(error: BusyError) -> Self {
        match error {
            BusyError::Busy => Self::Busy,
            BusyError::Failed => Self::Internal,
        }
    }
}

impl From<RateLimitError> for ApiError {
    fn from(error: RateLimitError) -> Self {
        match error {
            RateLimitError::Exceeded(status) => Self::RateLimited(status),
            RateLimitError::Database(error) => error.into(),
        }
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        if matches!(error, DbError::Missing) {
            return Self::NotFound;
        }
        tracing::error!(%error, "database");
        Self::Unavailable
    }
}

impl From<StoreError> for ApiError {
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

impl IntoResponse for ApiError {
    /// Status only; `http::problem::describe` writes the body, because it knows the request id.
    fn into_response(self) -> Response {
        let mut response = self.code().1.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
