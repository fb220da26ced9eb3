//! Sound between its decoder and who listens to it: the encoders of its variants, or who measures it before.
//!
//! Broadcasts and joined recordings change channels and rate in the middle, which filters do not take: each stretch of one
//! form has its own, and what these give goes on without a seam.
//!
//! Invariant: neither memory nor work grows with a gap. Filters would make all its silence at once; here a second of it
//! is coded, the coded frame is repeated, and new filters begin shortly before the sound goes on.

use super::{
    EncodeError, Named,
    link::Link,
    sound::{Form, form, framed, levelled, output_form, pulled, silence, source},
};
use crate::{
    child::Refusal,
    plan::{AudioPlan, audio::FRAME_SAMPLES},
};
use ffmpeg_next::{filter, frame};

/// A gap from which silence is repeated instead of coded, seconds. It must be longer than the silence that is coded
/// before and after the repeated part.
const GAP_S: u64 = 4;
/// Silence coded at the beginning of a gap, seconds: more than encoder and filters remember.
const CODED_S: u64 = 1;
/// Frames of silence coded before sound goes on: more than the overlap of two.
const LEAD_FRAMES: u64 = 4;

/// Who takes the mixed sound.
pub trait Listener {
    /// Takes one frame of [`FRAME_SAMPLES`] samples, whose time stamp counts them from the begin of the sound.
    fn take(&mut self, link: &Link, sound: &frame::Audio) -> Result<(), EncodeError>;

    /// What is not taken from now on is silent, as the end of what was.
    fn repeat_silence(&mut self);

    /// There is no more.
    fn finish(&mut self, link: &Link) -> Result<(), EncodeError>;
}

/// Filters and listeners, and how far the sound is.
pub struct Mixer<'a, L> {
    link: &'a Link,
    plan: &'a AudioPlan,
    listeners: Vec<L>,
    /// How much louder it becomes, decibels.
    gain_db: f64,
    /// Filters for sound of the form that comes now, which bring it to the output's.
    levelled: Option<(Form, filter::Graph)>,
    /// Filters for what those give.
    framed: Option<filter::Graph>,
    /// Sample from which on the filters give sound, a multiple of [`FRAME_SAMPLES`].
    start: u64,
    /// One past the last sample that has come out of those for a form.
    mixed: u64,
    /// One past the last sample that was taken in.
    end: i64,
    /// One past the last frame that was given to the listeners.
    fed: u64,
    /// Whether anything was decoded.
    heard: bool,
}

impl<'a, L: Listener> Mixer<'a, L> {
    /// Sound from sample `start` on, so much louder.
    pub fn new(link: &'a Link, plan: &'a AudioPlan, start: u64, gain_db: f64, listeners: Vec<L>) -> Self {
        let (mixed, end, fed) = (start, start as i64, start / FRAME_SAMPLES);
        let (levelled, framed) = (None, None);
        Self { link, plan, listeners, gain_db, levelled, framed, start, mixed, end, fed, heard: false }
    }

    /// Has filters for sound of a form. What those for another one still hold comes out before.
    fn prepare(&mut self, form: Form) -> Result<(), EncodeError> {
        if self.levelled.as_ref().is_some_and(|l| l.0 == form) {
            return Ok(());
        }
        if self.framed.is_none() {
            self.framed = Some(framed(self.plan, self.start, self.listeners.len(), self.gain_db)?);
            self.mixed = self.start;
        }
        self.drain()?;
        self.levelled = Some((form, levelled(form, self.plan, self.mixed)?));
        Ok(())
    }

    /// Takes all out of the filters for a form.
    fn drain(&mut self) -> Result<(), EncodeError> {
        if let Some((_, graph)) = &mut self.levelled {
            source(graph)?.source().flush().named("filter")?;
        }
        self.pull()?;
        self.levelled = None;
        Ok(())
    }

    fn total(&self) -> i64 {
        (self.plan.boundaries.last().copied().unwrap_or(0) * FRAME_SAMPLES) as i64
    }

    /// Takes in a decoded frame whose pts counts its own samples.
    pub fn take(&mut self, sound: &frame::Audio) -> Result<(), EncodeError> {
        self.heard = true;
        let rate = f64::from(sound.rate()).max(1.0);
        let at = |samples: f64| (samples / rate * f64::from(self.plan.sample_rate)).round() as i64;
        let pts = sound.pts().unwrap_or(0) as f64;
        let (begin, end) = (at(pts), at(pts + sound.samples() as f64));
        if begin >= self.total() {
            return Ok(());
        }
        if begin - self.end > self.samples(GAP_S) {
            self.bridge(begin as u64)?;
        }
        self.prepare(form(sound))?;
        self.end = self.end.max(end);
        self.push(sound)
    }

    fn samples(&self, seconds: u64) -> i64 {
        (seconds * u64::from(self.plan.sample_rate)) as i64
    }

    /// Fills a gap that ends with sample `to`.
    fn bridge(&mut self, to: u64) -> Result<(), EncodeError> {
        if self.levelled.is_none() {
            self.prepare(output_form(self.plan))?;
        }
        let form = self.levelled.as_ref().map_or_else(|| output_form(self.plan), |l| l.0);
        let rate = u64::from(form.2);
        let at = self.end as f64 / f64::from(self.plan.sample_rate) * rate as f64;
        self.push(&silence(form, (CODED_S * rate) as usize, at.round() as i64))?;
        (self.levelled, self.framed) = (None, None);
        self.listeners.iter_mut().for_each(L::repeat_silence);
        let resumed = (to / FRAME_SAMPLES).saturating_sub(LEAD_FRAMES).max(self.fed);
        self.start = resumed * FRAME_SAMPLES;
        self.end = to as i64;
        Ok(())
    }

    fn push(&mut self, sound: &frame::Audio) -> Result<(), EncodeError> {
        if let Some((_, graph)) = &mut self.levelled {
            source(graph)?.source().add(sound).named("filter")?;
        }
        self.pull()
    }

    /// Hands on what the filters have ready.
    fn pull(&mut self) -> Result<(), EncodeError> {
        if let (Some((_, levelled)), Some(framed)) = (&mut self.levelled, &mut self.framed) {
            while let Some(sound) = pulled(levelled, 0)? {
                let at = sound.pts().and_then(|at| u64::try_from(at).ok()).unwrap_or(self.mixed);
                self.mixed = self.mixed.max(at + sound.samples() as u64);
                source(framed)?.source().add(&sound).named("filter")?;
            }
        }
        self.hand_on()
    }

    /// One frame for each listener in turn: what one has taken waits for the others.
    fn hand_on(&mut self) -> Result<(), EncodeError> {
        let Some(graph) = &mut self.framed else { return Ok(()) };
        let mut any = true;
        while std::mem::take(&mut any) {
            for (i, listener) in self.listeners.iter_mut().enumerate() {
                if let Some(sound) = pulled(graph, i)? {
                    any = true;
                    let number = sound.pts().unwrap_or(0).max(0) as u64 / FRAME_SAMPLES;
                    self.fed = self.fed.max(number + 1);
                    listener.take(self.link, &sound)?;
                }
            }
        }
        Ok(())
    }

    /// Makes what is missing until the planned end and drains all.
    pub fn finish(mut self) -> Result<(), EncodeError> {
        if !self.heard && self.start == 0 {
            return Err(EncodeError::refused(Refusal::UndecodableAudio, "no frames"));
        }
        if self.total() - self.end > self.samples(GAP_S) {
            self.bridge(self.total() as u64)?;
        } else {
            self.pad()?;
        }
        let link = self.link;
        self.listeners.iter_mut().try_for_each(|l| l.finish(link))
    }

    /// Has the filters pad a short rest. They pad what there is, so there must be something: a run that is resumed where
    /// the sound had ended already has nothing.
    fn pad(&mut self) -> Result<(), EncodeError> {
        let nothing = self.start > 0 && self.fed * FRAME_SAMPLES <= self.start;
        if self.framed.is_none() || nothing {
            let form = output_form(self.plan);
            (self.levelled, self.framed) = (None, None);
            self.prepare(form)?;
            self.push(&silence(form, FRAME_SAMPLES as usize, self.start as i64))?;
        }
        self.drain()?;
        if let Some(graph) = &mut self.framed {
            source(graph)?.source().flush().named("filter")?;
        }
        self.hand_on()
    }
}
