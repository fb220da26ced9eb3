//! Opening sources and decoders, the only way it is ever done.

use super::{
    EncodeError, Named, ffi,
    link::{Link, SourceIo},
    packets::sought_by_bytes,
};
use crate::{
    child::{Job, Refusal},
    sandbox,
};
use ffmpeg_next::{
    self as ffmpeg, Dictionary, Packet, Rational, Rescale, codec,
    format::{
        self,
        context::{Input, StreamIo},
        stream::Disposition,
    },
    media,
};
use sluice_ingest::{codecs, container::Demuxer};

/// Most streams a file may have. Many more than are made of any: those are left out, and said.
const MOST_STREAMS: u32 = 256;
/// Streams of a header that are counted, so that too many are called that and not damage.
const COUNTED_STREAMS: &str = "4096";
/// Frames a second of a stream that says nothing of its rate, as FFmpeg guesses.
const COUNTED_FPS: f64 = 25.0;
/// Bytes FFmpeg asks for at once.
const READ_BYTES: usize = 128 * 1024;

/// Opens the source with the demuxer that the job names and no other.
pub fn source(link: &Link, job: &Job) -> Result<Input, EncodeError> {
    let io = SourceIo::new(link.clone(), job.source_bytes);
    let io = StreamIo::from_read_seek_with_capacity(io, READ_BYTES).named("source stream")?;
    let mut options = Dictionary::new();
    options.set("format_whitelist", job.demuxer.ffmpeg_name());
    options.set("codec_whitelist", &codecs::decoders().collect::<Vec<_>>().join(","));
    options.set("protocol_whitelist", "none");
    options.set("max_streams", COUNTED_STREAMS);
    if job.demuxer == Demuxer::MpegTs {
        // A stream that moves to another PID stays the same stream.
        options.set("merge_pmt_versions", "1");
    }
    if job.demuxer == Demuxer::Mov {
        // External data references would name other files.
        options.set("enable_drefs", "0");
    }
    // A demuxer has many names.
    let name = job.demuxer.ffmpeg_name().split(',').next().unwrap_or_default();
    let unreadable = |e: ffmpeg::Error| EncodeError::refused(Refusal::Unreadable, e.to_string());
    let mut input = ffi::open_input(io, name, options).map_err(unreadable)?;
    if input.nb_streams() > MOST_STREAMS {
        let detail = format!("{} streams", input.nb_streams());
        return Err(EncodeError::refused(Refusal::TooManyStreams, detail));
    }
    ffi::find_streams(&mut input, MOST_STREAMS).map_err(unreadable)?;
    if sought_by_bytes(job.demuxer) {
        return Ok(input);
    }
    let bases: Vec<_> = input.streams().map(|s| s.time_base()).collect();
    for (stream, base) in bases.into_iter().enumerate() {
        for entry in &job.index {
            let time = entry.time.rescale(Rational(entry.unit.0, entry.unit.1), base);
            ffi::add_index_entry(&mut input, stream, time, entry.position);
        }
    }
    Ok(input)
}

/// Whether a stream can be decoded by what is allowed.
pub fn decodable(parameters: &codec::Parameters) -> bool {
    codec::decoder::find(parameters.id()).is_some_and(|d| codecs::decoders().any(|name| name == d.name()))
}

fn context(job: &Job, parameters: codec::Parameters, threads: usize) -> Result<codec::context::Context, EncodeError> {
    if !decodable(&parameters) {
        return Err(unsupported(&parameters));
    }
    let mut context = codec::context::Context::from_parameters(parameters).named("decoder")?;
    ffi::set_max_pixels(&mut context, job.max_pixels);
    // Slices: frame threads would hold one more frame each, and change what a chunk decodes.
    context.set_threading(codec::threading::Config {
        kind: codec::threading::Type::Slice,
        count: threads,
        ..Default::default()
    });
    Ok(context)
}

fn unsupported(parameters: &codec::Parameters) -> EncodeError {
    EncodeError::refused(Refusal::UnsupportedCodec, format!("{:?}", parameters.id()))
}

/// Opens the decoder of a picture stream.
pub fn video_decoder(
    job: &Job,
    input: &Input,
    stream: usize,
    threads: usize,
) -> Result<ffmpeg::decoder::Video, EncodeError> {
    let stream = stream_of(input, stream)?;
    let fields = ffi::parameter_fields(&stream.parameters());
    // A decoder that finds out by itself says only that something does not fit.
    if i64::from(fields.width) * i64::from(fields.height) > i64::try_from(job.max_pixels).unwrap_or(i64::MAX) {
        let detail = format!("{}x{}", fields.width, fields.height);
        return Err(EncodeError::refused(Refusal::TooManyPixels, detail));
    }
    let mut decoder = context(job, stream.parameters(), threads)?.decoder();
    decoder.set_packet_time_base(stream.time_base());
    decoder.video().named("decoder")
}

/// Opens a decoder for single pictures with these parameters.
pub fn picture_decoder(job: &Job, parameters: codec::Parameters) -> Result<ffmpeg::decoder::Video, EncodeError> {
    context(job, parameters, 1)?.decoder().video().named("decoder")
}

/// Opens the decoder of a sound stream.
pub fn audio_decoder(job: &Job, input: &Input, stream: usize) -> Result<ffmpeg::decoder::Audio, EncodeError> {
    let stream = stream_of(input, stream)?;
    let mut decoder = context(job, stream.parameters(), 1)?.decoder();
    decoder.set_packet_time_base(stream.time_base());
    decoder.audio().named("decoder")
}

/// Opens the decoder of a text track, or of a page of teletext.
pub fn subtitle_decoder(
    job: &Job,
    input: &Input,
    stream: usize,
    page: Option<u16>,
) -> Result<ffmpeg::decoder::Subtitle, EncodeError> {
    let stream = stream_of(input, stream)?;
    let mut decoder = context(job, stream.parameters(), 1)?.decoder();
    decoder.set_packet_time_base(stream.time_base());
    let Some(page) = page else { return decoder.subtitle().named("decoder") };
    let mut options = Dictionary::new();
    options.set("txt_page", &format!("{page:03x}"));
    // Of `text` libzvbi asks the C library for a conversion that is in a file, and a child opens none; and it has what stands
    // outside the boxes of subtitles, too.
    options.set("txt_format", "ass");
    let codec =
        codec::decoder::find(stream.parameters().id()).ok_or(ffmpeg::Error::DecoderNotFound).named("decoder")?;
    decoder.open_as_with(codec, options).and_then(|o| o.subtitle()).named("decoder")
}

/// Opens the decoder of a subtitle track of pictures.
pub fn image_subtitle_decoder(input: &Input, stream: usize) -> Result<ffmpeg::decoder::Subtitle, EncodeError> {
    let stream = stream_of(input, stream)?;
    let parameters = stream.parameters();
    let known = codec::decoder::find(parameters.id()).is_some_and(|d| codecs::IMAGE_SUBTITLES.contains(&d.name()));
    if !known {
        return Err(unsupported(&parameters));
    }
    let mut decoder = codec::context::Context::from_parameters(parameters).named("decoder")?.decoder();
    decoder.set_packet_time_base(stream.time_base());
    decoder.subtitle().named("decoder")
}

/// A stream by index.
pub fn stream_of(input: &Input, index: usize) -> Result<format::stream::Stream<'_>, EncodeError> {
    input.stream(index).ok_or_else(|| EncodeError::refused(Refusal::Unreadable, "stream is missing"))
}

/// The next packet of `stream`, or `None` at the end. Damage in the middle is skipped as players skip it.
pub fn next_packet(input: &mut Input, stream: usize) -> Option<Packet> {
    let mut failures = 0;
    loop {
        let mut packet = Packet::empty();
        match packet.read(input) {
            Ok(()) if packet.stream() == stream => return Some(packet),
            Ok(()) => {}
            Err(ffmpeg::Error::Eof | ffmpeg::Error::Exit) => return None,
            Err(error) => {
                check_memory(error);
                failures += 1;
                if failures > 100 {
                    return None;
                }
            }
        }
    }
}

/// Ends the child where an error that would be skipped like damage is want of memory: the film would lose pictures
/// that another run shows.
pub fn check_memory(error: ffmpeg::Error) {
    if error == (ffmpeg::Error::Other { errno: ffmpeg::error::ENOMEM }) {
        sandbox::end_if_memory_is_used_up();
    }
}

/// The picture stream that a player would show: cover art is none.
pub fn best_video(input: &Input) -> Option<usize> {
    let shown = |s: &format::stream::Stream<'_>| {
        let fields = ffi::parameter_fields(&s.parameters());
        s.parameters().medium() == media::Type::Video
            && !is_cover(s)
            && fields.width > 0
            && fields.height > 0
            && decodable(&s.parameters())
    };
    let best = input.streams().best(media::Type::Video).filter(&shown).map(|s| s.index());
    best.or_else(|| input.streams().find(shown).map(|s| s.index()))
}

/// A picture that belongs to a sound, or to a chapter.
pub fn is_cover(stream: &format::stream::Stream<'_>) -> bool {
    stream.disposition().contains(Disposition::ATTACHED_PIC)
}

/// How long a picture is shown, in the stream's time base, where the container says of none when it is.
pub fn counted_ticks(stream: &format::stream::Stream<'_>) -> i64 {
    let (base, rate) = (stream.time_base(), stream.avg_frame_rate());
    let known = rate.numerator() > 0 && rate.denominator() > 0;
    let second = Rational(base.denominator(), base.numerator());
    let ticks = f64::from(second) / if known { f64::from(rate) } else { COUNTED_FPS };
    (ticks.round() as i64).max(1)
}
