//! Publication: check, store, then say so in one fenced transaction.
//!
//! Invariants: an object is stored before a row names it; a row names it only while the task's claim
//! is held; of two segments with one number the first wins and the other's object goes away.

use crate::{
    cipher::{self, KEY_BYTES},
    cmaf::SegmentInfo,
    plan::{Plan, is_playable},
    task::{Context, Running, TaskError},
    verify::check_segment,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use sluice_db::SegmentRow;
use sluice_model::{Encryption, Reason, RenditionRole, clock};
use sluice_storage::Key;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// Publishes what one task makes.
#[derive(Debug)]
pub struct Publisher<'a> {
    running: &'a Running,
    plan: &'a Plan,
    published: AtomicU64,
    expected: u64,
    encryption: OnceCell<Encryption>,
}

/// What an encrypted segment was encrypted with.
#[derive(Debug)]
struct Secret {
    number: i64,
    iv: Vec<u8>,
}

impl<'a> Publisher<'a> {
    /// A publisher for a task that will make `expected` segments.
    pub fn new(running: &'a Running, plan: &'a Plan, expected: u64) -> Self {
        Self { running, plan, published: AtomicU64::new(0), expected, encryption: OnceCell::new() }
    }

    fn context(&self) -> &Context {
        &self.running.context
    }

    /// Names objects of this attempt apart from those of any other.
    fn attempt(&self) -> String {
        self.running.task.token.simple().to_string().chars().take(12).collect()
    }

    fn key(&self, rendition: &str, file: &str) -> Key {
        Key::RenditionFile {
            package: self.running.task.package_id,
            rendition: rendition.to_owned(),
            file: file.to_owned(),
        }
    }

    fn progress(&self) -> f64 {
        (self.published.load(Ordering::Relaxed) as f64 / self.expected.max(1) as f64).min(1.0)
    }

    /// Publishes an init segment, or checks that the published one is the same: all chunks of a
    /// rendition must have one sample description.
    pub async fn init(&self, rendition: &str, codecs: &str, data: Bytes) -> Result<(), TaskError> {
        let task = &self.running.task;
        let digest = Sha256::digest(&data).to_vec();
        let current = self.context().db.renditions(task.package_id).await?;
        let before = current.into_iter().find(|r| r.name == rendition).ok_or(TaskError::Fenced)?;
        let published = match before.init_sha256 {
            Some(sha) => sha,
            None => {
                let file = format!("init-{}.mp4", self.attempt());
                self.context().store.put(&self.key(rendition, &file), data.clone()).await?;
                let mut tx = self.context().db.begin().await?;
                tx.hold_claim(task.id, task.token, self.progress()).await?;
                let sha =
                    tx.publish_init(task.package_id, rendition, &file, data.len() as i64, &digest, codecs).await?;
                tx.commit().await?;
                sha
            }
        };
        if published == digest {
            Ok(())
        } else {
            let reason = Reason::new("init_mismatch", "Parts of the film were encoded differently.");
            Err(TaskError::Retry { reason, detail: rendition.to_owned() })
        }
    }

    /// Publishes a media segment.
    pub async fn segment(&self, rendition: &str, sequence: u64, data: Bytes) -> Result<(), TaskError> {
        let schedule = self.plan.schedule(rendition).ok_or_else(|| TaskError::corrupt("unknown rendition"))?;
        let info = check_segment(&data, sequence, &schedule)?;
        let (data, secret) = self.encrypted(sequence, data).await?;
        let file = format!("{sequence:06}-{}.m4s", self.attempt());
        let key = self.key(rendition, &file);
        self.context().store.put(&key, data.clone()).await?;
        self.published.fetch_add(1, Ordering::Relaxed);
        let row = row(sequence, file, &data, &info, secret)?;
        let task = &self.running.task;
        let mut tx = self.context().db.begin().await?;
        if let Err(error) = tx.hold_claim(task.id, task.token, self.progress()).await {
            // Nobody will name it, and where the package is gone nobody will look for it.
            self.context().store.delete(&key).await?;
            return Err(error.into());
        }
        let won = tx.publish_segment(task.package_id, rendition, &row).await?;
        tx.commit().await?;
        if !won {
            self.context().store.delete(&key).await?;
        }
        self.say_playable().await
    }

    /// The segment as it is stored: encrypted where the package asks for it, with a fresh vector,
    /// and a key that all renditions share for a run of segments.
    async fn encrypted(&self, sequence: u64, data: Bytes) -> Result<(Bytes, Option<Secret>), TaskError> {
        let (db, package) = (&self.context().db, self.running.task.package_id);
        if self.encryption(package).await? == Encryption::None {
            return Ok((data, None));
        }
        let number = (sequence / self.context().settings.key_segments.max(1)) as i64;
        let key = db.package_key(package, number, &rand::random::<[u8; KEY_BYTES]>()).await?;
        let iv = rand::random::<[u8; KEY_BYTES]>().to_vec();
        let stored = cipher::encrypt(&key, &iv, &data).ok_or_else(|| TaskError::corrupt("a key of another size"))?;
        Ok((stored.into(), Some(Secret { number, iv })))
    }

    /// Never changes, so it is asked for once.
    async fn encryption(&self, package: Uuid) -> Result<Encryption, TaskError> {
        let ask = || async {
            let row = self.context().db.package(package).await?.ok_or(TaskError::Fenced)?;
            Ok::<_, TaskError>(row.encryption)
        };
        self.encryption.get_or_try_init(ask).await.copied()
    }

    /// Dying between a publication and this loses nothing: the next publication, or the end, says it.
    async fn say_playable(&self) -> Result<(), TaskError> {
        let (db, package) = (&self.context().db, self.running.task.package_id);
        let Some(row) = db.package(package).await?.filter(|p| !p.playable) else { return Ok(()) };
        let Some(started) = row.encode_started_us else { return Ok(()) };
        let renditions = db.renditions(package).await?;
        let shown = renditions.iter().filter(|r| r.role != RenditionRole::Full);
        let prefix = shown.map(|r| r.contiguous).min().unwrap_or(0);
        let elapsed_s = (db.now_us().await? - started) as f64 / 1e6;
        if is_playable(&self.plan.cuts_s(), self.plan.growing.map(|g| g.expected_s), prefix as usize, elapsed_s)
            && db.mark_playable(package, clock::now_us()).await?
        {
            tracing::info!(%package, elapsed_s, prefix, "playable");
        }
        Ok(())
    }
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
        published_us: clock::now_us(),
        key_number,
        iv,
    })
}
