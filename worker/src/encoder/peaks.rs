//! How loud the sound is from moment to moment: a peak for each frame, and of these a few for each segment.

use ffmpeg_next::{format::Sample, format::sample::Type, frame};
use sluice_model::SEGMENT_PEAKS;
use std::collections::BTreeMap;

/// Peaks of frames that were heard and are not yet in a segment.
#[derive(Debug, Default)]
pub struct Peaks(BTreeMap<u64, u8>);

impl Peaks {
    /// Notes frame `number`. Samples of another form than decoders and filters here give count as silence.
    pub fn hear(&mut self, number: u64, sound: &frame::Audio) {
        if sound.format() != Sample::F32(Type::Planar) {
            return;
        }
        let planes = (0..sound.planes()).flat_map(|i| sound.plane::<f32>(i));
        let peak = planes.fold(0.0_f32, |most, s| most.max(s.abs()));
        let heard = self.0.entry(number).or_default();
        *heard = (*heard).max((peak.min(1.0) * 255.0).round() as u8);
    }

    /// The peak of a frame; what comes before it is forgotten.
    pub fn take(&mut self, number: u64) -> u8 {
        self.0 = self.0.split_off(&number);
        self.0.remove(&number).unwrap_or(0)
    }
}

/// Peaks of the frames of a segment as at most [`SEGMENT_PEAKS`] of stretches of equal length.
pub fn of_segment(frames: &[u8]) -> Vec<u8> {
    let count = frames.len().min(SEGMENT_PEAKS);
    let at = |i: usize| i * frames.len() / count.max(1);
    (0..count).map(|i| frames[at(i)..at(i + 1)].iter().copied().max().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_few_peaks_and_loses_none() {
        assert_eq!(of_segment(&[]), Vec::<u8>::new());
        assert_eq!(of_segment(&[1, 2, 3]), [1, 2, 3]);
        let mut frames = vec![3; 281];
        frames[280] = 200;
        frames[100] = 90;
        let peaks = of_segment(&frames);
        assert_eq!(peaks.len(), SEGMENT_PEAKS);
        assert_eq!((peaks[SEGMENT_PEAKS - 1], peaks[100 * SEGMENT_PEAKS / 281]), (200, 90));
        assert_eq!(peaks.iter().filter(|p| **p == 3).count(), SEGMENT_PEAKS - 2);
    }

    #[test]
    fn peaks_are_those_of_the_loudest_channel() {
        let mut sound = frame::Audio::new(Sample::F32(Type::Planar), 4, ffmpeg_next::ChannelLayout::STEREO);
        sound.plane_mut::<f32>(0).copy_from_slice(&[0.0, 0.1, -0.5, 0.2]);
        sound.plane_mut::<f32>(1).copy_from_slice(&[0.0, 0.1, 0.2, 0.3]);
        let mut peaks = Peaks::default();
        peaks.hear(7, &sound);
        assert_eq!((peaks.take(3), peaks.take(7), peaks.take(7)), (0, 128, 0));
    }
}
