//! JSON bodies with a refusal that says what is wrong.

use super::faults::faults;
use crate::http::{
    body_limit::BodyLimit,
    error::{ApiError, HttpError},
};
use axum::{
    Json,
    extract::{
        FromRequest, Request,
        rejection::{BytesRejection, FailedToBufferBody, JsonRejection},
    },
    http::{HeaderMap, header},
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// A JSON body. Its media type must say so: what a foreign page's form can send is refused. Of a body whose fields do
/// not fit, all faults are told at once.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + ToSchema, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let limit = request.extensions().get::<BodyLimit>().map_or(0, |l| l.0);
        if !is_json(request.headers()) {
            return Err(HttpError::NotJson.into());
        }
        let body = Bytes::from_request(request, state).await.map_err(|e| unread(&e, limit))?;
        Json::<T>::from_bytes(&body).map(|Json(value)| Self(value)).map_err(|e| refused::<T>(&e, &body))
    }
}

/// `application/json`, or something that is JSON too (RFC 6839 section 3.1).
pub fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

/// A body of any kind, of as many bytes as its route takes.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let limit = request.extensions().get::<BodyLimit>().map_or(0, |l| l.0);
        Bytes::from_request(request, state).await.map(Self).map_err(|e| unread(&e, limit))
    }
}

fn unread(error: &BytesRejection, limit: usize) -> ApiError {
    match error {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            HttpError::TooLarge(limit as u64).into()
        }
        _ => HttpError::BadRequest("its body did not come whole, or too slowly".to_owned()).into(),
    }
}

/// What is wrong with a body that was read. What its schema does not say of it, serde says, which names fields and
/// positions, never values of ours.
fn refused<T: ToSchema>(error: &JsonRejection, body: &[u8]) -> ApiError {
    let found = match error {
        JsonRejection::JsonDataError(_) => serde_json::from_slice(body).map_or(Vec::new(), |v| faults::<T>(&v)),
        _ => Vec::new(),
    };
    if found.is_empty() {
        HttpError::BadRequest(reason(&error.body_text())).into()
    } else {
        HttpError::Invalid(found).into()
    }
}

/// What serde says after axum's preamble, without what the client wrote: it may be a secret in the
/// wrong place.
fn reason(text: &str) -> String {
    let text = text.rsplit_once("target type: ").map_or(text, |(_, reason)| reason);
    for (sign, instead) in [("unknown field `", "a field is unknown"), ("unknown variant `", "a word is unknown")] {
        if let Some((before, after)) = text.split_once(sign) {
            let place = if sign.contains("variant") { before } else { "" };
            let expected = after.find("`, expected ").map_or("", |at| &after[at + 1..]);
            return format!("{place}{instead}{expected}");
        }
    }
    let parts: Vec<&str> = text.split('"').collect();
    let quoted = parts.iter().enumerate().map(|(i, p)| if i % 2 == 0 { *p } else { "..." });
    quoted.collect::<Vec<_>>().join("\"")
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_not_repeated() {
        let before = "Failed to deserialize the JSON body into the target type: ";
        for (text, said) in [
            (
                "role: invalid value: string \"hunter2\", expected u8",
                "role: invalid value: string \"...\", expected u8",
            ),
            (
                "hunter2: unknown field `hunter2`, expected one of `a`, `b` at line 1 column 9",
                "a field is unknown, expected one of `a`, `b` at line 1 column 9",
            ),
            (
                "role: unknown variant `hunter2`, expected `viewer` or `admin`",
                "role: a word is unknown, expected `viewer` or `admin`",
            ),
            ("missing field `login`", "missing field `login`"),
        ] {
            assert_eq!(super::reason(&format!("{before}{text}")), said);
        }
    }
}
