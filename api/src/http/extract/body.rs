//! JSON bodies with a refusal that says what is wrong.

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
};
use serde::de::DeserializeOwned;

/// A JSON body. Its media type must say so: what a foreign page's form can send is refused.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let limit = request.extensions().get::<BodyLimit>().map_or(0, |l| l.0);
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(HttpError::NotJson.into()),
            Err(JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(
                FailedToBufferBody::LengthLimitError(_),
            ))) => Err(HttpError::TooLarge(limit as u64).into()),
            Err(JsonRejection::BytesRejection(_)) => {
                Err(HttpError::BadRequest("its body did not come whole, or too slowly".to_owned()).into())
            }
            // Serde names fields and positions, never values of ours.
            Err(JsonRejection::JsonDataError(e)) => Err(HttpError::BadRequest(reason(&e.body_text())).into()),
            Err(e) => Err(HttpError::BadRequest(reason(&e.body_text())).into()),
        }
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
