//! The steps of a plan: what one child makes of it at a time.

use super::{Plan, VideoPlan};
use sluice_model::{AudioPayload, ChunkPayload};
use std::ops::Range;

/// One step. Steps do not depend on one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The source's own picture becomes the top rung.
    Passthrough,
    /// A run of segments of the sound.
    Audio(AudioPayload),
    /// A run of segments of the encoded rungs.
    Chunk {
        /// Its number within the film.
        number: usize,
        payload: ChunkPayload,
    },
}

impl Plan {
    /// All steps, the most urgent first: picture and sound of the opening before the rest.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(v) = &self.video {
            steps.extend(v.passthrough.is_some().then_some(Step::Passthrough));
            if !v.rungs.is_empty() {
                steps.extend(v.chunk_steps(false));
            }
        }
        if self.audio.is_some() {
            steps.insert(steps.len().min(1), Step::Audio(AudioPayload::default()));
        }
        steps
    }
}

impl VideoPlan {
    /// The steps of the ladder, or of the rung that stands in for a passthrough that does not fit.
    pub fn chunk_steps(&self, fallback: bool) -> impl Iterator<Item = Step> + '_ {
        self.chunks.iter().enumerate().map(move |(number, c)| Step::Chunk {
            number,
            payload: ChunkPayload { first: c.first, end: c.end, fallback },
        })
    }
}

impl Step {
    /// Whether the plan has what the step works on.
    pub fn belongs_to(&self, plan: &Plan) -> bool {
        match self {
            Self::Audio(_) => plan.audio.is_some(),
            Self::Passthrough | Self::Chunk { .. } => plan.video.is_some(),
        }
    }

    /// Segments that it makes of every rendition.
    pub fn segments(&self, plan: &Plan) -> Range<usize> {
        match self {
            Self::Passthrough => 0..plan.video.as_ref().map_or(0, VideoPlan::segment_count),
            Self::Audio(a) => a.first..a.end.unwrap_or(plan.audio.as_ref().map_or(0, |a| a.segment_count())),
            Self::Chunk { payload, .. } => payload.first..payload.end,
        }
    }

    /// Names of the renditions that it makes.
    pub fn renditions(&self, plan: &Plan) -> Vec<String> {
        match (self, &plan.video, &plan.audio) {
            (Self::Passthrough, Some(v), _) => v.passthrough.iter().map(|r| r.name.clone()).collect(),
            (Self::Chunk { payload, .. }, Some(v), _) if payload.fallback => {
                v.fallback.iter().map(|r| r.name.clone()).collect()
            }
            (Self::Chunk { .. }, Some(v), _) => v.rungs.iter().map(|r| r.name.clone()).collect(),
            (Self::Audio(_), _, Some(a)) => a.variants.iter().map(|v| v.name.clone()).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Clock, EncodeSettings, KeyFrame, SourceFacts, VideoFacts, ladder::tests::source, plan};
    use sluice_ingest::sniff::Demuxer;

    #[test]
    fn chunks_cover_the_film_once_and_the_fallback_too() {
        let keys =
            (0..1500).step_by(50).map(|f| KeyFrame { seek: f as i64, frame: f, shown: None, position: None }).collect();
        let video = VideoFacts { time_base: (1, 25), frames: 1500, duration_s: 60.0, keys, ..source(1280, 720) };
        let facts =
            SourceFacts { demuxer: Demuxer::Mov, video: Some(video), audio: Vec::new(), clock: Clock::default() };
        let settings = EncodeSettings { passthrough: false, ..EncodeSettings::default() };
        let plan = plan(&facts, &settings, 2).unwrap();
        let steps = plan.steps();
        let segments: Vec<usize> = steps.iter().flat_map(|s| s.segments(&plan)).collect();
        let all: Vec<usize> = (0..plan.video.as_ref().unwrap().segment_count()).collect();
        assert_eq!(segments, all);
        assert!(steps.iter().all(|s| s.renditions(&plan).len() == plan.renditions().len() && s.belongs_to(&plan)));
        assert!(!Step::Audio(AudioPayload::default()).belongs_to(&plan));
    }
}
