//! Parts that become one upload (tus 1.0: concatenation).

use super::concat::{Concat, parse_concat};
use crate::{
    identity::Viewer,
    pipeline::{media::service::Metadata, uploads::UploadError},
    state::AppState,
};
use sluice_db::{Tx, UploadRow};
use sluice_model::{SourceId, Timestamp, UploadId};

/// Parts of one concatenation.
const MOST_PARTS: usize = 1000;

/// The whole that these parts have become, in this order: its answer was lost.
pub async fn joined(state: &AppState, viewer: &Viewer, ids: &[UploadId]) -> Result<Option<UploadRow>, UploadError> {
    let Some(first) = ids.first() else { return Ok(None) };
    let Some(whole) = state.db.uploads().find(*first).await?.and_then(|p| p.joined) else { return Ok(None) };
    let Some(whole) = state.db.uploads().find(whole).await?.filter(|w| w.owner_id == viewer.id) else {
        return Ok(None);
    };
    let same = parse_concat(&Metadata::stored(&whole.metadata).verbatim_parts.unwrap_or_default())
        .is_ok_and(|c| c == Concat::Final(ids.to_vec()));
    Ok(Some(whole).filter(|_| same))
}

/// Puts finished parts together; how many bytes that is. Rows move, bytes stay where they are.
pub async fn join(
    tx: &mut Tx,
    viewer: &Viewer,
    id: UploadId,
    source: SourceId,
    ids: &[UploadId],
    now: Timestamp,
) -> Result<i64, UploadError> {
    let wrong = |what: &str| UploadError::BadRequest(format!("a part {what}"));
    if ids.len() > MOST_PARTS {
        return Err(UploadError::BadRequest("there are too many parts".to_owned()));
    }
    let mut parts: Vec<UploadRow> = Vec::with_capacity(ids.len());
    // Locked in one order whatever the client's, so that two requests never wait for each other.
    let mut order = ids.to_vec();
    order.sort_unstable();
    order.dedup();
    if order.len() != ids.len() {
        return Err(wrong("is named twice"));
    }
    for part in order {
        let row = tx.uploads().lock(part).await?.filter(|r| r.owner_id == viewer.id && r.part);
        let row = row.ok_or_else(|| wrong("does not exist"))?;
        if row.joined.is_some() {
            return Err(wrong("is part of another upload"));
        }
        if row.length_bytes != Some(row.offset_bytes) {
            return Err(wrong("is not complete"));
        }
        parts.push(row);
    }
    let place = |r: &UploadRow| ids.iter().position(|id| *id == r.id);
    parts.sort_by_key(place);
    Ok(tx.uploads().concatenate(id, source, &parts, now).await?)
}
