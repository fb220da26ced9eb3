//! How long a film is: from the earliest begin to the latest end of what is kept of it.

use super::{
    facts::{AudioFacts, SourceFacts, VideoFacts},
    timeline::{self, Rate},
};

/// Sound that begins so little before the picture is cut there, seconds: what encoders put in front of it is shorter.
const LEAST_LEAD_S: f64 = 0.06;
/// Of it so much is what an encoder puts in front of the sound; it need not be kept.
const PRIMING_S: f64 = 0.025;
/// Sound that ends so little after the picture needs none beside it, seconds: it is rounded up to whole frames of sound.
pub const LEAST_TAIL_S: f64 = 0.1;
/// Longest stretch after the last picture over which a picture that is passed through can stand, seconds.
const LONGEST_PASSED_TAIL_S: f64 = 2.0;

/// What a film has beside its pictures, seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Sound before the first picture.
    pub lead_s: f64,
    /// From the begin of the first picture to the end of the last one.
    pub picture_s: f64,
    /// Sound after the last picture.
    pub tail_s: f64,
}

/// The same in output frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    pub lead: u64,
    pub picture: u64,
    pub tail: u64,
}

impl Frames {
    /// All of them.
    pub fn total(self) -> u64 {
        self.lead + self.picture + self.tail
    }
}

impl Extent {
    /// Of a picture with the sound that is kept beside it.
    pub fn of(video: &VideoFacts, sound: Option<&AudioFacts>) -> Self {
        let picture_s = video.duration_s;
        let (lead_s, tail_s) = sound.map_or((0.0, 0.0), |a| {
            (video.start_s() - a.start_s, a.start_s + a.duration_s - video.start_s() - picture_s)
        });
        let more_than = |s: f64, least_s: f64| if s > least_s { s } else { 0.0 };
        Self { lead_s: more_than(lead_s, LEAST_LEAD_S), picture_s, tail_s: more_than(tail_s, LEAST_TAIL_S) }
    }

    /// At a frame rate: the picture stays on its own frames, and no sound is cut but for priming.
    pub fn frames(&self, video: &VideoFacts, rate: Rate) -> Frames {
        // A hundredth of a frame is rounding.
        let up = |s: f64| (s * rate.fps() - 0.01).ceil().max(0.0) as u64;
        Frames { lead: up(self.lead_s - PRIMING_S), picture: timeline::frame_count(video, rate), tail: up(self.tail_s) }
    }

    /// Whether a picture can be passed through with what is beside it.
    pub fn can_pass(&self) -> bool {
        self.lead_s == 0.0 && self.tail_s <= LONGEST_PASSED_TAIL_S
    }
}

impl SourceFacts {
    /// The sound that is kept.
    pub fn sound(&self) -> Option<&AudioFacts> {
        self.audio.first()
    }

    /// Length of the film, seconds.
    pub fn duration_s(&self) -> f64 {
        match &self.video {
            Some(video) => {
                let extent = Extent::of(video, self.sound());
                extent.lead_s + extent.picture_s + extent.tail_s
            }
            None => self.sound().map_or(0.0, |a| a.duration_s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{TrackTags, ladder::tests::source};

    fn sound(from_s: f64, to_s: f64) -> AudioFacts {
        AudioFacts {
            stream: 1,
            codec: "aac".into(),
            sample_rate: 48_000,
            channels: 2,
            start_s: from_s,
            duration_s: to_s - from_s,
            gap_s: 0.0,
            bit_rate: 128_000,
            aac_lc_config: None,
            lossless: false,
            tags: TrackTags::default(),
        }
    }

    /// A picture from and to, a sound from and to; frames before, in and after the picture.
    type Row = (&'static str, (f64, f64), (f64, f64), (u64, u64, u64));

    #[test]
    fn a_film_is_as_long_as_its_longest_stream() {
        let rows: [Row; 9] = [
            ("together", (0.0, 20.0), (0.0, 20.0), (0, 500, 0)),
            ("priming before, padding behind", (0.0, 20.0), (-0.048, 20.09), (0, 500, 0)),
            ("the picture ends early", (0.0, 5.0), (0.0, 15.0), (0, 125, 250)),
            ("the picture comes late", (5.021, 15.021), (0.0, 15.0), (125, 250, 0)),
            ("the sound comes late", (0.0, 15.0), (6.9, 15.0), (0, 375, 0)),
            ("the sound ends early", (0.0, 15.0), (0.0, 4.0), (0, 375, 0)),
            ("one picture and a song", (0.0, 0.04), (0.0, 15.0), (0, 1, 374)),
            ("sound around the picture", (40.0, 41.0), (10.0, 70.0), (750, 25, 725)),
            ("one after the other", (0.0, 5.0), (10.0, 15.0), (0, 125, 250)),
        ];
        let rate = Rate { num: 25, den: 1 };
        for (what, (v0, v1), (a0, a1), want) in rows {
            let video = VideoFacts {
                first_pts: (v0 * 90_000.0_f64).round() as i64,
                time_base: (1, 90_000),
                duration_s: v1 - v0,
                frames: ((v1 - v0) * 25.0_f64).round() as u64,
                frame_ticks: Some(3600.0),
                ..source(640, 360)
            };
            let sound = sound(a0, a1);
            let frames = Extent::of(&video, Some(&sound)).frames(&video, rate);
            assert_eq!((frames.lead, frames.picture, frames.tail), want, "{what}");
        }
    }
}
