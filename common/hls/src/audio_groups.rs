//! Groups of sound (RFC 8216 section 4.3.4.1.1): stereo, more channels, and few bits, all with the same tracks under the same
//! names.

use super::attribute;
use m3u8_rs::{AlternativeMedia, AlternativeMediaType};
use sluice_model::{Rendition, TrackRole};

/// Channels that everybody can play.
const STEREO: u64 = 2;
const STEREO_GROUP: &str = "audio";
/// Sounds of more channels, where there are any.
pub const SURROUND_GROUP: &str = "surround";
/// Sounds for narrow lines, where there are any.
pub const LOW_GROUP: &str = "low";
/// What a track is called of which nothing is known.
const UNNAMED: &str = "Audio";
/// ISO 639-2 for a language that is not known.
const UNDETERMINED: &str = "und";

/// Sounds of which a player plays one beside a variant.
#[derive(Debug)]
pub struct AudioGroup<'a> {
    pub id: String,
    members: Vec<Member<'a>>,
}

#[derive(Debug, Clone)]
struct Member<'a> {
    rendition: &'a Rendition,
    /// Of its track, the same in all groups.
    name: String,
}

/// The groups of these sounds, stereo first: of each track the best for everybody. Where a track is not there in more channels,
/// or lower, the others' group has that, too.
pub fn groups<'a>(audio: &[&'a Rendition]) -> Vec<AudioGroup<'a>> {
    let (mut plain, surround): (Vec<&Rendition>, Vec<&Rendition>) =
        audio.iter().partition(|r| r.channels.is_none_or(|c| c <= STEREO) || audio.len() == 1);
    plain.sort_by_key(|r| (r.track.position, std::cmp::Reverse(r.cap_bps)));
    let (mut members, mut low): (Vec<Member<'a>>, Vec<&Rendition>) = (Vec::new(), Vec::new());
    for rendition in plain {
        if members.last().is_some_and(|m| m.rendition.track.position == rendition.track.position) {
            low.push(rendition);
            continue;
        }
        let name = unique(&rendition.track.label, &members);
        members.push(Member { rendition, name });
    }
    let with = |id: &str, others: &[&'a Rendition]| {
        let of_track = |m: &Member<'a>| {
            let other = others.iter().find(|r| r.track.position == m.rendition.track.position);
            Member { rendition: other.copied().unwrap_or(m.rendition), name: m.name.clone() }
        };
        (!others.is_empty()).then(|| AudioGroup { id: id.to_owned(), members: members.iter().map(of_track).collect() })
    };
    let others = [with(SURROUND_GROUP, &surround), with(LOW_GROUP, &low)];
    let stereo = AudioGroup { id: STEREO_GROUP.to_owned(), members };
    let list = std::iter::once(stereo).chain(others.into_iter().flatten());
    list.filter(|g| !g.members.is_empty()).collect()
}

/// Where there is no picture: for each rate of the default track a group, with the rendition of every other track that costs no
/// more, or its cheapest. Empty where there is only one track.
pub fn groups_by_rate<'a>(audio: &[&'a Rendition]) -> Vec<(&'a Rendition, AudioGroup<'a>)> {
    let mut sorted = audio.to_vec();
    sorted.sort_by_key(|r| (r.track.position, std::cmp::Reverse(r.cap_bps)));
    let tracks: Vec<&[&Rendition]> = sorted.chunk_by(|a, b| a.track.position == b.track.position).collect();
    let Some(first) = tracks.first().filter(|_| tracks.len() > 1) else { return Vec::new() };
    let mut best: Vec<Member<'a>> = Vec::new();
    for rendition in tracks.iter().filter_map(|t| t.first().copied()) {
        best.push(Member { rendition, name: unique(&rendition.track.label, &best) });
    }
    let beside = |default: &'a Rendition| {
        let of_track = |(track, m): (&&[&'a Rendition], &Member<'a>)| {
            let fits = track.iter().find(|r| r.cap_bps <= default.cap_bps).or(track.last());
            Member { rendition: fits.copied().unwrap_or(m.rendition), name: m.name.clone() }
        };
        (default, AudioGroup { id: default.name.clone(), members: tracks.iter().zip(&best).map(of_track).collect() })
    };
    first.iter().map(|default| beside(default)).collect()
}

/// Names in a group differ (RFC 8216 section 4.3.4.1.1).
fn unique(label: &str, members: &[Member<'_>]) -> String {
    let plain = if label.is_empty() { UNNAMED.to_owned() } else { attribute(label) };
    let numbered = (2..).map(|n| format!("{plain} ({n})"));
    let is_free = |name: &String| members.iter().all(|m| m.name != *name);
    std::iter::once(plain.clone()).chain(numbered).find(is_free).unwrap_or(plain)
}

impl AudioGroup<'_> {
    fn renditions(&self) -> impl Iterator<Item = &Rendition> {
        self.members.iter().map(|m| m.rendition)
    }

    /// The largest peak of a member, bits a second.
    pub fn peak_bps(&self) -> u64 {
        self.renditions().map(Rendition::peak_or_cap_bps).max().unwrap_or(0)
    }

    /// The largest average of a member, bits a second.
    pub fn average_bps(&self) -> u64 {
        self.renditions().map(Rendition::average_or_cap_bps).max().unwrap_or(0)
    }

    /// RFC 6381 strings of the members, each once.
    pub fn codecs(&self) -> String {
        let mut list: Vec<&str> = Vec::new();
        for r in self.renditions() {
            if !list.contains(&r.codecs.as_str()) {
                list.push(&r.codecs);
            }
        }
        list.join(",")
    }

    /// EXT-X-MEDIA of the members, the default first. Players choose by language among those that are not commentary.
    pub fn media(&self, uri: &impl Fn(&str) -> String) -> Vec<AlternativeMedia> {
        let media = |(n, m): (usize, &Member<'_>)| {
            let track = &m.rendition.track;
            AlternativeMedia {
                media_type: AlternativeMediaType::Audio,
                uri: Some(uri(&m.rendition.name)),
                group_id: self.id.clone(),
                language: Some(track.language.as_deref().map_or_else(|| UNDETERMINED.to_owned(), attribute)),
                name: m.name.clone(),
                default: n == 0,
                autoselect: n == 0 || track.role != TrackRole::Commentary,
                characteristics: characteristics(track.role).map(str::to_owned),
                channels: m.rendition.channels.map(|c| c.to_string()),
                ..Default::default()
            }
        };
        self.members.iter().enumerate().map(media).collect()
    }
}

/// CHARACTERISTICS of a track (RFC 8216 section 4.3.4.1).
fn characteristics(role: TrackRole) -> Option<&'static str> {
    match role {
        TrackRole::Description => Some("public.accessibility.describes-video"),
        TrackRole::Intelligible => Some("public.accessibility.enhances-speech-intelligibility"),
        TrackRole::Main | TrackRole::Dub | TrackRole::Commentary => None,
    }
}
