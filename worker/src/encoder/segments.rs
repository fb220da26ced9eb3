//! Collecting coded samples into closed GOPs, fragments and segments.

use super::{EncodeError, link::Link, peaks::of_segment};
use crate::{
    child::{FromChild, SegmentMade},
    cmaf::{Fragment, Sample, write_fragment, write_styp},
    loudness::SegmentLoudness,
    plan::{Rate, boundaries::gops},
};
use std::ops::Range;

/// One closed GOP of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gop {
    /// First output frame.
    pub start: u64,
    /// Frames.
    pub frames: u64,
    /// Segment it belongs to.
    pub segment: usize,
    /// Whether it closes the segment.
    pub last: bool,
}

/// The GOPs of `segments`, in order.
pub fn layout(boundaries: &[u64], segments: Range<usize>, rate: Rate) -> Vec<Gop> {
    let mut list = Vec::new();
    for segment in segments {
        let (start, end) = (boundaries[segment], boundaries[segment + 1]);
        let starts = gops(end - start, rate);
        for (i, s) in starts.iter().enumerate() {
            let next = starts.get(i + 1).copied().unwrap_or(end - start);
            list.push(Gop { start: start + s, frames: next - s, segment, last: i + 1 == starts.len() });
        }
    }
    list
}

/// A media segment that grows by fragments and is sent when it is whole.
#[derive(Debug)]
pub struct SegmentBuilder {
    rendition: String,
    data: Vec<u8>,
    start: u64,
    duration: u64,
    /// Of sound that is listened to: the peak of every frame.
    pub peaks: Vec<u8>,
    /// The same sound's loudness.
    pub loudness: Option<SegmentLoudness>,
}

impl SegmentBuilder {
    /// For one rendition.
    pub fn new(rendition: &str) -> Self {
        let (rendition, data) = (rendition.to_owned(), Vec::new());
        Self { rendition, data, start: 0, duration: 0, peaks: Vec::new(), loudness: None }
    }

    /// Adds a fragment whose first sample decodes at `decode_time` ticks. `sequence` must rise
    /// over the whole rendition.
    pub fn add(&mut self, sequence: u64, decode_time: u64, samples: &[Sample]) -> Result<(), EncodeError> {
        if self.data.is_empty() {
            write_styp(&mut self.data)?;
            self.start = decode_time;
        }
        let fragment = Fragment { sequence: (sequence % u64::from(u32::MAX)) as u32 + 1, decode_time, samples };
        write_fragment(&fragment, &mut self.data)?;
        self.duration += samples.iter().map(|s| u64::from(s.duration)).sum::<u64>();
        Ok(())
    }

    /// Sends the segment as number `sequence` and begins the next.
    pub fn send(&mut self, link: &Link, sequence: usize) -> Result<(), EncodeError> {
        let made = SegmentMade {
            rendition: self.rendition.clone(),
            sequence: sequence as u64,
            start_ticks: self.start,
            duration_ticks: self.duration,
            peaks: of_segment(&self.peaks),
            loudness: self.loudness.take(),
        };
        link.send(&FromChild::Segment(made), &self.data)?;
        self.data.clear();
        self.peaks.clear();
        self.duration = 0;
        Ok(())
    }
}
