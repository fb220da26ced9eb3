//! What a source is: from the container's index where it can be trusted, else by one scan of its packets.

use super::{
    EncodeError, Named, ffi,
    link::Link,
    open,
    packets::{Packets, sought_by_bytes},
    passthrough::H264Header,
    pcm,
    stamps::{self, Stamp, Timing},
    streams,
};
use crate::{
    child::{Job, Probe, Refusal},
    cmaf::avc_codecs,
    plan::{AudioFacts, Clock, Colour, FieldOrder, H264Facts, KeyFrame, SourceFacts, VideoFacts, audio::FRAME_SAMPLES},
};
use ffmpeg_next::{
    codec,
    format::{self, context::Input},
    media, packet,
};
use sluice_ingest::container::{Demuxer, Entries};
use std::collections::BTreeMap;

/// Entry points whose bytes are looked at; the rest is checked while muxing.
const CHECKED_ENTRIES: usize = 24;
/// Packets read to find the first time stamp: more than any reorder depth.
const FIRST_PACKETS: usize = 20;
/// Packets of sound are no longer than this; between two that are further apart is a gap.
const LONGEST_PACKET_S: f64 = 1.0;
const AAC_LC_PROFILE: i32 = 1;

/// Probes the source, or the part of it that `scope` names.
/// Nothing that has not arrived is read where the index says what is there.
pub fn probe(link: &Link, job: &Job, scope: Probe) -> Result<SourceFacts, EncodeError> {
    let mut packets = Packets::open(link, job)?;
    let input = &packets.input;
    let (video, best_audio) = match scope {
        Probe::After { video, audio, .. } => (Some(video), audio),
        _ => (open::best_video(input), input.streams().best(media::Type::Audio).map(|s| s.index())),
    };
    let misread = pcm::misread(link, input, job.source_bytes);
    let mut sounds: Vec<usize> = input.streams().filter(is_sound).map(|s| s.index()).collect();
    sounds.retain(|i| !misread.contains(i));
    sounds.sort_by_key(|i| Some(*i) != best_audio);
    let arrived_bytes = match scope {
        Probe::Whole { arrived_bytes } => Some(arrived_bytes),
        _ => None,
    };
    let read = read(&mut packets, job, scope, video, &mut sounds)?;
    let (trusted, wanted, clock) = (read.trusted, read.wanted, read.clock);
    let edited = video.is_some() && read.stamps.first().is_some_and(|s| s.iter().any(|x| x.hidden));
    let shown = |s: Vec<Stamp>| s.into_iter().filter(|x| !x.hidden).collect();
    let stamps: Vec<Vec<Stamp>> = read.stamps.into_iter().map(shown).collect();
    let of = |index: usize| wanted.iter().position(|w| *w == index).map_or(&[][..], |n| stamps[n].as_slice());
    let input = &mut packets.input;
    let audio: Vec<AudioFacts> = sounds.iter().filter_map(|i| audio_facts(input, *i, of(*i), trusted)).collect();
    // What has not been heard yet cannot be planned, and a film must not be begun without its sound.
    let unheard = scope.is_beginning() && sounds.first().is_some_and(|i| of(*i).is_empty());
    let video = match video.filter(|_| !unheard) {
        Some(i) => {
            // What is entered at its start only cannot be cut.
            let arrived_bytes = arrived_bytes.filter(|_| job.demuxer.entries() == Entries::Marked);
            video_facts(job, input, i, of(i), Trust { indexed: trusted, edited, arrived_bytes })?
        }
        None => None,
    };
    let kept = (video.as_ref().map(|v| v.stream), audio.first().map(|a| a.stream));
    let left_behind = streams::left_behind(input, job.demuxer, kept.0, kept.1);
    Ok(SourceFacts { demuxer: job.demuxer, video, audio, clock, left_behind })
}

/// The packets of the picture, if there is one, and of the sound that is kept.
struct Read {
    wanted: Vec<usize>,
    stamps: Vec<Vec<Stamp>>,
    clock: Clock,
    /// Whether they are those of an index.
    trusted: bool,
}

/// Reads the stamps of the picture and of the first sound that has any; tracks without are taken out of `sounds`.
fn read(
    packets: &mut Packets,
    job: &Job,
    scope: Probe,
    video: Option<usize>,
    sounds: &mut Vec<usize>,
) -> Result<Read, EncodeError> {
    let whole = matches!(scope, Probe::Whole { .. });
    let is_whole = |i: usize| open::stream_of(&packets.input, i).is_ok_and(|s| stamps::index_is_whole(&s));
    if whole && video.is_some_and(is_whole) {
        // Where the index is for all of the film, a track that is not in it is empty.
        let is_empty = |i: usize| open::stream_of(&packets.input, i).is_ok_and(|s| ffi::index_length(&s) == 0);
        sounds.retain(|i| !is_empty(*i));
        let wanted: Vec<usize> = video.into_iter().chain(sounds.first().copied()).collect();
        if wanted.iter().all(|i| is_whole(*i)) {
            let of = |i: &usize| open::stream_of(&packets.input, *i).map(|s| stamps::from_index(&s));
            let stamps = wanted.iter().map(of).collect::<Result<Vec<_>, _>>()?;
            return Ok(Read { wanted, stamps, clock: Clock::default(), trusted: true });
        }
    }
    loop {
        let wanted: Vec<usize> = video.into_iter().chain(sounds.first().copied()).collect();
        match (scope, wanted.first()) {
            // Where that does not succeed, it is read from the start again.
            (Probe::After { video, seek, .. }, _) => packets.seek(video, Some(seek))?,
            (_, Some(first)) => packets.seek(*first, None)?,
            (_, None) => {}
        }
        let (stamps, clock) = stamps::scan(packets, &wanted, job.demuxer)?;
        if whole && !sounds.is_empty() && stamps.last().is_some_and(Vec::is_empty) {
            sounds.remove(0);
            continue;
        }
        return Ok(Read { wanted, stamps, clock, trusted: false });
    }
}

/// Whether a stream is sound that can be decoded.
fn is_sound(stream: &format::stream::Stream<'_>) -> bool {
    let parameters = stream.parameters();
    parameters.medium() == media::Type::Audio && open::decodable(&parameters) && form_of(&parameters).is_some()
}

/// Samples a second and channels of sound, if they are any that are taken.
fn form_of(parameters: &codec::Parameters) -> Option<(u32, u32)> {
    let decoder = codec::context::Context::from_parameters(parameters.clone()).ok()?.decoder().audio().ok()?;
    let (sample_rate, channels) = (decoder.rate(), u32::from(decoder.channels()));
    ((4_000..=384_000).contains(&sample_rate) && (1..=16).contains(&channels)).then_some((sample_rate, channels))
}

/// What the time stamps are worth.
#[derive(Debug, Clone, Copy)]
struct Trust {
    /// They come from the container's index, which has decode times only.
    indexed: bool,
    /// An edit list hides some packets.
    edited: bool,
    /// What lies beyond is still arriving. `None` where no one asks whether the pictures can be kept.
    arrived_bytes: Option<u64>,
}

fn audio_facts(input: &Input, index: usize, stamps: &[Stamp], trusted: bool) -> Option<AudioFacts> {
    let stream = open::stream_of(input, index).ok()?;
    let parameters = stream.parameters();
    let fields = ffi::parameter_fields(&parameters);
    let (sample_rate, channels) = form_of(&parameters)?;
    let unit = f64::from(stream.time_base());
    let known = |t: i64| (t != i64::MIN).then_some(t);
    let frame_s = f64::from(fields.frame_size.max(1024)) / f64::from(sample_rate);
    let earliest = stamps.iter().map(|s| s.time).min();
    let begin = if parameters.id() == codec::Id::AAC { first_heard(stamps) } else { earliest };
    let start = begin.or(known(stream.start_time())).unwrap_or(0);
    let claimed_s = known(stream.duration()).map_or(0.0, |d| d as f64 * unit);
    let length_s = |s: &Stamp| if s.duration > 0 { f64::from(s.duration) * unit } else { frame_s };
    let end_s = stamps.iter().map(|s| (s.time - start) as f64 * unit + length_s(s)).max_by(f64::total_cmp);
    let duration_s = match end_s {
        // An index knows how much of the last packet is heard.
        Some(found_s) if trusted && (found_s - claimed_s).abs() <= frame_s + unit => claimed_s,
        Some(found_s) => found_s,
        None => claimed_s,
    };
    let bytes: u64 = stamps.iter().map(|s| u64::from(s.size)).sum();
    let bit_rate = if bytes > 0 && duration_s > 0.0 {
        (bytes as f64 * 8.0 / duration_s) as u64
    } else {
        parameters.bit_rate().max(0) as u64
    };
    let name = parameters.id().name().to_owned();
    let config = ffi::parameter_extradata(&parameters);
    // Explicit SBR signalling makes the config longer; frames of 960 samples set a flag in it.
    let lc = name == "aac"
        && fields.profile == AAC_LC_PROFILE
        && fields.frame_size as u64 == FRAME_SAMPLES
        && config.len() == 2
        && config[0] >> 3 == 2
        && config[1] & 0b100 == 0;
    let steady = stamps.windows(2).all(|w| {
        let samples = (w[1].time - w[0].time) as f64 * unit * f64::from(sample_rate);
        (samples - FRAME_SAMPLES as f64).abs() <= 64.0
    });
    // Small errors of one sign would carry the sound away from the picture: such a track is encoded.
    let drifts = stamps.iter().enumerate().any(|(i, s)| {
        let expected = start as f64 * unit + i as f64 * FRAME_SAMPLES as f64 / f64::from(sample_rate);
        (s.time as f64 * unit - expected).abs() > 0.02
    });
    Some(AudioFacts {
        stream: index,
        lossless: name.starts_with("pcm") || matches!(name.as_str(), "flac" | "alac"),
        codec: name,
        sample_rate,
        channels,
        start_s: start as f64 * unit,
        duration_s,
        gap_s: gaps_s(stamps, unit),
        bit_rate,
        aac_lc_config: (lc && steady && !drifts && !stamps.is_empty()).then_some(config),
    })
}

/// When AAC begins. Muxers that write no edit lists stretch the packet of priming over the delay of the picture: a first
/// packet that is followed by a hole belongs to what comes behind the hole.
fn first_heard(stamps: &[Stamp]) -> Option<i64> {
    let start = stamps.iter().map(|s| s.time).min()?;
    let [first, second, third, ..] = stamps else { return Some(start) };
    let frame = third.time - second.time;
    let moved = second.time - frame;
    let stretched = first.time == start && frame > 0 && (frame / 2..frame * 20).contains(&(moved - start));
    Some(if stretched { moved } else { start })
}

/// What lies in distances of packets beyond a second, seconds.
fn gaps_s(stamps: &[Stamp], unit: f64) -> f64 {
    let steps = stamps.windows(2).map(|w| (w[1].time - w[0].time) as f64 * unit);
    steps.map(|s| (s - LONGEST_PACKET_S).max(0.0)).sum()
}

fn video_facts(
    job: &Job,
    input: &mut Input,
    index: usize,
    stamps: &[Stamp],
    trust: Trust,
) -> Result<Option<VideoFacts>, EncodeError> {
    let stream = open::stream_of(input, index)?;
    let (parameters, time_base) = (stream.parameters(), stream.time_base());
    let (guessed, turns) = (stream.avg_frame_rate(), quarter_turns(&stream));
    let fields = ffi::parameter_fields(&parameters);
    let claimed = if trust.indexed { stream.duration().max(0) } else { 0 };
    let timing = Timing::of(stamps, f64::from(time_base), claimed as f64 * f64::from(time_base));
    let Some(timing) = timing else { return Ok(None) };
    let decoder = open::video_decoder(job, input, index, 1)?;
    let pixel_format = decoder.format().descriptor().map_or("unknown", |d| d.name()).to_owned();
    let colour = colour(&decoder, &pixel_format);
    let first_pts =
        if trust.indexed { first_pts(input, index, stamps)? } else { stamps.iter().map(|s| s.time).min().unwrap_or(0) };
    let clusters = cluster_positions(job.demuxer, &open::stream_of(input, index)?);
    let position = |s: &Stamp| match job.demuxer {
        demuxer if sought_by_bytes(demuxer) => Some(s.place),
        _ => clusters.get(&s.seek).copied(),
    };
    let keys: Vec<KeyFrame> = stamps
        .iter()
        .enumerate()
        .filter(|(_, s)| s.key)
        .map(|(i, s)| KeyFrame { seek: s.seek, frame: i as u64, position: position(s) })
        .collect();
    let plain = pixel_format == "yuv420p" && !fields.interlaced && !trust.edited;
    let h264 = h264_facts(input, index, stamps, trust, &parameters, plain)?;
    let aspect = fields.pixel_aspect;
    Ok(Some(VideoFacts {
        stream: index,
        codec: parameters.id().name().to_owned(),
        width: fields.width.max(0) as u32,
        height: fields.height.max(0) as u32,
        pixel_aspect: if aspect.0 > 0 && aspect.1 > 0 { (aspect.0 as u32, aspect.1 as u32) } else { (1, 1) },
        quarter_turns: turns,
        pixel_format,
        field_order: if fields.interlaced { FieldOrder::Interlaced } else { FieldOrder::Progressive },
        colour,
        time_base: (time_base.numerator(), time_base.denominator()),
        first_pts,
        frames: stamps.len() as u64,
        duration_s: timing.duration_s,
        guessed_rate: (guessed.numerator().max(0) as u32, guessed.denominator().max(1) as u32),
        frame_ticks: timing.frame_ticks,
        median_frame_s: timing.median_frame_s,
        bit_rate: timing.bit_rate,
        peak_bit_rate: timing.peak_bit_rate,
        keys,
        h264,
    }))
}

/// Colour of a stream, as its decoder tells it.
fn colour(decoder: &ffmpeg_next::decoder::Video, pixel_format: &str) -> Colour {
    let word = |name: Option<&'static str>| name.unwrap_or("unknown").to_owned();
    Colour {
        primaries: word(decoder.color_primaries().name()),
        transfer: word(decoder.color_transfer_characteristic().name()),
        matrix: word(decoder.color_space().name()),
        full_range: decoder.color_range() == ffmpeg_next::color::Range::JPEG || pixel_format.starts_with("yuvj"),
    }
}

/// What decides whether an H.264 stream can be passed through; nothing of any other, or where nobody asked. An edit
/// list would serve what it hides with the rest, so a stream with one is not `plain`.
fn h264_facts(
    input: &mut Input,
    index: usize,
    stamps: &[Stamp],
    trust: Trust,
    parameters: &codec::Parameters,
    plain: bool,
) -> Result<Option<H264Facts>, EncodeError> {
    let asked = parameters.id() == codec::Id::H264 && trust.arrived_bytes.is_some();
    let header = asked.then(|| H264Header::read(&ffi::parameter_extradata(parameters))).flatten();
    let Some(header) = header else { return Ok(None) };
    // Entry points that are not here yet are looked at while muxing.
    let arrived = trust.arrived_bytes.unwrap_or(0);
    let here: Vec<i64> = stamps.iter().filter(|s| s.key && s.place <= arrived).map(|s| s.seek).collect();
    Ok(Some(H264Facts {
        codecs: avc_codecs(&header.sps).unwrap_or_default(),
        clean_entries: entries_are_clean(input, index, &here, &header)?,
        plain,
        level: header.sps.get(3).copied().unwrap_or(u8::MAX),
    }))
}

/// Where the cluster of each entry point begins. Matroska's own table of them is at its end, or missing.
fn cluster_positions(demuxer: Demuxer, stream: &format::stream::Stream<'_>) -> BTreeMap<i64, u64> {
    if demuxer != Demuxer::Matroska {
        return BTreeMap::new();
    }
    ffi::index_entries(stream).into_iter().map(|e| (e.timestamp, e.position)).collect()
}

/// Clockwise turns from the display matrix (ISO/IEC 14496-12 8.3.2), to the nearest quarter.
fn quarter_turns(stream: &format::stream::Stream<'_>) -> u8 {
    let Some(matrix) = stream.side_data().find(|d| d.kind() == packet::side_data::Type::DisplayMatrix) else {
        return 0;
    };
    let number = |i: usize| {
        let bytes = matrix.data().get(i * 4..i * 4 + 4).and_then(|b| b.try_into().ok());
        f64::from(bytes.map_or(0, i32::from_ne_bytes))
    };
    let quarters = (number(1).atan2(number(0)) / std::f64::consts::FRAC_PI_2).round();
    (quarters as i32).rem_euclid(4) as u8
}

/// The smallest presentation time of the first packets: an index has decode times only.
fn first_pts(input: &mut Input, index: usize, stamps: &[Stamp]) -> Result<i64, EncodeError> {
    ffi::seek_backward(input, index, stamps.first().map_or(0, |s| s.seek)).named("seek")?;
    let stamps = std::iter::from_fn(|| open::next_packet(input, index)).take(FIRST_PACKETS);
    let first = stamps.filter(|p| !ffi::is_hidden(p)).filter_map(|p| p.pts().or(p.dts())).min();
    first.ok_or_else(|| EncodeError::refused(Refusal::NoTimeStamps, "first packets"))
}

/// Looks into the first entry points and into others spread over the film.
fn entries_are_clean(input: &mut Input, index: usize, keys: &[i64], header: &H264Header) -> Result<bool, EncodeError> {
    let half = CHECKED_ENTRIES / 2;
    let step = (keys.len() / half).max(1);
    let spread = keys.iter().skip(half).step_by(step);
    for key in keys.iter().take(half).chain(spread) {
        ffi::seek_backward(input, index, *key).named("seek")?;
        let clean = open::next_packet(input, index).is_some_and(|p| p.data().is_some_and(|d| header.clean_entry(d)));
        if !clean {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priming_that_is_stretched_begins_where_the_sound_does() {
        let stamp = |time| Stamp { time, seek: time, place: 0, size: 1, duration: 0, key: true, hidden: false };
        let first = |times: &[i64]| first_heard(&times.iter().copied().map(stamp).collect::<Vec<_>>());
        assert_eq!(first(&[0, 1024, 2048]), Some(0));
        assert_eq!(first(&[0, 3840, 4864, 5888]), Some(2816), "stretched over 80 ms");
        assert_eq!(first(&[0, 480_000, 481_024]), Some(0), "a hole of ten seconds");
        assert_eq!(first(&[]), None);
    }
}
