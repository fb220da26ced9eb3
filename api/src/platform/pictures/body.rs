//! The bytes of a picture: the body itself, or the file of a form, which is all that a page without a script can send.
//! A poster may also be a moment of its film.

use super::{service::MOST_BYTES, views::ChooseMoment};
use crate::{
    http::{
        body_limit::BodyLimit,
        error::{ApiError, HttpError},
        extract::{self, is_json},
        read_ahead::ReadAhead,
    },
    platform::PlatformError,
};
use axum::{
    body::Body,
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, multipart::Field},
    http::header,
};
use bytes::Bytes;
use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use utoipa::ToSchema;

/// Fields that may stand before the file.
const MOST_FIELDS: usize = 8;
/// Largest body that names a moment.
const MOST_MOMENT_BYTES: usize = 4096;

/// A picture as a form.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; it is read field by field")]
pub struct PictureForm {
    #[schema(content_media_type = "image/jpeg", value_type = String)]
    file: Vec<u8>,
}

/// A picture on its way in, read when it is asked for, so that the bounds of the service hold while it arrives.
pub struct PictureBody(pub BoxStream<'static, Result<Bytes, PlatformError>>);

impl<S: Send + Sync> FromRequest<S> for PictureBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("multipart/") {
            let body = request.into_body().into_data_stream();
            return Ok(Self(body.map_err(|_| PlatformError::UploadCut).boxed()));
        }
        let ahead = ReadAhead::default();
        let bounded = request.map(|body| Body::from_stream(ahead.bound(body.into_data_stream())));
        let form = Multipart::from_request(bounded, &()).await.map_err(|_| HttpError::NotMultipart)?;
        Ok(Self(file(form, ahead).boxed()))
    }
}

/// What becomes the poster of a film.
pub enum PosterBody {
    Picture(PictureBody),
    Moment(ChooseMoment),
}

impl<S: Send + Sync> FromRequest<S> for PosterBody {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Ok(Self::Picture(PictureBody::from_request(request, state).await?));
        }
        // The route has none: pictures are bounded while they arrive.
        request.extensions_mut().insert(BodyLimit(MOST_MOMENT_BYTES));
        DefaultBodyLimit::max(MOST_MOMENT_BYTES).apply(&mut request);
        Ok(Self::Moment(extract::Body::from_request(request, state).await?.0))
    }
}

/// The file of a form, in one piece.
fn file(mut form: Multipart, ahead: ReadAhead) -> impl Stream<Item = Result<Bytes, PlatformError>> {
    stream::once(async move {
        for _ in 0..=MOST_FIELDS {
            let Some(field) = form.next_field().await.map_err(|_| PlatformError::UploadCut)? else { break };
            ahead.renew();
            let is_file = field.name() == Some("file") || field.file_name().is_some();
            let bytes = whole(field, &ahead).await?;
            if is_file {
                return Ok(bytes);
            }
        }
        Err(PlatformError::BadRequest("the form has no file".to_owned()))
    })
}

async fn whole(mut field: Field<'_>, ahead: &ReadAhead) -> Result<Bytes, PlatformError> {
    let mut out = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|_| PlatformError::UploadCut)? {
        ahead.renew();
        out.extend_from_slice(&chunk);
        if out.len() > MOST_BYTES {
            return Err(PlatformError::TooLarge(MOST_BYTES as u64));
        }
    }
    Ok(out.into())
}
