//! Still pictures from the decode that happens anyway: tiles of the storyboard, pictures of the preview, and the best of some
//! moments as poster.
//!
//! Invariants: what belongs to a chunk is sent before the last segment of its lowest rung, so that whoever has all segments
//! has all pictures; a film is not refused for its pictures.

use super::{
    EncodeError,
    jpeg::{self, Shrink},
    link::Link,
    webp,
};
use crate::{
    child::{FromChild, ImageMade},
    plan::{ImageWork, POSTER_WIDTH, Rung, Storyboard, VideoPlan, appeal},
};
use ffmpeg_next::frame;
use sluice_hls::STORYBOARD_COLUMNS as COLUMNS;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    ops::Range,
};

/// Quantizers: of tiles, which are small and many, and of the poster.
const SHEET_QUANTIZER: u8 = 7;
const POSTER_QUANTIZER: u8 = 6;

/// Gathers the pictures of one piece of work.
pub struct Images<'a> {
    link: &'a Link,
    video: &'a VideoPlan,
    work: &'a ImageWork,
    rungs: &'a [Rung],
    /// The rung that posters are made of.
    poster_rung: usize,
    /// The rung that the preview is made of.
    preview_rung: usize,
    /// Pictures of that rung, until the lowest has told what they are worth.
    waiting: BTreeMap<u64, frame::Video>,
    best: Option<(u32, frame::Video)>,
    /// Sheets that were sent, tiles of the one that is filled.
    sent: usize,
    tiles: Vec<frame::Video>,
    shrink: Option<Shrink>,
    preview_shrink: Option<Shrink>,
    given_up: bool,
}

impl<'a> Images<'a> {
    /// For pictures that come by these rungs, highest first.
    pub fn new(link: &'a Link, video: &'a VideoPlan, rungs: &'a [Rung], work: &'a ImageWork) -> Self {
        let last = rungs.len().saturating_sub(1);
        let poster_rung = rungs.iter().position(|r| r.width <= POSTER_WIDTH).unwrap_or(last);
        // The smallest that has its pixels.
        let (width, height) = work.storyboard.preview_size();
        let preview_rung = rungs.iter().rposition(|r| r.width >= width && r.height >= height).unwrap_or(0);
        Self {
            link,
            video,
            work,
            rungs,
            poster_rung,
            preview_rung,
            waiting: BTreeMap::new(),
            best: None,
            sent: 0,
            tiles: Vec::new(),
            shrink: None,
            preview_shrink: None,
            given_up: false,
        }
    }

    /// Looks at a picture of a rung that is shown in these output frames, before it is encoded.
    pub fn look(&mut self, rung: usize, picture: &frame::Video, shown: Range<u64>) -> Result<(), EncodeError> {
        let looked = if self.given_up { Ok(()) } else { self.look_at(rung, picture, shown) };
        self.or_give_up(looked)
    }

    /// Sends what is not sent yet.
    pub fn finish(&mut self) -> Result<(), EncodeError> {
        let sent = self.send_poster();
        self.or_give_up(sent)
    }

    /// Only a broken socket ends the work: who is at its other end is gone.
    fn or_give_up(&mut self, result: Result<(), EncodeError>) -> Result<(), EncodeError> {
        match result {
            Err(EncodeError::Link(error)) => Err(EncodeError::Link(error)),
            Err(error) => {
                // With nobody there to hear it, nothing is lost.
                let _ = writeln!(io::stderr(), "still pictures: {error}");
                self.given_up = true;
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn look_at(&mut self, rung: usize, picture: &frame::Video, shown: Range<u64>) -> Result<(), EncodeError> {
        let candidate = first_in(&self.work.candidates, &shown);
        if let Some(frame) = candidate.filter(|_| rung == self.poster_rung) {
            self.waiting.insert(frame, picture.clone());
        }
        if rung == self.preview_rung {
            self.send_previews(picture, &shown)?;
        }
        if rung + 1 < self.rungs.len() {
            return Ok(());
        }
        let tiles = self.tiles_until(shown.end);
        if candidate.is_none() && tiles == 0 {
            return Ok(());
        }
        let small = self.small(picture)?;
        if let Some(frame) = candidate {
            self.judge(frame, &small);
        }
        for _ in 0..tiles {
            self.tiles.push(small.clone());
            self.send_sheet_if_full()?;
        }
        if self.work.candidates.last().is_some_and(|last| shown.contains(last)) {
            self.send_poster()?;
        }
        Ok(())
    }

    /// How many of the next tiles show frames before this one: a picture that stands for long is several.
    fn tiles_until(&self, end: u64) -> usize {
        let sheets = self.work.sheets.get(self.sent..).unwrap_or_default();
        sheets.iter().flat_map(|s| &s.frames).skip(self.tiles.len()).take_while(|f| **f < end).count()
    }

    fn small(&mut self, picture: &frame::Video) -> Result<frame::Video, EncodeError> {
        let shrink = match self.shrink.take() {
            Some(shrink) => shrink,
            None => {
                Shrink::new(self.video, (picture.width(), picture.height()), self.work.storyboard.tile, jpeg::FORMAT)?
            }
        };
        self.shrink.insert(shrink).shrink(picture.clone())
    }

    /// Sends the pictures of the preview that show these frames.
    fn send_previews(&mut self, picture: &frame::Video, shown: &Range<u64>) -> Result<(), EncodeError> {
        let work = self.work;
        for preview in work.previews.iter().filter(|p| shown.contains(&p.frame)) {
            let shrink = match self.preview_shrink.take() {
                Some(shrink) => shrink,
                None => preview_shrink(self.video, picture, &work.storyboard)?,
            };
            let small = self.preview_shrink.insert(shrink).shrink(picture.clone())?;
            send_preview(self.link, preview.number, &small)?;
        }
        Ok(())
    }

    fn judge(&mut self, frame: u64, small: &frame::Video) {
        let worth = worth(small, self.video.rate.seconds(frame));
        let Some(picture) = self.waiting.remove(&frame) else { return };
        if self.best.as_ref().is_none_or(|best| worth > best.0) {
            self.best = Some((worth, picture));
        }
    }

    fn send_poster(&mut self) -> Result<(), EncodeError> {
        match self.best.take() {
            Some((appeal, picture)) if self.work.appeal_above.is_none_or(|above| appeal > above) => {
                send_poster(self.link, self.video, appeal, picture)
            }
            _ => Ok(()),
        }
    }

    fn send_sheet_if_full(&mut self) -> Result<(), EncodeError> {
        let Some(sheet) = self.work.sheets.get(self.sent).filter(|s| s.frames.len() == self.tiles.len()) else {
            return Ok(());
        };
        let times_ms = sheet.frames.iter().map(|frame| millis(self.video.rate.seconds(*frame))).collect();
        let made = ImageMade::Sheet { number: sheet.number, times_ms };
        send_sheet(self.link, &self.work.storyboard, made, &self.tiles)?;
        self.tiles.clear();
        self.sent += 1;
        Ok(())
    }
}

/// Seconds as whole milliseconds.
pub fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).round().max(0.0) as u64
}

/// What a picture that is shown at a second is worth as a poster, by a tile of it.
pub fn worth(small: &frame::Video, seconds: f64) -> u32 {
    let (width, stride) = (small.width() as usize, small.stride(0));
    let rows = small.data(0).chunks(stride.max(1)).take(small.height() as usize);
    let luma: Vec<u8> = rows.flat_map(|row| row.iter().take(width).copied()).collect();
    appeal(&luma, width, seconds)
}

/// Sends a picture of a rung as poster.
pub fn send_poster(link: &Link, video: &VideoPlan, appeal: u32, picture: frame::Video) -> Result<(), EncodeError> {
    let size = (picture.width(), picture.height());
    let poster = Shrink::new(video, size, poster_size(size), jpeg::FORMAT)?.shrink(picture)?;
    let data = jpeg::encode(&poster, POSTER_QUANTIZER)?;
    Ok(link.send(&FromChild::Image(ImageMade::Poster { appeal }), &data)?)
}

/// Sends a picture that needs no change: there is no other.
pub fn send_cover(link: &Link, cover: &frame::Video) -> Result<(), EncodeError> {
    let data = jpeg::encode(cover, POSTER_QUANTIZER)?;
    Ok(link.send(&FromChild::Image(ImageMade::Poster { appeal: 0 }), &data)?)
}

/// Sends the tiles of a sheet.
pub fn send_sheet(
    link: &Link,
    storyboard: &Storyboard,
    made: ImageMade,
    tiles: &[frame::Video],
) -> Result<(), EncodeError> {
    let data = jpeg::encode(&composed(tiles, storyboard.sheet_size(tiles.len())), SHEET_QUANTIZER)?;
    Ok(link.send(&FromChild::Image(made), &data)?)
}

/// What makes pictures of a rung like this one those of the preview.
pub fn preview_shrink(
    video: &VideoPlan,
    picture: &frame::Video,
    storyboard: &Storyboard,
) -> Result<Shrink, EncodeError> {
    Shrink::new(video, (picture.width(), picture.height()), storyboard.preview_size(), webp::FORMAT)
}

/// Sends a picture of the preview.
pub fn send_preview(link: &Link, number: u64, small: &frame::Video) -> Result<(), EncodeError> {
    Ok(link.send(&FromChild::Image(ImageMade::Preview { number }), &webp::encode(small)?)?)
}

/// The size of a poster of a film of this size, even.
pub fn poster_size((width, height): (u32, u32)) -> (u32, u32) {
    if width <= POSTER_WIDTH {
        return (width, height);
    }
    let scaled = u64::from(height) * u64::from(POSTER_WIDTH) / u64::from(width);
    (POSTER_WIDTH, (scaled as u32 / 2 * 2).max(2))
}

/// The first of some frames, in order, that lies in a range.
fn first_in(frames: &[u64], shown: &Range<u64>) -> Option<u64> {
    frames.get(frames.partition_point(|f| *f < shown.start)).copied().filter(|f| *f < shown.end)
}

/// Tiles side by side, in rows; what is left of the last row is black.
fn composed(tiles: &[frame::Video], (width, height): (u32, u32)) -> frame::Video {
    let mut sheet = frame::Video::new(jpeg::FORMAT, width, height);
    for plane in 0..3 {
        let stride = sheet.stride(plane);
        let to = sheet.data_mut(plane);
        to.fill(if plane == 0 { 0 } else { 128 });
        for (i, tile) in tiles.iter().enumerate() {
            let (columns, rows) = (tile.plane_width(plane) as usize, tile.plane_height(plane) as usize);
            let (x, y) = (i % COLUMNS * columns, i / COLUMNS * rows);
            let (from, from_stride) = (tile.data(plane), tile.stride(plane));
            for row in 0..rows {
                let at = (y + row) * stride + x;
                to[at..at + columns].copy_from_slice(&from[row * from_stride..row * from_stride + columns]);
            }
        }
    }
    sheet
}
