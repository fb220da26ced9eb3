//! The sound: which stream, remuxed or encoded, and where it is cut.

use super::{
    boundaries::on_grid,
    extent::LEAST_TAIL_S,
    facts::{AudioFacts, SourceFacts},
    timeline::Rate,
    tracks::track,
};
use serde::{Deserialize, Serialize};
use sluice_model::SoundTrack;

/// Samples of one AAC-LC frame.
pub const FRAME_SAMPLES: u64 = 1024;
/// RFC 6381 string of AAC-LC.
const AAC_LC: &str = "mp4a.40.2";
/// AAC-LC stereo is transparent enough at this rate (hls-rules: 32 to 160 kb/s).
const STEREO_BPS: u32 = 128_000;
/// The same of 5.1.
const SURROUND_BPS: u32 = 320_000;
/// A sound for narrow lines: with the smallest picture at most 192 kb/s (Apple 9.21). One channel, which AAC-LC makes well of
/// so few bits; two it would leave without their upper half.
const LOW_BPS: u32 = 48_000;
/// A track that costs hardly more is its own low one.
const LOW_ENOUGH_BPS: u32 = 64_000;
/// Channels of 5.1.
pub const SURROUND: u32 = 6;
const MOST_REMUX_BPS: u64 = 200_000;

/// How the sound is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioPlan {
    /// Stream index in the source.
    pub stream: usize,
    /// Time on the source's clock that is 0 of the output, seconds.
    pub origin_s: f64,
    /// AudioSpecificConfig when the source's own AAC frames are kept.
    pub remux: Option<Vec<u8>>,
    /// Samples a second of the output; also its timescale.
    pub sample_rate: u32,
    /// Channels of the output.
    pub channels: u32,
    /// First AAC frame of every segment, then the number of frames.
    pub boundaries: Vec<u64>,
    /// Renditions made from one decode.
    pub variants: Vec<AudioVariant>,
    /// Decode time of the first frame, samples: the delay of the picture, and where a frame of the source that is kept
    /// begins beside it.
    #[serde(default)]
    pub delay_samples: u64,
    /// By how many samples the source's frames that are kept lie after the grid of frames that begins with the picture.
    #[serde(default)]
    pub phase_samples: i64,
    /// Which track it is.
    #[serde(default)]
    pub track: SoundTrack,
    /// Integrated loudness that it is brought to, LUFS; as loud as its source where nothing is asked.
    #[serde(default)]
    pub target_lufs: Option<f64>,
}

/// One audio rendition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioVariant {
    /// Name within the package.
    pub name: String,
    /// Bits a second.
    pub bit_rate: u32,
    /// RFC 6381.
    pub codecs: String,
    /// Whether the channels of the plan are mixed into one.
    #[serde(default)]
    pub mono: bool,
}

impl AudioPlan {
    /// Begins as late as the picture does.
    pub fn delay_by(&mut self, seconds: f64) {
        let samples = (seconds * f64::from(self.sample_rate)).round() as i64 + self.phase_samples;
        self.delay_samples = u64::try_from(samples).unwrap_or(0);
    }

    /// Channels of a variant.
    pub fn channels_of(&self, variant: &AudioVariant) -> u32 {
        if variant.mono { 1 } else { self.channels }
    }

    /// Length of the output, seconds.
    pub fn duration_s(&self) -> f64 {
        let frames = self.boundaries.last().copied().unwrap_or(0);
        (frames * FRAME_SAMPLES) as f64 / f64::from(self.sample_rate)
    }

    /// Length of the longest segment, seconds.
    pub fn longest_segment_s(&self) -> f64 {
        let frames = self.boundaries.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0);
        (frames * FRAME_SAMPLES) as f64 / f64::from(self.sample_rate)
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.boundaries.len().saturating_sub(1)
    }
}

/// The sounds of a film over the span of the picture, cut where it is cut, the default first: of every track one that all
/// players play, of those with more than two channels another one in 5.1, and where there is a picture for narrow lines, a
/// low one. That has a decode of its own, which is not in the way of the film's.
pub fn beside_video(
    tracks: &[AudioFacts],
    origin_s: f64,
    cuts_s: &[f64],
    may_keep: bool,
    narrow: bool,
) -> Vec<AudioPlan> {
    let mut list = Vec::new();
    for (position, sound) in tracks.iter().enumerate() {
        let name = |of: &str| if position == 0 { of.to_owned() } else { format!("{of}-{}", position + 1) };
        let made = |plain| AudioPlan { track: track(sound, position), ..stereo(sound, origin_s, cuts_s, plain) };
        let stereo = made(may_keep);
        let surround = (sound.channels > 2).then(|| AudioPlan {
            channels: SURROUND,
            variants: vec![variant(name("surround"), SURROUND_BPS)],
            ..stereo.clone()
        });
        let bit_rate = stereo.variants[0].bit_rate;
        let variants = vec![variant(name("audio"), bit_rate)];
        let low =
            (narrow && bit_rate > LOW_ENOUGH_BPS).then(|| AudioVariant { mono: true, ..variant(name("low"), LOW_BPS) });
        list.push(AudioPlan { variants, ..stereo });
        list.extend(surround);
        list.extend(low.map(|low| AudioPlan { variants: vec![low], ..made(false) }));
    }
    list
}

/// A track as it is, if it may be kept and everybody can play it, or else as stereo.
fn stereo(sound: &AudioFacts, origin_s: f64, cuts_s: &[f64], may_keep: bool) -> AudioPlan {
    let duration_s = cuts_s.last().copied().unwrap_or(0.0);
    let kept = sound.aac_lc_config.clone().filter(|_| may_keep);
    let remux = kept.filter(|_| fits_remux(sound, origin_s, duration_s));
    let remuxed = remux.is_some();
    let sample_rate = if remuxed { sound.sample_rate } else { output_rate(sound.sample_rate) };
    let bit_rate = match &remux {
        Some(_) => u32::try_from(sound.bit_rate).unwrap_or(STEREO_BPS),
        None if sound.channels == 1 => STEREO_BPS / 4 * 3,
        None => STEREO_BPS,
    };
    let end_s = sound.start_s + sound.duration_s - origin_s;
    AudioPlan {
        stream: sound.stream,
        origin_s,
        remux,
        sample_rate,
        channels: if remuxed { sound.channels } else { 2 },
        boundaries: boundaries(cuts_s, end_s, sample_rate),
        variants: vec![variant(String::new(), bit_rate)],
        delay_samples: 0,
        phase_samples: if remuxed { phase(sound, origin_s) } else { 0 },
        track: SoundTrack::default(),
        target_lufs: None,
    }
}

/// The AAC frames at which the sound of a picture that is cut at `cuts_s` is cut. Sound that ends at `end_s`, a little
/// after the last of them, is not cut there.
pub fn boundaries(cuts_s: &[f64], end_s: f64, sample_rate: u32) -> Vec<u64> {
    let frame_at = |s: f64| (s * f64::from(sample_rate) / FRAME_SAMPLES as f64).round() as u64;
    let mut list: Vec<u64> = cuts_s.iter().copied().map(frame_at).collect();
    let cut_s = cuts_s.last().copied().unwrap_or(0.0);
    if let Some(last) = list.last_mut() {
        *last = (*last).max(frame_at(end_s.min(cut_s + LEAST_TAIL_S))).max(1);
    }
    list
}

/// A file of sound alone: of each of its first `tracks` several rates, never above the source's worth, the default first. All
/// lie over the span of that and are cut where it is cut.
pub fn alone(facts: &SourceFacts, tracks: usize, kbps: &[u32]) -> Vec<AudioPlan> {
    let Some(first) = facts.sound() else { return Vec::new() };
    let first_rate = output_rate(first.sample_rate);
    let frames = (first.duration_s * f64::from(first_rate) / FRAME_SAMPLES as f64).round().max(1.0) as u64;
    // The grid of a picture with one frame per AAC frame.
    let grid = Rate { num: first_rate, den: FRAME_SAMPLES as u32 };
    let cuts = on_grid(frames, grid);
    let cuts_s: Vec<f64> = cuts.iter().map(|c| grid.seconds(*c)).collect();
    let list = facts.audio.iter().take(tracks).enumerate();
    list.map(|(position, sound)| {
        let sample_rate = output_rate(sound.sample_rate);
        let name = |k: u32| if position == 0 { format!("a{k}") } else { format!("a{k}-{}", position + 1) };
        AudioPlan {
            stream: sound.stream,
            origin_s: first.start_s,
            remux: None,
            sample_rate,
            channels: 2,
            boundaries: if position == 0 { cuts.clone() } else { boundaries(&cuts_s, 0.0, sample_rate) },
            variants: worthy(sound, kbps).into_iter().map(|k| variant(name(k), k * 1000)).collect(),
            delay_samples: 0,
            phase_samples: 0,
            track: track(sound, position),
            target_lufs: None,
        }
    })
    .collect()
}

/// The rates that a sound is worth, or the lowest, kilobits a second; the highest first.
fn worthy(sound: &AudioFacts, kbps: &[u32]) -> Vec<u32> {
    let worth = if sound.lossless || sound.bit_rate == 0 { u64::from(u32::MAX) * 1000 } else { sound.bit_rate };
    let mut rates: Vec<u32> = kbps.iter().copied().filter(|k| u64::from(*k) * 1000 <= worth + worth / 20).collect();
    rates.sort_unstable_by_key(|k| std::cmp::Reverse(*k));
    if rates.is_empty() {
        rates.extend(kbps.iter().min());
    }
    rates
}

fn variant(name: String, bit_rate: u32) -> AudioVariant {
    AudioVariant { name, bit_rate, codecs: AAC_LC.to_owned(), mono: false }
}

/// Where the first frame of the source that is kept begins on the output, samples: a frame or less after the picture, or
/// half a frame or less before it. What lies before that is dropped.
fn phase(sound: &AudioFacts, origin_s: f64) -> i64 {
    let at = ((sound.start_s - origin_s) * f64::from(sound.sample_rate)).round() as i64;
    let frame = FRAME_SAMPLES as i64;
    if at >= 0 { at } else { (at + frame / 2).rem_euclid(frame) - frame / 2 }
}

/// The source's frames can be kept: stereo at most, neither late nor short, not wasteful.
fn fits_remux(sound: &AudioFacts, origin_s: f64, duration_s: f64) -> bool {
    let frame_s = FRAME_SAMPLES as f64 / f64::from(sound.sample_rate.max(1));
    let late = sound.start_s - origin_s > frame_s;
    let short = sound.start_s + sound.duration_s < origin_s + duration_s - 0.1;
    let rate = sound.bit_rate > 0 && sound.bit_rate <= MOST_REMUX_BPS;
    !late
        && !short
        && rate
        && sound.channels <= 2
        && sound.channels > 0
        && sound.sample_rate >= 32_000
        && sound.sample_rate <= 48_000
}

/// 44.1 kHz and its fractions stay a family; all else is 48 kHz.
fn output_rate(source: u32) -> u32 {
    if source.is_multiple_of(11_025) { 44_100 } else { 48_000 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Clock, TrackTags, fixture::sound};
    use sluice_ingest::sniff::Demuxer;

    fn film(sound: AudioFacts) -> AudioPlan {
        beside_video(&[sound], 0.0, &[0.0, 2.0, 4.0, 20.0], true, false).remove(0)
    }

    #[test]
    fn every_track_is_made_and_surround_beside_its_stereo() {
        let language = |language: &str| TrackTags { language: language.into(), ..TrackTags::default() };
        let tracks = [
            AudioFacts { channels: 6, tags: language("ger"), ..sound() },
            AudioFacts { stream: 2, sample_rate: 22_050, duration_s: 5.0, tags: language("eng"), ..sound() },
            AudioFacts { stream: 3, ..sound() },
        ];
        let list = beside_video(&tracks, 0.0, &[0.0, 2.0, 20.0], true, false);
        let made: Vec<_> = list
            .iter()
            .map(|a| (a.variants[0].name.as_str(), a.stream, a.channels, a.remux.is_some(), a.track.position))
            .collect();
        assert_eq!(
            made,
            [
                ("audio", 1, 2, false, 0),
                ("surround", 1, 6, false, 0),
                ("audio-2", 2, 2, false, 1),
                ("audio-3", 3, 2, true, 2),
            ]
        );
        assert!(list.iter().all(|a| a.segment_count() == 2 && (a.duration_s() - 20.0).abs() < 0.03));
        assert_eq!(list[1].track.label, "Deutsch");
        assert_eq!((list[1].variants[0].bit_rate, list[2].sample_rate), (320_000, 44_100));
    }

    #[test]
    fn narrow_lines_get_one_channel_of_every_track_that_is_not_low_itself() {
        let tracks = [
            sound(),
            AudioFacts { channels: 6, ..sound() },
            AudioFacts { bit_rate: 40_000, channels: 1, ..sound() },
            AudioFacts { sample_rate: 22_050, ..sound() },
        ];
        let list = beside_video(&tracks, 0.0, &[0.0, 2.0, 20.0], true, true);
        let made: Vec<(Vec<_>, bool)> = list
            .iter()
            .map(|a| (a.variants.iter().map(|v| (v.name.as_str(), a.channels_of(v))).collect(), a.remux.is_some()))
            .collect();
        assert_eq!(
            made,
            [
                (vec![("audio", 2)], true),
                (vec![("low", 1)], false),
                (vec![("audio-2", 2)], false),
                (vec![("surround-2", 6)], false),
                (vec![("low-2", 1)], false),
                (vec![("audio-3", 1)], true),
                (vec![("audio-4", 2)], false),
                (vec![("low-4", 1)], false),
            ]
        );
        let positions: Vec<u64> = list.iter().map(|a| a.track.position).collect();
        assert_eq!(positions, [0, 0, 1, 1, 1, 2, 3, 3]);
    }

    #[test]
    fn stereo_aac_is_kept_and_what_does_not_fit_is_encoded() {
        assert_eq!(film(sound()).boundaries, [0, 94, 188, 938]);
        assert!(film(sound()).remux.is_some());
        for (why, s) in [
            ("late", AudioFacts { start_s: 0.5, ..sound() }),
            ("short", AudioFacts { duration_s: 15.0, ..sound() }),
            ("5.1", AudioFacts { channels: 6, ..sound() }),
            ("wasteful", AudioFacts { bit_rate: 400_000, ..sound() }),
        ] {
            assert!(film(s).remux.is_none(), "{why}");
        }
    }

    #[test]
    fn sound_alone_is_never_above_its_source() {
        let rates = |bit_rate, lossless| {
            let facts = SourceFacts {
                demuxer: Demuxer::Mp3,
                video: None,
                audio: vec![AudioFacts { bit_rate, lossless, ..sound() }],
                clock: Clock::default(),
                left_behind: Vec::new(),
                metadata: crate::plan::Metadata::default(),
            };
            alone(&facts, 1, &[64, 128, 256])[0].variants.iter().map(|v| v.bit_rate).collect::<Vec<_>>()
        };
        assert_eq!(rates(900_000, true), [256_000, 128_000, 64_000]);
        assert_eq!(rates(128_000, false), [128_000, 64_000]);
        assert_eq!(rates(40_000, false), [64_000]);
    }

    #[test]
    fn every_track_of_sound_alone_is_made_over_the_first() {
        let track = |stream, sample_rate, bit_rate, duration_s| AudioFacts {
            stream,
            sample_rate,
            bit_rate,
            duration_s,
            start_s: 1.0,
            ..sound()
        };
        let facts = SourceFacts {
            demuxer: Demuxer::Matroska,
            video: None,
            audio: vec![
                track(0, 48_000, 128_000, 20.0),
                track(1, 44_100, 64_000, 12.0),
                track(2, 48_000, 128_000, 30.0),
                track(3, 48_000, 128_000, 20.0),
            ],
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata: crate::plan::Metadata::default(),
        };
        let list = alone(&facts, 3, &[64, 128]);
        let names: Vec<Vec<&str>> = list.iter().map(|a| a.variants.iter().map(|v| v.name.as_str()).collect()).collect();
        assert_eq!(names, [vec!["a128", "a64"], vec!["a64-2"], vec!["a128-3", "a64-3"]]);
        for (n, a) in list.iter().enumerate() {
            assert_eq!((a.track.position, a.origin_s, a.segment_count()), (n as u64, 1.0, list[0].segment_count()));
            assert!((a.duration_s() - 20.0).abs() < 0.03, "{}", a.duration_s());
        }
    }
}
