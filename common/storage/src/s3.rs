//! A bucket of any S3-compatible server.

use super::{ByteStream, Key, Prefix, Root, StoreError, StoredObject};
use aws_sdk_s3::{
    Client,
    config::{
        BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
        retry::RetryConfig, timeout::TimeoutConfig,
    },
    error::{ProvideErrorMetadata, SdkError},
    presigning::PresigningConfig,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use secrecy::ExposeSecret;
use sluice_config::S3Location;
use sluice_model::Timestamp;
use std::{
    error::Error,
    ops::Range,
    time::{Duration, SystemTime},
};

/// Objects in a bucket, below a prefix.
#[derive(Debug, Clone)]
pub struct S3Store {
    client: Client,
    bucket: String,
    prefix: String,
}

impl S3Store {
    pub(super) fn open(location: &S3Location) -> Result<Self, StoreError> {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let keys = Credentials::new(&location.access_key, location.secret_key.expose_secret(), None, None, "settings");
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(Duration::from_secs(30))
            .operation_attempt_timeout(Duration::from_secs(120))
            .build();
        // WhenRequired: several servers refuse the trailing checksums that are the default.
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(keys)
            .region(Region::new(location.region.clone()))
            .force_path_style(true)
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(4))
            .timeout_config(timeouts)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        if let Some(endpoint) = &location.endpoint {
            config = config.endpoint_url(endpoint);
        }
        Ok(Self {
            client: Client::from_conf(config.build()),
            bucket: location.bucket.clone(),
            prefix: location.prefix.clone(),
        })
    }

    fn path(&self, key: &Key) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) async fn put(&self, key: &Key, data: Bytes) -> Result<(), StoreError> {
        let put = self.client.put_object().bucket(&self.bucket).key(self.path(key));
        put.content_type(key.content_type())
            .cache_control(key.cache_control())
            .body(data.into())
            .send()
            .await
            .map(|_| ())
            .map_err(|e| failed(&e))
    }

    pub(super) async fn get(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        let got = self.client.get_object().bucket(&self.bucket).key(self.path(key)).range(bytes).send().await;
        let body =
            got.map_err(|e| if is_missing(&e) { StoreError::NotFound(key.to_string()) } else { failed(&e) })?.body;
        Ok(stream::try_unfold(body, |mut body| async move {
            match body.next().await {
                None => Ok(None),
                Some(Ok(chunk)) => Ok(Some((chunk, body))),
                Some(Err(e)) => Err(StoreError::Unavailable(e.to_string())),
            }
        })
        .boxed())
    }

    pub(super) async fn presign(&self, key: &Key, signed_at: Timestamp, valid: Duration) -> Result<String, StoreError> {
        let start = SystemTime::from(signed_at);
        let config = PresigningConfig::builder()
            .start_time(start)
            .expires_in(valid)
            .build()
            .map_err(|e| StoreError::Unavailable(e.to_string()))?;
        // The URL is for one person: what is stored with the object says `public`.
        let private = "private, max-age=31536000, immutable";
        let get = self.client.get_object().bucket(&self.bucket).key(self.path(key)).response_cache_control(private);
        let request = get.presigned(config).await.map_err(|e| failed(&e))?;
        Ok(request.uri().to_owned())
    }

    pub(super) async fn presign_put(
        &self,
        key: &Key,
        size_bytes: u64,
        content_type: &str,
        valid: Duration,
    ) -> Result<String, StoreError> {
        let config = PresigningConfig::expires_in(valid).map_err(|e| StoreError::Unavailable(e.to_string()))?;
        // Every header that is set here is signed: another size or type has another signature.
        let put = self.client.put_object().bucket(&self.bucket).key(self.path(key));
        let put = put.content_length(i64::try_from(size_bytes).unwrap_or(i64::MAX)).content_type(content_type);
        let request = put.if_none_match("*").presigned(config).await.map_err(|e| failed(&e))?;
        Ok(request.uri().to_owned())
    }

    pub(super) async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        match self.client.head_object().bucket(&self.bucket).key(self.path(key)).send().await {
            Ok(head) => Ok(head.content_length().and_then(|n| u64::try_from(n).ok())),
            Err(e) if is_missing(&e) => Ok(None),
            Err(e) => Err(failed(&e)),
        }
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        match self.client.delete_object().bucket(&self.bucket).key(self.path(key)).send().await {
            Err(e) if !is_missing(&e) => Err(failed(&e)),
            _ => Ok(()),
        }
    }

    pub(super) async fn list(&self, prefix: &Prefix) -> Result<Vec<StoredObject>, StoreError> {
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(format!("{}{prefix}", self.prefix));
        let mut pages = list.into_paginator().send();
        let mut objects = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| failed(&e))?;
            let found = page.contents().iter().filter_map(|o| {
                let key = Key::parse(o.key()?.strip_prefix(&self.prefix)?)?;
                let size_bytes = o.size().and_then(|s| u64::try_from(s).ok()).unwrap_or(0);
                let written = o.last_modified().and_then(|at| SystemTime::try_from(*at).ok());
                Some(StoredObject { key, size_bytes, written_at: written.map_or(Timestamp::EPOCH, Timestamp::from) })
            });
            objects.extend(found);
        }
        Ok(objects)
    }

    pub(super) fn groups(&self, root: Root) -> BoxStream<'static, Result<Prefix, StoreError>> {
        let folder = format!("{}{root}/", self.prefix);
        let list = self.client.list_objects_v2().bucket(&self.bucket).prefix(&folder).delimiter("/");
        let pages = stream::try_unfold((list.into_paginator().send(), folder), move |(mut pages, folder)| async move {
            let Some(page) = pages.next().await else { return Ok(None) };
            let page = page.map_err(|e| failed(&e))?;
            let folders = page.common_prefixes().iter().filter_map(|p| p.prefix()?.strip_suffix('/'));
            let files = page.contents().iter().filter_map(|o| o.key());
            let names = folders.chain(files).filter_map(|path| path.strip_prefix(&folder));
            let found: Vec<_> = names.filter_map(|name| root.prefix(name)).map(Ok).collect();
            Ok(Some((stream::iter(found), (pages, folder))))
        });
        pages.try_flatten().boxed()
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.client.head_bucket().bucket(&self.bucket).send().await.map(|_| ()).map_err(|e| failed(&e))
    }
}

fn is_missing<E>(e: &SdkError<E>) -> bool {
    e.raw_response().is_some_and(|r| r.status().as_u16() == 404)
}

/// 507 and the codes that servers use for a full disk are told apart; the rest is worth a retry.
fn failed<E: Error + ProvideErrorMetadata + 'static>(e: &SdkError<E>) -> StoreError {
    match e.raw_response().map(|r| r.status().as_u16()) {
        Some(507) => StoreError::Full,
        Some(status) if e.code().is_some() => {
            let (code, message) = (e.code().unwrap_or_default(), e.message().unwrap_or_default());
            StoreError::Unavailable(format!("the server answered {status}, {code}: {message}"))
        }
        Some(status) => StoreError::Unavailable(format!("the server answered {status}: {}", causes(e))),
        None => StoreError::Unavailable(causes(e)),
    }
}

/// An error with what led to it, in one line: whole answers and connections are nothing for a log.
fn causes(error: &dyn Error) -> String {
    let (mut said, mut next) = (Vec::new(), Some(error));
    while let Some(cause) = next {
        said.push(cause.to_string());
        next = cause.source();
    }
    said.dedup();
    said.join(": ")
}
