//! Refusals on their way to a client: HTTP's own, and the one table from codes to statuses.

use crate::error::{Code, Facts, Refusal, domain_error};
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

domain_error! {
    /// Why a request is refused before any service sees it.
    HttpError {
        CrossSite = "With cookies only own pages and allowed origins may ask for this, and the request must say so in Origin or \
            Sec-Fetch-Site; programs use a bearer token, without `cookies`.",
        MethodNotAllowed = "This method is not supported here.",
        NotAChunk = "The body must be application/offset+octet-stream.",
        NotJson = "The body must be application/json.",
        NotMultipart = "The upload must be multipart/form-data.",
        Overloaded = "There are too many connections; try again soon.",
        TusVersion = "Only tus 1.0.0 is spoken here.",
        VersionMissing = "If-Match must name the version that was opened.",
    }
    from {}
}

/// A range that lies outside what there is (RFC 9110 section 15.5.17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The requested range lies outside the {0} bytes there are.")]
pub struct RangeNotSatisfiable(pub u64);

impl Refusal for RangeNotSatisfiable {
    fn code(&self) -> Code {
        Code::RangeNotSatisfiable
    }

    fn facts(&self) -> Facts {
        Facts::Size(self.0)
    }
}

/// What handlers return: any refusal, whichever domain it comes from.
#[derive(Debug, Clone)]
pub struct ApiError {
    pub code: Code,
    /// A sentence for people.
    pub message: String,
    pub facts: Facts,
}

impl<E: Refusal> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self { code: error.code(), message: error.to_string(), facts: error.facts() }
    }
}

impl IntoResponse for ApiError {
    /// Status only; [`super::problem::describe`] writes the body, because it knows the request id.
    fn into_response(self) -> Response {
        let mut response = status(self.code).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The HTTP status of a code.
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::BadRequest | Code::UploadCut => StatusCode::BAD_REQUEST,
        Code::Unauthenticated | Code::BadCredentials => StatusCode::UNAUTHORIZED,
        Code::Forbidden
        | Code::Banned
        | Code::InsufficientScope
        | Code::CrossSite
        | Code::WrongPassword
        | Code::ViewsExhausted
        | Code::OriginNotAllowed
        | Code::BadSignature
        | Code::QuotaExceeded => StatusCode::FORBIDDEN,
        Code::NotFound | Code::LinkEnded | Code::NotPlayable | Code::NoOriginal => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::LastAdmin
        | Code::RequestPending
        | Code::AlreadyCreator
        | Code::AlreadyDecided
        | Code::TooMany
        | Code::Taken
        | Code::NoPicture
        | Code::NotFailed
        | Code::NotReady
        | Code::NotStoppable
        | Code::OffsetMismatch
        | Code::TakenOver
        | Code::UploadComplete
        | Code::PartsMissing => StatusCode::CONFLICT,
        Code::UploadExpired => StatusCode::GONE,
        Code::TusVersion | Code::PartExists | Code::VersionMismatch => StatusCode::PRECONDITION_FAILED,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::NotJson
        | Code::NotMultipart
        | Code::NotAChunk
        | Code::UnsupportedPicture
        | Code::UnsupportedType
        | Code::TypeMismatch => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        Code::Invalid | Code::InvalidCode | Code::MissingFile | Code::EmptyFile | Code::BrokenPicture => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::VersionMissing => StatusCode::PRECONDITION_REQUIRED,
        Code::RateLimited | Code::Busy => StatusCode::TOO_MANY_REQUESTS,
        // tus 1.0, checksum: the protocol's own number.
        Code::ChecksumMismatch => StatusCode::from_u16(460).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY),
        // oEmbed 1.0 section 2.3.4 has this number.
        Code::FormatNotSupported => StatusCode::NOT_IMPLEMENTED,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        // Clients try again after 5xx, not after 4xx.
        Code::UploadInterrupted | Code::Unavailable | Code::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        Code::StoreFull => StatusCode::INSUFFICIENT_STORAGE,
    }
}
