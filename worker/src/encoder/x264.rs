//! One encoded rung: frames in, segments out.
//!
//! A picture that stands still for long is coded for some seconds; from then on its last whole GOP is repeated. GOPs are closed and
//! all that is counted in them begins anew at their IDR picture, so a copy is as good as what the encoder would make.

use super::{
    EncodeError, Named, ffi,
    link::Link,
    segments::{Gop, SegmentBuilder},
};
use crate::{
    child::{FromChild, Refusal},
    cmaf::{Sample, annex_b_units, avc_codecs, avc_init, is_idr, to_length_prefixed, with_parameter_sets},
    plan::{
        Rung, VideoPlan,
        colour::{is_large, tags},
    },
};
use ffmpeg_next::{self as ffmpeg, Dictionary, Packet, Rational, codec, encoder, format, frame, picture};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    rc::Rc,
};

/// Of what a rung may cost, what a GOP that is repeated may: repeating it must not empty the buffer of its rate control.
const REPEATED_SHARE: f64 = 0.8;

/// A coded picture of a GOP.
#[derive(Debug)]
struct Coded {
    /// NAL units with 4-byte lengths.
    data: Vec<u8>,
    /// Frames after the begin of the GOP when it is shown.
    shown: u64,
}

/// A GOP as it was coded, its pictures in the order they are decoded.
#[derive(Debug)]
struct CodedGop {
    start: u64,
    pictures: Vec<Coded>,
}

impl CodedGop {
    fn bits(&self) -> f64 {
        self.pictures.iter().map(|p| p.data.len() as f64 * 8.0).sum()
    }
}

/// The encoder of a rung and the segment it is filling.
pub struct RungEncoder {
    encoder: encoder::video::Encoder,
    gops: Vec<Gop>,
    starts: HashSet<u64>,
    /// The GOP being filled.
    current: usize,
    pictures: Vec<Coded>,
    /// The last whole one that was coded.
    coded: Option<Rc<CodedGop>>,
    /// GOPs that repeat another one, by their numbers.
    repeated: HashMap<usize, Rc<CodedGop>>,
    max_bps: u64,
    segment: SegmentBuilder,
}

/// What rung encoders of one chunk share.
pub struct RungConfig<'a> {
    pub video: &'a VideoPlan,
    pub gops: Vec<Gop>,
    pub threads: usize,
}

impl RungEncoder {
    /// Opens x264 for `rung` and sends its init segment.
    pub fn open(link: &Link, rung: &Rung, config: &RungConfig<'_>) -> Result<Self, EncodeError> {
        let codec = encoder::find_by_name("libx264").ok_or(ffmpeg::Error::EncoderNotFound).named("libx264")?;
        let mut video = codec::context::Context::new_with_codec(codec).encoder().video().named("libx264")?;
        let rate = config.video.rate;
        video.set_width(rung.width);
        video.set_height(rung.height);
        video.set_format(format::Pixel::YUV420P);
        video.set_time_base(Rational(rate.den as i32, rate.num as i32));
        video.set_frame_rate(Some(Rational(rate.num as i32, rate.den as i32)));
        video.set_aspect_ratio(Rational(1, 1));
        video.set_max_bit_rate(rung.max_bps as usize);
        video.set_threading(codec::threading::Config::count(config.threads));
        video.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        let picture = &config.video.picture;
        let large = picture.coded_size.is_some_and(|(w, h)| is_large(w, h));
        let tags = tags(&picture.colour, &picture.pixel_format, large && !is_large(rung.width, rung.height));
        ffi::set_colour(&mut video, tags.primaries, tags.transfer, tags.matrix);
        let encoder = video.open_with(options(rung, config)).named("libx264")?;
        let header = ffi::encoder_extradata(&encoder);
        let units = annex_b_units(&header);
        let set = |kind: u8| units.iter().copied().find(|u| u[0] & 0x1f == kind);
        let (Some(sps), Some(pps)) = (set(7), set(8)) else {
            return Err(EncodeError::refused(Refusal::EncodeFailed, "no parameter sets"));
        };
        let init = match beside(rung, config) {
            Some(kept) => with_parameter_sets(kept, sps, pps)?,
            None => avc_init(sps, pps, rung.width as u16, rung.height as u16, config.video.timescale() as u32)?,
        };
        let codecs = beside(rung, config).map_or_else(|| avc_codecs(sps).unwrap_or_default(), |_| rung.codecs.clone());
        link.send(&FromChild::Init { rendition: rung.name.clone(), codecs }, &init)?;
        let starts = config.gops.iter().map(|g| g.start).collect();
        let segment = SegmentBuilder::new(&rung.name);
        let gops = config.gops.clone();
        let (pictures, repeated) = (Vec::new(), HashMap::new());
        Ok(Self { encoder, gops, starts, current: 0, pictures, coded: None, repeated, max_bps: rung.max_bps, segment })
    }

    /// Shows a picture in all these output frames.
    pub fn show(
        &mut self,
        link: &Link,
        video: &VideoPlan,
        picture: &mut frame::Video,
        frames: Range<u64>,
    ) -> Result<(), EncodeError> {
        let mut number = frames.start;
        while number < frames.end {
            let (gop, coded) = match self.repeats(video, number, &frames) {
                Some(found) => found,
                None => {
                    self.encode(link, video, picture, number)?;
                    link.worked_on_a_picture()?;
                    number += 1;
                    continue;
                }
            };
            self.repeated.insert(gop, coded);
            self.repeat(link, video)?;
            for _ in 0..self.gops[gop].frames {
                link.worked_on_a_picture()?;
            }
            number += self.gops[gop].frames;
        }
        Ok(())
    }

    /// The GOP that begins with a frame, and the coded one of the same picture that it can repeat.
    fn repeats(&self, video: &VideoPlan, number: u64, shown: &Range<u64>) -> Option<(usize, Rc<CodedGop>)> {
        let coded = self.coded.as_ref().filter(|c| c.start >= shown.start)?;
        let found = self.gops.binary_search_by_key(&number, |g| g.start).ok()?;
        let Gop { start, frames, .. } = self.gops[found];
        // Two IDR pictures in a row must have different numbers (H.264 7.4.3).
        let alike = frames > 1 && frames == coded.pictures.len() as u64 && start + frames <= shown.end;
        let fits = coded.bits() <= REPEATED_SHARE * self.max_bps as f64 * video.rate.seconds(frames);
        (alike && fits).then(|| (found, coded.clone()))
    }

    /// Encodes output frame `number`.
    pub fn encode(
        &mut self,
        link: &Link,
        video: &VideoPlan,
        picture: &mut frame::Video,
        number: u64,
    ) -> Result<(), EncodeError> {
        picture.set_pts(Some(number as i64));
        picture.set_kind(if self.starts.contains(&number) { picture::Type::I } else { picture::Type::None });
        self.encoder.send_frame(picture).named("encode")?;
        self.drain(link, video)
    }

    /// Ends the chunk: every planned segment must have been sent.
    pub fn finish(&mut self, link: &Link, video: &VideoPlan) -> Result<(), EncodeError> {
        self.encoder.send_eof().named("encode")?;
        self.drain(link, video)?;
        if self.current != self.gops.len() {
            let detail = format!("{} of {} GOPs made", self.current, self.gops.len());
            return Err(EncodeError::refused(Refusal::EncodeIncomplete, detail));
        }
        Ok(())
    }

    fn drain(&mut self, link: &Link, video: &VideoPlan) -> Result<(), EncodeError> {
        let mut packet = Packet::empty();
        while self.encoder.receive_packet(&mut packet).is_ok() {
            self.take(link, video, &packet)?;
        }
        Ok(())
    }

    /// Files one coded picture. Decode times are counted, not taken from the encoder: in a closed GOP
    /// picture n in decoding order decodes at the GOP's start plus n frames, and the first is shown a delay
    /// after it is decoded.
    fn take(&mut self, link: &Link, video: &VideoPlan, packet: &Packet) -> Result<(), EncodeError> {
        let broken = |detail: String| EncodeError::refused(Refusal::EncodeFailed, detail);
        let gop = *self.gops.get(self.current).ok_or_else(|| broken("more pictures than planned".to_owned()))?;
        let units = annex_b_units(packet.data().unwrap_or_default());
        let first = self.pictures.is_empty();
        let shown = packet.pts().ok_or_else(|| broken("no time stamp".to_owned()))? as u64;
        if !(gop.start..gop.start + gop.frames).contains(&shown)
            || first != is_idr(&units)
            || (first && shown != gop.start)
        {
            return Err(broken(format!("picture {shown} in the GOP of {}", gop.start)));
        }
        self.pictures.push(Coded { data: to_length_prefixed(&units), shown: shown - gop.start });
        if self.pictures.len() as u64 == gop.frames {
            let coded = Rc::new(CodedGop { start: gop.start, pictures: std::mem::take(&mut self.pictures) });
            self.file(link, video, &coded)?;
            self.coded = Some(coded);
            self.repeat(link, video)?;
        }
        Ok(())
    }

    /// Files the GOPs that are due and repeat another one.
    fn repeat(&mut self, link: &Link, video: &VideoPlan) -> Result<(), EncodeError> {
        while let Some(coded) = self.repeated.remove(&self.current) {
            self.file(link, video, &coded)?;
        }
        Ok(())
    }

    /// Files what was coded as the GOP that is due.
    fn file(&mut self, link: &Link, video: &VideoPlan, coded: &CodedGop) -> Result<(), EncodeError> {
        let gop = self.gops[self.current];
        let sample = |(number, picture): (u64, &Coded)| {
            let decoded = video.tick(number);
            let later = (video.tick(gop.start + picture.shown) + video.delay_ticks) as i64 - decoded as i64;
            Sample {
                data: picture.data.clone(),
                duration: (video.tick(number + 1) - decoded) as u32,
                composition_offset: later as i32,
                sync: number == gop.start,
            }
        };
        let samples: Vec<Sample> = (gop.start..).zip(&coded.pictures).map(sample).collect();
        self.segment.add(gop.start, video.tick(gop.start), &samples)?;
        self.current += 1;
        if gop.last {
            self.segment.send(link, gop.segment)?;
        }
        Ok(())
    }
}

/// Number of the parameter sets of pictures beside kept ones: encoders begin with 0.
const BESIDE: u8 = 9;

/// The init segment of kept pictures, where a rung is encoded to stand beside them.
fn beside<'a>(rung: &Rung, config: &'a RungConfig<'_>) -> Option<&'a [u8]> {
    let kept = config.video.passthrough.as_ref().filter(|kept| kept.name == rung.name);
    kept.and(config.video.kept_init.as_deref())
}

/// The profile of x264 that a codecs string names; High where nothing is kept.
fn profile(codecs: &str) -> &'static str {
    match codecs.get(..7).map(str::to_ascii_lowercase).as_deref() {
        Some("avc1.42") => "baseline",
        Some("avc1.4d") => "main",
        _ => "high",
    }
}

fn options(rung: &Rung, config: &RungConfig<'_>) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    options.set("preset", &config.video.preset);
    let is_beside = beside(rung, config).is_some();
    options.set("profile", if is_beside { profile(&rung.codecs) } else { "high" });
    options.set("level", &format!("{}.{}", rung.level / 10, rung.level % 10));
    options.set("crf", &rung.crf.to_string());
    // The buffer belongs to the cap: without it x264 ignores both. One and a half seconds keep the
    // peak over any segment close to the cap.
    options.set("bufsize", &(rung.max_bps * 3 / 2).to_string());
    options.set("forced-idr", "1");
    let params = "scenecut=0:open-gop=0:keyint=infinite:force-cfr=1";
    let numbered = if is_beside { format!("{params}:sps-id={BESIDE}") } else { params.to_owned() };
    options.set("x264-params", &numbered);
    options
}
