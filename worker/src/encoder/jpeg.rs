//! JPEG of small pictures, by FFmpeg's encoder.

use super::{EncodeError, Named};
use crate::{
    child::Refusal,
    plan::{
        VideoPlan,
        colour::{is_large, tags},
    },
};
use ffmpeg_next::{self as ffmpeg, Packet, Rational, codec, encoder, filter, format::Pixel, frame};

/// Luma and chroma as JPEG has them: full range, the matrix of BT.601.
pub const FORMAT: Pixel = Pixel::YUVJ420P;

/// Encodes one picture; the quantizer says how coarsely, from 2 to 31.
pub fn encode(picture: &frame::Video, quantizer: u8) -> Result<Vec<u8>, EncodeError> {
    let codec = encoder::find_by_name("mjpeg").ok_or(ffmpeg::Error::EncoderNotFound).named("mjpeg")?;
    let mut video = codec::context::Context::new_with_codec(codec).encoder().video().named("mjpeg")?;
    video.set_width(picture.width());
    video.set_height(picture.height());
    video.set_format(FORMAT);
    video.set_time_base(Rational(1, 25));
    // With it comes the JFIF header.
    video.set_aspect_ratio(Rational(1, 1));
    video.set_qmin(quantizer.into());
    video.set_qmax(quantizer.into());
    // Without it the encoder says its name in every picture.
    video.set_flags(codec::Flags::BITEXACT);
    video.set_threading(codec::threading::Config::count(1));
    let mut encoder = video.open().named("mjpeg")?;
    encoder.send_frame(picture).named("mjpeg")?;
    encoder.send_eof().named("mjpeg")?;
    let mut packet = Packet::empty();
    encoder.receive_packet(&mut packet).named("mjpeg")?;
    Ok(packet.data().unwrap_or_default().to_vec())
}

/// Makes pictures of a rung small, and gives them the colours of still pictures.
pub struct Shrink {
    graph: filter::Graph,
    format: Pixel,
}

impl Shrink {
    /// From pictures of a rung of this size to that one, in the format of an encoder.
    pub fn new(video: &VideoPlan, from: (u32, u32), to: (u32, u32), format: Pixel) -> Result<Self, EncodeError> {
        Self::with(from, "yuv420p", to, format, &format!(":in_range=tv:in_color_matrix={}", matrix(video, from)))
    }

    /// From pictures like this one, whatever it says of its colours.
    pub fn of_any(picture: &frame::Video, to: (u32, u32)) -> Result<Self, EncodeError> {
        let format = picture.format().descriptor().map_or("yuv420p", |d| d.name());
        Self::with((picture.width(), picture.height()), format, to, FORMAT, "")
    }

    fn with(
        from: (u32, u32),
        format: &str,
        to: (u32, u32),
        to_format: Pixel,
        colour: &str,
    ) -> Result<Self, EncodeError> {
        let missing = || EncodeError::Ffmpeg("filter", ffmpeg::Error::FilterNotFound);
        let arguments = format!("video_size={}x{}:pix_fmt={format}:time_base=1/25:pixel_aspect=1/1", from.0, from.1);
        let mut graph = filter::Graph::new();
        graph.add(&filter::find("buffer").ok_or_else(missing)?, "in", &arguments).named("filter source")?;
        graph.add(&filter::find("buffersink").ok_or_else(missing)?, "out", "").named("filter sink")?;
        let (width, height) = to;
        let (range, name) = if to_format == FORMAT { ("pc", "yuvj420p") } else { ("tv", "yuv420p") };
        let text =
            format!("scale={width}:{height}:flags=area{colour}:out_range={range}:out_color_matrix=bt601,format={name}");
        let parser = graph.output("in", 0).named("filters")?;
        parser.input("out", 0).named("filters")?.parse(&text).named("filters")?;
        graph.validate().named("filters")?;
        Ok(Self { graph, format: to_format })
    }

    /// One picture. Filters keep what they are given, and leave nothing of it.
    pub fn shrink(&mut self, picture: frame::Video) -> Result<frame::Video, EncodeError> {
        let mut source = self.graph.get("in").ok_or(ffmpeg::Error::Bug).named("filter source")?;
        source.source().add(&picture).named("filter")?;
        let mut sink = self.graph.get("out").ok_or(ffmpeg::Error::Bug).named("filter sink")?;
        let mut out = frame::Video::empty();
        sink.sink().frame(&mut out).named("filter")?;
        if out.format() != self.format {
            return Err(EncodeError::refused(Refusal::EncodeFailed, "a still picture in other colours"));
        }
        Ok(out)
    }
}

/// The scaler's name of the matrix of a rung of this size: what it says, or what players take it for.
fn matrix(video: &VideoPlan, (width, height): (u32, u32)) -> &'static str {
    let picture = &video.picture;
    let large = picture.coded_size.is_some_and(|(w, h)| is_large(w, h));
    match tags(&picture.colour, &picture.pixel_format, large && !is_large(width, height)).matrix {
        1 => "bt709",
        4 => "fcc",
        7 => "smpte240m",
        9 => "bt2020",
        5 | 6 => "bt601",
        _ if is_large(width, height) => "bt709",
        _ => "bt601",
    }
}
