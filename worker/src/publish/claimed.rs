//! The sink of a claimed task: objects in the store, rows in the database.
//!
//! Invariants: an object is stored before a row names it; a row names it only while the task's claim
//! is held; of two segments with one number the first wins and the other's object goes away.

use super::{Checked, CheckedImage, Sink};
use crate::{
    cipher::{self, KEY_BYTES},
    cmaf::{SegmentInfo, read_init},
    loudness::SegmentLoudness,
    package::{Assembled, FinishedRendition, FinishedSegment},
    plan::{Plan, PublishedImages},
    task::{Context, Running, TaskError, rules_broken},
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use sluice_db::{DbError, ImageRow, RenditionRow, SegmentRow};
use sluice_hls::SegmentKey;
use sluice_model::{Encryption, ImageKind, PackageId, RenditionRole, clock, is_playable};
use sluice_storage::{IMAGES, Key};
use sluice_upkeep::remove_orphans;
use std::{collections::HashSet, time::Duration};
use tokio::sync::OnceCell;

/// Publishes under a task's claim.
#[derive(Debug)]
pub struct ClaimedSink<'a> {
    running: &'a Running,
    encryption: OnceCell<Encryption>,
}

/// What an encrypted segment was encrypted with.
#[derive(Debug)]
struct Secret {
    number: i64,
    iv: Vec<u8>,
}

impl Sink for ClaimedSink<'_> {
    async fn published(&self, rendition: &str, end: usize) -> Result<HashSet<u64>, TaskError> {
        let rows = self.context().db.packages().segments(self.package(), rendition, end as i64).await?;
        Ok(rows.iter().map(|r| r.sequence.unsigned_abs()).collect())
    }

    async fn put_init(&self, rendition: &str, codecs: &str, data: Bytes, progress: f64) -> Result<Vec<u8>, TaskError> {
        let (task, context) = (&self.running.task, self.context());
        let current = context.db.packages().renditions(task.package_id).await?;
        let before = current.into_iter().find(|r| r.name == rendition).ok_or(TaskError::Fenced)?;
        if let Some(published) = before.init_sha256 {
            return Ok(published);
        }
        let file = format!("init-{}.mp4", self.attempt());
        context.store.put(&self.key(rendition, &file), data.clone()).await?;
        let digest = Sha256::digest(&data).to_vec();
        let mut tx = context.db.begin().await?;
        tx.tasks().hold_claim(task.id, task.token, progress).await?;
        let published =
            tx.packages().publish_init(task.package_id, rendition, &file, data.len() as i64, &digest, codecs).await?;
        tx.commit().await?;
        Ok(published)
    }

    async fn worked(&self, progress: f64) -> Result<(), TaskError> {
        let (task, tasks) = (&self.running.task, self.context().db.tasks());
        match tasks.report_progress(task.id, task.token, progress).await {
            Err(DbError::Fenced) => Err(TaskError::Fenced),
            // The next segment says it again.
            _ => Ok(()),
        }
    }

    async fn put_segment(&self, segment: Checked<'_>) -> Result<(), TaskError> {
        let Checked { plan, rendition, sequence, data, info, progress, peaks, loudness } = segment;
        let (data, secret) = self.encrypted(sequence, data).await?;
        let file = format!("{sequence:06}-{}.m4s", self.attempt());
        let key = self.key(rendition, &file);
        let (task, context) = (&self.running.task, self.context());
        context.store.put(&key, data.clone()).await?;
        let mut row = row(sequence, file, &data, &info, secret)?;
        row.peaks = (!peaks.is_empty()).then_some(peaks);
        row.loudness = loudness.map(|l| l.to_bytes());
        let mut tx = context.db.begin().await?;
        if let Err(error) = tx.tasks().hold_claim(task.id, task.token, progress).await {
            // Nobody will name it, and where the package is gone nobody will look for it.
            context.store.delete(&key).await?;
            return Err(error.into());
        }
        let won = tx.packages().publish_segment(task.package_id, rendition, &row).await?;
        tx.commit().await?;
        if !won {
            context.store.delete(&key).await?;
        }
        self.announce_playable(plan).await
    }

    async fn images(&self) -> Result<PublishedImages, TaskError> {
        let mut found = PublishedImages::default();
        for row in self.context().db.images().of_package(self.package()).await? {
            match row.kind {
                ImageKind::Poster => found.appeal = Some(row.appeal as u32),
                ImageKind::Sheet => drop(found.sheets.insert(row.number as u64)),
                ImageKind::Preview => drop(found.previews.insert(row.number as u64)),
            }
        }
        Ok(found)
    }

    async fn put_image(&self, plan: &Plan, image: CheckedImage, progress: f64) -> Result<(), TaskError> {
        let (task, context) = (&self.running.task, self.context());
        // Of one attempt's posters each is another object: the first may be named already.
        let number = if image.kind == ImageKind::Poster { u64::from(image.appeal) } else { image.number };
        let ending = if image.kind == ImageKind::Preview { "webp" } else { "jpg" };
        let file = format!("{}-{number:06}-{}.{ending}", image.kind, self.attempt());
        let key = self.key(IMAGES, &file);
        context.store.put(&key, image.data.clone()).await?;
        let row = ImageRow {
            kind: image.kind,
            number: image.number as i64,
            object: file,
            size_bytes: image.data.len() as i64,
            width: image.size.0.into(),
            height: image.size.1.into(),
            appeal: image.appeal.into(),
            times_ms: serde_json::to_string(&image.times_ms).map_err(TaskError::corrupt)?,
        };
        let mut tx = context.db.begin().await?;
        if let Err(error) = tx.tasks().hold_claim(task.id, task.token, progress).await {
            context.store.delete(&key).await?;
            return Err(error.into());
        }
        let won = tx.images().publish(task.package_id, &row).await?;
        tx.commit().await?;
        if !won {
            context.store.delete(&key).await?;
        }
        if won && image.kind == ImageKind::Poster { self.announce_playable(plan).await } else { Ok(()) }
    }

    async fn renditions(&self) -> Result<Vec<FinishedRendition>, TaskError> {
        let mut finished = Vec::new();
        for row in self.context().db.packages().renditions(self.package()).await? {
            finished.push(self.finished(row).await?);
        }
        Ok(finished)
    }

    /// Players are given nothing that broke a rule.
    fn accept(&self, assembled: &Assembled) -> Result<(), TaskError> {
        if assembled.report.compliant() {
            return Ok(());
        }
        Err(rules_broken(assembled.report.to_string()))
    }

    /// The static copy for a CDN. What is encrypted has none: its keys are served by the API alone.
    async fn put_playlist(&self, path: &str, text: &str) -> Result<(), TaskError> {
        if self.encryption().await? != Encryption::None {
            return Ok(());
        }
        let key = match path.split_once('/') {
            Some((rendition, file)) => self.key(rendition, file),
            None => Key::PackageFile { package: self.package(), file: path.to_owned() },
        };
        Ok(self.context().store.put(&key, Bytes::from(text.to_owned())).await?)
    }

    async fn finish(&self, assembled: &Assembled) -> Result<(), TaskError> {
        let (context, task, package) = (self.context(), &self.running.task, self.package());
        for (name, m) in &assembled.measured {
            context.db.packages().set_measured(package, name, *m).await?;
        }
        if !assembled.dropped.is_empty() {
            let mut tx = context.db.begin().await?;
            tx.packages().lock(package, clock::now()).await?;
            tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
            for name in &assembled.dropped {
                tx.packages().drop_from_final(package, name).await?;
            }
            tx.commit().await?;
        }
        remove_orphans(&context.db, &context.store, package).await?;
        let replaces = context.db.packages().find(package).await?.and_then(|p| p.replaces_package_id);
        let report = serde_json::to_string(&assembled.report).map_err(TaskError::corrupt)?;
        let now = clock::now();
        let mut tx = context.db.begin().await?;
        tx.packages().lock(package, now).await?;
        tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
        tx.packages().finish(package, &report, now).await?;
        tx.tasks().complete(task.id, now).await?;
        tx.commit().await?;
        match replaces {
            Some(before) => tracing::info!(%package, %before, "encoded again"),
            None => {
                tracing::info!(%package, "ready");
                sluice_metrics::ready(self.since_arrival().await);
            }
        }
        Ok(())
    }
}

impl<'a> ClaimedSink<'a> {
    /// The sink of a task's package.
    pub fn new(running: &'a Running) -> Self {
        Self { running, encryption: OnceCell::new() }
    }

    fn context(&self) -> &Context {
        &self.running.context
    }

    /// How long all bytes of the film have been here; nothing while some are missing, or where that cannot be asked.
    async fn since_arrival(&self) -> Duration {
        let db = &self.context().db;
        let (arrived, now) = (db.packages().arrived_at(self.package()).await, clock::now());
        arrived.ok().flatten().map_or(Duration::ZERO, |at| now.duration_since(at))
    }

    fn package(&self) -> PackageId {
        self.running.task.package_id
    }

    /// Names objects of this attempt apart from those of any other.
    fn attempt(&self) -> String {
        self.running.task.token.uuid().simple().to_string().chars().take(12).collect()
    }

    fn key(&self, rendition: &str, file: &str) -> Key {
        Key::RenditionFile { package: self.package(), rendition: rendition.to_owned(), file: file.to_owned() }
    }

    /// The segment as it is stored: encrypted where the package asks for it, with a fresh vector,
    /// and a key that all renditions share for a run of segments.
    async fn encrypted(&self, sequence: u64, data: Bytes) -> Result<(Bytes, Option<Secret>), TaskError> {
        if self.encryption().await? == Encryption::None {
            return Ok((data, None));
        }
        let number = (sequence / self.context().settings.key_segments.max(1)) as i64;
        let key = self
            .context()
            .db
            .packages()
            .key_or_insert(self.package(), number, &rand::random::<[u8; KEY_BYTES]>())
            .await?;
        let iv = rand::random::<[u8; KEY_BYTES]>().to_vec();
        let stored = cipher::encrypt(&key, &iv, &data).ok_or_else(|| TaskError::corrupt("a key of another size"))?;
        Ok((stored.into(), Some(Secret { number, iv })))
    }

    /// Never changes, so it is asked for once.
    async fn encryption(&self) -> Result<Encryption, TaskError> {
        let ask = || async {
            let row = self.context().db.packages().find(self.package()).await?.ok_or(TaskError::Fenced)?;
            Ok::<_, TaskError>(row.encryption)
        };
        self.encryption.get_or_try_init(ask).await.copied()
    }

    /// Dying between a publication and this loses nothing: the next publication, or the end, says it.
    async fn announce_playable(&self, plan: &Plan) -> Result<(), TaskError> {
        let (db, package) = (&self.context().db, self.package());
        let Some(row) = db.packages().find(package).await?.filter(|p| !p.playable) else { return Ok(()) };
        // Nobody plays it before it has its place.
        if row.replaces_package_id.is_some() {
            return Ok(());
        }
        let Some(started) = row.encode_started_at else { return Ok(()) };
        // Its poster is made of key frames beside it, in no time.
        let by_keys = plan.video.as_ref().is_some_and(|v| v.storyboard.is_some() && v.source_grows() && !v.is_clip);
        if by_keys && db.images().poster_is_to_come(package).await? {
            return Ok(());
        }
        let renditions = db.packages().renditions(package).await?;
        let shown = renditions.iter().filter(|r| r.role != RenditionRole::Final);
        // Of a clip segments may be there before the encoder of its edges has told how they are decoded.
        let prefix = shown.map(|r| if r.init_object.is_some() { r.contiguous } else { 0 }).min().unwrap_or(0);
        let elapsed_s = db.now().await?.duration_since(started).as_secs_f64();
        if is_playable(&plan.cuts_s(), plan.incremental.map(|g| g.expected_s), prefix as usize, elapsed_s)
            && db.packages().mark_playable(package, clock::now()).await?
        {
            tracing::info!(%package, elapsed_s, prefix, "playable");
            sluice_metrics::playable(self.since_arrival().await);
        }
        Ok(())
    }

    /// A rendition with its segments, as the rows have it.
    async fn finished(&self, r: RenditionRow) -> Result<FinishedRendition, TaskError> {
        let incomplete = |what: &str| TaskError::corrupt(format!("{} {what}", r.name));
        if r.contiguous != r.planned {
            return Err(incomplete("has holes"));
        }
        let init_name = r.init_object.clone().ok_or_else(|| incomplete("has no init segment"))?;
        let init_bytes = r.init_bytes.unwrap_or(0) as u64;
        let data = self.context().store.read(&self.key(&r.name, &init_name), 0..init_bytes).await?;
        let init = read_init(&data).map_err(TaskError::corrupt)?;
        let packages = self.context().db.packages();
        let rows = packages.segments(self.package(), &r.name, i64::MAX).await?;
        let loudness = packages.loudness(self.package(), &r.name).await?.into_iter();
        let loudness = loudness.map(|bytes| bytes.as_deref().map(SegmentLoudness::from_bytes));
        Ok(FinishedRendition {
            rendition: (&r).into(),
            listed: r.role != RenditionRole::Growing,
            init_name,
            init,
            segments: rows.into_iter().zip(loudness).map(|(s, l)| finished_segment(s, l)).collect::<Result<_, _>>()?,
        })
    }
}

fn finished_segment(s: SegmentRow, loudness: Option<SegmentLoudness>) -> Result<FinishedSegment, TaskError> {
    Ok(FinishedSegment {
        name: s.object,
        bytes: s.size_bytes as u64,
        start: s.start_ticks as u64,
        duration: s.duration_ticks as u64,
        fragments: serde_json::from_str(&s.fragments).map_err(TaskError::corrupt)?,
        key: s.key_number.zip(s.iv).map(|(number, iv)| SegmentKey::of_package(number, &iv)),
        loudness,
    })
}

fn row(
    sequence: u64,
    object: String,
    data: &Bytes,
    info: &SegmentInfo,
    secret: Option<Secret>,
) -> Result<SegmentRow, TaskError> {
    let (key_number, iv) = secret.map(|s| (s.number, s.iv)).unzip();
    Ok(SegmentRow {
        sequence: sequence as i64,
        object,
        size_bytes: data.len() as i64,
        sha256: Sha256::digest(data).to_vec(),
        start_ticks: info.decode_time as i64,
        duration_ticks: info.duration as i64,
        fragments: serde_json::to_string(&info.fragments).map_err(TaskError::corrupt)?,
        published_at: clock::now(),
        key_number,
        iv,
        peaks: None,
        loudness: None,
    })
}
