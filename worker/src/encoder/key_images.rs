//! Still pictures of a film that is passed through: key frames are decoded, each by itself, and nothing else.

use super::{
    EncodeError,
    images::{millis, poster_size, preview_shrink, send_poster, send_preview, send_sheet, worth},
    jpeg::{self, Shrink},
    link::Link,
    open::video_decoder,
    packets::Packets,
    picture::{Filters, timestamp},
};
use crate::{
    child::{ImageMade, ImagesWork, Job},
    plan::{Rung, VideoPlan},
};
use ffmpeg_next::{self as ffmpeg, frame};

/// A poster of the first so many seconds is sent before later ones are looked at, whose bytes may not be there yet.
const EARLY_S: f64 = 12.0;

/// Makes the poster, then the storyboard, then the preview.
pub fn run(link: &Link, job: &Job, work: &ImagesWork) -> Result<(), EncodeError> {
    let (video, images) = (&work.video, &work.images);
    let mut keys = Keys::open(link, job, video)?;
    let mut appeal_above = images.appeal_above;
    let early = images.candidates.partition_point(|f| video.rate.seconds(*f) < EARLY_S);
    let (early, late) = images.candidates.split_at(early);
    for candidates in [early, late] {
        let mut best = None;
        for key in keys.near(candidates) {
            let Some((seconds, picture)) = keys.picture(key)? else { continue };
            let worth = worth(&keys.small(&picture, images.storyboard.tile)?, seconds);
            if appeal_above.is_none_or(|above| worth > above) {
                (appeal_above, best) = (Some(worth), Some((worth, picture)));
            }
        }
        if let Some((worth, picture)) = best {
            send_poster(link, video, worth, picture)?;
        }
    }
    for sheet in &images.sheets {
        let (mut tiles, mut times_ms) = (Vec::new(), Vec::<u64>::new());
        for key in keys.near(&sheet.frames) {
            let Some((seconds, picture)) = keys.picture(key)? else { continue };
            let ms = millis(seconds);
            if times_ms.last().is_none_or(|last| *last < ms) {
                tiles.push(keys.small(&picture, images.storyboard.tile)?);
                times_ms.push(ms);
            }
        }
        if !tiles.is_empty() {
            send_sheet(link, &images.storyboard, ImageMade::Sheet { number: sheet.number, times_ms }, &tiles)?;
        }
    }
    let mut shrink = None;
    for preview in &images.previews {
        for key in keys.near(&[preview.frame]) {
            let Some((_, picture)) = keys.picture(key)? else { continue };
            let smaller = match shrink.take() {
                Some(shrink) => shrink,
                None => preview_shrink(video, &picture, &images.storyboard)?,
            };
            send_preview(link, preview.number, &shrink.insert(smaller).shrink(picture)?)?;
        }
    }
    Ok(())
}

/// The key frames of a stream, one at a time.
struct Keys<'a> {
    link: &'a Link,
    video: &'a VideoPlan,
    packets: Packets,
    decoder: ffmpeg::decoder::Video,
    /// What posters are made of.
    rung: Rung,
    filters: Option<Filters>,
    shrink: Option<Shrink>,
}

impl<'a> Keys<'a> {
    fn open(link: &'a Link, job: &Job, video: &'a VideoPlan) -> Result<Self, EncodeError> {
        let mut packets = Packets::open(link, job)?;
        let decoder = video_decoder(job, &packets.input, video.stream, 1)?;
        packets.keep(&[video.stream]);
        let shown = video.passthrough.iter().chain(&video.rungs).next().cloned();
        let mut rung = shown.ok_or(ffmpeg::Error::Bug).map_err(|e| EncodeError::Ffmpeg("rung", e))?;
        (rung.width, rung.height) = poster_size((rung.width, rung.height));
        Ok(Self { link, video, packets, decoder, rung, filters: None, shrink: None })
    }

    /// Entry points that are the last at or before some frames, each once.
    fn near(&self, frames: &[u64]) -> Vec<i64> {
        let entry = |frame: &u64| {
            let at = timestamp(self.video, *frame);
            let before = self.video.keys.iter().rev().find(|k| **k <= at);
            before.or(self.video.keys.first()).copied().unwrap_or(at)
        };
        // What is shown before a clip begins is nothing of it.
        let begin = self.video.is_clip.then(|| timestamp(self.video, self.video.first_frame()));
        let is_shown = |key: &i64| begin.is_none_or(|begin| *key >= begin);
        let mut list: Vec<i64> = frames.iter().map(entry).filter(is_shown).collect();
        list.dedup();
        list
    }

    /// The picture of an entry point, and when it is shown, seconds of the film. What does not decode is none.
    fn picture(&mut self, key: i64) -> Result<Option<(f64, frame::Video)>, EncodeError> {
        self.packets.seek(self.video.stream, Some(key))?;
        self.decoder.flush();
        let packet = loop {
            match self.packets.next_of(self.video.stream) {
                Some(packet) if packet.is_key() => break packet,
                Some(_) => {}
                None => return Ok(None),
            }
        };
        let mut picture = frame::Video::empty();
        // A decoder gives what it has when it is told that nothing more comes.
        let sent = self.decoder.send_packet(&packet).and_then(|()| self.decoder.send_eof());
        if sent.and_then(|()| self.decoder.receive_frame(&mut picture)).is_err() {
            return Ok(None);
        }
        self.link.worked_on_a_picture()?;
        let Some(stamp) = picture.timestamp() else { return Ok(None) };
        let unit = f64::from(self.video.time_base.0) / f64::from(self.video.time_base.1);
        let seconds = (stamp - self.video.dated_late - self.video.first_pts) as f64 * unit;
        Ok(self.upright(&mut picture)?.map(|upright| (seconds.max(0.0), upright)))
    }

    /// In the colours and the shape of a rung.
    fn upright(&mut self, picture: &mut frame::Video) -> Result<Option<frame::Video>, EncodeError> {
        picture.set_pts(Some(0));
        let (video, rungs) = (self.video, std::slice::from_ref(&self.rung));
        let filters = match self.filters.take().filter(|f| f.fits(picture)) {
            Some(filters) => filters,
            None => Filters::for_picture(picture, &video.picture, rungs, video.rate)?,
        };
        let filters = self.filters.insert(filters);
        filters.push(picture)?;
        Ok(filters.pull(0))
    }

    fn small(&mut self, picture: &frame::Video, tile: (u32, u32)) -> Result<frame::Video, EncodeError> {
        let shrink = match self.shrink.take() {
            Some(shrink) => shrink,
            None => Shrink::new(self.video, (picture.width(), picture.height()), tile, jpeg::FORMAT)?,
        };
        self.shrink.insert(shrink).shrink(picture.clone())
    }
}
