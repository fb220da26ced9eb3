//! How loud a whole sound is (EBU R 128), from what its segments measure.
//!
//! Invariant: segments are measured in blocks of 100 ms on one grid that begins with the sound, so those of several runs
//! fit together, whoever made them; the windows of the standard are means of whole blocks.

use serde::{Deserialize, Serialize};
use sluice_model::Loudness;

/// Blocks of a second.
pub const BLOCKS_PER_S: u32 = 10;
/// Blocks of the window of momentary loudness, 400 ms.
const MOMENTARY: usize = 4;
/// Blocks of the window of short-term loudness, 3 s.
const SHORT_TERM: usize = 30;
/// What is below counts as silence (BS.1770-4), LUFS.
const ABSOLUTE_GATE: f64 = -70.0;
/// Below the mean, what is softer is not part of the integrated loudness (BS.1770-4) ...
const INTEGRATED_GATE: f64 = 10.0;
/// ... or of the loudness range (EBU Tech 3342), LU.
const RANGE_GATE: f64 = 20.0;
/// True peak that a sound which is made louder may reach (EBU R 128), dBTP.
const HIGHEST_PEAK: f64 = -1.0;
/// The loudness range lies between these shares of the windows.
const RANGE: (f64, f64) = (0.10, 0.95);

/// A level in decibels as a number that is kept: hundredths above -100; 0 is silence.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Level(u16);

impl Level {
    /// The lowest that is told from silence, decibels.
    const FLOOR: f64 = -100.0;

    /// Of decibels; minus infinity is silence, and so is what is no number.
    pub fn of(decibels: f64) -> Self {
        let hundredths = ((decibels - Self::FLOOR) * 100.0).round();
        // A float that is no number becomes 0.
        Self(hundredths.clamp(0.0, f64::from(u16::MAX)) as u16)
    }

    /// Of an amplitude, where 1 is full scale.
    pub fn of_amplitude(amplitude: f64) -> Self {
        Self::of(20.0 * amplitude.log10())
    }

    /// Decibels; minus infinity for silence.
    pub fn decibels(self) -> f64 {
        if self.0 == 0 { f64::NEG_INFINITY } else { Self::FLOOR + f64::from(self.0) / 100.0 }
    }

    fn power(self) -> f64 {
        if self.0 == 0 { 0.0 } else { power(self.decibels()) }
    }
}

/// What a segment of sound measures.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentLoudness {
    /// Highest level between samples, dBTP.
    pub true_peak: Level,
    /// Loudness of each block that ends in the segment, LUFS.
    pub blocks: Vec<Level>,
}

impl SegmentLoudness {
    /// Most blocks that end in a segment of so many seconds.
    pub fn most_blocks(seconds: f64) -> usize {
        (seconds * f64::from(BLOCKS_PER_S)) as usize + 1
    }

    /// Whether a segment of so many seconds can have as many blocks.
    pub fn fits(&self, seconds: f64) -> bool {
        self.blocks.len() <= Self::most_blocks(seconds)
    }

    /// As it is stored: levels as two bytes each, the true peak first.
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.true_peak].iter().chain(&self.blocks).flat_map(|l| l.0.to_le_bytes()).collect()
    }

    /// What was stored.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (levels, _) = bytes.as_chunks::<2>();
        let mut levels = levels.iter().map(|b| Level(u16::from_le_bytes(*b)));
        Self { true_peak: levels.next().unwrap_or_default(), blocks: levels.collect() }
    }
}

/// How loud a sound of these segments is, in their order. `None` where one of them was not measured, and of silence.
pub fn of_segments<'a>(segments: impl Iterator<Item = Option<&'a SegmentLoudness>>) -> Option<Loudness> {
    let segments: Vec<&SegmentLoudness> = segments.collect::<Option<_>>()?;
    let blocks: Vec<f64> = segments.iter().flat_map(|s| &s.blocks).map(|l| l.power()).collect();
    let integrated = decibels(mean(&gated(&windows(&blocks, MOMENTARY), INTEGRATED_GATE))?);
    let true_peak = segments.iter().map(|s| s.true_peak).max()?;
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    Some(Loudness {
        integrated_lufs: rounded(integrated),
        range_lu: rounded(range(gated(&windows(&blocks, SHORT_TERM), RANGE_GATE))),
        true_peak_dbtp: rounded(true_peak.decibels()),
    })
}

/// By how much a sound is made louder to reach a loudness, or the highest peak that is allowed if it reaches that first,
/// decibels. Silence stays as it is.
pub fn gain_db(found: Option<Loudness>, target_lufs: f64) -> f64 {
    found.map_or(0.0, |f| (target_lufs - f.integrated_lufs).min(HIGHEST_PEAK - f.true_peak_dbtp))
}

/// The mean power of every window of so many blocks.
fn windows(blocks: &[f64], length: usize) -> Vec<f64> {
    blocks.windows(length).map(|w| w.iter().sum::<f64>() / length as f64).collect()
}

/// What is neither silence nor so far below the mean of the rest.
fn gated(windows: &[f64], below_mean: f64) -> Vec<f64> {
    let loud: Vec<f64> = windows.iter().copied().filter(|w| *w > power(ABSOLUTE_GATE)).collect();
    let gate = mean(&loud).map_or(0.0, |m| power(decibels(m) - below_mean));
    loud.into_iter().filter(|w| *w > gate).collect()
}

/// Distance between the softest and the loudest windows but for the extremes, LU.
fn range(mut windows: Vec<f64>) -> f64 {
    windows.sort_by(f64::total_cmp);
    let at = |share: f64| windows.get((share * windows.len().saturating_sub(1) as f64).round() as usize);
    at(RANGE.1).zip(at(RANGE.0)).map_or(0.0, |(high, low)| decibels(*high) - decibels(*low))
}

fn mean(list: &[f64]) -> Option<f64> {
    (!list.is_empty()).then(|| list.iter().sum::<f64>() / list.len() as f64)
}

fn power(decibels: f64) -> f64 {
    10_f64.powf(decibels / 10.0)
}

fn decibels(power: f64) -> f64 {
    10.0 * power.log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sound of stretches, each so many seconds at a loudness, in segments of six seconds.
    fn sound(stretches: &[(u32, f64)]) -> Vec<SegmentLoudness> {
        let blocks: Vec<Level> = stretches
            .iter()
            .flat_map(|(seconds, lufs)| std::iter::repeat_n(Level::of(*lufs), (seconds * BLOCKS_PER_S) as usize))
            .collect();
        blocks.chunks(60).map(|b| SegmentLoudness { true_peak: Level::of(-9.0), blocks: b.to_vec() }).collect()
    }

    fn measured(stretches: &[(u32, f64)]) -> Option<Loudness> {
        of_segments(sound(stretches).iter().map(Some))
    }

    /// Cases 1 to 5 of EBU Tech 3341 and 1 to 4 of EBU Tech 3342, by the loudness of their tones.
    #[test]
    fn loudness_is_gated_as_the_standard_says() {
        for (stretches, integrated) in [
            (&[(20, -23.0)][..], -23.0),
            (&[(20, -33.0)], -33.0),
            (&[(10, -36.0), (60, -23.0), (10, -36.0)], -23.0),
            (&[(10, -72.0), (10, -36.0), (60, -23.0), (10, -36.0), (10, -72.0)], -23.0),
            (&[(20, -26.0), (20, -20.0), (20, -26.0)], -23.0),
        ] {
            let found = measured(stretches).unwrap().integrated_lufs;
            assert!((found - integrated).abs() < 0.1, "{stretches:?}: {found}");
        }
        for (stretches, range) in [
            (&[(20, -20.0), (20, -30.0)][..], 10.0),
            (&[(20, -20.0), (20, -15.0)], 5.0),
            (&[(20, -40.0), (20, -20.0)], 20.0),
            (&[(20, -50.0), (20, -35.0), (20, -20.0), (20, -35.0), (20, -50.0)], 15.0),
        ] {
            let found = measured(stretches).unwrap().range_lu;
            assert!((found - range).abs() < 1.0, "{stretches:?}: {found}");
        }
    }

    #[test]
    fn silence_and_what_was_not_measured_have_no_loudness() {
        assert_eq!(measured(&[(20, f64::NEG_INFINITY)]), None);
        assert_eq!(measured(&[]), None);
        let loud = sound(&[(12, -23.0)]);
        assert_eq!(of_segments([Some(&loud[0]), None].into_iter()), None);
        let short = measured(&[(1, -23.0)]).unwrap();
        assert_eq!((short.integrated_lufs, short.range_lu, short.true_peak_dbtp), (-23.0, 0.0, -9.0));
    }

    #[test]
    fn gain_leads_to_the_target_and_never_to_clipping() {
        let found = |integrated_lufs, true_peak_dbtp| Some(Loudness { integrated_lufs, range_lu: 0.0, true_peak_dbtp });
        for (found, gain) in
            [(found(-23.0, -10.0), 7.0), (found(-10.0, 0.5), -6.0), (found(-30.0, -4.0), 3.0), (None, 0.0)]
        {
            assert_eq!(gain_db(found, -16.0), gain, "{found:?}");
        }
    }

    #[test]
    fn levels_are_stored_to_a_hundredth() {
        assert_eq!((Level::of(f64::NAN), Level::of(-150.0), Level::of_amplitude(0.0)), (Level(0), Level(0), Level(0)));
        assert_eq!((Level::of(-23.004).decibels(), Level::of_amplitude(1.0).decibels()), (-23.0, 0.0));
        let one = sound(&[(6, -23.0)]).remove(0);
        assert_eq!(SegmentLoudness::from_bytes(&one.to_bytes()), one);
        assert!(one.fits(6.0) && !one.fits(5.0));
        assert_eq!(SegmentLoudness::from_bytes(&[1]), SegmentLoudness::default());
    }
}
