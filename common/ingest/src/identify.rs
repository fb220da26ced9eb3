//! What an upload is by its first bytes: looked at as they come, and again where nobody has before it becomes work.

use crate::{
    ExtentReader, Ingest, IngestError,
    sniff::{Demuxer, SNIFF_BYTES, refusal, sniff},
};
use bytes::Bytes;
use sluice_db::UploadRow;
use sluice_model::SourceId;

/// What a source is said to be until its bytes were looked at.
const UNKNOWN: &str = "application/octet-stream";

impl Ingest {
    /// Notes what a source is by its first bytes.
    ///
    /// # Errors
    /// [`IngestError::UnsupportedType`] for what is no video or audio.
    pub async fn identify(&self, source: SourceId, head: &[u8]) -> Result<Demuxer, IngestError> {
        let demuxer = sniff(head).ok_or_else(|| IngestError::UnsupportedType(refusal(head)))?;
        self.db.uploads().set_content_type(source, demuxer.content_type()).await?;
        Ok(demuxer)
    }

    /// Looks at the first bytes of an upload that goes on, once enough of them are there, if nobody has. Those of a
    /// part that is to be concatenated say nothing.
    ///
    /// # Errors
    /// [`IngestError::UnsupportedType`]; [`IngestError::UploadGone`].
    pub async fn identify_delivered(&self, row: &UploadRow) -> Result<(), IngestError> {
        let enough = row.offset_bytes >= SNIFF_BYTES as i64 || row.length_bytes == Some(row.offset_bytes);
        if row.part || !enough || row.completed_at.is_some() {
            return Ok(());
        }
        let source = self.db.sources().find(row.source_id).await?.ok_or(IngestError::UploadGone)?;
        if source.content_type == UNKNOWN {
            let head = self.head(row.source_id, SNIFF_BYTES as u64).await?;
            self.identify(row.source_id, &head).await?;
        }
        Ok(())
    }

    /// What is there of the bytes that say what an upload is, for a writer that goes on with it; `None` where the
    /// writer need not look: they were all seen, or are those of a part.
    pub async fn unidentified_head(&self, row: &UploadRow) -> Result<Option<Bytes>, IngestError> {
        let delivered = row.offset_bytes.unsigned_abs();
        if row.part || delivered >= SNIFF_BYTES as u64 {
            return Ok(None);
        }
        if delivered == 0 {
            return Ok(Some(Bytes::new()));
        }
        Ok(Some(self.head(row.source_id, delivered).await?))
    }

    async fn head(&self, source: SourceId, bytes: u64) -> Result<Bytes, IngestError> {
        let reader = ExtentReader::open(&self.db, &self.store, source).await?;
        Ok(reader.read(0..bytes).await?)
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        IngestError, ReceiveError,
        fixture::{World, film},
    };
    use sluice_model::UploadKind;

    #[tokio::test]
    async fn what_is_no_film_is_refused_before_it_is_stored() {
        let world = World::new("").await;
        let upload = world.upload(Some(10_000), UploadKind::Tus, None).await;
        let refused = world.receive(upload.id, &[b'a'; 10_000], None).await;
        assert!(matches!(refused.end, Err(ReceiveError::Ingest(IngestError::UnsupportedType(_)))), "{refused:?}");
        assert_eq!((world.row(upload.id).await.offset_bytes, world.objects(upload.source_id).await), (0, 0));
    }

    #[tokio::test]
    async fn first_bytes_are_looked_at_over_the_seam_of_two_requests() {
        let world = World::new("").await;
        for (data, known) in [(film(10_000), true), (vec![b'a'; 10_000], false)] {
            let upload = world.upload(Some(10_000), UploadKind::Tus, None).await;
            world.receive(upload.id, &data[..1000], Some("cut")).await;
            let rest = world.receive(upload.id, &data[1000..], None).await;
            assert_eq!(rest.end.is_ok(), known, "{rest:?}");
        }
    }

    #[tokio::test]
    async fn a_short_upload_is_looked_at_when_it_is_complete() {
        let world = World::new("").await;
        let upload = world.upload(Some(100), UploadKind::Tus, None).await;
        world.receive(upload.id, &film(100), None).await.end.unwrap();
        world.ingest.identify_delivered(&world.row(upload.id).await).await.unwrap();
        let source = world.ingest.db.sources().find(upload.source_id).await.unwrap().unwrap();
        assert_eq!(source.content_type, "video/mp4");
        let text = world.upload(Some(5), UploadKind::Tus, None).await;
        world.receive(text.id, b"hello", None).await.end.unwrap();
        let refused = world.ingest.identify_delivered(&world.row(text.id).await).await;
        assert!(matches!(refused, Err(IngestError::UnsupportedType(_))), "{refused:?}");
    }
}
