//! One variant of the sound: AAC frames by their number, coded or taken over, cut into segments.

use super::{
    EncodeError, Named, ffi, link::Link, meter::Meter, mixer::Listener, peaks::Peaks, segments::SegmentBuilder,
    sound::output_layout,
};
use crate::{
    child::{AudioWork, FromChild, Refusal},
    cmaf::{Sample, aac_init},
    plan::{AudioPlan, audio::FRAME_SAMPLES},
};
use ffmpeg_next::{self as ffmpeg, ChannelLayout, Dictionary, Packet, Rational, codec, encoder, format, frame};

/// Collects AAC frames of one variant by their number.
pub struct Track {
    boundaries: Vec<u64>,
    /// Decode time of frame 0, samples.
    delay: u64,
    segment: usize,
    next: u64,
    samples: Vec<Sample>,
    builder: SegmentBuilder,
    /// Of the first variant: what its frames sound like.
    peaks: Option<Peaks>,
    /// Of the first variant: how loud they are.
    meter: Option<Meter>,
}

impl Track {
    /// The frames of segment `first` and later.
    pub fn new(plan: &AudioPlan, name: &str, first: usize) -> Self {
        let (boundaries, next) = (plan.boundaries.clone(), plan.boundaries[first]);
        let (delay, samples, builder) = (plan.delay_samples, Vec::new(), SegmentBuilder::new(name));
        let is_first = plan.variants.first().map(|v| v.name.as_str()) == Some(name);
        // What was made of a track for narrow lines is no sound of its own.
        let is_heard = is_first && !plan.variants.first().is_some_and(|v| v.mono);
        let (peaks, meter) = (is_first.then(Peaks::default), is_heard.then(|| Meter::new(plan)).flatten());
        Self { boundaries, delay, segment: first, next, samples, builder, peaks, meter }
    }

    /// Whether all planned frames are there.
    pub fn is_full(&self) -> bool {
        self.next >= self.total()
    }

    /// Frames in all.
    pub fn total(&self) -> u64 {
        self.boundaries.last().copied().unwrap_or(0)
    }

    /// Listens to what the frames from sample `at` on are or will be; also to what comes before the first that is wanted.
    pub fn hear(&mut self, at: u64, sound: &frame::Audio) {
        if at >= self.total() * FRAME_SAMPLES {
            return;
        }
        if let Some(meter) = &mut self.meter {
            meter.hear(at, sound);
        }
        let number = (at + FRAME_SAMPLES / 2) / FRAME_SAMPLES;
        if let Some(peaks) = self.peaks.as_mut().filter(|_| number >= self.next) {
            peaks.hear(number, sound);
        }
    }

    /// Files frame `number`; frames outside the wanted range are dropped.
    pub fn take(&mut self, link: &Link, number: i64, data: &[u8]) -> Result<(), EncodeError> {
        if number < self.next as i64 || self.is_full() {
            return Ok(());
        }
        self.samples.push(Sample {
            data: data.to_vec(),
            duration: FRAME_SAMPLES as u32,
            composition_offset: 0,
            sync: true,
        });
        if let Some(peaks) = &mut self.peaks {
            self.builder.peaks.push(peaks.take(self.next));
        }
        self.next += 1;
        if self.next == self.boundaries[self.segment + 1] {
            self.flush(link)?;
        }
        Ok(())
    }

    fn flush(&mut self, link: &Link) -> Result<(), EncodeError> {
        let start = self.next - self.samples.len() as u64;
        self.builder.add(start, self.delay + start * FRAME_SAMPLES, &self.samples)?;
        self.samples.clear();
        self.builder.loudness = self.meter.as_mut().map(|m| m.take(start..self.next));
        self.builder.send(link, self.segment)?;
        self.segment += 1;
        Ok(())
    }

    /// Ends the track. A remuxed source may be a few frames short of the picture: its last segment
    /// is then shorter, but none may be missing.
    pub fn finish(&mut self, link: &Link) -> Result<(), EncodeError> {
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

/// The encoder of one variant.
pub struct AacEncoder {
    encoder: encoder::audio::Encoder,
    track: Track,
    /// The frame that was coded last.
    coded: Vec<u8>,
    /// A coded frame of silence, which stands for every frame that the encoder is not given.
    silence: Option<Vec<u8>>,
}

impl AacEncoder {
    /// Opens the encoder of variant `index` and sends its init segment.
    pub fn open(link: &Link, work: &AudioWork, index: usize) -> Result<Self, EncodeError> {
        let (plan, variant) = (&work.audio, &work.audio.variants[index]);
        let codec = encoder::find_by_name("aac").ok_or(ffmpeg::Error::EncoderNotFound).named("aac")?;
        let mut audio = codec::context::Context::new_with_codec(codec).encoder().audio().named("aac")?;
        audio.set_rate(plan.sample_rate as i32);
        let channels = plan.channels_of(variant);
        audio.set_channel_layout(if variant.mono { ChannelLayout::MONO } else { output_layout(plan) });
        #[allow(deprecated)]
        audio.set_channels(channels as i32);
        audio.set_format(format::Sample::F32(format::sample::Type::Planar));
        audio.set_bit_rate(variant.bit_rate as usize);
        audio.set_time_base(Rational(1, plan.sample_rate as i32));
        audio.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let encoder = audio.open_with(Dictionary::new()).named("aac")?;
        let config = ffi::encoder_extradata(&encoder);
        let init = aac_init(config.get(..2).unwrap_or_default(), channels as u16, plan.sample_rate, variant.bit_rate)?;
        link.send(&FromChild::Init { rendition: variant.name.clone(), codecs: variant.codecs.clone() }, &init)?;
        Ok(Self { encoder, track: Track::new(plan, &variant.name, work.first), coded: Vec::new(), silence: None })
    }

    fn drain(&mut self, link: &Link) -> Result<(), EncodeError> {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            // The encoder's priming packet carries the time before its first sample and is dropped by number.
            let number = packet.pts().unwrap_or(0).div_euclid(FRAME_SAMPLES as i64);
            self.fill(link, u64::try_from(number).unwrap_or(0))?;
            self.coded.clear();
            self.coded.extend_from_slice(packet.data().unwrap_or_default());
            self.track.take(link, number, &self.coded)?;
        }
        Ok(())
    }

    /// Files silence for what the encoder was not given before frame `number`.
    fn fill(&mut self, link: &Link, number: u64) -> Result<(), EncodeError> {
        if let Some(silence) = &self.silence {
            while self.track.next < number && !self.track.is_full() {
                self.track.take(link, self.track.next as i64, silence)?;
            }
        }
        Ok(())
    }
}

impl Listener for AacEncoder {
    fn take(&mut self, link: &Link, sound: &frame::Audio) -> Result<(), EncodeError> {
        self.track.hear(sound.pts().and_then(|at| u64::try_from(at).ok()).unwrap_or(0), sound);
        self.encoder.send_frame(sound).named("encode")?;
        self.drain(link)
    }

    /// Takes the frame that was coded last for silence. Whatever the encoder is not given from now on is that: the
    /// encoder is in silence, so that its overlap with what follows is silent too.
    fn repeat_silence(&mut self) {
        self.silence = (!self.coded.is_empty()).then(|| self.coded.clone());
    }

    /// Ends the variant: what is missing at its end is silence, if silence was coded.
    fn finish(&mut self, link: &Link) -> Result<(), EncodeError> {
        self.encoder.send_eof().named("encode")?;
        self.drain(link)?;
        self.fill(link, self.track.total())?;
        self.track.finish(link)
    }
}
