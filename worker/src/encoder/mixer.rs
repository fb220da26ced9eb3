//! Sound between its decoder and who listens to it: the encoders of its variants, or who measures it before.
//!
//! Invariant: neither memory nor work grows with a gap. Filters would make all its silence at once; here a second of it
//! is coded, the coded frame is repeated, and new filters begin shortly before the sound goes on.

use super::{
    EncodeError, Named,
    link::Link,
    sound::{Form, filters, form, output_form, silence, source},
};
use crate::{
    child::Refusal,
    plan::{AudioPlan, audio::FRAME_SAMPLES},
};
use ffmpeg_next::{self as ffmpeg, filter, frame};

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
    graph: Option<filter::Graph>,
    /// What the graph is given.
    form: Form,
    /// Sample from which on the graph gives sound, a multiple of [`FRAME_SAMPLES`].
    start: u64,
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
        let (form, end, fed) = (output_form(plan), start as i64, start / FRAME_SAMPLES);
        Self { link, plan, listeners, gain_db, graph: None, form, start, end, fed, heard: false }
    }

    /// New filters for what comes.
    fn open(&mut self, form: Form) -> Result<(), EncodeError> {
        self.form = form;
        self.graph = Some(filters(form, self.plan, self.start, self.listeners.len(), self.gain_db)?);
        Ok(())
    }

    fn total(&self) -> i64 {
        (self.plan.boundaries.last().copied().unwrap_or(0) * FRAME_SAMPLES) as i64
    }

    /// Takes in a decoded frame whose pts counts its own samples. All frames have one form.
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
        if self.graph.is_none() {
            self.open(form(sound))?;
        }
        self.end = self.end.max(end);
        self.push(sound)
    }

    fn samples(&self, seconds: u64) -> i64 {
        (seconds * u64::from(self.plan.sample_rate)) as i64
    }

    /// Fills a gap that ends with sample `to`.
    fn bridge(&mut self, to: u64) -> Result<(), EncodeError> {
        if self.graph.is_none() {
            self.open(output_form(self.plan))?;
        }
        let rate = u64::from(self.form.2);
        let at = self.end as f64 / f64::from(self.plan.sample_rate) * rate as f64;
        self.push(&silence(self.form, (CODED_S * rate) as usize, at.round() as i64))?;
        self.graph = None;
        self.listeners.iter_mut().for_each(L::repeat_silence);
        let resumed = (to / FRAME_SAMPLES).saturating_sub(LEAD_FRAMES).max(self.fed);
        self.start = resumed * FRAME_SAMPLES;
        self.end = to as i64;
        Ok(())
    }

    fn push(&mut self, sound: &frame::Audio) -> Result<(), EncodeError> {
        if let Some(graph) = &mut self.graph {
            source(graph)?.source().add(sound).named("filter")?;
        }
        self.pull()
    }

    /// Hands on what the filters have ready, one frame for each listener in turn: what one has taken waits for the others.
    fn pull(&mut self) -> Result<(), EncodeError> {
        let Some(graph) = &mut self.graph else { return Ok(()) };
        let mut any = true;
        while std::mem::take(&mut any) {
            for (i, listener) in self.listeners.iter_mut().enumerate() {
                let mut sink = graph.get(&format!("o{i}")).ok_or(ffmpeg::Error::Bug).named("filter sink")?;
                let mut sound = frame::Audio::empty();
                if sink.sink().frame(&mut sound).is_ok() {
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
        if self.graph.is_none() || nothing {
            self.open(output_form(self.plan))?;
            self.push(&silence(self.form, FRAME_SAMPLES as usize, self.start as i64))?;
        }
        if let Some(graph) = &mut self.graph {
            source(graph)?.source().flush().named("filter")?;
        }
        self.pull()
    }
}
