//! Ranges and conditions over bytes that never change (RFC 9110 sections 13 and 14).

use crate::http::error::{ApiError, RangeNotSatisfiable};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_range_header::{EndPosition, StartPosition, SyntacticallyCorrectRange, parse_range_header};
use std::ops::Range;

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Selection {
    /// The client has it.
    NotModified,
    /// All of it.
    Whole,
    /// One range.
    Part(Range<u64>),
}

/// Reads the conditions and the range of a request for `size` bytes tagged `etag`.
///
/// Several ranges are answered with the whole, which the RFC allows: no amplification. What cannot
/// be parsed is ignored, as it demands; what lies outside is 416.
pub fn select(method: &Method, headers: &HeaderMap, etag: &str, size: u64) -> Result<Selection, RangeNotSatisfiable> {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let matches = |list: &str| list.split(',').any(|t| t.trim().trim_start_matches("W/") == etag || t.trim() == "*");
    if text(header::IF_NONE_MATCH).is_some_and(matches) {
        return Ok(Selection::NotModified);
    }
    // Ranges are defined for GET alone (section 14.2).
    let Some(range) = text(header::RANGE).filter(|_| *method == Method::GET) else { return Ok(Selection::Whole) };
    // A strong comparison; a date never matches, so the whole is sent.
    if text(header::IF_RANGE).is_some_and(|tag| tag.trim() != etag) {
        return Ok(Selection::Whole);
    }
    match parse_range_header(range).as_ref().map(|p| p.ranges.as_slice()) {
        Ok([one]) => satisfy(one, size),
        _ => Ok(Selection::Whole),
    }
}

/// One range of `size` bytes, as section 14.1.2 has it: one that ends before it begins is ignored, a suffix longer than
/// all there is means all, and where nothing is no range is satisfied.
fn satisfy(range: &SyntacticallyCorrectRange, size: u64) -> Result<Selection, RangeNotSatisfiable> {
    match (range.start, range.end) {
        (StartPosition::Index(first), EndPosition::Index(last)) if last < first => Ok(Selection::Whole),
        (StartPosition::Index(first), _) if first >= size => Err(RangeNotSatisfiable(size)),
        (StartPosition::FromLast(_), _) if size == 0 => Err(RangeNotSatisfiable(size)),
        (StartPosition::Index(first), EndPosition::Index(last)) => Ok(Selection::Part(first..last.min(size - 1) + 1)),
        (StartPosition::Index(first), EndPosition::LastByte) => Ok(Selection::Part(first..size)),
        (StartPosition::FromLast(length), _) => Ok(Selection::Part(size.saturating_sub(length)..size)),
    }
}

/// The response for a selection. `body` is asked for only when bytes are sent.
pub async fn respond<F>(
    method: &Method,
    selection: Selection,
    size: u64,
    headers: &[(header::HeaderName, String)],
    body: impl FnOnce(Range<u64>) -> F,
) -> Result<Response, ApiError>
where
    F: Future<Output = Result<Body, ApiError>>,
{
    let (status, range) = match selection {
        Selection::NotModified => (StatusCode::NOT_MODIFIED, 0..0),
        Selection::Whole => (StatusCode::OK, 0..size),
        Selection::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
    };
    let bytes = range.end - range.start;
    let silent = *method == Method::HEAD || status == StatusCode::NOT_MODIFIED || bytes == 0;
    let mut response = (status, if silent { Body::empty() } else { body(range.clone()).await? }).into_response();
    let out = response.headers_mut();
    let mut set = |name: header::HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            out.insert(name, value);
        }
    };
    for (name, value) in headers {
        set(name.clone(), value);
    }
    set(header::ACCEPT_RANGES, "bytes");
    if status != StatusCode::NOT_MODIFIED {
        set(header::CONTENT_LENGTH, &bytes.to_string());
    }
    if status == StatusCode::PARTIAL_CONTENT {
        set(header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end - 1));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Refusal;

    fn ask(pairs: &[(header::HeaderName, &str)]) -> Result<Selection, &'static str> {
        let headers = pairs.iter().map(|(n, v)| (n.clone(), HeaderValue::from_str(v).unwrap())).collect();
        select(&Method::GET, &headers, "\"tag\"", 1000).map_err(|e| e.code().as_str())
    }

    fn range(text: &str) -> Result<Selection, &'static str> {
        ask(&[(header::RANGE, text)])
    }

    #[test]
    fn ranges_of_the_rfc() {
        assert_eq!(range("bytes=0-499"), Ok(Selection::Part(0..500)));
        assert_eq!(range("bytes=500-"), Ok(Selection::Part(500..1000)));
        assert_eq!(range("bytes=-200"), Ok(Selection::Part(800..1000)));
        assert_eq!(range("bytes=900-5000"), Ok(Selection::Part(900..1000)));
        assert_eq!(range("bytes=999-999"), Ok(Selection::Part(999..1000)));
        assert_eq!(range("bytes=1000-"), Err("range_not_satisfiable"));
        assert_eq!(range("bytes=1000-2000"), Err("range_not_satisfiable"));
        assert_eq!(range("bytes=0-1,3-4"), Ok(Selection::Whole));
        assert_eq!(range("bytes=-2000"), Ok(Selection::Part(0..1000)), "a suffix longer than all there is means all");
        assert_eq!(range("bytes=5-2"), Ok(Selection::Whole), "what ends before it begins is ignored");
        for malformed in ["bytes=abc", "lines=0-4", "bytes", "bytes=", "bytes=--1"] {
            assert_eq!(range(malformed), Ok(Selection::Whole), "{malformed}");
        }
    }

    #[test]
    fn nothing_has_no_range() {
        for asked in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(asked))]);
            assert!(select(&Method::GET, &headers, "\"tag\"", 0).is_err(), "{asked}");
        }
    }

    #[test]
    fn conditions_come_first() {
        assert_eq!(ask(&[(header::IF_NONE_MATCH, "\"other\", W/\"tag\"")]), Ok(Selection::NotModified));
        let part = [(header::RANGE, "bytes=0-9"), (header::IF_RANGE, "\"tag\"")];
        assert_eq!(ask(&part), Ok(Selection::Part(0..10)));
        for stale in ["\"old\"", "W/\"tag\"", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(
                ask(&[(header::RANGE, "bytes=0-9"), (header::IF_RANGE, stale)]),
                Ok(Selection::Whole),
                "{stale}"
            );
        }
    }
}
