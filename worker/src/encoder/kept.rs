//! Whether a stream's own pictures can be kept, from its parameter sets and a look at its entry points.

use super::{EncodeError, Named, ffi, open};
use crate::{
    cmaf::{Coding, Header, Place},
    plan::{Colour, KeptFacts, KeyFrame},
};
use ffmpeg_next::{codec, format::context::Input, packet};
use std::collections::BTreeSet;

/// Entry points whose bytes are looked at; the rest is checked while muxing.
const CHECKED_ENTRIES: usize = 24;
/// The same where only their bytes tell when they are shown: an index has decode times, and those of uneven pictures that
/// are reordered say nothing.
const DATED_ENTRIES: usize = 600;

/// What is known of a stream before its entry points are looked at.
#[derive(Debug)]
pub struct Question<'a> {
    /// For each key frame whether its bytes are here.
    pub arrived: Vec<bool>,
    /// Whether it is progressive, and nothing that is shown needs what is not.
    pub plain: bool,
    pub colour: &'a Colour,
}

/// Looks into the first entry points and into others spread over the film. Where the bytes of a key frame are the first to
/// tell when it is shown, that is noted with it.
pub fn look(
    input: &mut Input,
    index: usize,
    keys: &mut [KeyFrame],
    question: &Question<'_>,
) -> Result<Option<KeptFacts>, EncodeError> {
    let stream = open::stream_of(input, index)?;
    let parameters = stream.parameters();
    let Some(coding) = coding(parameters.id()) else { return Ok(None) };
    let Some(mut header) = Header::read(coding, &ffi::parameter_extradata(&parameters)) else { return Ok(None) };
    let supplemental = dolby_vision(&stream).and_then(|d| d.supplemental(coding));
    let most = if keys.iter().any(|k| k.shown.is_none()) { DATED_ENTRIES } else { CHECKED_ENTRIES };
    let chosen = spread(keys.len(), most);
    let (mut entries, mut unseen, mut unclean) = (Vec::new(), Vec::new(), false);
    for (i, key) in keys.iter_mut().enumerate() {
        if !chosen.contains(&i) || !question.arrived.get(i).copied().unwrap_or(false) {
            unseen.push(key.frame);
            continue;
        }
        ffi::seek_backward(input, index, key.seek).named("seek")?;
        if i == 0 {
            adopt_first(input, index, &mut header);
            ffi::seek_backward(input, index, key.seek).named("seek")?;
        }
        match clean_entry(input, index, &header) {
            Some(pts) => {
                key.shown = key.shown.or(pts);
                entries.push(key.frame);
            }
            None => unclean = true,
        }
    }
    // Where some are not clean and not all were seen, nobody knows which of the others are.
    if unclean && !unseen.is_empty() {
        entries.clear();
    } else {
        entries.extend(unseen);
        entries.sort_unstable();
    }
    Ok(Some(KeptFacts {
        coding,
        codecs: codecs(&header, question.colour),
        entries,
        plain: question.plain && header.fits(),
        level: header.level(),
        supplemental,
    }))
}

/// Lets the header take what counts from the next picture.
pub fn adopt_first(input: &mut Input, index: usize, header: &mut Header) {
    if matches!(header, Header::Av1(_))
        && let Some(packet) = open::next_packet(input, index)
    {
        header.adopt(packet.data().unwrap_or_default());
    }
}

fn coding(id: codec::Id) -> Option<Coding> {
    match id {
        codec::Id::H264 => Some(Coding::Avc),
        codec::Id::HEVC => Some(Coding::Hevc),
        codec::Id::AV1 => Some(Coding::Av1),
        _ => None,
    }
}

/// Half of `most` from the beginning, the others spread over the rest.
fn spread(count: usize, most: usize) -> BTreeSet<usize> {
    let half = most / 2;
    let step = (count.saturating_sub(half)).div_ceil(half).max(1);
    (0..count.min(half)).chain((half..count).step_by(step)).collect()
}

/// The time stamp of the next picture, if a segment can begin with it.
fn clean_entry(input: &mut Input, index: usize, header: &Header) -> Option<Option<i64>> {
    let first = open::next_packet(input, index)?;
    let place = header.place(first.data()?)?;
    let led =
        open::next_packet(input, index).is_some_and(|p| p.data().and_then(|d| header.place(d)) == Some(Place::Leading));
    (matches!(place, Place::Entry | Place::Open) && !led).then(|| first.pts())
}

/// RFC 6381. The colour of AV1 is part of it where it is not the usual one.
fn codecs(header: &Header, colour: &Colour) -> String {
    let transfer = match colour.transfer.as_str() {
        "smpte2084" => "16",
        "arib-std-b67" => "18",
        _ => return header.codecs(),
    };
    match header {
        Header::Av1(h) => format!("{}.0.110.09.{transfer}.09.{}", h.codecs(), u8::from(colour.full_range)),
        _ => header.codecs(),
    }
}

/// Dolby Vision's configuration of a stream.
#[derive(Debug, Clone, Copy)]
pub struct DolbyVision {
    version: (u8, u8),
    profile: u8,
    level: u8,
    rpu: bool,
    compatible: u8,
}

/// As FFmpeg reads it, byte by byte.
pub fn dolby_vision(stream: &ffmpeg_next::format::stream::Stream<'_>) -> Option<DolbyVision> {
    let side = stream.side_data().find(|d| d.kind() == packet::side_data::Type::DOVI_CONF)?;
    match *side.data() {
        // An enhancement layer would need a decoder of its own.
        [major, minor, profile, level, rpu, 0, 1, compatible, ..] => {
            Some(DolbyVision { version: (major, minor), profile, level, rpu: rpu != 0, compatible })
        }
        _ => None,
    }
}

impl DolbyVision {
    /// SUPPLEMENTAL-CODECS of what players without Dolby Vision can show too: profiles 8 and 10 over HLG, PQ or SDR.
    fn supplemental(self, coding: Coding) -> Option<String> {
        let brand = match self.compatible {
            1 => "db1p",
            2 => "db2g",
            4 => "db4h",
            _ => return None,
        };
        let entry = match (coding, self.profile) {
            (Coding::Hevc, 8) => "dvh1",
            (Coding::Av1, 10) => "dav1",
            _ => return None,
        };
        Some(format!("{entry}.{:02}.{:02}/{brand}", self.profile, self.level))
    }

    /// The box that says so beside the codec's configuration (Dolby Vision streams within the ISO base media file format,
    /// section 3.2).
    pub fn configuration_box(self) -> Vec<u8> {
        let flags = u16::from(self.profile) << 9 | u16::from(self.level) << 3 | u16::from(self.rpu) << 2 | 1;
        let mut data = vec![0, 0, 0, 32, b'd', b'v', b'v', b'C', self.version.0, self.version.1];
        data.extend(flags.to_be_bytes());
        data.push(self.compatible << 4);
        data.resize(32, 0);
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_spread_over_the_film() {
        assert_eq!(spread(5, 24).len(), 5);
        let many = spread(1000, 24);
        assert!(many.len() <= 24 && many.iter().any(|i| *i > 900) && (0..12).all(|i| many.contains(&i)));
    }

    #[test]
    fn dolby_vision_says_what_it_is_compatible_with() {
        let phone = DolbyVision { version: (1, 0), profile: 8, level: 4, rpu: true, compatible: 4 };
        assert_eq!(phone.supplemental(Coding::Hevc).as_deref(), Some("dvh1.08.04/db4h"));
        let alone = DolbyVision { profile: 5, compatible: 0, ..phone };
        assert_eq!(alone.supplemental(Coding::Hevc), None);
        assert_eq!(phone.configuration_box()[8..13], [1, 0, 0x10, 0x25, 0x40]);
    }
}
