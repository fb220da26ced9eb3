//! How far a media is, and how long it will take: one snapshot, asked for or streamed.
//!
//! An event's identifier is the state itself, so a client that comes back with the last one it saw is
//! told nothing twice, by whichever instance, and nothing is kept for it.

use super::{
    error::MediaError,
    estimate::{Known, SEGMENT_S, estimate},
    status::status,
    waiting::{Wait, wait_of},
};
use crate::{state::AppState, text};
use serde::Serialize;
use sluice_db::{MediaRow, PackageRow, TaskRow};
use sluice_model::{MediaStatus, Reason, RenditionRole, SourceStatus, TaskKind, TaskStatus, clock};
use std::time::Duration;
use utoipa::ToSchema;

/// Progress is told in steps of this.
const STEP: f64 = 0.005;

/// A media's way to being ready.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Progress {
    /// `uploading`, `processing`, `playable`, `ready` or `failed`.
    pub status: MediaStatus,
    /// 0 to 1.
    pub progress: f64,
    /// Bytes of the original that are here.
    pub received_bytes: i64,
    /// Bytes it will have; unknown where nobody has said.
    pub total_bytes: Option<i64>,
    /// Work of other media that comes first; 0 once its own is being done.
    pub queue_ahead: i64,
    pub tasks: Vec<Task>,
    /// Estimate, milliseconds; unknown until it is planned.
    pub ready_in_ms: Option<i64>,
    /// Estimate, milliseconds until it can be played without a stall; 0 once it can.
    pub playable_in_ms: Option<i64>,
    /// Why nothing is being done for it; nothing while something is.
    pub waits_for: Option<Wait>,
    /// Runs that ended badly and were repeated.
    pub warnings: Vec<Reason>,
    pub error: Option<Reason>,
}

/// One server-sent event.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the stream, which is written event by event")]
pub struct ProgressEvent {
    /// `progress`.
    event: String,
    /// For `Last-Event-ID`.
    id: String,
    /// `Progress` as JSON.
    data: String,
}

/// A unit of work.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Task {
    pub name: String,
    /// `queued`, `running`, `done`, `parked` or `cancelled`.
    pub status: TaskStatus,
    /// 0 to 1.
    pub progress: f64,
}

impl Progress {
    /// As it is now.
    pub async fn of(state: &AppState, row: &MediaRow) -> Result<Self, MediaError> {
        let tasks = state.db.tasks().of_package(row.package_id).await?;
        let package = state.db.packages().find(row.package_id).await?.ok_or(MediaError::NotFound)?;
        let running = tasks.iter().any(|t| t.status == TaskStatus::Running);
        let queue_ahead = if running { 0 } else { state.db.tasks().queue_ahead(row.package_id, clock::now()).await? };
        let (status, planned) = status(row);
        let arrived = arrived(row);
        // Of what is still arriving and of unknown length only a beginning is planned.
        let progress = if row.duration_ms.is_none() { planned * arrived.unwrap_or(1.0) } else { planned };
        let (playable_in_ms, ready_in_ms) = match status {
            MediaStatus::Ready => (Some(0), Some(0)),
            MediaStatus::Failed => (None, None),
            MediaStatus::Playable => (Some(0), estimated(state, row, &package, &tasks, arrived).await?.1),
            _ => estimated(state, row, &package, &tasks, arrived).await?,
        };
        let warnings = tasks.iter().filter(|t| t.status != TaskStatus::Parked).filter_map(|t| {
            let code = t.error_code.clone()?;
            Some(Reason { message: format!("{} was repeated after {} runs.", t.name, t.attempts.max(1)), code })
        });
        let waits = !running && !matches!(status, MediaStatus::Ready | MediaStatus::Failed);
        Ok(Self {
            status,
            waits_for: if waits { wait_of(state, row.package_id).await? } else { None },
            progress: stepped(progress),
            received_bytes: row.size_bytes,
            total_bytes: if row.source_status == SourceStatus::Receiving {
                row.total_bytes
            } else {
                Some(row.size_bytes)
            },
            queue_ahead,
            ready_in_ms,
            playable_in_ms,
            warnings: warnings.collect(),
            error: row.reason(),
            tasks: tasks
                .into_iter()
                .map(|t| Task { name: t.name, status: t.status, progress: stepped(t.progress) })
                .collect(),
        })
    }

    /// Whether nothing more will happen by itself.
    pub fn is_final(&self) -> bool {
        matches!(self.status, MediaStatus::Ready | MediaStatus::Failed)
    }

    /// What tells one state from another. Estimates alone make no news.
    pub fn id(&self) -> String {
        let state = Self { ready_in_ms: None, playable_in_ms: None, ..self.clone() };
        // The words of the answer, not those of the code: instances of different builds must agree.
        text::fingerprint(&serde_json::to_string(&state).unwrap_or_default())
    }
}

/// Milliseconds until it can be played and until it is ready; unknown before there is a plan.
async fn estimated(
    state: &AppState,
    row: &MediaRow,
    package: &PackageRow,
    tasks: &[TaskRow],
    arrived: Option<f64>,
) -> Result<(Option<i64>, Option<i64>), MediaError> {
    let Some(started) = package.encode_started_at else { return Ok((None, None)) };
    let renditions = state.db.packages().renditions(package.id).await?;
    let growing = renditions.iter().filter(|r| r.role != RenditionRole::Final);
    let segments = growing.clone().map(|r| r.planned).max().unwrap_or(0);
    let fleet = Fleet::of(state).await?;
    let known = Known {
        spent_s: clock::now().duration_since(started).as_secs_f64(),
        // While it is arriving its length is that of the segments it will have, about.
        film_s: row.duration_ms.map_or(segments as f64 * SEGMENT_S, |ms| ms as f64 / 1000.0),
        planned: if row.duration_ms.is_none() { arrived.unwrap_or(1.0) } else { 1.0 },
        prefix: growing.map(|r| r.contiguous).min().and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        source_grows: renditions.iter().any(|r| r.passthrough && r.role != RenditionRole::Final),
        cores: fleet.cores,
        speed: fleet.speed,
    };
    let arriving_ms = arrived.and_then(|a| remaining_ms(clock::now().duration_since(row.created_at), a)).unwrap_or(0);
    let ms = |seconds: f64| (seconds * 1000.0) as i64;
    Ok(estimate(tasks, &known)
        .map(|e| (ms(e.playable_s), ms(e.ready_s).max(arriving_ms)))
        .map_or((None, None), |(playable, ready)| (Some(playable), Some(ready))))
}

/// What encodes, all together.
struct Fleet {
    cores: usize,
    /// Seconds of one core, as they are estimated, that it does in a second.
    speed: f64,
}

impl Fleet {
    /// By the workers' own word; where none says a word, by the settings. Who has done nothing yet counts as its cores.
    async fn of(state: &AppState) -> Result<Self, MediaError> {
        let (workers, now) = state.db.operations().workers().await?;
        let alive = workers.iter().filter(|w| w.is_alive(now) && w.kinds().has(TaskKind::Chunk));
        let (mut cores, mut speed) = (0, 0.0);
        for worker in alive {
            cores += usize::try_from(worker.cores).unwrap_or(0);
            speed += worker.speed.unwrap_or(worker.cores as f64);
        }
        if cores == 0 {
            cores = state.config.worker.fleet_cores;
            speed = cores as f64;
        }
        Ok(Self { cores, speed })
    }
}

/// Share of the bytes that are there; nothing when all are, or when nobody knows how many they will be.
fn arrived(row: &MediaRow) -> Option<f64> {
    let total = row.total_bytes.filter(|t| *t > 0 && row.source_status == SourceStatus::Receiving)?;
    Some((row.size_bytes as f64 / total as f64).min(1.0))
}

fn stepped(progress: f64) -> f64 {
    ((progress / STEP).floor() * STEP * 1000.0).round() / 1000.0
}

fn remaining_ms(spent: Duration, progress: f64) -> Option<i64> {
    (progress > 0.0).then(|| {
        let spent_ms = spent.as_secs_f64() * 1000.0;
        (spent_ms / progress - spent_ms).max(0.0) as i64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_was_done() {
        let spent = Duration::from_secs(10);
        assert_eq!(remaining_ms(spent, 0.25), Some(30_000));
        assert_eq!(remaining_ms(spent, 0.0), None);
        assert_eq!((stepped(0.1234), stepped(1.0)), (0.12, 1.0));
    }
}
