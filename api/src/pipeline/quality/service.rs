//! The rules of playback quality. No HTTP here.

use super::{
    report,
    session::{START_BOUNDS, Tally},
    views::{PlaybackQuality, QualityDay, RungShare, StartupShare},
};
use crate::{
    identity::{Viewer, access::Ticket},
    pipeline::{media::service as media, playback::PlaybackError},
    state::AppState,
    validation::Faults,
};
use hmac::Mac;
use sluice_db::{QualityDayRow, RenditionRow};
use sluice_model::{
    MediaId, MediaKind, RenditionRole,
    clock::{self, DAY},
};
use std::time::Duration;

/// How long a player may be silent and still be the same.
const SESSION: Duration = DAY;
const PURPOSE: &str = "playback session";
/// Before the name of a part: a rendition, or how long a start took at most.
const RUNG: &str = "rung:";
const START: &str = "start:";
const DAY_MS: i64 = 86_400_000;

/// Counts what the player of a media tells that may be played with this ticket. Safe to repeat where events are numbered.
pub async fn count(state: &AppState, ticket: &Ticket, id: MediaId, body: &[u8]) -> Result<(), PlaybackError> {
    let row = media::playable(state, ticket, id).await?;
    let report = report::read(body)?;
    let mut mac = state.keys.mac(PURPOSE);
    mac.update(report.session.as_bytes());
    let session = mac.finalize().into_bytes();
    let ladder = Ladder(state.db.packages().renditions(row.package_id).await?);
    let now = clock::now();
    let mut tx = state.db.begin().await?;
    let mut player = tx.quality().hold_session(id, &session[..16], now + SESSION).await?;
    let mut tally = Tally { day: QualityDayRow { day: now.as_days(), ..QualityDayRow::default() }, ..Tally::default() };
    for event in &report.events {
        let rung = event.bitrate_kbps.and_then(|kbps| ladder.nearest(kbps));
        tally.count(&mut player, event, rung);
    }
    tx.quality().save_session(id, &session[..16], &player).await?;
    tx.quality().add(id, &tally.day, &parts(&tally)).await?;
    tx.commit().await?;
    let ms = |ms: i64| Duration::from_millis(ms.unsigned_abs());
    let started = tally.startup_ms.map(ms);
    sluice_metrics::played(
        started,
        ms(tally.day.watched_ms),
        (tally.day.stalls.unsigned_abs(), ms(tally.day.stalled_ms)),
    );
    Ok(())
}

fn parts(tally: &Tally) -> Vec<(String, i64)> {
    let rungs = tally.rungs.iter().map(|(name, ms)| (format!("{RUNG}{name}"), *ms));
    let bound = tally.startup_ms.and_then(|ms| START_BOUNDS.into_iter().find(|bound| ms <= *bound));
    rungs.chain(bound.map(|bound| (format!("{START}{bound}"), 1))).collect()
}

/// The renditions that players choose among.
struct Ladder(Vec<RenditionRow>);

impl Ladder {
    /// The rendition whose peak is nearest: players know a variant by the `BANDWIDTH` of the playlist, which has its sound
    /// on top of the picture's.
    fn nearest(&self, kbps: i64) -> Option<&str> {
        let has_picture = self.0.iter().any(|r| r.kind == MediaKind::Video);
        let kind = if has_picture { MediaKind::Video } else { MediaKind::Audio };
        let chosen = |r: &&RenditionRow| r.kind == kind && r.role != RenditionRole::Growing;
        let sound = self.0.iter().filter(|r| has_picture && r.kind == MediaKind::Audio).map(rate).min().unwrap_or(0);
        let off = |r: &RenditionRow| ((rate(r) + sound).max(1) as f64 / (kbps.max(1) as f64 * 1000.0)).ln().abs();
        self.0.iter().filter(chosen).min_by(|a, b| off(a).total_cmp(&off(b))).map(|r| r.name.as_str())
    }
}

/// Peak bits a second, before it is known what was planned.
fn rate(rendition: &RenditionRow) -> i64 {
    rendition.peak_bps.unwrap_or(rendition.cap_bps)
}

/// How a media of one's own played.
pub async fn of_media(
    state: &AppState,
    viewer: &Viewer,
    id: MediaId,
    days: Option<i64>,
) -> Result<PlaybackQuality, PlaybackError> {
    let row = media::owned(state, viewer, id).await?;
    let days = days.unwrap_or(30);
    Faults::default().demand((1..=400).contains(&days), "days", "1 to 400").refuse()?;
    let first = clock::now().as_days() - days + 1;
    let rows = state.db.quality().days(id, first).await?;
    let parts = state.db.quality().parts(id, first).await?;
    let renditions = state.db.packages().renditions(row.package_id).await?;
    let of = |prefix: &'static str| parts.iter().filter_map(move |(part, n)| Some((part.strip_prefix(prefix)?, *n)));
    let started = |bound: i64| of(START).find(|(name, _)| name.parse() == Ok(bound)).map_or(0, |(_, starts)| starts);
    let startup = START_BOUNDS.map(|b| StartupShare { up_to_ms: (b < i64::MAX).then_some(b), starts: started(b) });
    let mut rungs: Vec<RungShare> = of(RUNG)
        .map(|(name, watched_ms)| {
            let known = renditions.iter().find(|r| r.name == name);
            let (width, height) = known.map_or((None, None), |r| (r.width, r.height));
            RungShare { name: name.to_owned(), width, height, watched_ms }
        })
        .collect();
    rungs.sort_by_key(|r| (-r.height.unwrap_or(0), r.name.clone()));
    Ok(PlaybackQuality { days: rows.iter().map(QualityDay::from).collect(), startup: startup.into(), rungs })
}

impl From<&QualityDayRow> for QualityDay {
    fn from(row: &QualityDayRow) -> Self {
        Self {
            day: row.day * DAY_MS,
            sessions: row.sessions,
            starts: row.starts,
            mean_startup_ms: row.startup_ms.checked_div(row.starts),
            stalls: row.stalls,
            stalled_ms: row.stalled_ms,
            watched_ms: row.watched_ms,
            failures: row.failures,
        }
    }
}
