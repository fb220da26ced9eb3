//! Sound: the source's AAC frames as they are, or one decode into AAC-LC variants, in sync.

use super::{
    EncodeError,
    aac::{AacEncoder, Track},
    link::Link,
    meter::Whole,
    mixer::{Listener, Mixer},
    open,
    packets::Packets,
};
use crate::{
    child::{AudioWork, FromChild, Job},
    cmaf::aac_init,
    loudness::gain_db,
    plan::{
        AudioPlan,
        audio::{AudioVariant, FRAME_SAMPLES},
    },
};
use ffmpeg_next::frame;
use sluice_model::Loudness;

/// Frames encoded and thrown away before the first wanted one: its overlap needs two, and the first block of loudness that
/// ends in it begins up to 100 ms earlier, before which the meter's filters need to settle.
const PRE_ROLL_FRAMES: u64 = 8;

/// Makes the segments of the sound from `work.first` on.
pub fn run(link: &Link, job: &Job, work: &AudioWork) -> Result<(), EncodeError> {
    match &work.audio.remux {
        Some(config) => remux(link, job, work, config),
        None => encode(link, job, work),
    }
}

fn remux(link: &Link, job: &Job, work: &AudioWork, config: &[u8]) -> Result<(), EncodeError> {
    let plan = &work.audio;
    let variant = &plan.variants[0];
    let mut packets = Packets::open(link, job)?;
    let time_base = open::stream_of(&packets.input, plan.stream)?.time_base();
    let init = aac_init(config, plan.channels as u16, plan.sample_rate, variant.bit_rate)?;
    link.send(&FromChild::Init { rendition: variant.name.clone(), codecs: variant.codecs.clone() }, &init)?;
    packets.keep(&[plan.stream]);
    let mut track = Track::new(plan, &variant.name, work.first);
    if work.first > 0 {
        let wanted_s =
            plan.origin_s + (plan.boundaries[work.first] * FRAME_SAMPLES) as f64 / f64::from(plan.sample_rate);
        let at = ((wanted_s - 0.5) / f64::from(time_base)) as i64;
        packets.seek_before(plan.stream, at)?;
    }
    // What is kept is decoded too, only to be heard.
    let mut decoder = open::audio_decoder(job, &packets.input, plan.stream).ok();
    let sample_at = |stamp: i64| {
        let seconds = stamp as f64 * f64::from(time_base) - plan.origin_s;
        seconds * f64::from(plan.sample_rate) - plan.phase_samples as f64
    };
    while let Some(packet) = packets.next_of(plan.stream) {
        let first_sample = sample_at(packet.pts().or(packet.dts()).unwrap_or(0));
        // Frames before the first that is kept get a negative number and are dropped.
        let number = (first_sample / FRAME_SAMPLES as f64).round() as i64;
        if let Some(decoder) = decoder.as_mut().filter(|_| number >= 0) {
            let mut sound = frame::Audio::empty();
            // What does not decode is heard as silence.
            let heard = decoder.send_packet(&packet).and_then(|()| decoder.receive_frame(&mut sound));
            if heard.map_err(open::check_memory).is_ok() {
                track.hear(sound.timestamp().map_or(first_sample, sample_at).round().max(0.0) as u64, &sound);
            }
        }
        track.take(link, number, packet.data().unwrap_or_default())?;
        if track.is_full() {
            break;
        }
    }
    track.finish(link)
}

fn encode(link: &Link, job: &Job, work: &AudioWork) -> Result<(), EncodeError> {
    let plan = &work.audio;
    let gain_db = match plan.target_lufs {
        Some(target_lufs) => gain_db(measure(link, job, plan)?, target_lufs),
        None => 0.0,
    };
    // Sound of one channel comes out shifted where it is begun in the middle; why is not known yet, and all of it is made soon.
    let whole = plan.variants.iter().any(|v| v.mono);
    let pre_roll = plan.boundaries[work.first].saturating_sub(PRE_ROLL_FRAMES) * FRAME_SAMPLES;
    let start = if whole { 0 } else { pre_roll };
    let encoders = || (0..plan.variants.len()).map(|i| AacEncoder::open(link, work, i)).collect();
    mix(link, job, plan, start, gain_db, encoders)
}

/// How loud a whole sound is before anything is done about it; none of silence.
fn measure(link: &Link, job: &Job, plan: &AudioPlan) -> Result<Option<Loudness>, EncodeError> {
    // What is made for narrow lines is brought to the loudness of what it is made of.
    let variants = plan.variants.iter().map(|v| AudioVariant { mono: false, ..v.clone() }).collect();
    let plan = &AudioPlan { variants, ..plan.clone() };
    let Some(mut whole) = Whole::new(plan) else { return Ok(None) };
    mix(link, job, plan, 0, 0.0, || Ok(vec![&mut whole]))?;
    Ok(whole.loudness())
}

/// Decodes a sound from sample `start` on and hands it to its listeners, so much louder.
fn mix<L: Listener>(
    link: &Link,
    job: &Job,
    plan: &AudioPlan,
    start: u64,
    gain_db: f64,
    listeners: impl FnOnce() -> Result<Vec<L>, EncodeError>,
) -> Result<(), EncodeError> {
    let mut packets = Packets::open(link, job)?;
    let mut decoder = open::audio_decoder(job, &packets.input, plan.stream)?;
    let time_base = open::stream_of(&packets.input, plan.stream)?.time_base();
    packets.keep(&[plan.stream]);
    let mut mixer = Mixer::new(link, plan, start, gain_db, listeners()?);
    if start > 0 {
        let at = (plan.origin_s + start as f64 / f64::from(plan.sample_rate) - 1.0) / f64::from(time_base);
        packets.seek_before(plan.stream, at as i64)?;
    }
    // Beyond the last frame, and what a decoder may hold back.
    let enough_s = plan.duration_s() + 0.5;
    // Frames without a time stamp follow the one before them.
    let mut expected_s = 0.0;
    let mut draining = false;
    while !draining {
        match packets.next_of(plan.stream) {
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
            let stamp_s = sound.timestamp().map(|t| t as f64 * f64::from(time_base) - plan.origin_s);
            let (seconds, rate) = (stamp_s.unwrap_or(expected_s), f64::from(sound.rate().max(1)));
            expected_s = seconds + sound.samples() as f64 / rate;
            draining |= seconds > enough_s;
            sound.set_pts(Some((seconds * rate).round() as i64));
            mixer.take(&sound)?;
            sound = frame::Audio::empty();
        }
    }
    mixer.finish()
}
