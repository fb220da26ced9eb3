//! The renditions of a plan, as they are stored and as they are checked.

use crate::cmaf::Coding;

use super::{AudioPlan, Plan, Rung, VideoPlan, audio::FRAME_SAMPLES};
use sluice_db::NewRendition;
use sluice_model::{MediaKind, RenditionRole, SoundTrack, VideoRange};

/// Where the segments of a rendition begin, in its own ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Ticks a second.
    pub timescale: u64,
    /// First tick of every segment, then the end.
    pub ticks: Vec<u64>,
    /// How much later than it is decoded the first picture of a segment is shown, in ticks.
    pub delay: u64,
    /// Whether the last segment may be shorter than planned: remuxed sound may end early.
    pub open_end: bool,
    /// Video or audio.
    pub kind: MediaKind,
    /// How the pictures are coded, of video.
    pub coding: Coding,
}

impl Plan {
    /// The renditions to be stored, the fallback of the passthrough not among them.
    pub fn renditions(&self) -> Vec<NewRendition> {
        let mut list = Vec::new();
        if let Some(v) = &self.video {
            // What every player knows grows: the kept picture, if it is H.264, else the ladder.
            let kept = if v.keeps_beside() { RenditionRole::Final } else { RenditionRole::Both };
            list.extend(v.passthrough.iter().map(|r| self.video_rendition(v, r, kept, true)));
            list.extend(v.rungs.iter().map(|r| {
                let role = if v.source_grows() { RenditionRole::Final } else { v.role(r) };
                self.video_rendition(v, r, role, false)
            }));
        }
        list.extend(self.sounds().enumerate().flat_map(|(n, a)| self.audio_renditions(a, n == 0)));
        list
    }

    /// The encoded rung that takes the place of a passthrough that does not fit.
    pub fn fallback_rendition(&self) -> Option<NewRendition> {
        let video = self.video.as_ref()?;
        video.fallback.as_ref().map(|r| self.video_rendition(video, r, video.role(r), false))
    }

    /// Names of the rungs that are in the growing presentation once there is no passthrough.
    pub fn growing_without_passthrough(&self) -> Vec<String> {
        let Some(v) = &self.video else { return Vec::new() };
        let rungs = v.fallback.iter().chain(&v.rungs).filter(|r| v.role(r) != RenditionRole::Final);
        rungs.map(|r| r.name.clone()).collect()
    }

    /// The schedule of a rendition by name.
    pub fn schedule(&self, rendition: &str) -> Option<Schedule> {
        if let Some(a) = self.sounds().find(|a| a.variants.iter().any(|v| v.name == rendition)) {
            return Some(Schedule {
                timescale: a.sample_rate.into(),
                ticks: a.boundaries.iter().map(|b| a.delay_samples + b * FRAME_SAMPLES).collect(),
                delay: 0,
                open_end: a.remux.is_some(),
                kind: MediaKind::Audio,
                coding: Coding::Avc,
            });
        }
        let v = self.video.as_ref()?;
        let rung = v.rungs.iter().chain(&v.passthrough).chain(&v.fallback).find(|r| r.name == rendition)?;
        Some(Schedule {
            timescale: v.timescale(),
            ticks: v.cut_ticks(),
            delay: v.delay_ticks,
            open_end: false,
            kind: MediaKind::Video,
            coding: Coding::of(&rung.codecs),
        })
    }

    /// The default sound grows with the picture. The others are listed when they are complete, so that none holds it back.
    fn audio_renditions<'a>(&'a self, a: &'a AudioPlan, is_default: bool) -> impl Iterator<Item = NewRendition> + 'a {
        let role = if is_default { RenditionRole::Both } else { RenditionRole::Final };
        a.variants.iter().map(move |variant| NewRendition {
            name: variant.name.clone(),
            kind: MediaKind::Audio,
            role,
            passthrough: false,
            width: None,
            height: None,
            rate: None,
            channels: Some(a.channels_of(variant).into()),
            codecs: variant.codecs.clone(),
            video_range: VideoRange::Sdr,
            supplemental_codecs: None,
            timescale: a.sample_rate.into(),
            cap_bps: variant.bit_rate.into(),
            planned: self.segments_in_all(a.segment_count()),
            track: a.track.clone(),
        })
    }

    fn video_rendition(&self, v: &VideoPlan, rung: &Rung, role: RenditionRole, passthrough: bool) -> NewRendition {
        NewRendition {
            name: rung.name.clone(),
            kind: MediaKind::Video,
            role,
            passthrough,
            width: Some(rung.width.into()),
            height: Some(rung.height.into()),
            rate: Some((v.rate.num.into(), v.rate.den.into())),
            channels: None,
            codecs: rung.codecs.clone(),
            video_range: rung.video_range,
            supplemental_codecs: rung.supplemental.clone(),
            timescale: v.timescale() as i64,
            cap_bps: rung.max_bps as i64,
            planned: self.segments_in_all(v.segment_count()),
            track: SoundTrack::default(),
        }
    }
}

impl VideoPlan {
    /// The presentations that an encoded rung is in, where no source is passed through.
    fn role(&self, rung: &Rung) -> RenditionRole {
        if self.is_upper(&rung.name) { RenditionRole::Final } else { RenditionRole::Both }
    }
}
