//! WebP of small pictures, by FFmpeg's encoder.

use super::{EncodeError, Named};
use ffmpeg_next::{self as ffmpeg, Dictionary, Packet, Rational, codec, encoder, format::Pixel, frame};

/// Luma and chroma as VP8 has them: limited range, the matrix of BT.601 (RFC 6386 section 9.2).
pub const FORMAT: Pixel = Pixel::YUV420P;
/// Of 100; a picture of 320x180 has some six kilobytes.
const QUALITY: &str = "60";

/// Encodes one picture as a file of its own.
pub fn encode(picture: &frame::Video) -> Result<Vec<u8>, EncodeError> {
    let codec = encoder::find_by_name("libwebp").ok_or(ffmpeg::Error::EncoderNotFound).named("libwebp")?;
    let mut video = codec::context::Context::new_with_codec(codec).encoder().video().named("libwebp")?;
    video.set_width(picture.width());
    video.set_height(picture.height());
    video.set_format(FORMAT);
    video.set_time_base(Rational(1, 25));
    video.set_flags(codec::Flags::BITEXACT);
    let mut options = Dictionary::new();
    options.set("quality", QUALITY);
    let mut encoder = video.open_with(options).named("libwebp")?;
    encoder.send_frame(picture).named("libwebp")?;
    encoder.send_eof().named("libwebp")?;
    let mut packet = Packet::empty();
    encoder.receive_packet(&mut packet).named("libwebp")?;
    Ok(packet.data().unwrap_or_default().to_vec())
}
