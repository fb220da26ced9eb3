//! Uploads whose parts go straight to the store, by one signed URL each. A part is an extent.
//!
//! Every signature names a new object: a part that is sent again never replaces one that is there, and a
//! URL is good for one object, once. Which parts are there is read from the store, never believed. Size
//! and media type are part of the signature, and looked at again before the upload becomes work.
//!
//! Where the store has no signed URLs (a local directory), the API takes the bytes at URLs of the same kind.

use super::{
    UploadError, declared,
    service::{self, NewUploadRequest, Parts},
};
use crate::{
    identity::Viewer,
    pipeline::media::service::Metadata,
    state::{AppState, Keys},
};
use bytes::Bytes;
use futures::Stream;
use hmac::Mac;
use sluice_db::UploadRow;
use sluice_ingest::{PartLayout, StoredPart, part_object};
use sluice_model::{MediaId, Timestamp, UploadId, UploadKind, clock};
use sluice_storage::{Key, Prefix, StoreError};
use std::{collections::BTreeSet, io};

/// Parts of one upload.
const MOST_PARTS: i64 = 10_000;
/// Parts that an upload has unless it asks for smaller ones.
const PARTS: i64 = 1000;
/// URLs of one answer.
pub const MOST_URLS: usize = 1000;
const LEAST_PART: i64 = 64 << 10;
const PART: i64 = 16 << 20;
const MOST_PART: i64 = 256 << 20;
/// URLs that an upload may have: so many for every part ...
const MOST_SIGNED: i64 = 3;
/// ... and so many more.
const MORE_SIGNED: i64 = 20;
const PURPOSE: &str = "signed part";

/// What is said of an upload at its beginning.
#[derive(Debug)]
pub struct Begin {
    pub size: i64,
    pub content_type: String,
    /// Hexadecimal.
    pub sha256: Option<String>,
    pub part_size: Option<i64>,
    pub metadata: Metadata,
}

/// A URL for one part.
#[derive(Debug)]
pub struct SignedPart {
    pub number: i64,
    pub size_bytes: i64,
    pub url: String,
    pub expires_at: Timestamp,
}

/// What stands in a URL of ours.
#[derive(Debug)]
pub struct Signature {
    pub object: u64,
    pub expires_at: Timestamp,
    /// Hexadecimal.
    pub code: String,
}

/// Begins an upload.
pub async fn begin(state: &AppState, viewer: &Viewer, begin: Begin) -> Result<UploadRow, UploadError> {
    declared::plausible(&begin.content_type)?;
    let printable = |c: char| c.is_ascii_graphic() || c == ' ';
    if begin.content_type.is_empty() || begin.content_type.len() > 200 || !begin.content_type.chars().all(printable) {
        return Err(UploadError::BadRequest("content_type is no media type".to_owned()));
    }
    let checksum = match &begin.sha256 {
        None => None,
        Some(text) => {
            let bytes = hex::decode(text).ok().filter(|b| b.len() == 32);
            Some(bytes.ok_or_else(|| UploadError::BadRequest("sha256 is not 64 hexadecimal digits".to_owned()))?)
        }
    };
    if begin.size <= 0 {
        return Err(UploadError::EmptyFile);
    }
    let part_bytes = begin.part_size.unwrap_or_else(|| usual_part(begin.size));
    if !(LEAST_PART..=MOST_PART).contains(&part_bytes)
        || (PartLayout { length_bytes: begin.size, part_bytes }).count() > MOST_PARTS
    {
        let text = format!("part_size must be {LEAST_PART} to {MOST_PART} bytes, and give {MOST_PARTS} parts at most");
        return Err(UploadError::BadRequest(text));
    }
    let request = NewUploadRequest {
        length: Some(begin.size),
        metadata: begin.metadata,
        concat: None,
        at_most: 0,
        ttl: state.ingest.upload_ttl(),
        kind: UploadKind::Presigned,
        parts: Some(Parts { part_bytes, content_type: begin.content_type, checksum }),
        url: None,
        track_of: None,
    };
    service::create(state, viewer, request).await
}

/// A size that gives a thousand parts at most, in whole MiB.
fn usual_part(size: i64) -> i64 {
    let least = (size + PARTS - 1) / PARTS;
    let mib = 1 << 20;
    ((least + mib - 1) / mib * mib).clamp(PART, MOST_PART)
}

/// How an upload is cut into parts.
pub fn layout(row: &UploadRow) -> Result<PartLayout, UploadError> {
    PartLayout::of(row).ok_or(UploadError::NotFound)
}

fn size_of(row: &UploadRow, number: i64) -> Result<i64, UploadError> {
    let layout = layout(row)?;
    layout.size_of(number).ok_or_else(|| {
        UploadError::BadRequest(format!("there is no part {number}; they are numbered from 1 to {}", layout.count()))
    })
}

async fn owned(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<UploadRow, UploadError> {
    let row = service::owned(state, viewer, id).await?;
    if row.kind == UploadKind::Presigned { Ok(row) } else { Err(UploadError::NotFound) }
}

/// Whether a client that was too slow for its URLs gets others: once none lives any more, only those count that
/// stored something.
async fn forgiven(
    state: &AppState,
    row: &UploadRow,
    asked: i64,
    most: i64,
    now: Timestamp,
) -> Result<bool, UploadError> {
    let stored = state.store.list(&Prefix::Source(row.source_id)).await?.len();
    let stored = i64::try_from(stored).unwrap_or(i64::MAX);
    Ok(stored.saturating_add(asked) <= most
        && state.db.uploads().recount_signed(row.id, row.signed, stored, now).await?)
}

/// Signs URLs for parts, in the order asked for. Each puts the upload's expiry off.
pub async fn sign(
    state: &AppState,
    viewer: &Viewer,
    base: &str,
    id: UploadId,
    numbers: &[i64],
) -> Result<Vec<SignedPart>, UploadError> {
    let row = owned(state, viewer, id).await?;
    if row.completed_at.is_some() {
        return Err(UploadError::UploadComplete);
    }
    if numbers.len() > MOST_URLS {
        return Err(UploadError::BadRequest(format!("at most {MOST_URLS} parts at once")));
    }
    let distinct: BTreeSet<&i64> = numbers.iter().collect();
    let count = layout(&row)?.count();
    let asked = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
    // Every URL may store a part: a client that repeats some has enough, one that fills the store has not.
    let most = count * MOST_SIGNED + MORE_SIGNED;
    let now = clock::now();
    let over = row.signed.saturating_add(asked) > most;
    if distinct.len() < numbers.len() || (over && !forgiven(state, &row, asked, most, now).await?) {
        return Err(UploadError::TooMany("signed URLs"));
    }
    let sizes = numbers.iter().map(|n| Ok((*n, size_of(&row, *n)?))).collect::<Result<Vec<_>, UploadError>>()?;
    let expires_at = now + state.config.ingest.presigned_ttl;
    // Before any URL exists: what may still be written to is not deleted for good.
    let kept = (now + state.ingest.upload_ttl()).max(expires_at);
    if !state.db.uploads().extend_signed_until(id, asked, now, kept, most, expires_at).await? {
        return Err(UploadError::UploadExpired);
    }
    let content_type = row.content_type.as_deref().unwrap_or_default();
    let mut signed = Vec::with_capacity(sizes.len());
    for (number, size_bytes) in sizes {
        let object = part_object(number);
        let key = Key::Extent { source: row.source_id, number: object };
        let url = state
            .store
            .presign_put(&key, size_bytes.unsigned_abs(), content_type, state.config.ingest.presigned_ttl)
            .await?;
        let url = url.unwrap_or_else(|| {
            let code = code(&state.keys, id, number, object, expires_at);
            let expires = expires_at.as_micros();
            format!(
                "{base}/api/v1/uploads/presigned/{id}/parts/{number}?object={object}&expires={expires}&signature={code}"
            )
        });
        signed.push(SignedPart { number, size_bytes, url, expires_at });
    }
    Ok(signed)
}

fn message(id: UploadId, number: i64, object: u64, expires_at: Timestamp) -> Vec<u8> {
    [&id.uuid().as_bytes()[..], &number.to_be_bytes(), &object.to_be_bytes(), &expires_at.as_micros().to_be_bytes()]
        .concat()
}

fn code(keys: &Keys, id: UploadId, number: i64, object: u64, expires_at: Timestamp) -> String {
    let mut mac = keys.mac(PURPOSE);
    mac.update(&message(id, number, object, expires_at));
    hex::encode(mac.finalize().into_bytes())
}

/// Takes in a part at a URL of ours. Who holds the URL may do so; nobody else is asked for.
pub async fn receive(
    state: &AppState,
    id: UploadId,
    number: i64,
    signature: &Signature,
    length: Option<i64>,
    content_type: &str,
    body: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
) -> Result<(), UploadError> {
    let given = hex::decode(&signature.code).unwrap_or_default();
    let right = state.keys.macs(PURPOSE).any(|mut mac| {
        mac.update(&message(id, number, signature.object, signature.expires_at));
        mac.verify_slice(&given).is_ok()
    });
    if !right || signature.expires_at <= clock::now() {
        return Err(UploadError::BadSignature);
    }
    let row = state.db.uploads().find(id).await?.ok_or(UploadError::NotFound)?;
    if row.completed_at.is_some() {
        return Err(UploadError::UploadComplete);
    }
    let size = size_of(&row, number)?;
    if length != Some(size) || row.content_type.as_deref() != Some(content_type) {
        return Err(UploadError::BadSignature);
    }
    state.ingest.check_space()?;
    let key = Key::Extent { source: row.source_id, number: signature.object };
    if state.store.put_once(&key, size.unsigned_abs(), body).await.map_err(part_refused)? {
        // Given up while the bytes came: nobody would look for them.
        if state.db.uploads().find(id).await?.is_none() {
            state.store.delete(&key).await?;
            return Err(UploadError::NotFound);
        }
        Ok(())
    } else {
        Err(UploadError::PartExists)
    }
}

/// A body that broke off is the client's; it may send the part again.
fn part_refused(error: StoreError) -> UploadError {
    match error {
        StoreError::Unavailable(_) => {
            tracing::debug!(%error, "part");
            UploadError::UploadInterrupted
        }
        other => other.into(),
    }
}

/// The parts that are there, in order.
pub async fn list(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<Vec<StoredPart>, UploadError> {
    let row = owned(state, viewer, id).await?;
    let now = clock::now();
    if row.completed_at.is_none() {
        let expires_at = now + state.ingest.upload_ttl();
        state.db.uploads().extend_signed_until(id, 0, now, expires_at, i64::MAX, Timestamp::EPOCH).await?;
    }
    Ok(state.ingest.stored_parts(&row).await?.into_values().collect())
}

/// Makes work of an upload whose parts are all there. Safe to repeat.
pub async fn complete(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<MediaId, UploadError> {
    let row = owned(state, viewer, id).await?;
    let media = row.media_id.ok_or(UploadError::Internal)?;
    if row.completed_at.is_none() {
        let declared = row.content_type.as_deref().unwrap_or_default();
        if state.ingest.complete_parts(&row, |demuxer| declared::contradicts(declared, demuxer)).await? {
            state.wake.push(2).await;
        }
    }
    Ok(media)
}

/// Gives an upload up.
pub async fn abort(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<(), UploadError> {
    owned(state, viewer, id).await?;
    service::terminate(state, viewer, id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_neither_many_nor_huge() {
        assert_eq!((usual_part(1), usual_part(16 << 30)), (PART, 17 << 20));
        let largest = PartLayout { length_bytes: 64 << 30, part_bytes: usual_part(64 << 30) };
        assert!(largest.count() <= PARTS);
    }
}
