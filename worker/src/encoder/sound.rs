//! Decoded sound, filtered to the output's form, rate and times: by filters for each form that the source has, and by one
//! more for what these give.

use super::{EncodeError, Named};
use crate::plan::{
    AudioPlan,
    audio::{FRAME_SAMPLES, SURROUND},
};
use ffmpeg_next::{self as ffmpeg, ChannelLayout, filter, format, frame};

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

/// The output's channels of so many, from sample `start` on. One is heard from both sides as loud as it is, where a downmix
/// would take 3 dB away. More than there will be add up to more than full scale where they are loud together: a limiter that
/// looks ahead takes what is beyond -2 dB, which leaves AAC room for its own overshoot. It sees four samples for each, so that
/// what lies between them is not beyond either. Its delay is compensated.
fn mix(channels: i32, plan: &AudioPlan, start: u64) -> String {
    let (layout, most) = if plan.channels == SURROUND { ("5.1", 6) } else { ("stereo", 2) };
    let format = format!("aformat=sample_fmts=fltp:channel_layouts={layout}");
    match channels {
        1 if most == 2 => "aformat=sample_fmts=fltp,pan=stereo|c0=c0|c1=c0".to_owned(),
        n if n <= most => format,
        _ => format!(
            "{format},aresample={},alimiter=level=disabled:limit=0.79:attack=5:release=50:latency=1,{},{format}",
            plan.sample_rate * 4,
            counted(plan, start),
        ),
    }
}

/// A filter that brings sound to the output's rate and counts its samples from `start` on: gaps become silence, what
/// overlaps is cut.
fn counted(plan: &AudioPlan, start: u64) -> String {
    format!("aresample={}:async=1:min_hard_comp=0.03:first_pts={start}", plan.sample_rate)
}

/// What is left of the output for each of so many listeners, who take the variants in turn: all of it, or its channels in one.
fn sinks(plan: &AudioPlan, count: usize) -> String {
    let sink = |i: usize| {
        let mono = plan.variants.get(i).is_some_and(|v| v.mono);
        // As loud as both were.
        let mixed = if mono { "pan=mono|c0=0.5*c0+0.5*c1" } else { "anull" };
        format!(";[s{i}]{mixed}[o{i}]")
    };
    let split: String = (0..count).map(|i| format!("[s{i}]")).collect();
    (0..count).map(sink).fold(split, |text, sink| text + &sink)
}

/// Where sound goes in.
pub fn source(graph: &mut filter::Graph) -> Result<filter::Context, EncodeError> {
    graph.get("in").ok_or(ffmpeg::Error::Bug).named("filter source")
}

/// What has come out at `number`, if anything has.
pub fn pulled(graph: &mut filter::Graph, number: usize) -> Result<Option<frame::Audio>, EncodeError> {
    let mut sink = graph.get(&format!("o{number}")).ok_or(ffmpeg::Error::Bug).named("filter sink")?;
    let mut sound = frame::Audio::empty();
    Ok(sink.sink().frame(&mut sound).is_ok().then_some(sound))
}

/// Filters for sound of one form: what comes out has the output's form from sample `start` on, on its clock. Gaps become
/// silence, what overlaps is cut.
pub fn levelled(form: Form, plan: &AudioPlan, start: u64) -> Result<filter::Graph, EncodeError> {
    // The rate first: `first_pts` counts samples as they come in, not as they go out.
    let (counted, mix) = (counted(plan, start), mix(form.1.channels(), plan, start));
    let text = format!("[in]aresample={},{counted},{mix}[o0]", plan.sample_rate);
    graph(form, 1, &text)
}

/// Filters for sound in the output's form from sample `start` on: so much louder, padded or cut to the planned end, in
/// frames of the encoder's size, as often as they are wanted.
pub fn framed(plan: &AudioPlan, start: u64, count: usize, gain_db: f64) -> Result<filter::Graph, EncodeError> {
    let total = plan.boundaries.last().copied().unwrap_or(0) * FRAME_SAMPLES;
    let gain = if gain_db == 0.0 { String::new() } else { format!("volume=volume={gain_db}dB:precision=float,") };
    let text = format!(
        "[in]{gain}apad=whole_len={},atrim=end_pts={total},asetnsamples=n={FRAME_SAMPLES}:p=1,asplit={count}{}",
        total.saturating_sub(start),
        sinks(plan, count),
    );
    graph(output_form(plan), count, &text)
}

/// A graph for sound of a form, from `in` to `o0` and so on.
fn graph(form: Form, count: usize, text: &str) -> Result<filter::Graph, EncodeError> {
    let missing = || EncodeError::Ffmpeg("filter", ffmpeg::Error::FilterNotFound);
    let (samples, layout, rate) = form;
    let arguments = format!(
        "time_base=1/{rate}:sample_rate={rate}:sample_fmt={}:channel_layout=0x{:x}",
        samples.name(),
        layout.bits()
    );
    let mut graph = filter::Graph::new();
    graph.add(&filter::find("abuffer").ok_or_else(missing)?, "in", &arguments).named("filter source")?;
    for i in 0..count {
        graph.add(&filter::find("abuffersink").ok_or_else(missing)?, &format!("o{i}"), "").named("filter sink")?;
    }
    let mut parser = graph.output("in", 0).named("filters")?;
    for i in 0..count {
        parser = parser.input(&format!("o{i}"), 0).named("filters")?;
    }
    parser.parse(text).named("filters")?;
    graph.validate().named("filters")?;
    Ok(graph)
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
            delay_samples: 0,
            phase_samples: 0,
            variants: vec![AudioVariant {
                name: "audio".into(),
                bit_rate: 128_000,
                codecs: "mp4a.40.2".into(),
                mono: false,
            }],
            track: sluice_model::SoundTrack::default(),
            target_lufs: None,
        };
        let start = 170 * FRAME_SAMPLES;
        let silence = silence(output_form(&plan), FRAME_SAMPLES as usize, start as i64);
        let mut graph = framed(&plan, start, 1, 0.0).unwrap();
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
