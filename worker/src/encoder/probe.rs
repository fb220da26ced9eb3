//! What a source is: from the container's index where it can be trusted, else by one scan of its packets.

use super::{
    EncodeError, Named,
    appearance::{self, Orientation},
    captions::{self, Found},
    ffi, kept,
    link::Link,
    metadata::metadata,
    open,
    outline::Outline,
    packets::{Packets, sought_by_bytes},
    pcm,
    sizes::Sizes,
    stamps::{self, Scan, Stamp, Timing},
    streams, tags, telecine,
};
use crate::{
    child::{Job, Probe, Refusal},
    plan::{
        AudioFacts, Clock, FieldOrder, KeyFrame, SourceFacts, VideoFacts, audio::FRAME_SAMPLES, cost::MOST_TRACKS,
        subtitles,
    },
};
use ffmpeg_next::{
    codec,
    format::{self, context::Input},
    media,
};
use sluice_ingest::container::{Demuxer, Entries};
use std::collections::BTreeMap;

/// Packets read to find the first time stamp: more than any reorder depth.
const FIRST_PACKETS: usize = 20;
/// Pictures that H.264 and HEVC decoders hold back at the most.
const MOST_REORDERED: i32 = 16;
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
    let edited = read.dated || video.is_some() && read.stamps.first().is_some_and(|s| needs_hidden(s));
    let shown = |s: Vec<Stamp>| s.into_iter().filter(|x| !x.hidden).collect();
    let stamps: Vec<Vec<Stamp>> = read.stamps.into_iter().map(shown).collect();
    let of = |index: usize| wanted.iter().position(|w| *w == index).map_or(&[][..], |n| stamps[n].as_slice());
    let input = &mut packets.input;
    let first = sounds.first().and_then(|i| Some((*i, outline(input, *i, of(*i))?)));
    // What has not been heard yet cannot be planned, and a film must not be begun without its sound.
    let unheard = scope.is_beginning() && first.as_ref().is_some_and(|f| f.1.is_empty());
    let outlines = first.into_iter().chain(read.further);
    let audio: Vec<AudioFacts> = outlines.filter_map(|(i, o)| audio_facts(input, i, &o, trusted)).collect();
    let video = match video.filter(|_| !unheard) {
        Some(i) => {
            // What is entered at its start only cannot be cut.
            let marked = arrived_bytes.filter(|_| job.demuxer.entries() == Entries::Marked);
            let trust = Trust { indexed: trusted, edited, arrived_bytes: marked };
            let mut facts = video_facts(job, input, i, of(i), trust)?;
            if let (Some(facts), Some(mut sizes)) = (&mut facts, read.sizes) {
                sizes.complete(facts, input, of(i), arrived_bytes.filter(|_| trusted));
                let sampled = !matches!(scope, Probe::After { .. });
                facts.telecined = sampled && telecine::is_telecined(link, job, facts)?;
            }
            facts
        }
        None => None,
    };
    let mut metadata = metadata(input);
    let found = video.as_ref().and_then(|v| {
        let is_here = |s: &&Stamp| !trusted || arrived_bytes.is_none_or(|most| s.place <= most);
        captions::look(&mut packets, v, of(v.stream).iter().take_while(is_here).count() as u64)
    });
    let pictures = video.as_ref().map(|v| v.stream);
    metadata.captions.extend(pictures.filter(|_| found == Some(Found::Captions)).map(captions::of_picture));
    let texts = metadata.texts.iter().take(subtitles::MOST_TRACKS).map(|t| t.stream);
    let texts = texts.chain(metadata.captions.iter().take(subtitles::MOST_CAPTIONED).map(|c| c.stream));
    let probed: Vec<usize> = pictures.into_iter().chain(audio.iter().map(|a| a.stream)).chain(texts).collect();
    let mut left_behind = streams::left_behind(&packets.input, job.demuxer, &probed);
    left_behind.extend(pictures.filter(|_| found == Some(Found::Digital)).map(captions::left_behind));
    Ok(SourceFacts { demuxer: job.demuxer, video, audio, clock, left_behind, metadata })
}

/// The packets of the picture, if there is one, and of the first sound.
struct Read<'a> {
    wanted: Vec<usize>,
    stamps: Vec<Vec<Stamp>>,
    /// What the other sounds are.
    further: Vec<(usize, Outline)>,
    clock: Clock,
    /// Whether they are those of an index.
    trusted: bool,
    /// Whether pictures were dated by those around them.
    dated: bool,
    /// Of the picture, as far as packets were read.
    sizes: Option<Sizes<'a>>,
}

/// Reads the stamps of the picture and of the first sound that has any, and the outlines of the others; tracks without
/// packets are none.
fn read<'a>(
    packets: &mut Packets,
    job: &'a Job,
    scope: Probe,
    video: Option<usize>,
    sounds: &mut Vec<usize>,
) -> Result<Read<'a>, EncodeError> {
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
            stamps::check_repetition(stamps.iter().flatten().map(|s| u64::from(s.size)).sum(), job)?;
            let sizes = video.map(|i| Sizes::new(job, &packets.input, i)).transpose()?;
            let indexed = |i: &usize| {
                let stamps = stamps::from_index(&open::stream_of(&packets.input, *i).ok()?);
                Some((*i, outline(&packets.input, *i, &stamps)?))
            };
            let further = sounds.iter().skip(1).take(MOST_TRACKS - 1).filter_map(indexed).collect();
            return Ok(Read { wanted, stamps, further, clock: Clock::default(), trusted: true, dated: false, sizes });
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
        let mut sizes = video.map(|i| Sizes::new(job, &packets.input, i)).transpose()?;
        // A plan that is continued has decided on its tracks.
        let asked = if matches!(scope, Probe::After { .. }) { 0 } else { MOST_TRACKS - 1 };
        let others = sounds.iter().skip(1).take(asked);
        let mut further = others.filter_map(|i| Some((*i, outline(&packets.input, *i, &[])?))).collect();
        let Scan { stamps, clock, dated } = stamps::scan(packets, &wanted, &mut further, job, sizes.as_mut())?;
        if whole && !sounds.is_empty() && stamps.last().is_some_and(Vec::is_empty) {
            sounds.remove(0);
            continue;
        }
        // Of the beginning nobody knows what is still to come.
        further.retain(|f| scope.is_beginning() || !f.1.is_empty());
        return Ok(Read { wanted, stamps, further, clock, trusted: false, dated, sizes });
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
    /// An edit list hides some packets, or nothing says when some are shown.
    edited: bool,
    /// What lies beyond is still arriving. `None` where no one asks whether the pictures can be kept.
    arrived_bytes: Option<u64>,
}

/// The outline of a track with these packets, if it is one of sound.
fn outline(input: &Input, index: usize, stamps: &[Stamp]) -> Option<Outline> {
    let stream = open::stream_of(input, index).ok()?;
    let parameters = stream.parameters();
    let (sample_rate, _) = form_of(&parameters)?;
    let mut outline = Outline::new(stream.time_base(), sample_rate, ffi::parameter_fields(&parameters).frame_size);
    stamps.iter().for_each(|s| outline.add(s));
    Some(outline)
}

fn audio_facts(input: &Input, index: usize, outline: &Outline, trusted: bool) -> Option<AudioFacts> {
    let stream = open::stream_of(input, index).ok()?;
    let parameters = stream.parameters();
    let fields = ffi::parameter_fields(&parameters);
    let (sample_rate, channels) = form_of(&parameters)?;
    let unit = f64::from(stream.time_base());
    let known = |t: i64| (t != i64::MIN).then_some(t);
    let frame_s = f64::from(fields.frame_size.max(1024)) / f64::from(sample_rate);
    let begin = if parameters.id() == codec::Id::AAC { outline.aac_begin() } else { outline.begin() };
    let start = begin.or(known(stream.start_time())).unwrap_or(0);
    let claimed_s = known(stream.duration()).map_or(0.0, |d| d as f64 * unit);
    let duration_s = match outline.length_s(start) {
        // An index knows how much of the last packet is heard.
        Some(found_s) if trusted && (found_s - claimed_s).abs() <= frame_s + unit => claimed_s,
        Some(found_s) => found_s,
        None => claimed_s,
    };
    let bytes = outline.bytes();
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
    Some(AudioFacts {
        stream: index,
        lossless: name.starts_with("pcm") || matches!(name.as_str(), "flac" | "alac"),
        codec: name,
        sample_rate,
        channels,
        start_s: start as f64 * unit,
        duration_s,
        gap_s: outline.gap_s(),
        bit_rate,
        aac_lc_config: (lc && outline.is_even(start)).then_some(config),
        tags: tags::tags(&stream),
    })
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
    let (guessed, orientation) = (stream.avg_frame_rate(), Orientation::of(&stream));
    let container_aspect = appearance::container_aspect(&stream);
    if appearance::is_dolby_alone(&stream) {
        return Err(EncodeError::refused(Refusal::DolbyVision, "without a base that others can show"));
    }
    let fields = ffi::parameter_fields(&parameters);
    let claimed = if trust.indexed { stream.duration().max(0) } else { 0 };
    let timing = Timing::of(stamps, f64::from(time_base), claimed as f64 * f64::from(time_base));
    let Some(timing) = timing else { return Ok(None) };
    let decoder = open::video_decoder(job, input, index, 1)?;
    let pixel_format = decoder.format().descriptor().map_or("unknown", |d| d.name()).to_owned();
    let colour = appearance::colour(&decoder, &pixel_format);
    let reorder_depth = reorder_depth(stamps, trust, fields.video_delay);
    // Where pictures have decode times only, as in AVI, decoders date each by the packet that brings it out.
    let undated = reorder_depth > 0 && stamps.iter().any(|s| !s.placed);
    let late = if undated { reorder_depth as f64 * timing.median_frame_s / f64::from(time_base) } else { 0.0 };
    let first_pts =
        if trust.indexed { first_pts(input, index, stamps)? } else { stamps.iter().map(|s| s.time).min().unwrap_or(0) };
    let clusters = cluster_positions(job.demuxer, &open::stream_of(input, index)?);
    let position = |s: &Stamp| match job.demuxer {
        demuxer if sought_by_bytes(demuxer) => Some(s.place),
        _ => clusters.get(&s.seek).copied(),
    };
    // An index has decode times: where nothing is reordered, all are as far from the time of presentation as the first.
    let lag = if trust.indexed { first_pts - stamps.iter().map(|s| s.time).min().unwrap_or(0) } else { 0 };
    let dated = !undated && (!trust.indexed || reorder_depth == 0);
    let key = |(i, s): (usize, &Stamp)| KeyFrame {
        seek: s.seek,
        frame: i as u64,
        shown: dated.then_some(s.time + lag),
        position: position(s),
    };
    let mut keys: Vec<KeyFrame> = stamps.iter().enumerate().filter(|(_, s)| s.key).map(key).collect();
    // Entry points that are not here yet are looked at while muxing.
    let arrived = stamps.iter().filter(|s| s.key).map(|s| s.place <= trust.arrived_bytes.unwrap_or(0)).collect();
    let aspect = container_aspect.or(appearance::aspect(fields.pixel_aspect)).unwrap_or((1, 1));
    let square = appearance::aspect(fields.pixel_aspect).is_none_or(|(num, den)| num == den);
    let plain = !fields.interlaced && !trust.edited && !undated && square && orientation.is_identity;
    let kept = match trust.arrived_bytes {
        Some(_) => kept::look(input, index, &mut keys, &kept::Question { arrived, plain, colour: &colour })?,
        None => None,
    };
    Ok(Some(VideoFacts {
        stream: index,
        codec: parameters.id().name().to_owned(),
        width: fields.width.max(0) as u32,
        height: fields.height.max(0) as u32,
        pixel_aspect: aspect,
        container_aspect,
        quarter_turns: orientation.quarter_turns,
        mirrored: orientation.mirrored,
        sizes: Vec::new(),
        telecined: false,
        pixel_format,
        field_order: if fields.interlaced { FieldOrder::Interlaced } else { FieldOrder::Progressive },
        colour,
        time_base: (time_base.numerator(), time_base.denominator()),
        first_pts,
        dated_late: late.round() as i64,
        frames: stamps.len() as u64,
        duration_s: timing.duration_s,
        guessed_rate: (guessed.numerator().max(0) as u32, guessed.denominator().max(1) as u32),
        frame_ticks: timing.frame_ticks,
        median_frame_s: timing.median_frame_s,
        bit_rate: timing.bit_rate,
        peak_bit_rate: timing.peak_bit_rate,
        keys,
        reorder_depth,
        kept,
    }))
}

/// Whether what is shown may need what an edit list hides: anything but whole GOPs before the first that is shown, and what is
/// decoded after the last.
fn needs_hidden(stamps: &[Stamp]) -> bool {
    let first = stamps.iter().position(|s| !s.hidden).unwrap_or(0);
    let last = stamps.iter().rposition(|s| !s.hidden).unwrap_or(0);
    stamps.get(first..=last).is_none_or(|s| s.iter().any(|x| x.hidden) || s.first().is_some_and(|x| !x.key))
}

/// How deep pictures are reordered: counted where it is known when each is shown, else what the decoder keeps back.
fn reorder_depth(stamps: &[Stamp], trust: Trust, video_delay: i32) -> u64 {
    if trust.indexed || stamps.iter().any(|s| !s.placed) {
        return video_delay.clamp(0, MOST_REORDERED) as u64;
    }
    let mut shown: Vec<usize> = (0..stamps.len()).collect();
    shown.sort_by_key(|i| stamps[*i].time);
    shown.iter().enumerate().map(|(place, i)| i.saturating_sub(place) as u64).max().unwrap_or(0)
}

/// Where the cluster of each entry point begins. Matroska's own table of them is at its end, or missing.
fn cluster_positions(demuxer: Demuxer, stream: &format::stream::Stream<'_>) -> BTreeMap<i64, u64> {
    if demuxer != Demuxer::Matroska {
        return BTreeMap::new();
    }
    ffi::index_entries(stream).into_iter().map(|e| (e.timestamp, e.position)).collect()
}

/// The smallest presentation time of the first packets: an index has decode times only.
fn first_pts(input: &mut Input, index: usize, stamps: &[Stamp]) -> Result<i64, EncodeError> {
    ffi::seek_backward(input, index, stamps.first().map_or(0, |s| s.seek)).named("seek")?;
    let stamps = std::iter::from_fn(|| open::next_packet(input, index)).take(FIRST_PACKETS);
    let first = stamps.filter(|p| !ffi::is_hidden(p)).filter_map(|p| p.pts().or(p.dts())).min();
    first.ok_or_else(|| EncodeError::refused(Refusal::NoTimeStamps, "first packets"))
}
