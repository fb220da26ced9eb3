//! How loud the sound is, block by block, as it goes by.
//!
//! Invariant: blocks lie on the grid that begins with the sound, whatever moment is heard first; what is not heard is
//! silent, and costs neither memory nor work.

use super::{EncodeError, link::Link, mixer::Listener};
use crate::{
    loudness::{BLOCKS_PER_S, Level, SegmentLoudness, of_segments},
    plan::{AudioPlan, audio::FRAME_SAMPLES},
};
use ebur128::{Channel, EbuR128, Mode};
use ffmpeg_next::{format::Sample, format::sample::Type, frame};
use sluice_model::Loudness;
use std::{collections::BTreeMap, ops::Range};

/// Time stamps are rounded: sound follows what was heard before it if it is no farther away, samples.
const JITTER: u64 = FRAME_SAMPLES / 2;
/// Length of a block, milliseconds.
const BLOCK_MS: u32 = 1000 / BLOCKS_PER_S;

/// Measures one sound.
pub struct Meter {
    meter: EbuR128,
    /// Samples of a block.
    block: u64,
    /// One past the last sample that was heard.
    at: u64,
    /// Blocks that are not silent, by their number.
    blocks: BTreeMap<u64, Level>,
    /// True peaks of frames that are not silent, by the number of the frame.
    peaks: BTreeMap<u64, Level>,
}

impl Meter {
    /// For the sound of a plan; none where it has a form that cannot be measured.
    pub fn new(plan: &AudioPlan) -> Option<Self> {
        let mut meter = EbuR128::new(plan.channels, plan.sample_rate, Mode::M | Mode::TRUE_PEAK).ok()?;
        if plan.channels == 1 {
            // It is heard from both sides.
            meter.set_channel(0, Channel::DualMono).ok()?;
        }
        let block = u64::from(plan.sample_rate / BLOCKS_PER_S);
        (block > 0).then(|| Self { meter, block, at: 0, blocks: BTreeMap::new(), peaks: BTreeMap::new() })
    }

    /// Hears sound that begins at sample `at`. Sound of another form than the plan's counts as silence.
    pub fn hear(&mut self, at: u64, sound: &frame::Audio) {
        let fits = sound.format() == Sample::F32(Type::Planar)
            && sound.rate() == self.meter.rate()
            && u32::from(sound.channels()) == self.meter.channels();
        if !fits || at + JITTER < self.at {
            return;
        }
        if at > self.at + JITTER {
            self.skip_to(at);
        }
        let planes: Vec<&[f32]> = (0..sound.planes()).map(|i| sound.plane::<f32>(i)).collect();
        self.feed(&planes);
    }

    /// What the frames of a segment measure, which are forgotten then: the blocks that end in it, and its true peak.
    pub fn take(&mut self, frames: Range<u64>) -> SegmentLoudness {
        let block_at = |frame: u64| frame * FRAME_SAMPLES / self.block;
        let (first, end) = (block_at(frames.start), block_at(frames.end));
        let blocks = (first..end).map(|n| self.blocks.get(&n).copied().unwrap_or_default()).collect();
        let true_peak = self.peaks.range(frames.clone()).map(|p| *p.1).max().unwrap_or_default();
        self.blocks = self.blocks.split_off(&end);
        self.peaks = self.peaks.split_off(&frames.end);
        SegmentLoudness { true_peak, blocks }
    }

    /// Hears silence until sample `at`: the rest of the block, in which filters fade; what follows is silent anyway.
    fn skip_to(&mut self, at: u64) {
        let rest = (at - self.at).min(self.block - self.at % self.block);
        let silence = vec![0.0; rest as usize];
        self.feed(&vec![silence.as_slice(); self.meter.channels() as usize]);
        if at > self.at {
            self.meter.reset();
            self.at = at;
        }
    }

    /// Measures planes of equal length.
    fn feed(&mut self, planes: &[&[f32]]) {
        let length = planes.iter().map(|p| p.len()).min().unwrap_or(0);
        let mut done = 0;
        while done < length {
            let room = (self.block - self.at % self.block) as usize;
            let piece = done..length.min(done + room);
            let part: Vec<&[f32]> = planes.iter().map(|p| &p[piece.clone()]).collect();
            if self.meter.add_frames_planar_f32(&part).is_err() {
                return;
            }
            let peak = (0..self.meter.channels()).filter_map(|c| self.meter.prev_true_peak(c).ok());
            let peak = Level::of_amplitude(peak.fold(0.0, f64::max));
            if peak > Level::default() {
                let known = self.peaks.entry(self.at / FRAME_SAMPLES).or_default();
                *known = peak.max(*known);
            }
            self.at += piece.len() as u64;
            done = piece.end;
            if self.at.is_multiple_of(self.block) {
                let level = Level::of(self.meter.loudness_window(BLOCK_MS).unwrap_or(f64::NEG_INFINITY));
                if level > Level::default() {
                    self.blocks.insert(self.at / self.block - 1, level);
                }
            }
        }
    }
}

/// Measures a whole sound, and nothing else.
pub struct Whole {
    meter: Meter,
    /// What is put away, and up to which frame.
    stretches: Vec<SegmentLoudness>,
    done: u64,
    /// Frames of the sound.
    total: u64,
}

/// Frames after which what was measured is put away.
const STRETCH_FRAMES: u64 = 4096;

impl Whole {
    /// For the sound of a plan; none where it has a form that cannot be measured.
    pub fn new(plan: &AudioPlan) -> Option<Self> {
        let total = plan.boundaries.last().copied().unwrap_or(0);
        Meter::new(plan).map(|meter| Self { meter, stretches: Vec::new(), done: 0, total })
    }

    /// How loud it is; none of silence.
    pub fn loudness(&self) -> Option<Loudness> {
        of_segments(self.stretches.iter().map(Some))
    }

    fn put_away(&mut self, end: u64) {
        self.stretches.push(self.meter.take(self.done..end));
        self.done = end;
    }
}

impl Listener for &mut Whole {
    fn take(&mut self, _: &Link, sound: &frame::Audio) -> Result<(), EncodeError> {
        let at = sound.pts().and_then(|at| u64::try_from(at).ok()).unwrap_or(0);
        if at / FRAME_SAMPLES >= self.done + STRETCH_FRAMES {
            self.put_away(at / FRAME_SAMPLES);
        }
        self.meter.hear(at, sound);
        Ok(())
    }

    fn repeat_silence(&mut self) {}

    fn finish(&mut self, _: &Link) -> Result<(), EncodeError> {
        self.put_away(self.total.max(self.done));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{audio::beside_video, sound};
    use ffmpeg_next::ChannelLayout;

    const RATE: u32 = 48_000;

    fn plan(channels: u32) -> AudioPlan {
        AudioPlan { channels, sample_rate: RATE, ..beside_video(&[sound()], 0.0, &[0.0, 20.0], true, false).remove(0) }
    }

    /// Frame `number` of a tone of 1 kHz in these channels.
    fn tone(number: u64, layout: ChannelLayout, in_channels: &[usize], amplitude: f32) -> frame::Audio {
        let mut sound = frame::Audio::new(Sample::F32(Type::Planar), FRAME_SAMPLES as usize, layout);
        sound.set_rate(RATE);
        for channel in 0..sound.planes() {
            let heard = if in_channels.contains(&channel) { amplitude } else { 0.0 };
            for (i, sample) in sound.plane_mut::<f32>(channel).iter_mut().enumerate() {
                let at = (number * FRAME_SAMPLES + i as u64) % u64::from(RATE);
                *sample = heard * (at as f32 / RATE as f32 * 1000.0 * std::f32::consts::TAU).sin();
            }
        }
        sound
    }

    /// What twenty seconds of a tone measure.
    fn measured(layout: ChannelLayout, in_channels: &[usize], decibels: f32) -> (f64, f64) {
        let channels = layout.channels() as u32;
        let mut meter = Meter::new(&plan(channels)).unwrap();
        let frames = u64::from(20 * RATE) / FRAME_SAMPLES;
        (0..frames).for_each(|n| {
            meter.hear(n * FRAME_SAMPLES, &tone(n, layout, in_channels, 10_f32.powf(decibels / 20.0)));
        });
        let found = of_segments([Some(&meter.take(0..frames))].into_iter()).unwrap();
        (found.integrated_lufs, found.true_peak_dbtp)
    }

    /// Case 1 and 2 of EBU Tech 3341, and channels of surround sound beside (case 6).
    #[test]
    fn tones_measure_what_the_standard_says() {
        let (stereo, surround) = (ChannelLayout::STEREO, ChannelLayout::_5POINT1_BACK);
        for (layout, channels, decibels, expected) in [
            (stereo, &[0, 1][..], -23.0, -23.0),
            (stereo, &[0, 1], -33.0, -33.0),
            (ChannelLayout::MONO, &[0], -23.0, -23.0),
            (surround, &[0, 1], -23.0, -23.0),
            // Surround channels count 1.5 dB more, and low frequencies not at all.
            (surround, &[4, 5], -24.5, -23.0),
            (surround, &[0, 1, 3], -23.0, -23.0),
        ] {
            let (loudness, peak) = measured(layout, channels, decibels);
            assert!((loudness - expected).abs() < 0.1, "{channels:?} at {decibels}: {loudness} LUFS");
            assert!((peak - f64::from(decibels)).abs() < 0.3, "{channels:?} at {decibels}: {peak} dBTP");
        }
    }

    /// A run that begins in the middle measures its segments as one that began at the start does.
    #[test]
    fn runs_that_are_resumed_measure_the_same() {
        let heard = |from: u64| {
            let mut meter = Meter::new(&plan(2)).unwrap();
            for n in from..600 {
                meter.hear(n * FRAME_SAMPLES, &tone(n, ChannelLayout::STEREO, &[0, 1], n as f32 / 1000.0));
            }
            (meter.take(0..281), meter.take(281..600))
        };
        let ((first, whole), (_, resumed)) = (heard(0), heard(281 - 8));
        assert_eq!((first.blocks.len(), whole.blocks.len(), resumed.blocks.len()), (59, 69, 69));
        let off = |a: &Level, b: &Level| (a.decibels() - b.decibels()).abs();
        let worst = whole.blocks.iter().zip(&resumed.blocks).map(|(a, b)| off(a, b)).fold(0.0, f64::max);
        assert!(worst < 0.02 && whole.true_peak == resumed.true_peak, "{worst}");
    }

    #[test]
    fn a_gap_is_silent_and_costs_nothing() {
        let mut meter = Meter::new(&plan(2)).unwrap();
        let hear = |meter: &mut Meter, n: u64| {
            meter.hear(n * FRAME_SAMPLES, &tone(n, ChannelLayout::STEREO, &[0, 1], 0.5));
        };
        let hour = 3600 * u64::from(RATE) / FRAME_SAMPLES;
        (0..47).for_each(|n| hear(&mut meter, n));
        (hour..hour + 47).for_each(|n| hear(&mut meter, n));
        assert!(meter.blocks.len() < 25 && meter.peaks.len() < 100, "{}", meter.blocks.len());
        let heard = meter.take(0..47);
        assert!(heard.blocks.iter().all(|l| l.decibels() > -10.0), "{heard:?}");
        let gap = meter.take(60..hour);
        assert!(gap.blocks.iter().all(|l| *l == Level::default()) && gap.true_peak == Level::default());
        assert!(meter.take(hour..hour + 47).blocks.iter().skip(1).all(|l| l.decibels() > -10.0));
    }
}
