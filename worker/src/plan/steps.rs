//! The steps of a plan: what one child makes of it at a time.

use super::{AudioPlan, Plan, PublishedImages, VideoPlan, cost};
use sluice_model::{AudioPayload, ChunkPayload, Tier};
use std::ops::Range;

/// One step. Steps do not depend on one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The source's own picture becomes the top rung.
    Passthrough,
    /// Its key frames become still pictures, or the cover of a sound its poster.
    Images,
    /// A run of segments of one of the sounds.
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
            steps.extend(v.images_of_keys(&PublishedImages::default()).map(|_| Step::Images));
            if !v.rungs.is_empty() {
                steps.extend(v.chunk_steps(0));
            }
        }
        let first = if self.video.is_some() { steps.len().min(1) } else { 0 };
        if self.video.is_none() {
            steps.push(Step::Images);
        }
        steps.splice(first..first, self.sound_steps(0));
        steps
    }

    /// The steps of whole sounds from the one with the number `first` on.
    pub fn sound_steps(&self, first: usize) -> impl Iterator<Item = Step> + '_ {
        self.sounds().enumerate().skip(first).map(|(sound, a)| {
            let cost_ms = (cost::sound_of_s(a, 0..a.segment_count()) * 1000.0) as u64;
            Step::Audio(AudioPayload { cost_ms, sound, ..AudioPayload::default() })
        })
    }
}

impl VideoPlan {
    /// The steps of the ladder from the chunk `first` on, tier after tier.
    pub fn chunk_steps(&self, first: usize) -> impl Iterator<Item = Step> + '_ {
        self.tiers().iter().flat_map(move |tier| self.pass(*tier, false).skip(first))
    }

    /// The steps of the rung that stands in for a passthrough that does not fit.
    pub fn fallback_steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.pass(Tier::All, true)
    }

    /// The steps of a clip that encode its edges: first those of what can be watched first.
    pub fn edge_steps(&self) -> impl Iterator<Item = Step> + '_ {
        let kept = self.fallback_steps().take_while(|_| self.source_grows());
        kept.chain(self.chunk_steps(0).take_while(|_| !self.rungs.is_empty()))
    }

    fn pass(&self, tier: Tier, fallback: bool) -> impl Iterator<Item = Step> + '_ {
        self.chunks.iter().enumerate().map(move |(number, c)| {
            let mut payload = ChunkPayload { first: c.first, end: c.end, fallback, tier, cost_ms: 0 };
            payload.cost_ms = (cost::chunk_s(self, &payload) * 1000.0) as u64;
            Step::Chunk { number, payload }
        })
    }
}

impl Step {
    /// Whether the plan has what the step works on.
    pub fn belongs_to(&self, plan: &Plan) -> bool {
        match self {
            Self::Audio(a) => plan.sound(a.sound).is_some(),
            Self::Images => true,
            Self::Passthrough | Self::Chunk { .. } => plan.video.is_some(),
        }
    }

    /// Segments that it makes of every rendition.
    pub fn segments(&self, plan: &Plan) -> Range<usize> {
        match self {
            Self::Passthrough => 0..plan.video.as_ref().map_or(0, VideoPlan::segment_count),
            Self::Images => 0..0,
            Self::Audio(a) => a.first..a.end.unwrap_or(plan.sound(a.sound).map_or(0, AudioPlan::segment_count)),
            Self::Chunk { payload, .. } => payload.first..payload.end,
        }
    }

    /// Whether a package is one without what it makes: a further sound.
    pub fn is_optional(&self) -> bool {
        matches!(self, Self::Audio(a) if a.sound > 0)
    }

    /// Pictures that are decoded and encoded for some of its segments; 0 where none are.
    pub fn pictures(&self, plan: &Plan, segments: Range<usize>) -> u64 {
        let (Self::Chunk { payload, .. }, Some(v)) = (self, &plan.video) else { return 0 };
        let frame = |segment: usize| v.boundaries.get(segment).copied().unwrap_or(v.frames);
        let frames = frame(segments.end).saturating_sub(frame(segments.start));
        frames * (v.chunk_rungs(payload).len() as u64 + 1)
    }

    /// Names of the renditions that it makes.
    pub fn renditions(&self, plan: &Plan) -> Vec<String> {
        match (self, &plan.video) {
            (Self::Passthrough, Some(v)) => v.passthrough.iter().map(|r| r.name.clone()).collect(),
            (Self::Chunk { payload, .. }, Some(v)) => v.chunk_rungs(payload).iter().map(|r| r.name.clone()).collect(),
            (Self::Audio(a), _) => {
                plan.sound(a.sound).map_or(Vec::new(), |s| s.variants.iter().map(|v| v.name.clone()).collect())
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::planned;
    use sluice_model::RenditionRole;

    #[test]
    fn a_slow_ladder_is_made_in_two_passes_each_of_the_whole_film() {
        let plan = planned(3840, 2160);
        let video = plan.video.as_ref().unwrap();
        let steps = plan.steps();
        let (lower, upper) = steps.split_at(video.chunks.len());
        assert_eq!(upper.len(), lower.len());
        for (steps, names) in
            [(lower, &["v720", "v480", "v360", "v240", "v144"][..]), (upper, &["v2160", "v1440", "v1080"])]
        {
            let segments: Vec<usize> = steps.iter().flat_map(|s| s.segments(&plan)).collect();
            assert_eq!(segments, (0..video.segment_count()).collect::<Vec<_>>());
            assert!(steps.iter().all(|s| s.renditions(&plan) == names));
        }
        let roles: Vec<(String, RenditionRole)> = plan.renditions().into_iter().map(|r| (r.name, r.role)).collect();
        assert!(roles.iter().all(|(name, role)| {
            let both = ["v720", "v480", "v360", "v240", "v144"].contains(&name.as_str());
            *role == if both { RenditionRole::Both } else { RenditionRole::Final }
        }));
        let cost = |steps: &[Step]| -> u64 {
            steps.iter().map(|s| if let Step::Chunk { payload, .. } = s { payload.cost_ms } else { 0 }).sum()
        };
        assert!(cost(lower) * 3 < cost(upper), "{} {}", cost(lower), cost(upper));
        let once = plan.clone().in_one_tier();
        assert_eq!((once.steps().len(), once.renditions().len()), (lower.len(), plan.renditions().len()));
        assert!(cost(&once.steps()) < cost(&steps), "the second decode costs something");
        assert!((cost::cost_s(&plan) * 1000.0 - cost(&steps) as f64).abs() < 100.0, "what is charged is what is done");
    }

    #[test]
    fn a_passthrough_that_does_not_fit_leaves_the_low_rungs_growing() {
        let mut plan = planned(3840, 2160);
        let video = plan.video.as_mut().unwrap();
        video.passthrough = video.rungs.first().cloned();
        video.fallback = Some(video.rungs.remove(0));
        assert_eq!(plan.steps().len(), plan.video.as_ref().unwrap().chunks.len() + 2, "the source grows: one pass");
        assert_eq!(plan.fallback_rendition().unwrap().role, RenditionRole::Final);
        assert_eq!(plan.growing_without_passthrough(), ["v720", "v480", "v360", "v240", "v144"]);
    }

    #[test]
    fn chunks_cover_the_film_once_and_the_fallback_too() {
        let plan = planned(1280, 720);
        let steps = plan.steps();
        let segments: Vec<usize> = steps.iter().flat_map(|s| s.segments(&plan)).collect();
        let all: Vec<usize> = (0..plan.video.as_ref().unwrap().segment_count()).collect();
        assert_eq!(segments, all);
        assert!(steps.iter().all(|s| s.renditions(&plan).len() == plan.renditions().len() && s.belongs_to(&plan)));
        assert!(!Step::Audio(AudioPayload::default()).belongs_to(&plan));
    }
}
