//! Decoded sound: brought into one form, and filtered to the output's rate and times.

use super::{EncodeError, Named};
use crate::plan::{
    AudioPlan,
    audio::{AudioVariant, FRAME_SAMPLES, SURROUND},
};
use ffmpeg_next::{self as ffmpeg, ChannelLayout, filter, format, frame};

/// More samples than a resampler holds back of one frame for the next.
const HELD_BACK: usize = 512;

/// Sound in one form: broadcasts change channels and rates in the middle, which filters do not take.
pub struct Uniform {
    form: Form,
    converter: Option<(Form, ffmpeg::software::resampling::Context)>,
}

/// Sample format, channel layout and samples a second.
pub type Form = (format::Sample, ChannelLayout, u32);

/// The form of a frame.
pub fn form(sound: &frame::Audio) -> Form {
    let layout = match sound.channel_layout() {
        l if l.is_empty() => ChannelLayout::default(i32::from(sound.channels())),
        l => l,
    };
    (sound.format(), layout, sound.rate())
}

impl Uniform {
    /// Everything like the first frame.
    pub fn like(first: &frame::Audio) -> Self {
        Self { form: form(first), converter: None }
    }

    /// Converts sound to the sample format and channel layout of the first frame.
    pub fn convert(&mut self, sound: frame::Audio) -> Result<frame::Audio, EncodeError> {
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
        // Given no room, it takes as many samples as come in and falls behind where the rate rises.
        let samples = sound.samples() as f64 * f64::from(to.2) / f64::from(from.2.max(1));
        let mut out = frame::Audio::new(to.0, samples.ceil() as usize + HELD_BACK, to.1);
        if let Some((_, context)) = &mut self.converter {
            context.run(&sound, &mut out).named("resample")?;
        }
        let seconds = sound.pts().unwrap_or(0) as f64 / f64::from(from.2);
        out.set_pts(Some((seconds * f64::from(to.2)).round() as i64));
        Ok(out)
    }
}

/// `samples` of silence in a form, the first of them at `at` on the clock of its rate.
pub fn silence(form: Form, samples: usize, at: i64) -> frame::Audio {
    let (format, layout, rate) = form;
    let mut frame = frame::Audio::new(format, samples, layout);
    frame.set_rate(rate);
    frame.set_pts(Some(at));
    // Unsigned samples have their rest in the middle.
    let rest = if matches!(format, format::Sample::U8(_)) { 0x80 } else { 0 };
    for plane in 0..frame.planes() {
        frame.data_mut(plane).fill(rest);
    }
    frame
}

/// The form of the output, before it is encoded.
pub fn output_form(plan: &AudioPlan) -> Form {
    (format::Sample::F32(format::sample::Type::Planar), output_layout(plan), plan.sample_rate)
}

/// Channels of the output.
pub fn output_layout(plan: &AudioPlan) -> ChannelLayout {
    if plan.channels == SURROUND { ChannelLayout::_5POINT1_BACK } else { ChannelLayout::STEREO }
}

/// The output's channels of so many. One is heard from both sides as loud as it is, where a downmix would take 3 dB away. More
/// than there will be add up to more than full scale where they are loud together: a limiter that looks ahead takes what is
/// beyond -2 dB, which leaves AAC room for its own overshoot. Its delay is compensated.
fn mix(channels: i32, plan: &AudioPlan) -> String {
    let (layout, most) = if plan.channels == SURROUND { ("5.1", 6) } else { ("stereo", 2) };
    let format = format!("aformat=sample_fmts=fltp:channel_layouts={layout}");
    match channels {
        1 if most == 2 => "aformat=sample_fmts=fltp,pan=stereo|c0=c0|c1=c0".to_owned(),
        n if n <= most => format,
        _ => format!("{format},alimiter=level=disabled:limit=0.79:attack=5:release=50:latency=1,{format}"),
    }
}

/// What is left of the output for each variant: all of it, or its channels in one.
fn sinks(plan: &AudioPlan) -> String {
    let sink = |(i, v): (usize, &AudioVariant)| {
        // As loud as both were.
        let mixed = if v.mono { "pan=mono|c0=0.5*c0+0.5*c1" } else { "anull" };
        format!(";[s{i}]{mixed}[o{i}]")
    };
    let split: String = (0..plan.variants.len()).map(|i| format!("[s{i}]")).collect();
    plan.variants.iter().enumerate().map(sink).fold(split, |text, sink| text + &sink)
}

/// Where sound goes in.
pub fn source(graph: &mut filter::Graph) -> Result<filter::Context, EncodeError> {
    graph.get("in").ok_or(ffmpeg::Error::Bug).named("filter source")
}

/// The output's channels at its rate from sample `start` to the planned end: gaps become silence, what
/// overlaps or lies outside is cut, and every frame has the encoder's size.
pub fn filters(form: Form, plan: &AudioPlan, start: u64) -> Result<filter::Graph, EncodeError> {
    let missing = || EncodeError::Ffmpeg("filter", ffmpeg::Error::FilterNotFound);
    let total = plan.boundaries.last().copied().unwrap_or(0) * FRAME_SAMPLES;
    let (samples, layout, rate) = form;
    let arguments = format!(
        "time_base=1/{rate}:sample_rate={rate}:sample_fmt={}:channel_layout=0x{:x}",
        samples.name(),
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
    // The rate first: `first_pts` counts samples as they come in, not as they go out.
    let text = format!(
        "[in]aresample={0},aresample={0}:async=1:min_hard_comp=0.03:first_pts={start},{2},\
         apad=whole_len={1},atrim=end_pts={total},asetnsamples=n={FRAME_SAMPLES}:p=1,asplit={count}{3}",
        plan.sample_rate,
        total - start,
        mix(layout.channels(), plan),
        sinks(plan),
    );
    parser.parse(&text).named("filters")?;
    graph.validate().named("filters")?;
    Ok(graph)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            delay_samples: 0,
            phase_samples: 0,
            variants: vec![AudioVariant {
                name: "audio".into(),
                bit_rate: 128_000,
                codecs: "mp4a.40.2".into(),
                mono: false,
            }],
            track: sluice_model::SoundTrack::default(),
        };
        let start = 170 * FRAME_SAMPLES;
        let silence = silence(output_form(&plan), FRAME_SAMPLES as usize, start as i64);
        let mut graph = filters(output_form(&plan), &plan, start).unwrap();
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
