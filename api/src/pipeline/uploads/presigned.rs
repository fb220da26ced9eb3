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
use sluice_db::{ExtentRow, UploadRow};
use sluice_ingest::{ExtentReader, completion, sniff::SNIFF_BYTES};
use sluice_model::{MediaId, UploadId, UploadKind, clock};
use sluice_storage::{Key, Prefix, StoreError};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

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
/// An object's number is its part's number and this many random bits.
const RANDOM_BITS: u32 = 48;
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
    pub expires_us: i64,
}

/// A part that is there.
#[derive(Debug)]
pub struct StoredPart {
    pub number: i64,
    pub object: u64,
    pub size_bytes: i64,
}

/// What stands in a URL of ours.
#[derive(Debug)]
pub struct Signature {
    pub object: u64,
    pub expires_us: i64,
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
    if !(LEAST_PART..=MOST_PART).contains(&part_bytes) || count(begin.size, part_bytes) > MOST_PARTS {
        let text = format!("part_size must be {LEAST_PART} to {MOST_PART} bytes, and give {MOST_PARTS} parts at most");
        return Err(UploadError::BadRequest(text));
    }
    let request = NewUploadRequest {
        length: Some(begin.size),
        metadata: begin.metadata,
        concat: None,
        at_most: 0,
        ttl_us: state.ingest.upload_ttl_us(),
        kind: UploadKind::Presigned,
        parts: Some(Parts { part_bytes, content_type: begin.content_type, checksum }),
        url: None,
    };
    service::create(state, viewer, request).await
}

/// A size that gives a thousand parts at most, in whole MiB.
fn usual_part(size: i64) -> i64 {
    let least = (size + PARTS - 1) / PARTS;
    let mib = 1 << 20;
    ((least + mib - 1) / mib * mib).clamp(PART, MOST_PART)
}

fn count(size: i64, part_bytes: i64) -> i64 {
    (size + part_bytes - 1) / part_bytes
}

/// Size of a part and number of parts of an upload.
pub fn shape(row: &UploadRow) -> Result<(i64, i64), UploadError> {
    let (size, part) = row.length_bytes.zip(row.part_bytes).ok_or(UploadError::NotFound)?;
    Ok((part, count(size, part)))
}

fn size_of(row: &UploadRow, number: i64) -> Result<i64, UploadError> {
    let (part, count) = shape(row)?;
    let size = row.length_bytes.ok_or(UploadError::NotFound)?;
    match number {
        n if n == count => Ok(size - part * (count - 1)),
        n if (1..count).contains(&n) => Ok(part),
        _ => Err(UploadError::BadRequest(format!("there is no part {number}; they are numbered from 1 to {count}"))),
    }
}

async fn owned(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<UploadRow, UploadError> {
    let row = service::owned(state, viewer, id).await?;
    if row.kind == UploadKind::Presigned { Ok(row) } else { Err(UploadError::NotFound) }
}

/// Whether a client that was too slow for its URLs gets others: once none lives any more, only those count that
/// stored something.
async fn forgiven(state: &AppState, row: &UploadRow, asked: i64, most: i64, now_us: i64) -> Result<bool, UploadError> {
    let stored = state.store.list(&Prefix::Source(row.source_id)).await?.len();
    let stored = i64::try_from(stored).unwrap_or(i64::MAX);
    Ok(stored.saturating_add(asked) <= most
        && state.db.uploads().recount_signed(row.id, row.signed, stored, now_us).await?)
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
    if row.completed_us.is_some() {
        return Err(UploadError::UploadComplete);
    }
    if numbers.len() > MOST_URLS {
        return Err(UploadError::BadRequest(format!("at most {MOST_URLS} parts at once")));
    }
    let distinct: BTreeSet<&i64> = numbers.iter().collect();
    let (_, count) = shape(&row)?;
    let asked = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
    // Every URL may store a part: a client that repeats some has enough, one that fills the store has not.
    let most = count * MOST_SIGNED + MORE_SIGNED;
    let now = clock::now_us();
    let over = row.signed.saturating_add(asked) > most;
    if distinct.len() < numbers.len() || (over && !forgiven(state, &row, asked, most, now).await?) {
        return Err(UploadError::TooMany("signed URLs"));
    }
    let sizes = numbers.iter().map(|n| Ok((*n, size_of(&row, *n)?))).collect::<Result<Vec<_>, UploadError>>()?;
    let expires_us = now + i64::try_from(state.config.ingest.presigned_ttl.as_micros()).unwrap_or(i64::MAX / 2);
    // Before any URL exists: what may still be written to is not deleted for good.
    let kept = (now + state.ingest.upload_ttl_us()).max(expires_us);
    if !state.db.uploads().extend_signed_until(id, asked, now, kept, most, expires_us).await? {
        return Err(UploadError::UploadExpired);
    }
    let content_type = row.content_type.as_deref().unwrap_or_default();
    let mut signed = Vec::with_capacity(sizes.len());
    for (number, size_bytes) in sizes {
        let object = (number.unsigned_abs() << RANDOM_BITS) | (rand::random::<u64>() >> (64 - RANDOM_BITS));
        let key = Key::Extent { source: row.source_id, number: object };
        let url = state
            .store
            .presign_put(&key, size_bytes.unsigned_abs(), content_type, state.config.ingest.presigned_ttl)
            .await?;
        let url = url.unwrap_or_else(|| {
            let code = code(&state.keys, id, number, object, expires_us);
            format!(
                "{base}/api/v1/uploads/presigned/{id}/parts/{number}?object={object}&expires={expires_us}&signature={code}"
            )
        });
        signed.push(SignedPart { number, size_bytes, url, expires_us });
    }
    Ok(signed)
}

fn message(id: UploadId, number: i64, object: u64, expires_us: i64) -> Vec<u8> {
    [&id.uuid().as_bytes()[..], &number.to_be_bytes(), &object.to_be_bytes(), &expires_us.to_be_bytes()].concat()
}

fn code(keys: &Keys, id: UploadId, number: i64, object: u64, expires_us: i64) -> String {
    let mut mac = keys.mac(PURPOSE);
    mac.update(&message(id, number, object, expires_us));
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
        mac.update(&message(id, number, signature.object, signature.expires_us));
        mac.verify_slice(&given).is_ok()
    });
    if !right || signature.expires_us <= clock::now_us() {
        return Err(UploadError::BadSignature);
    }
    let row = state.db.uploads().find(id).await?.ok_or(UploadError::NotFound)?;
    if row.completed_us.is_some() {
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
    let now = clock::now_us();
    if row.completed_us.is_none() {
        state.db.uploads().extend_signed_until(id, 0, now, now + state.ingest.upload_ttl_us(), i64::MAX, 0).await?;
    }
    Ok(stored(state, &row).await?.into_values().collect())
}

/// What the store has, by part; another size than was signed is not it.
async fn stored(state: &AppState, row: &UploadRow) -> Result<BTreeMap<i64, StoredPart>, UploadError> {
    let mut parts = BTreeMap::new();
    for (key, size) in state.store.list_sizes(&Prefix::Source(row.source_id)).await? {
        let Key::Extent { number: object, .. } = key else { continue };
        let number = i64::try_from(object >> RANDOM_BITS).unwrap_or(0);
        let size_bytes = i64::try_from(size).unwrap_or(i64::MAX);
        if size_of(row, number).is_ok_and(|s| s == size_bytes) {
            let part = StoredPart { number, object, size_bytes };
            // Of several with one number always the same one.
            let kept = parts.entry(number).or_insert_with(|| StoredPart { ..part });
            if part.object < kept.object {
                *kept = part;
            }
        }
    }
    Ok(parts)
}

/// Makes work of an upload whose parts are all there. Safe to repeat.
pub async fn complete(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<MediaId, UploadError> {
    let row = owned(state, viewer, id).await?;
    let media = row.media_id.ok_or(UploadError::Internal)?;
    if row.completed_us.is_some() {
        return Ok(media);
    }
    let (part_bytes, count) = shape(&row)?;
    let parts = stored(state, &row).await?;
    let missing = count - i64::try_from(parts.len()).unwrap_or(0);
    if missing > 0 {
        return Err(UploadError::PartsMissing(missing));
    }
    let extent = |p: &StoredPart| ExtentRow {
        offset_bytes: (p.number - 1) * part_bytes,
        size_bytes: p.size_bytes,
        number: p.object as i64,
        home: row.source_id,
    };
    let extents: Vec<ExtentRow> = parts.values().map(extent).collect();
    if extents.is_empty() {
        return Err(UploadError::EmptyFile);
    }
    let head = ExtentReader::new(state.store.clone(), extents.clone()).read(0..SNIFF_BYTES as u64).await?;
    let identified = match state.ingest.identify(row.source_id, &head).await {
        Ok(demuxer) if declared::contradicts(row.content_type.as_deref().unwrap_or_default(), demuxer) => {
            Err(UploadError::TypeMismatch)
        }
        other => other.map(drop).map_err(UploadError::from),
    };
    if let Err(error) = identified {
        if matches!(error, UploadError::UnsupportedType | UploadError::TypeMismatch) {
            state.db.uploads().delete(id, clock::now_us()).await?;
        }
        return Err(error);
    }
    let mut tx = state.db.begin().await?;
    let now_row = tx.uploads().lock(id).await?.ok_or(UploadError::NotFound)?;
    if now_row.completed_us.is_none() {
        tx.uploads().record_parts(&row, &extents).await?;
        if !completion::complete_in(&mut tx, id, clock::now_us()).await? {
            return Err(UploadError::UploadExpired);
        }
        tx.commit().await?;
        state.wake.push(2).await;
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
        assert!(count(64 << 30, usual_part(64 << 30)) <= PARTS);
        assert_eq!((count(10, 5), count(11, 5), count(1, 5)), (2, 3, 1));
    }
}
