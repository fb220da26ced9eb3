//! The cover of a sound as its poster: a picture that is attached to the file.

use super::{EncodeError, images::send_cover, jpeg::Shrink, link::Link, open, packets::Packets};
use crate::child::Job;
use ffmpeg_next::frame;

/// Largest cover, pixels: more than are printed.
const MOST_PIXELS: u64 = 16_000_000;
/// Pixels of a side of what is made of it.
const MOST_SIDE: u32 = 1280;

/// Sends the first picture that is attached and can be decoded, if there is one.
pub fn run(link: &Link, job: &Job) -> Result<(), EncodeError> {
    let mut packets = Packets::open(link, job)?;
    let cover = packets.input.streams().find(|s| open::is_cover(s) && open::decodable(&s.parameters()));
    let Some((stream, parameters)) = cover.map(|s| (s.index(), s.parameters())) else { return Ok(()) };
    packets.keep(&[stream]);
    // Attached pictures come first.
    let Some(packet) = packets.next_of(stream) else { return Ok(()) };
    let job = Job { max_pixels: job.max_pixels.min(MOST_PIXELS), ..job.clone() };
    let mut decoder = open::picture_decoder(&job, parameters)?;
    let mut picture = frame::Video::empty();
    let sent = decoder.send_packet(&packet).and_then(|()| decoder.send_eof());
    if sent.and_then(|()| decoder.receive_frame(&mut picture)).is_err() {
        return Ok(());
    }
    let (width, height) = (picture.width(), picture.height());
    let scale = (f64::from(MOST_SIDE) / f64::from(width.max(height).max(1))).min(1.0);
    let side = |pixels: u32| ((f64::from(pixels) * scale) as u32 / 2 * 2).max(2);
    let cover = Shrink::of_any(&picture, (side(width), side(height)))?.shrink(picture)?;
    send_cover(link, &cover)
}
