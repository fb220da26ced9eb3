//! Bytes become extents as they arrive: constant memory, and nothing counted that is not stored.

use crate::{error::ApiError, state::AppState};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use sluice_common::{
    clock,
    db::ExtentRow,
    sniff::{SNIFF_BYTES, sniff},
    storage::Key,
};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Size of an extent. One is filled while one is stored.
const EXTENT_BYTES: usize = 8 << 20;

/// A source whose bytes are all stored, but which is not complete yet.
#[derive(Debug, Clone, Copy)]
pub struct Received {
    pub source: Uuid,
    pub size_bytes: i64,
}

/// Takes in a whole file. When it fails or the client goes away, the extents stay behind for the sweep.
pub async fn receive(
    state: &AppState,
    mut bytes: impl Stream<Item = Result<Bytes, ApiError>> + Unpin,
) -> Result<Received, ApiError> {
    let mut head = BytesMut::new();
    while head.len() < SNIFF_BYTES {
        match bytes.next().await {
            Some(chunk) => head.extend_from_slice(&chunk?),
            None => break,
        }
    }
    if head.is_empty() {
        return Err(ApiError::EmptyFile);
    }
    // Refused after the first kilobytes, before gigabytes are sent.
    let demuxer = sniff(&head).ok_or(ApiError::UnsupportedType)?;
    let source = Uuid::now_v7();
    state.db.insert_source(source, demuxer.content_type(), clock::now_us()).await?;
    let mut writer = Writer { state: state.clone(), source, offset: 0, number: 0, storing: None };
    let (mut buffer, mut spare) = (BytesMut::with_capacity(EXTENT_BYTES), None);
    let mut rest = head.freeze();
    loop {
        while !rest.is_empty() {
            let part = rest.split_to(rest.len().min(EXTENT_BYTES - buffer.len()));
            buffer.extend_from_slice(&part);
            if buffer.len() == EXTENT_BYTES {
                // Two buffers take turns: fresh ones would leave the allocator with holes of their size.
                let next = spare.take().unwrap_or_else(|| BytesMut::with_capacity(EXTENT_BYTES));
                let full = std::mem::replace(&mut buffer, next);
                spare = writer.store(full.freeze()).await?;
            }
        }
        match bytes.next().await {
            Some(chunk) => rest = chunk?,
            None => break,
        }
    }
    if !buffer.is_empty() {
        writer.store(buffer.freeze()).await?;
    }
    writer.finish().await
}

struct Writer {
    state: AppState,
    source: Uuid,
    offset: u64,
    number: u64,
    storing: Option<JoinHandle<Result<Bytes, ApiError>>>,
}

impl Writer {
    /// Begins to store an extent once the one before is stored and recorded; gives that one's buffer back.
    async fn store(&mut self, data: Bytes) -> Result<Option<BytesMut>, ApiError> {
        let (state, source, number, offset) = (self.state.clone(), self.source, self.number, self.offset);
        if offset + data.len() as u64 > state.config.max_upload_bytes {
            return Err(ApiError::TooLarge(state.config.max_upload_bytes));
        }
        self.offset += data.len() as u64;
        self.number += 1;
        let free = self.wait().await?;
        self.storing = Some(tokio::spawn(async move {
            let size = data.len() as i64;
            state.store.put(&Key::Extent { source, number }, data.clone()).await?;
            let extent = ExtentRow { offset_bytes: offset as i64, size_bytes: size, number: number as i64 };
            // The sweep took the source for abandoned: its bytes may be gone already.
            let alive = state.db.add_extent(source, &extent, clock::now_us()).await?;
            if alive { Ok(data) } else { Err(ApiError::Unavailable) }
        }));
        Ok(free)
    }

    async fn wait(&mut self) -> Result<Option<BytesMut>, ApiError> {
        let Some(storing) = self.storing.take() else { return Ok(None) };
        let stored = storing.await.map_err(|_| ApiError::Internal)??;
        // Nobody else holds it any more, unless the store's client still does: then a new one is made.
        Ok(stored.try_into_mut().ok().map(|mut b| {
            b.clear();
            b
        }))
    }

    async fn finish(mut self) -> Result<Received, ApiError> {
        self.wait().await?;
        Ok(Received { source: self.source, size_bytes: self.offset as i64 })
    }
}
