//! Headers of tus 1.0 (<https://tus.io/protocols/resumable-upload>).

use super::{
    checksum::Checksum,
    concat::{Concat, parse_concat},
    error::UploadError,
};
use crate::http::error::HttpError;
use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sluice_model::Timestamp;

/// The one version there is.
pub const VERSION: &str = "1.0.0";
/// What is offered beyond the core.
pub const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,termination,checksum,expiration,concatenation";
/// Names of checksum algorithms.
pub const ALGORITHMS: &str = "sha1,sha256,crc32";

/// A header's text.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

/// A header that is a number of bytes.
pub fn bytes(headers: &HeaderMap, name: &'static str) -> Result<Option<i64>, HttpError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let number = value.to_str().ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse().ok());
    number.map(Some).ok_or_else(|| HttpError::BadRequest(format!("{name} is no number of bytes")))
}

/// `Tus-Resumable` must name the version.
pub fn check_version(headers: &HeaderMap) -> Result<(), HttpError> {
    if text(headers, "tus-resumable") == Some(VERSION) { Ok(()) } else { Err(HttpError::TusVersion) }
}

/// `Upload-Metadata`: keys and base64 values, joined by commas.
pub fn metadata(headers: &HeaderMap) -> Result<Vec<(String, String)>, HttpError> {
    let Some(value) = text(headers, "upload-metadata").filter(|t| !t.trim().is_empty()) else { return Ok(Vec::new()) };
    let wrong = || HttpError::BadRequest("Upload-Metadata is not pairs of a key and base64".to_owned());
    let pair = |part: &str| {
        let (key, value) = part.trim().split_once(' ').unwrap_or((part.trim(), ""));
        let value = BASE64_STANDARD.decode(value.trim()).ok().and_then(|v| String::from_utf8(v).ok());
        value.filter(|_| !key.is_empty()).map(|v| (key.to_owned(), v)).ok_or_else(wrong)
    };
    value.split(',').map(pair).collect()
}

/// What `Upload-Concat` says, if it is there.
pub fn concat(headers: &HeaderMap) -> Result<Option<Concat>, UploadError> {
    text(headers, "upload-concat").map(parse_concat).transpose()
}

/// `POST` with `X-HTTP-Method-Override` is what it says there (tus 1.0, core): some networks let nothing else pass.
pub async fn overridden(mut request: Request) -> Request {
    let asked = text(request.headers(), "x-http-method-override").map(str::to_ascii_uppercase);
    if request.method() == Method::POST && request.uri().path().starts_with("/api/v1/uploads/") {
        match asked.as_deref() {
            Some("PATCH") => *request.method_mut() = Method::PATCH,
            Some("DELETE") => *request.method_mut() = Method::DELETE,
            _ => {}
        }
    }
    request
}

/// Whether a request puts parts together (tus 1.0: concatenation), which were counted when they began: at the end of
/// all their bytes nobody is to wait.
pub fn joins_parts(request: &Request) -> bool {
    request.uri().path().ends_with("/uploads") && matches!(concat(request.headers()), Ok(Some(Concat::Final(_))))
}

/// What `Upload-Checksum` asks for, if it is there.
pub fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, HttpError> {
    let Some(value) = text(headers, "upload-checksum") else { return Ok(None) };
    let wrong = || HttpError::BadRequest(format!("Upload-Checksum is not one of {ALGORITHMS} and base64"));
    let (name, sum) = value.trim().split_once(' ').ok_or_else(wrong)?;
    let sum = BASE64_STANDARD.decode(sum.trim()).map_err(|_| wrong())?;
    Checksum::new(name, sum).map(Some).ok_or_else(wrong)
}

/// Sets a header.
pub fn set(headers: &mut HeaderMap, name: &'static str, value: impl ToString) {
    if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// The last instant whose year has the four digits that HTTP has for it: 9999-12-31T23:59:59Z.
const LAST_DATE: Timestamp = Timestamp::from_micros(253_402_300_799_000_000);

/// An instant as HTTP writes it (RFC 9110 section 5.6.7); later ones, which no date names, as the last that has one.
pub fn http_date(at: Timestamp) -> String {
    httpdate::fmt_http_date(at.min(LAST_DATE).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::UploadId;
    use uuid::Uuid;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn metadata_is_pairs() {
        let read = |v: &str| metadata(&headers("upload-metadata", v));
        let pairs = read("filename d29ybGQ=,is_confidential, title w6Q=").unwrap();
        let expected = [("filename", "world"), ("is_confidential", ""), ("title", "ä")];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert!(read("filename !!!").is_err());
        assert!(metadata(&HeaderMap::new()).unwrap().is_empty());
    }

    #[test]
    fn every_instant_has_a_date() {
        assert_eq!(http_date(Timestamp::EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(Timestamp::from_micros(i64::MIN)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(Timestamp::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn parts_are_named_by_their_urls() {
        let id = UploadId::from(Uuid::from_u128(7));
        let read = |v: &str| concat(&headers("upload-concat", v));
        assert_eq!(read("partial").unwrap(), Some(Concat::Partial));
        let list = format!("final;http://h/api/v1/uploads/{id} /api/v1/uploads/{id}");
        assert_eq!(read(&list).unwrap(), Some(Concat::Final(vec![id, id])));
        for bad in ["final;", "final;/x", "whole"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn checksums_are_computed() {
        for (algorithm, sum) in [("sha1", "Kq5sNclPz7QV2+lfQIuc6R7oRu0="), ("crc32", "DUoRhQ==")] {
            let asked =
                |sum: &str| checksum(&headers("upload-checksum", &format!("{algorithm} {sum}"))).unwrap().unwrap();
            let mut right = asked(sum);
            right.update(b"hello ");
            right.update(b"world");
            assert!(right.matches(), "{algorithm}");
            assert!(!asked(sum).matches());
        }
        assert!(checksum(&headers("upload-checksum", "md5 AAAA")).is_err());
    }
}
