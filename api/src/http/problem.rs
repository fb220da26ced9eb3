//! Problem documents (RFC 9457).

use crate::{
    error::{Code, Facts},
    http::{
        error::{ApiError, HttpError, status},
        rate_limit::write_status,
    },
    validation::FieldError,
};
use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use std::any::Any;
use utoipa::ToSchema;

/// Every error, whatever the operation.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// A sentence for people.
    detail: String,
    /// Stable; for programs.
    code: &'static str,
    /// As the log shows it.
    request_id: String,
    /// What is wrong with which field, for the code `invalid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<FieldError>>,
}

/// Gives every error response a problem document with a stable code and the request id.
pub async fn describe(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let response = next.run(request).await;
    match response.extensions().get::<ApiError>().cloned() {
        Some(error) => document(&error, &id, response.headers()),
        // What axum refuses by itself (unreadable JSON, a bad path) gets the same shape.
        None if response.status().is_client_error() && !is_json(response.headers()) => {
            let error = match response.status() {
                StatusCode::NOT_FOUND => HttpError::NotFound,
                _ => HttpError::BadRequest("its form is not what this operation takes".to_owned()),
            };
            document(&error.into(), &id, response.headers())
        }
        None => response,
    }
}

fn request_id(headers: &HeaderMap) -> String {
    headers.get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned()
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().ends_with(b"json"))
}

fn document(error: &ApiError, id: &str, before: &HeaderMap) -> Response {
    let status = status(error.code);
    let body = Problem {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail: error.message.clone(),
        code: error.code.as_str(),
        request_id: id.to_owned(),
        errors: match &error.facts {
            Facts::Fields(fields) => Some(fields.clone()),
            _ => None,
        },
    };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    // Allow, Content-Range and the like stay.
    for (name, value) in before {
        if name != header::CONTENT_LENGTH && name != header::CONTENT_TYPE {
            headers.insert(name.clone(), value.clone());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    match error.code {
        Code::InsufficientScope => {
            let value = HeaderValue::from_static("Bearer error=\"insufficient_scope\"");
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        Code::Unauthenticated => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        _ => {}
    }
    if let Some(seconds) = retry_after_s(error.code) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    match &error.facts {
        Facts::RateLimit(status) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(status.reset_s.max(1)));
            write_status(status, headers);
        }
        Facts::Size(bytes) => {
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{bytes}")) {
                headers.insert(header::CONTENT_RANGE, value);
            }
        }
        Facts::None | Facts::Fields(_) => {}
    }
    response
}

/// After how many seconds it is worth trying again, where that is known beforehand.
pub fn retry_after_s(code: Code) -> Option<u32> {
    match code {
        Code::Busy | Code::Unavailable | Code::NotPlayable => Some(1),
        Code::Overloaded => Some(5),
        // Somebody has to make room first.
        Code::StoreFull => Some(60),
        _ => None,
    }
}

/// No route.
pub async fn not_found() -> ApiError {
    HttpError::NotFound.into()
}

/// A route, but not for this method.
pub async fn method_not_allowed() -> ApiError {
    HttpError::MethodNotAllowed.into()
}

/// A bug: logged in full, told as nothing.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let text =
        panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
    tracing::error!(panic = text.unwrap_or_default(), "a handler panicked");
    ApiError::from(HttpError::Internal).into_response()
}
