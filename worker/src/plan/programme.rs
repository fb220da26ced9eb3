//! Where the programme of a plan lies on the clocks, and where it is cut.

use super::{Plan, VariableRate, audio, seconds};

impl Plan {
    /// Segment boundaries of the package, seconds from the begin of the programme.
    pub fn cuts_s(&self) -> Vec<f64> {
        let mut cuts_s = match (&self.video, &self.audio) {
            (Some(v), _) => v.variable.as_ref().map_or_else(|| seconds(&v.boundaries, v.rate), VariableRate::cuts_s),
            (None, Some(a)) => {
                let frame_s = audio::FRAME_SAMPLES as f64 / f64::from(a.sample_rate);
                a.boundaries.iter().map(|b| *b as f64 * frame_s).collect()
            }
            (None, None) => Vec::new(),
        };
        if let Some(begin_s) = cuts_s.first().copied().filter(|_| self.clip.is_some()) {
            cuts_s.iter_mut().for_each(|s| *s -= begin_s);
        }
        cuts_s
    }

    /// Time on the source's clock at which the programme begins, seconds.
    pub fn origin_s(&self) -> f64 {
        match (&self.video, &self.audio) {
            (Some(v), _) => v.start_s(),
            (None, Some(a)) => a.origin_s,
            (None, None) => 0.0,
        }
    }

    /// When the programme begins on the clock of the segments: by how much everything is shown later than it is decoded,
    /// seconds.
    pub fn programme_start_s(&self) -> f64 {
        self.video.as_ref().map_or(0.0, |v| v.delay_ticks as f64 / v.timescale().max(1) as f64)
    }
}
