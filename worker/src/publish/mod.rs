//! Publication: check, store, then say so. Where a package goes is a [`Sink`]; what is checked is the same for all.

mod claimed;
mod folder;
mod images;

pub use claimed::ClaimedSink;
pub use folder::FolderSink;
pub use images::{CheckedImage, checked};

use crate::{
    child::{ImageMade, Output, SegmentMade},
    cmaf::{SegmentInfo, rebase},
    loudness::SegmentLoudness,
    package::{Assembled, FinishedRendition},
    plan::{Plan, PublishedImages},
    task::TaskError,
    verify::check_segment,
};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use sluice_hls::Supplements;
use sluice_model::{Reason, SEGMENT_PEAKS};
use std::{
    collections::HashSet,
    future::Future,
    time::{Duration, Instant},
};

/// A segment that was checked against the plan.
#[derive(Debug)]
pub struct Checked<'a> {
    pub plan: &'a Plan,
    pub rendition: &'a str,
    /// Number from 0.
    pub sequence: u64,
    pub data: Bytes,
    pub info: SegmentInfo,
    /// How much of the step is done with it, 0 to 1.
    pub progress: f64,
    /// Of the first rendition of sound: peaks of stretches of equal length; else empty.
    pub peaks: Vec<u8>,
    /// Of sound that is measured: how loud it is.
    pub loudness: Option<SegmentLoudness>,
}

/// Where a package goes: the database and the store, or a folder.
pub trait Sink: Send + Sync {
    /// Numbers of the segments of a rendition that are there, below `end`.
    fn published(&self, rendition: &str, end: usize) -> impl Future<Output = Result<HashSet<u64>, TaskError>> + Send;

    /// Stores an init segment where the rendition has none; the SHA-256 of the one it has then.
    fn put_init(
        &self,
        rendition: &str,
        codecs: &str,
        data: Bytes,
        progress: f64,
    ) -> impl Future<Output = Result<Vec<u8>, TaskError>> + Send;

    /// Says how far the step is between two segments, 0 to 1.
    fn worked(&self, progress: f64) -> impl Future<Output = Result<(), TaskError>> + Send;

    /// Stores a media segment. The first one with a number stays.
    fn put_segment(&self, segment: Checked<'_>) -> impl Future<Output = Result<(), TaskError>> + Send;

    /// Which still pictures are there.
    fn images(&self) -> impl Future<Output = Result<PublishedImages, TaskError>> + Send;

    /// Stores a still picture. The first sheet with a number stays, and of posters the one that is worth most.
    fn put_image(
        &self,
        plan: &Plan,
        image: CheckedImage,
        progress: f64,
    ) -> impl Future<Output = Result<(), TaskError>> + Send;

    /// All that is there, for the playlists.
    fn renditions(&self) -> impl Future<Output = Result<Vec<FinishedRendition>, TaskError>> + Send;

    /// What the package has beside its renditions.
    fn supplements(&self) -> Supplements {
        Supplements::default()
    }

    /// Takes or refuses a package whose report is not without faults.
    fn accept(&self, assembled: &Assembled) -> Result<(), TaskError>;

    /// Stores a playlist under its path within the package.
    fn put_playlist(&self, path: &str, text: &str) -> impl Future<Output = Result<(), TaskError>> + Send;

    /// Ends the package.
    fn finish(&self, assembled: &Assembled) -> impl Future<Output = Result<(), TaskError>> + Send;
}

/// Publishes what one step makes.
#[derive(Debug)]
pub struct Publisher<'a, S> {
    sink: &'a S,
    plan: &'a Plan,
    expected: u64,
    published: u64,
    /// Pictures of the step, decoded and encoded, at a guess.
    pictures: u64,
    /// Share of them that was worked on.
    worked: f64,
    told: Instant,
}

/// How often it is said how far a step is, beside its segments: large pictures take minutes for one.
const TELL: Duration = Duration::from_secs(2);
/// Pictures are no segments: what is said of them does not end a step.
const NEARLY: f64 = 0.99;

impl<'a, S: Sink> Publisher<'a, S> {
    /// A publisher for a step that will make `expected` segments of about so many pictures.
    pub fn new(sink: &'a S, plan: &'a Plan, expected: u64, pictures: u64) -> Self {
        Self { sink, plan, expected, published: 0, pictures, worked: 0.0, told: Instant::now() }
    }

    fn progress(&self) -> f64 {
        (self.published as f64 / self.expected.max(1) as f64).min(1.0).max(self.worked)
    }

    async fn worked(&mut self, pictures: u64) -> Result<(), TaskError> {
        let share = (pictures as f64 / self.pictures.max(1) as f64).min(NEARLY);
        if self.pictures == 0 || share <= self.progress() || self.told.elapsed() < TELL {
            return Ok(());
        }
        (self.worked, self.told) = (share, Instant::now());
        self.sink.worked(share).await
    }

    /// Publishes what a child hands over.
    pub async fn publish(&mut self, output: Output) -> Result<(), TaskError> {
        match output {
            Output::Init { rendition, codecs, data } => self.init(&rendition, &codecs, data).await,
            Output::Segment { made, data } => self.segment(made, data).await,
            Output::Image { made, data } => {
                let made = on_own_clock(self.plan, made);
                let image = images::checked(self.plan, made, data)?;
                self.sink.put_image(self.plan, image, self.progress()).await
            }
            Output::Worked { pictures } => self.worked(pictures).await,
            Output::Probed(_) | Output::Cues(_) => Ok(()),
        }
    }

    /// Publishes an init segment, or checks that the published one is the same: all chunks of a
    /// rendition must have one sample description.
    async fn init(&self, rendition: &str, codecs: &str, data: Bytes) -> Result<(), TaskError> {
        // Its name becomes a path.
        self.plan.schedule(rendition).ok_or_else(|| TaskError::senseless("a rendition"))?;
        let digest = Sha256::digest(&data).to_vec();
        if self.sink.put_init(rendition, codecs, data, self.progress()).await? == digest {
            return Ok(());
        }
        let reason = Reason::new("init_mismatch", "Parts of the film were encoded differently.");
        Err(TaskError::Retry { reason, detail: rendition.to_owned() })
    }

    async fn segment(&mut self, made: SegmentMade, data: Bytes) -> Result<(), TaskError> {
        let SegmentMade { rendition, sequence, mut peaks, loudness, .. } = made;
        let rendition = rendition.as_str();
        if peaks.len() > SEGMENT_PEAKS {
            return Err(TaskError::senseless("a shape of the sound"));
        }
        // The shape of the sound is that of the one that is heard unless another is chosen.
        let heard = self.plan.audio.as_ref().and_then(|a| a.variants.first());
        if heard.is_none_or(|v| v.name != rendition) {
            peaks.clear();
        }
        let schedule = self.plan.schedule(rendition).ok_or_else(|| TaskError::senseless("a rendition"))?;
        let info = check_segment(&data, sequence, &schedule)?;
        let seconds = info.duration as f64 / schedule.timescale.max(1) as f64;
        if loudness.as_ref().is_some_and(|l| !l.fits(seconds)) {
            return Err(TaskError::senseless("a loudness"));
        }
        self.published += 1;
        let (plan, progress) = (self.plan, self.progress());
        let (data, info) = moved(data, info, plan.shift(rendition))?;
        let segment = Checked { plan, rendition, sequence, data, info, progress, peaks, loudness };
        self.sink.put_segment(segment).await
    }
}

/// A segment of a clip, which was made with the times of its film, so many ticks earlier.
fn moved(data: Bytes, mut info: SegmentInfo, ticks: u64) -> Result<(Bytes, SegmentInfo), TaskError> {
    if ticks == 0 {
        return Ok((data, info));
    }
    let mut moved = data.to_vec();
    let by = i64::try_from(ticks).map_err(TaskError::corrupt)?;
    rebase(&mut moved, &info.fragments, -by).map_err(TaskError::corrupt)?;
    info.decode_time -= ticks;
    info.first_presentation -= by;
    Ok((moved.into(), info))
}

/// A picture of a clip, which was made with the times of its film.
fn on_own_clock(plan: &Plan, made: ImageMade) -> ImageMade {
    let begin_ms = (plan.begin_s() * 1000.0) as u64;
    match made {
        ImageMade::Sheet { number, times_ms } => {
            ImageMade::Sheet { number, times_ms: times_ms.into_iter().map(|t| t.saturating_sub(begin_ms)).collect() }
        }
        other => other,
    }
}
