//! Sound: the source's AAC frames as they are, or one decode into AAC-LC variants, in sync.

use super::{EncodeError, Named, ffi, link::Link, open, segments::SegmentBuilder};
use crate::{
    child::{AudioWork, FromChild, Job, Refusal},
    cmaf::{Sample, aac_init},
    plan::{AudioPlan, audio::FRAME_SAMPLES},
};
use ffmpeg_next::{self as ffmpeg, ChannelLayout, Dictionary, Packet, Rational, codec, encoder, filter, format, frame};

/// Frames encoded and thrown away before the first wanted one, so that its overlap is right.
const PRE_ROLL_FRAMES: u64 = 2;

/// Makes the segments of the sound from `work.first` on.
pub fn run(link: &Link, job: &Job, work: &AudioWork) -> Result<(), EncodeError> {
    match &work.audio.remux {
        Some(config) => remux(link, job, work, config),
        None => encode(link, job, work),
    }
}

/// Collects AAC frames of one variant by their number.
struct Track {
    boundaries: Vec<u64>,
    segment: usize,
    next: u64,
    samples: Vec<Sample>,
    builder: SegmentBuilder,
}

impl Track {
    fn new(plan: &AudioPlan, name: &str, first: usize) -> Self {
        let (boundaries, next) = (plan.boundaries.clone(), plan.boundaries[first]);
        Self { boundaries, segment: first, next, samples: Vec::new(), builder: SegmentBuilder::new(name) }
    }

    fn is_full(&self) -> bool {
        self.next >= self.total()
    }

    fn total(&self) -> u64 {
        self.boundaries.last().copied().unwrap_or(0)
    }

    /// Files frame `number`; frames outside the wanted range are dropped.
    fn take(&mut self, link: &Link, number: i64, data: &[u8]) -> Result<(), EncodeError> {
        if number < self.next as i64 || self.is_full() {
            return Ok(());
        }
        self.samples.push(Sample {
            data: data.to_vec(),
            duration: FRAME_SAMPLES as u32,
            composition_offset: 0,
            sync: true,
        });
        self.next += 1;
        if self.next == self.boundaries[self.segment + 1] {
            self.flush(link)?;
        }
        Ok(())
    }

    fn flush(&mut self, link: &Link) -> Result<(), EncodeError> {
        let start = self.next - self.samples.len() as u64;
        self.builder.add(start, start * FRAME_SAMPLES, &self.samples)?;
        self.samples.clear();
        self.builder.send(link, self.segment)?;
        self.segment += 1;
        Ok(())
    }

    /// Ends the track. A remuxed source may be a few frames short of the picture: its last segment
    /// is then shorter, but none may be missing.
    fn finish(&mut self, link: &Link) -> Result<(), EncodeError> {
        if !self.samples.is_empty() {
            self.flush(link)?;
        }
        if self.segment + 1 < self.boundaries.len() {
            let detail = format!("{} of {} frames", self.next, self.total());
            return Err(EncodeError::refused(Refusal::SoundEndsEarly, detail));
        }
        Ok(())
    }
}

fn remux(link: &Link, job: &Job, work: &AudioWork, config: &[u8]) -> Result<(), EncodeError> {
    let plan = &work.audio;
    let variant = &plan.variants[0];
    let mut input = open::source(link, job)?;
    let time_base = open::stream_of(&input, plan.stream)?.time_base();
    let init = aac_init(config, plan.channels as u16, plan.sample_rate, variant.bit_rate)?;
    link.send(&FromChild::Init { rendition: variant.name.clone(), codecs: variant.codecs.clone() }, &init)?;
    ffi::discard_others(&mut input, &[plan.stream]);
    let mut track = Track::new(plan, &variant.name, work.first);
    if work.first > 0 {
        let wanted_s =
            plan.origin_s + (plan.boundaries[work.first] * FRAME_SAMPLES) as f64 / f64::from(plan.sample_rate);
        let at = ((wanted_s - 0.5) / f64::from(time_base)) as i64;
        ffi::seek_backward(&mut input, plan.stream, at).named("seek")?;
    }
    while let Some(packet) = open::next_packet(&mut input, plan.stream) {
        let stamp = packet.pts().or(packet.dts()).unwrap_or(0);
        let seconds = stamp as f64 * f64::from(time_base) - plan.origin_s;
        // Frames wholly before time 0 get a negative number and are dropped.
        let number = (seconds * f64::from(plan.sample_rate) / FRAME_SAMPLES as f64).round() as i64;
        track.take(link, number, packet.data().unwrap_or_default())?;
        if track.is_full() {
            break;
        }
    }
    track.finish(link)
}

/// Sound in one form: broadcasts change channels and rates in the middle, which filters do not take.
struct Uniform {
    form: Form,
    converter: Option<(Form, ffmpeg::software::resampling::Context)>,
}

type Form = (format::Sample, ChannelLayout, u32);

fn form(sound: &frame::Audio) -> Form {
    let layout = match sound.channel_layout() {
        l if l.is_empty() => ChannelLayout::default(i32::from(sound.channels())),
        l => l,
    };
    (sound.format(), layout, sound.rate())
}

impl Uniform {
    fn like(first: &frame::Audio) -> Self {
        Self { form: form(first), converter: None }
    }

    /// Converts sound to the sample format and channel layout of the first frame.
    fn convert(&mut self, sound: frame::Audio) -> Result<frame::Audio, EncodeError> {
        let (from, to) = (form(&sound), self.form);
        if from == to {
            self.converter = None;
            return Ok(sound);
        }
        if self.converter.as_ref().is_none_or(|c| c.0 != from) {
            let context = ffmpeg::software::resampling::Context::get(from.0, from.1, from.2, to.0, to.1, to.2)
                .named("resample")?;
            self.converter = Some((from, context));
        }
        let mut out = frame::Audio::empty();
        if let Some((_, context)) = &mut self.converter {
            context.run(&sound, &mut out).named("resample")?;
        }
        let seconds = sound.pts().unwrap_or(0) as f64 / f64::from(from.2);
        out.set_pts(Some((seconds * f64::from(to.2)).round() as i64));
        Ok(out)
    }
}

/// The encoder of one variant.
struct Encoder {
    encoder: encoder::audio::Encoder,
    track: Track,
}

impl Encoder {
    fn open(link: &Link, work: &AudioWork, index: usize) -> Result<Self, EncodeError> {
        let (plan, variant) = (&work.audio, &work.audio.variants[index]);
        let codec = encoder::find_by_name("aac").ok_or(ffmpeg::Error::EncoderNotFound).named("aac")?;
        let mut audio = codec::context::Context::new_with_codec(codec).encoder().audio().named("aac")?;
        audio.set_rate(plan.sample_rate as i32);
        audio.set_channel_layout(ChannelLayout::STEREO);
        #[allow(deprecated)]
        audio.set_channels(plan.channels as i32);
        audio.set_format(format::Sample::F32(format::sample::Type::Planar));
        audio.set_bit_rate(variant.bit_rate as usize);
        audio.set_time_base(Rational(1, plan.sample_rate as i32));
        audio.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let encoder = audio.open_with(Dictionary::new()).named("aac")?;
        let config = ffi::encoder_extradata(&encoder);
        let init =
            aac_init(config.get(..2).unwrap_or_default(), plan.channels as u16, plan.sample_rate, variant.bit_rate)?;
        link.send(&FromChild::Init { rendition: variant.name.clone(), codecs: variant.codecs.clone() }, &init)?;
        Ok(Self { encoder, track: Track::new(plan, &variant.name, work.first) })
    }

    fn drain(&mut self, link: &Link) -> Result<(), EncodeError> {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            // The encoder's priming packet carries the time before its first sample and is dropped by number.
            let number = packet.pts().unwrap_or(0).div_euclid(FRAME_SAMPLES as i64);
            self.track.take(link, number, packet.data().unwrap_or_default())?;
        }
        Ok(())
    }
}

fn encode(link: &Link, job: &Job, work: &AudioWork) -> Result<(), EncodeError> {
    let plan = &work.audio;
    let mut input = open::source(link, job)?;
    let mut decoder = open::audio_decoder(job, &input, plan.stream)?;
    let time_base = open::stream_of(&input, plan.stream)?.time_base();
    ffi::discard_others(&mut input, &[plan.stream]);
    let mut encoders = (0..plan.variants.len()).map(|i| Encoder::open(link, work, i)).collect::<Result<Vec<_>, _>>()?;
    let start = plan.boundaries[work.first].saturating_sub(PRE_ROLL_FRAMES) * FRAME_SAMPLES;
    if start > 0 {
        let at = (plan.origin_s + start as f64 / f64::from(plan.sample_rate) - 1.0) / f64::from(time_base);
        ffi::seek_backward(&mut input, plan.stream, at as i64).named("seek")?;
    }
    // Beyond the last frame, and what a decoder may hold back.
    let enough_s = (encoders[0].track.total() * FRAME_SAMPLES) as f64 / f64::from(plan.sample_rate) + 0.5;
    let mut heard = false;
    let mut graph: Option<filter::Graph> = None;
    let mut uniform: Option<Uniform> = None;
    let mut draining = false;
    while !draining {
        match open::next_packet(&mut input, plan.stream) {
            // What does not decode becomes silence.
            Some(packet) => drop(decoder.send_packet(&packet).map_err(open::check_memory)),
            None => {
                draining = true;
                // Draining a decoder that is already drained is all this can fail at.
                let _ = decoder.send_eof();
            }
        }
        let mut sound = frame::Audio::empty();
        while decoder.receive_frame(&mut sound).is_ok() {
            let stamp = sound.timestamp().unwrap_or(0);
            let seconds = stamp as f64 * f64::from(time_base) - plan.origin_s;
            draining |= seconds > enough_s;
            let rate = f64::from(sound.rate());
            sound.set_pts(Some((seconds * rate).round() as i64));
            let sound = uniform
                .get_or_insert_with(|| Uniform::like(&sound))
                .convert(std::mem::replace(&mut sound, frame::Audio::empty()))?;
            let graph = match &mut graph {
                Some(g) => g,
                None => graph.insert(filters(&sound, plan, start)?),
            };
            source(graph)?.source().add(&sound).named("filter")?;
            heard |= pull(link, graph, &mut encoders)?;
        }
    }
    let graph = graph.filter(|_| heard || start == 0);
    finish(link, plan, start, graph, &mut encoders)
}

/// Drains filters and encoders; `graph` is there if sound came through it.
fn finish(
    link: &Link,
    plan: &AudioPlan,
    start: u64,
    graph: Option<filter::Graph>,
    encoders: &mut [Encoder],
) -> Result<(), EncodeError> {
    let mut graph = match graph {
        Some(graph) => graph,
        None if start == 0 => {
            return Err(EncodeError::refused(Refusal::UndecodableAudio, "no frames"));
        }
        // The sound had ended before: filters pad what there is, so there must be something.
        None => {
            let silence = silence(plan.sample_rate, start);
            let mut graph = filters(&silence, plan, start)?;
            source(&mut graph)?.source().add(&silence).named("filter")?;
            graph
        }
    };
    source(&mut graph)?.source().flush().named("filter")?;
    pull(link, &mut graph, encoders)?;
    for e in encoders {
        e.encoder.send_eof().named("encode")?;
        e.drain(link)?;
        e.track.finish(link)?;
    }
    Ok(())
}

/// One frame without sound at sample `start`.
fn silence(rate: u32, start: u64) -> frame::Audio {
    let mut frame = frame::Audio::new(
        format::Sample::F32(format::sample::Type::Planar),
        FRAME_SAMPLES as usize,
        ChannelLayout::STEREO,
    );
    frame.set_rate(rate);
    frame.set_pts(Some(start as i64));
    for plane in 0..frame.planes() {
        frame.data_mut(plane).fill(0);
    }
    frame
}

fn source(graph: &mut filter::Graph) -> Result<filter::Context, EncodeError> {
    graph.get("in").ok_or(ffmpeg::Error::Bug).named("filter source")
}

/// Stereo at the output rate from sample `start` to the planned end: gaps become silence, what
/// overlaps or lies outside is cut, and every frame has the encoder's size.
fn filters(first: &frame::Audio, plan: &AudioPlan, start: u64) -> Result<filter::Graph, EncodeError> {
    let missing = || EncodeError::Ffmpeg("filter", ffmpeg::Error::FilterNotFound);
    let total = plan.boundaries.last().copied().unwrap_or(0) * FRAME_SAMPLES;
    let layout = match first.channel_layout() {
        l if l.is_empty() => ChannelLayout::default(i32::from(first.channels())),
        l => l,
    };
    let rate = first.rate();
    let arguments = format!(
        "time_base=1/{rate}:sample_rate={rate}:sample_fmt={}:channel_layout=0x{:x}",
        first.format().name(),
        layout.bits()
    );
    let mut graph = filter::Graph::new();
    graph.add(&filter::find("abuffer").ok_or_else(missing)?, "in", &arguments).named("filter source")?;
    let count = plan.variants.len();
    for i in 0..count {
        graph.add(&filter::find("abuffersink").ok_or_else(missing)?, &format!("o{i}"), "").named("filter sink")?;
    }
    let mut parser = graph.output("in", 0).named("filters")?;
    for i in 0..count {
        parser = parser.input(&format!("o{i}"), 0).named("filters")?;
    }
    let sinks: String = (0..count).map(|i| format!("[o{i}]")).collect();
    // The rate first: `first_pts` counts samples as they come in, not as they go out.
    let text = format!(
        "[in]aresample={0},aresample={0}:async=1:min_hard_comp=0.03:first_pts={start},aformat=sample_fmts=fltp:channel_layouts=stereo,\
         apad=whole_len={1},atrim=end_pts={total},asetnsamples=n={FRAME_SAMPLES}:p=1,asplit={count}{sinks}",
        plan.sample_rate,
        total - start,
    );
    parser.parse(&text).named("filters")?;
    graph.validate().named("filters")?;
    Ok(graph)
}

/// Encodes what the filters have ready; whether they had anything.
fn pull(link: &Link, graph: &mut filter::Graph, encoders: &mut [Encoder]) -> Result<bool, EncodeError> {
    let mut any = false;
    for (i, e) in encoders.iter_mut().enumerate() {
        let mut sink = graph.get(&format!("o{i}")).ok_or(ffmpeg::Error::Bug).named("filter sink")?;
        let mut sound = frame::Audio::empty();
        while sink.sink().frame(&mut sound).is_ok() {
            any = true;
            e.encoder.send_frame(&sound).named("encode")?;
            e.drain(link)?;
        }
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::audio::AudioVariant;

    /// A run that is resumed where the sound had ended already.
    #[test]
    fn silence_is_padded_to_the_planned_end() {
        let plan = AudioPlan {
            stream: 1,
            origin_s: 0.0,
            remux: None,
            sample_rate: 44_100,
            channels: 2,
            boundaries: vec![0, 86, 172, 430],
            variants: vec![AudioVariant { name: "audio".into(), bit_rate: 128_000, codecs: "mp4a.40.2".into() }],
        };
        let start = 170 * FRAME_SAMPLES;
        let silence = silence(plan.sample_rate, start);
        let mut graph = filters(&silence, &plan, start).unwrap();
        source(&mut graph).unwrap().source().add(&silence).unwrap();
        source(&mut graph).unwrap().source().flush().unwrap();
        let mut sink = graph.get("o0").unwrap();
        let (mut frame, mut stamps) = (frame::Audio::empty(), Vec::new());
        while sink.sink().frame(&mut frame).is_ok() {
            stamps.push(frame.pts().unwrap() as u64 / FRAME_SAMPLES);
        }
        assert_eq!(stamps, (170..430).collect::<Vec<_>>());
    }
}
