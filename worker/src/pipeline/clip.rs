//! A clip: planned from the rows of a complete package, whose segments are copied beside the encoding of its edges.

use super::storing::store;
use crate::{
    child::{Output, SegmentMade},
    cipher,
    cmaf::{Coding, Sample, of_fragments, of_samples, rebase, samples},
    loudness::SegmentLoudness,
    plan::{
        Plan, Step,
        audio::FRAME_SAMPLES,
        clip::{self, Cut, Made},
        memory,
    },
    publish::{ClaimedSink, Publisher, Sink},
    schedule,
    task::{Running, TaskError},
};
use bytes::Bytes;
use sluice_db::{NewTask, NewText, PackageRow, RenditionRow, SegmentRow, words};
use sluice_hls::{Cue, cues_between, webvtt};
use sluice_ingest::completion;
use sluice_model::{
    ChapterMark, ClipPayload, FragmentRange, MediaKind, PackageId, Reason, RenditionRole, SEGMENT_PEAKS, TaskKind,
    clock,
};
use sluice_storage::Key;
use std::{collections::HashSet, ops::Range};

/// What a clip is made of was deleted, and its time to be kept is over.
pub fn film_gone() -> TaskError {
    TaskError::fail(Reason::new("original_gone", "The media that the clip is cut from was deleted."))
}

/// Plans a clip of a package and queues its tasks.
pub async fn make_plan(running: &Running, film: PackageId) -> Result<(), TaskError> {
    let payload: ClipPayload = serde_json::from_str(&running.task.payload).map_err(TaskError::corrupt)?;
    let (row, film) = film_of(running, film).await?;
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let span = clip::span(&film, seconds(payload.start_ms), seconds(payload.end_ms));
    let listed = listed(running, row.id).await?;
    let edges = clip::edges(&film, &span);
    let mut made = Vec::new();
    for r in &listed {
        made.push(Made { name: r.name.clone(), entries: entries(running, &film, row.id, r, &edges).await? });
    }
    let kept = film.video.as_ref().and_then(|v| v.passthrough.as_ref());
    let kept = kept.filter(|k| Coding::of(&k.codecs) == Coding::Avc);
    let kept = kept.and_then(|k| listed.iter().find(|r| r.name == k.name));
    let kept_init = match kept {
        Some(r) => Some(init(running, row.id, r).await?.to_vec()),
        None => None,
    };
    let cut = Cut { package: row.id, made: &made, span, kept_init };
    let mut plan = clip::clip(&film, cut).map_err(TaskError::fail)?;
    store_captions(running, &payload).await?;
    plan.chapters = chapters(running, &payload).await?;
    store(running, &plan, &tasks(running, &plan), true).await
}

/// A film's package and its plan.
async fn film_of(running: &Running, film: PackageId) -> Result<(PackageRow, Plan), TaskError> {
    let row = running.context.db.packages().find(film).await?.ok_or_else(film_gone)?;
    let text = row.plan.as_ref().ok_or_else(film_gone)?;
    let plan = serde_json::from_str(text).map_err(TaskError::corrupt)?;
    Ok((row, plan))
}

/// The renditions that the complete presentation of a film lists.
async fn listed(running: &Running, film: PackageId) -> Result<Vec<RenditionRow>, TaskError> {
    let mut rows = running.context.db.packages().renditions(film).await?;
    rows.retain(|r| r.role != RenditionRole::Growing && r.contiguous == r.planned);
    Ok(rows)
}

/// Ticks of the pictures of a rendition at which it can be entered, in some segments of the film.
async fn entries(
    running: &Running,
    film: &Plan,
    package: PackageId,
    r: &RenditionRow,
    segments: &[usize],
) -> Result<HashSet<u64>, TaskError> {
    let mut found = HashSet::new();
    if r.kind != MediaKind::Video {
        return Ok(found);
    }
    let clips = running.context.db.clips();
    for number in segments.iter().map(|n| *n as i64) {
        for row in clips.segments(package, &r.name, number, number + 1).await? {
            found.extend(fragments(&row, film.shift(&r.name))?.into_iter().map(|(tick, _)| tick));
        }
    }
    Ok(found)
}

/// The fragments of a segment, each with its first tick in the numbers of the film.
fn fragments(row: &SegmentRow, shift: u64) -> Result<Vec<(u64, FragmentRange)>, TaskError> {
    let list: Vec<FragmentRange> = serde_json::from_str(&row.fragments).map_err(TaskError::corrupt)?;
    let mut at = row.start_ticks.unsigned_abs() + shift;
    let placed = list.into_iter().map(|f| {
        let begin = at;
        at += f.ticks;
        (begin, f)
    });
    Ok(placed.collect())
}

/// The init segment of a rendition.
async fn init(running: &Running, package: PackageId, r: &RenditionRow) -> Result<Bytes, TaskError> {
    let file =
        r.init_object.clone().ok_or_else(|| TaskError::corrupt("a complete rendition without an init segment"))?;
    let key = Key::RenditionFile { package, rendition: r.name.clone(), file };
    Ok(running.context.store.read(&key, 0..r.init_bytes.unwrap_or(0).unsigned_abs()).await?)
}

/// The tasks of a clip. Its first picture goes first, under the name that has a place beside full cores.
fn tasks(running: &Running, plan: &Plan) -> Vec<NewTask> {
    let task = &running.task;
    let of = |kind, offset_s| {
        completion::source_task(task.package_id, task.source_id, kind, schedule::due_at(task.due_at, offset_s))
    };
    let mut list = vec![of(TaskKind::Copy, 0.0)];
    let Some(video) = &plan.video else { return list };
    let cuts_s = plan.cuts_s();
    for (n, step) in video.edge_steps().enumerate() {
        let Step::Chunk { number, payload } = step else { continue };
        // The passes come one after the other, each with all edges.
        let pass = if n == number { "chunk" } else { "upper" };
        list.push(NewTask {
            name: format!("{pass}-{number:06}"),
            payload: serde_json::to_string(&payload).unwrap_or_default(),
            cores: 1,
            memory_bytes: memory::chunk_bytes(plan, video.chunk_rungs(&payload)),
            ..of(TaskKind::Chunk, cuts_s.get(payload.first).copied().unwrap_or(0.0).min(1.0) + (n - number) as f64)
        });
    }
    if video.images_of_keys(&Default::default()).is_some() {
        list.push(NewTask { memory_bytes: memory::images_bytes(plan), ..of(TaskKind::Images, 2.0) });
    }
    list
}

/// Gives the clip what is shown in it of the captions of its film.
async fn store_captions(running: &Running, clip: &ClipPayload) -> Result<(), TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let mut tracks: Vec<(_, Vec<Cue>, String)> = Vec::new();
    for track in db.captions().of_media(clip.media).await? {
        let body = db.captions().body(clip.media, &track.language, track.role).await?.unwrap_or_default();
        let cues = cues_between(&body, clip.start_ms, clip.end_ms);
        let text = webvtt(&cues);
        tracks.push((track, cues, text));
    }
    tracks.retain(|(_, cues, _)| !cues.is_empty());
    let said = |cues: &[Cue]| words::distinct(cues.iter().map(|c| c.text.as_str()), words::MOST_OF_TRACK);
    let said: Vec<String> = tracks.iter().map(|(_, cues, _)| said(cues)).collect();
    let rows: Vec<NewText<'_>> = tracks
        .iter()
        .zip(&said)
        .map(|((track, cues, body), words)| NewText {
            language: &track.language,
            role: track.role,
            label: &track.label,
            body,
            words,
            cues: cues.len() as i64,
        })
        .collect();
    let now = clock::now();
    let mut tx = db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 0.0).await?;
    tx.captions().put_of_file(task.package_id, &rows, now).await?;
    Ok(tx.commit().await?)
}

/// The chapters of the film that lie in the clip; the one that it begins in begins with it.
async fn chapters(running: &Running, clip: &ClipPayload) -> Result<Vec<ChapterMark>, TaskError> {
    let rows = running.context.db.chapters().of_media(clip.media).await?;
    let marks: Vec<ChapterMark> = rows.into_iter().map(ChapterMark::from).collect();
    let first = marks.partition_point(|m| m.start_ms <= clip.start_ms).saturating_sub(1);
    let shown = marks.into_iter().skip(first).filter(|m| m.start_ms < clip.end_ms);
    Ok(shown.map(|m| ChapterMark { start_ms: m.start_ms.saturating_sub(clip.start_ms), ..m }).collect())
}

/// Copies what the clip reuses of its film, first what can be watched first.
pub async fn copy(running: &Running) -> Result<(), TaskError> {
    let plan = running.plan().await?;
    let clip = plan.clip.as_ref().ok_or_else(|| TaskError::corrupt("a copy of nothing"))?;
    let (row, film) = film_of(running, clip.package).await?;
    let listed = listed(running, row.id).await?;
    let sink = ClaimedSink::new(running);
    let segments = clip.segments.len();
    let mut publisher = Publisher::new(&sink, &plan, (plan.renditions().len() * segments) as u64, 0);
    let is_encoded = |n: usize| plan.video.as_ref().is_some_and(|v| v.chunks.iter().any(|c| c.first == n));
    let span = first_and_end(&clip.segments);
    let (growing, rest): (Vec<_>, Vec<_>) = plan.renditions().into_iter().partition(|r| r.role != RenditionRole::Final);
    for renditions in [growing, rest] {
        let mut copies = Vec::new();
        for r in renditions {
            let of = listed.iter().find(|l| l.name == r.name).ok_or_else(film_gone)?;
            // Where edges are encoded beside kept pictures, their encoder has the init segment of both.
            let is_both = r.passthrough && plan.video.as_ref().is_some_and(|v| !v.chunks.is_empty());
            if !is_both {
                let data = init(running, row.id, of).await?;
                let (rendition, codecs) = (r.name.clone(), of.codecs.clone());
                publisher.publish(Output::Init { rendition, codecs, data }).await?;
            }
            let rows = running.context.db.clips().segments(row.id, &r.name, span.start, span.end).await?;
            let published = sink.published(&r.name, segments).await?;
            let schedule =
                plan.schedule(&r.name).ok_or_else(|| TaskError::corrupt("a rendition without a schedule"))?;
            let film_shift = film.shift(&r.name);
            copies.push((
                Reused {
                    running,
                    package: row.id,
                    name: r.name,
                    kind: r.kind,
                    timescale: schedule.timescale,
                    film_shift,
                    rows,
                },
                published,
                schedule,
            ));
        }
        for n in 0..segments {
            for (reused, published, schedule) in &copies {
                let is_made = published.contains(&(n as u64)) || reused.kind == MediaKind::Video && is_encoded(n);
                if let (false, Some([from, to])) = (is_made, schedule.ticks.get(n..n + 2)) {
                    publisher.publish(reused.segment(n, *from..*to).await?).await?;
                }
            }
        }
    }
    running.complete(&[]).await
}

/// The segments of the film that some of its segments touch: sound may begin a frame before or after the picture.
fn first_and_end(segments: &[usize]) -> Range<i64> {
    let first = segments.first().map_or(0, |n| n.saturating_sub(1));
    first as i64..segments.last().map_or(0, |n| n + 2) as i64
}

/// A rendition of a film of which segments are reused.
struct Reused<'a> {
    running: &'a Running,
    package: PackageId,
    name: String,
    kind: MediaKind,
    /// Ticks of a second.
    timescale: u64,
    /// What the film's own ticks were published earlier by, where it is a clip itself.
    film_shift: u64,
    rows: Vec<SegmentRow>,
}

impl Reused<'_> {
    /// Segment `number` of the clip: what the film has between two ticks, in the numbers of the film.
    async fn segment(&self, number: usize, ticks: Range<u64>) -> Result<Output, TaskError> {
        let mut parts = Vec::new();
        for row in &self.rows {
            let begin = row.start_ticks.unsigned_abs() + self.film_shift;
            if begin < ticks.end && begin + row.duration_ticks.unsigned_abs() > ticks.start {
                parts.push((row, begin..begin + row.duration_ticks.unsigned_abs()));
            }
        }
        let data = match &parts[..] {
            [] => return Err(film_gone()),
            [(row, span)] if *span == ticks => self.read(row).await?,
            [(row, _)] if self.kind == MediaKind::Video => {
                let all = fragments(row, self.film_shift)?;
                let inside: Vec<FragmentRange> = all.iter().filter(|f| ticks.contains(&f.0)).map(|f| f.1).collect();
                of_fragments(&self.read(row).await?, &inside).map_err(TaskError::corrupt)?
            }
            _ if self.kind == MediaKind::Video => return Err(TaskError::corrupt("a picture cut where it cannot be")),
            _ => self.sound(&parts, &ticks).await?,
        };
        let (mut peaks, mut blocks, mut measured) = (Vec::new(), SegmentLoudness::default(), true);
        for (row, span) in &parts {
            let share = share_of(span, &ticks);
            peaks.extend_from_slice(part_of(row.peaks.as_deref().unwrap_or_default(), share));
            match &row.loudness {
                Some(bytes) => {
                    let whole = SegmentLoudness::from_bytes(bytes);
                    blocks.true_peak = blocks.true_peak.max(whole.true_peak);
                    blocks.blocks.extend_from_slice(part_of(&whole.blocks, share));
                }
                None => measured = false,
            }
        }
        // Parts of several segments may each have a moment more than their share.
        peaks.truncate(SEGMENT_PEAKS);
        let seconds = (ticks.end - ticks.start) as f64 / self.timescale.max(1) as f64;
        blocks.blocks.truncate(SegmentLoudness::most_blocks(seconds));
        let made = SegmentMade {
            rendition: self.name.clone(),
            sequence: number as u64,
            start_ticks: ticks.start,
            duration_ticks: ticks.end - ticks.start,
            peaks,
            loudness: measured.then_some(blocks),
        };
        Ok(Output::Segment { made, data: data.into() })
    }

    /// The frames of sound between two ticks.
    async fn sound(&self, parts: &[(&SegmentRow, Range<u64>)], ticks: &Range<u64>) -> Result<Vec<u8>, TaskError> {
        let mut list: Vec<(u64, Sample)> = Vec::new();
        for (row, _) in parts {
            let data = self.read(row).await?;
            let ranges: Vec<FragmentRange> = serde_json::from_str(&row.fragments).map_err(TaskError::corrupt)?;
            list.extend(samples(&data, &ranges).map_err(TaskError::corrupt)?);
        }
        list.retain(|(at, _)| ticks.contains(at));
        let begin = list.first().map_or(ticks.start, |s| s.0);
        let samples: Vec<Sample> = list.into_iter().map(|s| s.1).collect();
        of_samples(begin / FRAME_SAMPLES, begin, &samples).map_err(TaskError::corrupt)
    }

    /// The bytes of a segment, decrypted, with the ticks of the film.
    async fn read(&self, row: &SegmentRow) -> Result<Vec<u8>, TaskError> {
        let (context, package) = (&self.running.context, self.package);
        let key = Key::RenditionFile { package, rendition: self.name.clone(), file: row.object.clone() };
        let stored = context.store.read(&key, 0..row.size_bytes.unsigned_abs()).await?;
        let mut data = match row.key_number.zip(row.iv.as_ref()) {
            Some((number, iv)) => {
                let key = context.db.packages().key(package, number).await?.ok_or_else(film_gone)?;
                cipher::decrypt(&key, iv, &stored).ok_or_else(|| TaskError::corrupt("a key that does not fit"))?
            }
            None => stored.to_vec(),
        };
        if self.film_shift > 0 {
            let ranges: Vec<FragmentRange> = serde_json::from_str(&row.fragments).map_err(TaskError::corrupt)?;
            rebase(&mut data, &ranges, i64::try_from(self.film_shift).map_err(TaskError::corrupt)?)
                .map_err(TaskError::corrupt)?;
        }
        Ok(data)
    }
}

/// Which part of a span lies among some ticks, as two shares of its length.
fn share_of(span: &Range<u64>, ticks: &Range<u64>) -> (f64, f64) {
    let length = (span.end - span.start).max(1) as f64;
    let share = |at: u64| at.clamp(span.start, span.end).saturating_sub(span.start) as f64 / length;
    (share(ticks.start), share(ticks.end))
}

/// The part of a list of moments of equal length that a share of the whole is.
fn part_of<T>(list: &[T], (from, to): (f64, f64)) -> &[T] {
    let at = |share: f64| ((share * list.len() as f64).round() as usize).min(list.len());
    &list[at(from).min(at(to))..at(to)]
}
