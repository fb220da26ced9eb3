//! A chunk: one decode, all rungs, exact output frames.

use super::{
    EncodeError,
    link::Link,
    open::Pictures,
    picture::{Filters, slot, timestamp},
    segments::layout,
    x264::{RungConfig, RungEncoder},
};
use crate::{
    child::{ChunkWork, Job, Refusal},
    plan::VideoPlan,
};
use ffmpeg_next::frame;
use std::collections::BTreeMap;

/// Pictures fed before the first output frame where filters keep state.
const PRE_ROLL: i64 = 3;

/// Makes the segments of a chunk.
pub fn run(link: &Link, job: &Job, work: &ChunkWork) -> Result<(), EncodeError> {
    let video = &work.video;
    let (start, end) = (video.boundaries[work.first], video.boundaries[work.end]);
    let gops = layout(&video.boundaries, work.first..work.end, video.rate);
    let config = RungConfig { video, gops, threads: work.threads };
    let rungs = video.rungs.iter().map(|r| RungEncoder::open(link, r, &config)).collect::<Result<Vec<_>, _>>()?;
    let mut pictures = Pictures::new(link, job, video.stream, work.threads)?;
    let first = enter(&mut pictures, work, start)?;
    #[cfg(debug_assertions)]
    super::evil::turn(link, job)?;
    let mut chunk = Chunk { link, work, start, end, rungs, filters: None, repeats: BTreeMap::new() };
    let (mut at, mut picture) = first;
    loop {
        let next = later(&mut pictures, video, at);
        let until = next.as_ref().map_or(end as i64, |n| n.0);
        chunk.show(&mut picture, at, until)?;
        match next {
            Some(n) if until < end as i64 => (at, picture) = n,
            _ => break,
        }
    }
    chunk.finish()
}

/// The next picture that is shown at `at` or later, with its slot. Pictures without a time stamp, or
/// with one that steps back, have no place on the timeline.
fn later(pictures: &mut Pictures, video: &VideoPlan, at: i64) -> Option<(i64, frame::Video)> {
    loop {
        let picture = pictures.next()?;
        match picture.timestamp().map(|t| slot(video, t)) {
            Some(shown) if shown >= at => return Some((shown, picture)),
            _ => {}
        }
    }
}

/// Goes to an entry point from which the first output frame can be decoded, and returns the first
/// picture with its slot. A guess that turns out too late is corrected by going further back:
/// trusting a seek loses pictures in files whose index lies.
fn enter(pictures: &mut Pictures, work: &ChunkWork, start: u64) -> Result<(i64, frame::Video), EncodeError> {
    let video = &work.video;
    let wanted = timestamp(video, start);
    let mut entries: Vec<Option<i64>> = video.keys.iter().copied().filter(|k| *k <= wanted).map(Some).collect();
    entries.insert(0, None);
    if video.picture.interlaced && entries.len() > 1 {
        // The first woven frame needs the picture before it.
        entries.pop();
    }
    while let Some(entry) = entries.pop() {
        pictures.seek(entry)?;
        let first = later(pictures, video, i64::MIN);
        match first {
            Some((at, picture)) if at <= start as i64 => return Ok((at, picture)),
            // The film's own first picture stands for whatever comes before it.
            Some((_, picture)) if entry.is_none() => return Ok((start as i64, picture)),
            _ => {}
        }
    }
    Err(EncodeError::refused(Refusal::UndecodableVideo, format!("frame {start}")))
}

struct Chunk<'a> {
    link: &'a Link,
    work: &'a ChunkWork,
    start: u64,
    end: u64,
    rungs: Vec<RungEncoder>,
    filters: Option<Filters>,
    /// How often each fed picture is shown, by the output frame it was fed as.
    repeats: BTreeMap<i64, u64>,
}

impl Chunk<'_> {
    /// Shows a picture once: from output frame `from` until `until`, as far as that lies in the chunk.
    fn show(&mut self, picture: &mut frame::Video, from: i64, until: i64) -> Result<(), EncodeError> {
        let first = from.max(self.start as i64);
        let count = (until.min(self.end as i64) - first).max(0) as u64;
        let stateful = self.work.video.picture.interlaced;
        let pre_roll = stateful && from < self.start as i64 && from >= self.start as i64 - PRE_ROLL;
        if count == 0 && !pre_roll {
            return Ok(());
        }
        let number = if count == 0 { from } else { first };
        picture.set_pts(Some(number));
        self.repeats.insert(number, count);
        if !self.filters.as_ref().is_some_and(|f| f.fits(picture)) {
            self.drain_filters()?;
            let video = &self.work.video;
            self.filters = Some(Filters::for_picture(picture, &video.picture, &video.rungs, video.rate)?);
        }
        if let Some(filters) = &mut self.filters {
            filters.push(picture)?;
        }
        self.pull()
    }

    fn drain_filters(&mut self) -> Result<(), EncodeError> {
        if let Some(filters) = &mut self.filters {
            filters.finish()?;
        }
        self.pull()
    }

    /// Encodes what the filters have ready.
    fn pull(&mut self) -> Result<(), EncodeError> {
        let Some(filters) = &mut self.filters else { return Ok(()) };
        let last = self.rungs.len().saturating_sub(1);
        for (i, rung) in self.rungs.iter_mut().enumerate() {
            while let Some(mut picture) = filters.pull(i) {
                let number = picture.pts().unwrap_or(0);
                let count = self.repeats.get(&number).copied().unwrap_or(0);
                if i == last {
                    self.repeats.remove(&number);
                }
                for n in 0..count {
                    rung.encode(self.link, &self.work.video, &mut picture, number as u64 + n)?;
                    self.link.worked_on_a_picture()?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), EncodeError> {
        self.drain_filters()?;
        for rung in &mut self.rungs {
            rung.finish(self.link, &self.work.video)?;
        }
        Ok(())
    }
}
