//! A chunk: one decode, all rungs, exact output frames.

use super::{
    EncodeError,
    burn::Burn,
    images::{Images, poster_size},
    link::Link,
    picture::{Filters, slot, timestamp},
    pictures::Pictures,
    segments::layout,
    x264::{RungConfig, RungEncoder},
};
use crate::{
    child::{ChunkWork, Job, Refusal, StillWork},
    plan::{
        BurnedSubtitles, ImageWork, Storyboard, VideoPlan,
        telecine::{FILM, WOVEN, woven_rate},
    },
};
use ffmpeg_next::frame;
use std::{collections::BTreeMap, ops::Range};

/// Pictures fed before the first output frame where filters keep state.
const PRE_ROLL: i64 = 3;

/// Makes the segments of a chunk.
pub fn run(link: &Link, job: &Job, work: &ChunkWork) -> Result<(), EncodeError> {
    let video = &work.video;
    let (start, end) = (video.boundaries[work.first], video.boundaries[work.end]);
    // What a run before this one left to be made of pictures may lie before what it left of segments.
    let picture = work.images.as_ref().and_then(ImageWork::first_frame);
    let shown_from = start.min(picture.unwrap_or(start));
    let feed = Feed::of(video, shown_from, end);
    let gops = layout(&video.boundaries, work.first..work.end, video.rate);
    let config = RungConfig { video, gops, threads: work.threads };
    let rungs = video.rungs.iter().map(|r| RungEncoder::open(link, r, &config)).collect::<Result<Vec<_>, _>>()?;
    let mut pictures = Pictures::new(link, job, video.stream, work.threads)?;
    let open = |burned: &BurnedSubtitles| {
        pictures.read_beside(burned.stream);
        Burn::open(link, job, video, burned, shown_from)
    };
    let burn = video.burned.as_ref().map(open).transpose()?;
    let first = enter(&mut pictures, &feed)?;
    #[cfg(debug_assertions)]
    super::evil::turn(link, job)?;
    let images = work.images.as_ref().map(|images| Images::new(link, video, &video.rungs, images));
    let chunk = Chunk::new(link, video, shown_from, start..end, rungs, images, feed);
    Chunk { burn, ..chunk }.show_all(&mut pictures, first)
}

/// Makes a poster of one output frame, by the way of a chunk that encodes nothing.
pub fn still(link: &Link, job: &Job, work: &StillWork) -> Result<(), EncodeError> {
    let mut video = work.video.clone();
    let shown = video.passthrough.iter().chain(&video.rungs).next().cloned();
    let mut rung = shown.ok_or(ffmpeg_next::Error::Bug).map_err(|e| EncodeError::Ffmpeg("rung", e))?;
    (rung.width, rung.height) = poster_size((rung.width, rung.height));
    video.rungs = vec![rung];
    let (frame, end) = (work.frame, work.frame + 1);
    let feed = Feed::of(&video, frame, end);
    let mut pictures = Pictures::new(link, job, video.stream, 1)?;
    let first = enter(&mut pictures, &feed)?;
    let size = (video.rungs[0].width, video.rungs[0].height);
    let storyboard = video.storyboard.unwrap_or_else(|| Storyboard::of(video.rate.seconds(video.frames), size));
    let (sheets, previews, candidates) = (Vec::new(), Vec::new(), vec![frame]);
    let alone = ImageWork { storyboard, sheets, previews, candidates, appeal_above: None };
    let images = Images::new(link, &video, &video.rungs, &alone);
    // Nothing is encoded: what would be lies behind its end.
    Chunk::new(link, &video, frame, end..end, Vec::new(), Some(images), feed).show_all(&mut pictures, first)
}

/// The next picture that is shown at `at` or later, with its slot. Pictures without a time stamp, or
/// with one that steps back, have no place on the timeline.
fn later(pictures: &mut Pictures, video: &VideoPlan, at: i64) -> Option<(i64, frame::Video)> {
    loop {
        let picture = pictures.next()?;
        match pictures.shown_at(&picture).map(|t| slot(video, t)) {
            Some(shown) if shown >= at => return Some((shown, picture)),
            _ => {}
        }
    }
}

/// Goes to an entry point from which the first output frame can be decoded, and returns the first
/// picture with its slot. A guess that turns out too late is corrected by going further back:
/// trusting a seek loses pictures in files whose index lies.
fn enter(pictures: &mut Pictures, feed: &Feed) -> Result<(i64, frame::Video), EncodeError> {
    let (video, start) = (&feed.video, feed.start);
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

/// The frames that go into the filters of a chunk: those that come out, or where film is taken out of television the
/// whole cycles of five that they are in, with one before and one after.
struct Feed {
    /// The plan, on the clock of these frames.
    video: VideoPlan,
    start: u64,
    end: u64,
    /// The output frame that the first of them is.
    first_out: u64,
}

impl Feed {
    fn of(video: &VideoPlan, start: u64, end: u64) -> Self {
        let mut video = video.clone();
        if !video.picture.telecined {
            return Self { video, start, end, first_out: start };
        }
        video.rate = woven_rate(video.rate);
        let first = (start / FILM).saturating_sub(1);
        let last = end.div_ceil(FILM) + 1;
        Self { video, start: first * WOVEN, end: last * WOVEN, first_out: first * FILM }
    }
}

struct Chunk<'a> {
    link: &'a Link,
    video: &'a VideoPlan,
    /// The first output frame that is looked at, and the first that is encoded.
    shown_from: u64,
    start: u64,
    end: u64,
    rungs: Vec<RungEncoder>,
    images: Option<Images<'a>>,
    burn: Option<Burn>,
    feed: Feed,
    /// The next output frame of each rung, where film is taken out of television: there filters number frames anew.
    counts: Vec<u64>,
    filters: Option<Filters>,
    /// How often each fed picture is shown, by the output frame it was fed as.
    repeats: BTreeMap<i64, u64>,
}

impl<'a> Chunk<'a> {
    /// Output frames from `shown_from` on are looked at, those in `encoded` are encoded, by an encoder for each rung or
    /// by none.
    fn new(
        link: &'a Link,
        video: &'a VideoPlan,
        shown_from: u64,
        encoded: Range<u64>,
        rungs: Vec<RungEncoder>,
        images: Option<Images<'a>>,
        feed: Feed,
    ) -> Self {
        let counts = vec![feed.first_out; video.rungs.len()];
        let Range { start, end } = encoded;
        let (filters, repeats, burn) = (None, BTreeMap::new(), None);
        Self { link, video, shown_from, start, end, rungs, images, burn, feed, counts, filters, repeats }
    }

    /// Shows all pictures from the first one on, which is shown at a slot, to its end.
    fn show_all(mut self, pictures: &mut Pictures, first: (i64, frame::Video)) -> Result<(), EncodeError> {
        let feed_end = self.feed.end as i64;
        let (mut at, mut picture) = first;
        loop {
            let next = later(pictures, &self.feed.video, at);
            if let Some(burn) = &mut self.burn {
                pictures.take_beside().iter().for_each(|packet| burn.take(packet));
            }
            let until = next.as_ref().map_or(feed_end, |n| n.0);
            self.show(&mut picture, at, until)?;
            match next {
                Some(n) if until < feed_end => (at, picture) = n,
                _ => break,
            }
        }
        self.finish()
    }

    /// Shows a picture once: from output frame `from` until `until`, as far as that lies in the chunk.
    fn show(&mut self, picture: &mut frame::Video, from: i64, until: i64) -> Result<(), EncodeError> {
        if self.feed.video.picture.telecined {
            return self.weave(picture, from, until);
        }
        let first = from.max(self.shown_from as i64);
        let count = (until.min(self.end as i64) - first).max(0) as u64;
        let stateful = self.video.picture.interlaced;
        let pre_roll = stateful && from < self.shown_from as i64 && from >= self.shown_from as i64 - PRE_ROLL;
        if count == 0 && !pre_roll {
            return Ok(());
        }
        let number = if count == 0 { from } else { first };
        picture.set_pts(Some(number));
        self.repeats.insert(number, count);
        self.feed(picture)
    }

    /// Feeds a picture for every frame that it is shown in: cycles of five are counted.
    fn weave(&mut self, picture: &mut frame::Video, from: i64, until: i64) -> Result<(), EncodeError> {
        // A film that begins late begins with its first picture.
        let begun = self.filters.is_some();
        let first = if begun { from.max(self.feed.start as i64) } else { self.feed.start as i64 };
        let until = until.min(self.feed.end as i64);
        for number in first..until {
            // Filters keep what they are given.
            let mut shown =
                if number + 1 < until { picture.clone() } else { std::mem::replace(picture, frame::Video::empty()) };
            shown.set_pts(Some(number));
            self.feed(&shown)?;
        }
        Ok(())
    }

    /// Gives a picture to filters that are made for its like.
    fn feed(&mut self, picture: &frame::Video) -> Result<(), EncodeError> {
        if !self.filters.as_ref().is_some_and(|f| f.fits(picture)) {
            self.drain_filters()?;
            let video = &self.feed.video;
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
        let last = self.video.rungs.len().saturating_sub(1);
        for i in 0..self.video.rungs.len() {
            while let Some(picture) = self.filters.as_mut().and_then(|f| f.pull(i)) {
                let frames = if self.feed.video.picture.telecined {
                    let number = self.counts[i];
                    self.counts[i] += 1;
                    number..number + 1
                } else {
                    let number = picture.pts().unwrap_or(0);
                    let count = self.repeats.get(&number).copied().unwrap_or(0);
                    if i == last {
                        self.repeats.remove(&number);
                    }
                    number as u64..number as u64 + count
                };
                self.show_frames(i, picture, frames)?;
            }
        }
        Ok(())
    }

    /// Shows a picture of rung `i` in these output frames, with the subtitles that stand in them.
    fn show_frames(&mut self, i: usize, mut picture: frame::Video, frames: Range<u64>) -> Result<(), EncodeError> {
        let Some(burn) = &mut self.burn else { return self.show_as_it_is(i, &mut picture, frames) };
        for (frames, shown) in burn.spans(frames) {
            let burn = self.burn.as_mut().zip(shown);
            match burn.map(|(burn, shown)| burn.draw(i, &picture, &shown)).transpose()? {
                Some(mut drawn) => self.show_as_it_is(i, &mut drawn, frames)?,
                None => self.show_as_it_is(i, &mut picture, frames)?,
            }
        }
        Ok(())
    }

    fn show_as_it_is(&mut self, i: usize, picture: &mut frame::Video, frames: Range<u64>) -> Result<(), EncodeError> {
        if let Some(images) = &mut self.images {
            images.look(i, picture, frames.clone())?;
        }
        match self.rungs.get_mut(i) {
            Some(rung) => {
                rung.show(self.link, self.video, picture, frames.start.max(self.start)..frames.end.min(self.end))
            }
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<(), EncodeError> {
        self.drain_filters()?;
        if let Some(images) = &mut self.images {
            images.finish()?;
        }
        for rung in &mut self.rungs {
            rung.finish(self.link, self.video)?;
        }
        Ok(())
    }
}
