//! JSON bodies with a refusal that says what is wrong.

use crate::error::ApiError;
use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
};
use serde::de::DeserializeOwned;

/// A JSON body. Its media type must say so: what a foreign page's form can send is refused.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(ApiError::NotJson),
            Err(JsonRejection::BytesRejection(_)) => Err(ApiError::TooLarge(crate::router::JSON_BYTES as u64)),
            // Serde names fields and positions, never values of ours.
            Err(JsonRejection::JsonDataError(e)) => Err(ApiError::BadRequest(reason(&e.body_text()))),
            Err(e) => Err(ApiError::BadRequest(reason(&e.body_text()))),
        }
    }
}

/// What serde says after axum's preamble. It quotes unexpected strings, which may be secrets: what
/// stands between quotes is left out.
fn reason(text: &str) -> String {
    let text = text.rsplit_once("target type: ").map_or(text, |(_, reason)| reason);
    let parts: Vec<&str> = text.split('"').collect();
    let quoted = parts.iter().enumerate().map(|(i, p)| if i % 2 == 0 { *p } else { "..." });
    quoted.collect::<Vec<_>>().join("\"")
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_not_repeated() {
        let text = "Failed to deserialize the JSON body into the target type: role: invalid value: string \"hunter2\", expected u8";
        assert_eq!(super::reason(text), "role: invalid value: string \"...\", expected u8");
    }
}
