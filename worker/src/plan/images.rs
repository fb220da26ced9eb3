//! Which moments of a film are shown on the seek bar and in its animated preview, and which may be its poster.
//!
//! Invariant: tiles are numbered on the film's own clock, so every run of a chunk makes the same ones, and their number
//! stays bounded however long a film that is still arriving turns out to be.

use super::{Rate, VideoPlan};
use serde::{Deserialize, Serialize};
use sluice_hls::STORYBOARD_COLUMNS as COLUMNS;
use sluice_model::{ChunkPayload, Tier};
use std::{collections::HashSet, ops::Range};

/// Tiles of a sheet.
pub const SHEET_TILES: usize = 25;
/// Pixels of the longer side of a tile.
const TILE_SIDE: u32 = 160;
/// Seconds between two tiles: fewer of a short film ...
const SHORTEST_S: f64 = 2.0;
const USUAL_S: f64 = 10.0;
/// ... which has so many, and more of a long one, which has at most so many.
const FEW_TILES: f64 = 12.0;
const MOST_TILES: u64 = 400;
/// Pictures of the animated preview, spread over the film.
pub const PREVIEW_FRAMES: u64 = 12;
/// How many times a tile's size one of them is.
const PREVIEW_SCALE: u32 = 2;
/// A poster is looked for in so much of the beginning, seconds ...
const POSTER_S: u64 = 180;
/// ... at steps of so many.
const POSTER_STEP_S: u64 = 2;
/// Widest poster, pixels.
pub const POSTER_WIDTH: u32 = 1280;

/// The pictures on the seek bar of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storyboard {
    /// Seconds from one tile to the next.
    pub interval_s: u64,
    /// Pixels of a tile.
    pub tile: (u32, u32),
    /// How much of the film each picture of the animated preview stands for, milliseconds; 0 in plans of older versions,
    /// which have none.
    #[serde(default)]
    pub preview_ms: u64,
}

/// A picture of the animated preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewFrame {
    /// Its place among them, from 0.
    pub number: u64,
    /// The output frame that it shows.
    pub frame: u64,
}

/// Tiles that are stored as one picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// Number of its first tile.
    pub number: u64,
    /// The output frame that each of its tiles shows.
    pub frames: Vec<u64>,
}

/// The pictures that a step makes beside its segments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageWork {
    pub storyboard: Storyboard,
    /// In the order of the film.
    pub sheets: Vec<Sheet>,
    /// In the order of the film.
    pub previews: Vec<PreviewFrame>,
    /// Output frames among which the poster is chosen, in order.
    pub candidates: Vec<u64>,
    /// What a poster must be worth.
    pub appeal_above: Option<u32>,
}

/// What of the pictures of a package is there.
#[derive(Debug, Default, Clone)]
pub struct PublishedImages {
    /// Numbers of the sheets.
    pub sheets: HashSet<u64>,
    /// Numbers of the pictures of the preview.
    pub previews: HashSet<u64>,
    /// What the poster is worth.
    pub appeal: Option<u32>,
}

impl Storyboard {
    /// Of a film of this length and shape.
    pub fn of(film_s: f64, (width, height): (u32, u32)) -> Self {
        let interval_s = (film_s / FEW_TILES).clamp(SHORTEST_S, USUAL_S).max(film_s / MOST_TILES as f64);
        let scale = f64::from(TILE_SIDE) / f64::from(width.max(height).max(1));
        let side = |pixels: u32| (((f64::from(pixels) * scale / 2.0).round() as u32) * 2).clamp(2, TILE_SIDE);
        let preview_ms = ((film_s * 1000.0) as u64 / PREVIEW_FRAMES).max(1);
        Self { interval_s: interval_s.ceil() as u64, tile: (side(width), side(height)), preview_ms }
    }

    /// The first frame that is shown at a second of the film or later.
    fn frame_at(rate: Rate, second: u64) -> u64 {
        (second * u64::from(rate.num)).div_ceil(u64::from(rate.den))
    }

    /// The pictures of the preview that lie among `frames`: each is the middle of what it stands for.
    pub fn previews(&self, rate: Rate, frames: &Range<u64>) -> Vec<PreviewFrame> {
        let all = if self.preview_ms > 0 { PREVIEW_FRAMES } else { 0 };
        let middle = |number| self.preview_ms * number + self.preview_ms / 2;
        let shown = |ms: u64| ms * u64::from(rate.num) / (u64::from(rate.den) * 1000);
        let list = (0..all).map(|number| PreviewFrame { number, frame: shown(middle(number)) });
        list.filter(|p| frames.contains(&p.frame)).collect()
    }

    /// Pixels of a picture of the preview.
    pub fn preview_size(&self) -> (u32, u32) {
        (self.tile.0 * PREVIEW_SCALE, self.tile.1 * PREVIEW_SCALE)
    }

    /// Sheets of the tiles that lie among `frames`.
    pub fn sheets(&self, rate: Rate, frames: &Range<u64>) -> Vec<Sheet> {
        let first = rate.seconds(frames.start) as u64 / self.interval_s.max(1);
        let mut tiles: Vec<(u64, u64)> = (first..)
            .map(|number| (number, Self::frame_at(rate, number * self.interval_s.max(1))))
            .take_while(|(_, frame)| *frame < frames.end)
            .filter(|(number, frame)| *frame >= frames.start && is_shown(*number))
            .collect();
        // A picture that stands for longer than an interval has one tile.
        tiles.dedup_by_key(|(_, frame)| *frame);
        let sheet = |tiles: &[(u64, u64)]| Sheet { number: tiles[0].0, frames: tiles.iter().map(|t| t.1).collect() };
        tiles.chunks(SHEET_TILES).map(sheet).collect()
    }

    /// Pixels of a sheet with so many tiles.
    pub fn sheet_size(&self, tiles: usize) -> (u32, u32) {
        let (columns, rows) = (tiles.min(COLUMNS) as u32, tiles.div_ceil(COLUMNS) as u32);
        (self.tile.0 * columns, self.tile.1 * rows)
    }
}

/// Whether a tile is made: a film that turns out longer than was expected has fewer of them in what comes later.
fn is_shown(number: u64) -> bool {
    number.is_multiple_of((number / MOST_TILES + 1).next_power_of_two())
}

fn candidates(rate: Rate, frames: &Range<u64>) -> Vec<u64> {
    let moments = (0..=POSTER_S / POSTER_STEP_S).map(|n| Storyboard::frame_at(rate, n * POSTER_STEP_S));
    moments.filter(|frame| frames.contains(frame)).collect()
}

impl VideoPlan {
    /// The pictures that a chunk has still to make; none where others make them, or there are all.
    pub fn images_of_chunk(&self, chunk: &ChunkPayload, published: &PublishedImages) -> Option<ImageWork> {
        if self.is_clip {
            return self.images_of_edge(chunk, published);
        }
        let makes_them = !chunk.fallback && chunk.tier != Tier::Upper;
        let frame = |segment: usize| self.boundaries.get(segment).copied().unwrap_or(self.frames);
        let frames = frame(chunk.first)..frame(chunk.end);
        let storyboard = self.storyboard.filter(|_| makes_them)?;
        // What is passed through is looked at by a step of its own.
        let candidates = if self.source_grows() { Vec::new() } else { candidates(self.rate, &frames) };
        let (sheets, previews) = (storyboard.sheets(self.rate, &frames), storyboard.previews(self.rate, &frames));
        missing(ImageWork { storyboard, sheets, previews, candidates, appeal_above: None }, published)
    }

    /// Of a clip, whose other pictures are made of key frames: a poster, as there may be no key frame in it.
    fn images_of_edge(&self, chunk: &ChunkPayload, published: &PublishedImages) -> Option<ImageWork> {
        // The pass that is watched first has the first of the pictures.
        let makes_them = if self.source_grows() { chunk.fallback } else { chunk.tier != Tier::Upper };
        let storyboard = self.storyboard.filter(|_| makes_them)?;
        let (first, end) = (*self.boundaries.get(chunk.first)?, *self.boundaries.get(chunk.end)?);
        let candidates = vec![first + (end - first) / 2];
        missing(
            ImageWork { storyboard, sheets: Vec::new(), previews: Vec::new(), candidates, appeal_above: None },
            published,
        )
    }

    /// The pictures that the step of key frames has still to make: the poster, and the storyboard and the preview if nothing is
    /// decoded.
    pub fn images_of_keys(&self, published: &PublishedImages) -> Option<ImageWork> {
        let storyboard = self.storyboard.filter(|_| self.source_grows() || self.is_clip)?;
        let begin = self.first_frame();
        let frames = 0..self.frames.saturating_sub(begin);
        let (mut sheets, mut previews) = (Vec::new(), Vec::new());
        if self.rungs.is_empty() || self.is_clip {
            (sheets, previews) = (storyboard.sheets(self.rate, &frames), storyboard.previews(self.rate, &frames));
        }
        // A clip's frames have the numbers of its film.
        sheets.iter_mut().flat_map(|s| &mut s.frames).for_each(|f| *f += begin);
        previews.iter_mut().for_each(|p| p.frame += begin);
        let candidates = candidates(self.rate, &frames).into_iter().map(|f| f + begin).collect();
        missing(ImageWork { storyboard, sheets, previews, candidates, appeal_above: None }, published)
    }
}

/// What of some work is not there yet.
fn missing(mut work: ImageWork, published: &PublishedImages) -> Option<ImageWork> {
    work.sheets.retain(|s| !published.sheets.contains(&s.number));
    work.previews.retain(|p| !published.previews.contains(&p.number));
    work.appeal_above = published.appeal;
    let any = !work.sheets.is_empty() || !work.previews.is_empty() || !work.candidates.is_empty();
    any.then_some(work)
}

impl ImageWork {
    /// The first frame that is a picture of a storyboard or a preview.
    pub fn first_frame(&self) -> Option<u64> {
        let sheet = self.sheets.first().and_then(|s| s.frames.first().copied());
        let preview = self.previews.first().map(|p| p.frame);
        sheet.into_iter().chain(preview).min()
    }
}

/// What a picture is worth as a poster, 0 to 1000, by its luma (full range) in rows of `width`: much to see, sharp, neither
/// dark nor pale, and rather early in the film.
pub fn appeal(luma: &[u8], width: usize, seconds: f64) -> u32 {
    let rows: Vec<&[u8]> = luma.chunks_exact(width.max(1)).collect();
    let count = (rows.len() * width).max(1) as f64;
    let mut shades = [0_u32; 32];
    let (mut sum, mut edges) = (0_u64, 0_u64);
    for (y, row) in rows.iter().enumerate() {
        for (x, value) in row.iter().enumerate() {
            shades[usize::from(value / 8)] += 1;
            sum += u64::from(*value);
            let right = row.get(x + 1).unwrap_or(value);
            let below = rows.get(y + 1).map_or(value, |r| &r[x]);
            edges += u64::from(value.abs_diff(*right)) + u64::from(value.abs_diff(*below));
        }
    }
    let share = shades.iter().filter(|n| **n > 0).map(|n| f64::from(*n) / count);
    let variety = share.map(|p| -p * p.log2()).sum::<f64>() / 5.0;
    let edge = edges as f64 / count;
    let exposure = 1.0 - (sum as f64 / count - 118.0).abs() / 140.0;
    let early = 1.0 - 0.3 * (seconds / POSTER_S as f64).clamp(0.0, 1.0);
    (1000.0 * variety * edge / (edge + 6.0) * exposure * early).clamp(0.0, 1000.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::planned;

    const FILM: Rate = Rate { num: 24_000, den: 1001 };

    #[test]
    fn tiles_are_spaced_by_the_length_of_the_film() {
        let of = |seconds: f64| Storyboard::of(seconds, (1920, 1080)).interval_s;
        assert_eq!((of(5.0), of(60.0), of(150.0), of(600.0), of(4000.0), of(7200.0)), (2, 5, 10, 10, 10, 18));
        let tile = |w, h| Storyboard::of(60.0, (w, h)).tile;
        assert_eq!((tile(1920, 1080), tile(1080, 1920), tile(720, 720)), ((160, 90), (90, 160), (160, 160)));
        assert_eq!((tile(1920, 16), tile(16, 16)), ((160, 2), (160, 160)));
    }

    #[test]
    fn a_tile_shows_the_first_picture_of_its_time_and_belongs_to_one_chunk() {
        let board = Storyboard { interval_s: 10, tile: (160, 90), preview_ms: 0 };
        let frames: Vec<u64> = board.sheets(FILM, &(0..1000)).into_iter().flat_map(|s| s.frames).collect();
        assert_eq!(frames, [0, 240, 480, 720, 960]);
        let cuts = [0, 144, 240, 241, 700, 1000];
        let cut = |w: &[u64]| board.sheets(FILM, &(w[0]..w[1]));
        let apart: Vec<u64> = cuts.windows(2).flat_map(cut).flat_map(|s| s.frames).collect();
        assert_eq!(apart, frames);
        assert_eq!(board.sheets(FILM, &(241..800)), [Sheet { number: 2, frames: vec![480, 720] }]);
        assert_eq!(board.sheet_size(3), (480, 90));
        let slow = board.sheets(Rate { num: 1, den: 25 }, &(0..4));
        assert_eq!(slow, [Sheet { number: 0, frames: vec![0, 1, 2, 3] }], "a picture of 25 s has one");
        assert_eq!(board.sheet_size(25), (800, 450));
    }

    #[test]
    fn the_number_of_tiles_is_bounded_though_a_film_goes_on() {
        let board = Storyboard { interval_s: 2, tile: (160, 90), preview_ms: 0 };
        let rate = Rate { num: 25, den: 1 };
        let tiles = |hours: u64| board.sheets(rate, &(0..hours * 90_000)).iter().map(|s| s.frames.len()).sum::<usize>();
        assert!(tiles(1) > 400 && tiles(24) < 2000, "{} {}", tiles(1), tiles(24));
    }

    #[test]
    fn a_preview_is_spread_over_the_film_and_each_picture_belongs_to_one_chunk() {
        let board = Storyboard::of(60.0, (1920, 1080));
        let frames = |range: Range<u64>| board.previews(Rate { num: 25, den: 1 }, &range);
        let all = frames(0..1500);
        let at: Vec<u64> = all.iter().map(|p| p.frame).collect();
        assert_eq!(at, [62, 187, 312, 437, 562, 687, 812, 937, 1062, 1187, 1312, 1437]);
        assert_eq!([frames(0..187), frames(187..188), frames(188..1500)].concat(), all);
        assert_eq!(board.preview_size(), (320, 180));
        assert_eq!(Storyboard::of(0.04, (16, 16)).previews(Rate { num: 25, den: 1 }, &(0..1)).len(), 12, "one picture");
        // Of a film that turns out longer than was expected it shows the beginning.
        assert_eq!(frames(0..9000).len(), 12);
    }

    #[test]
    fn who_makes_the_pictures() {
        let mut plan = planned(1280, 720);
        let video = plan.video.as_mut().unwrap();
        let whole = ChunkPayload { first: 0, end: video.segment_count(), fallback: false, tier: Tier::All, cost_ms: 0 };
        let none = PublishedImages::default();
        let work = video.images_of_chunk(&whole, &none).unwrap();
        assert_eq!((work.sheets.len(), work.sheets[0].frames.len(), work.candidates.len()), (1, 12, 30));
        assert_eq!(work.previews.len(), 12);
        for other in [ChunkPayload { fallback: true, ..whole }, ChunkPayload { tier: Tier::Upper, ..whole }] {
            assert_eq!(video.images_of_chunk(&other, &none), None);
        }
        assert_eq!(video.images_of_keys(&none), None);
        let published = PublishedImages { sheets: [0].into(), previews: (2..12).collect(), appeal: Some(300) };
        let rest = video.images_of_chunk(&whole, &published).unwrap();
        assert_eq!((rest.sheets.len(), rest.previews.len(), rest.appeal_above), (0, 2, Some(300)));
        assert_eq!(rest.first_frame(), Some(62));
        // Passed through: the poster is made of key frames, the storyboard where something is decoded.
        video.passthrough = video.rungs.first().cloned();
        video.fallback = Some(video.rungs.remove(0));
        let (chunk, keys) = (video.images_of_chunk(&whole, &none).unwrap(), video.images_of_keys(&none).unwrap());
        assert_eq!((chunk.sheets.len(), chunk.candidates.len()), (1, 0));
        assert_eq!((keys.sheets.len(), keys.previews.len(), keys.candidates.len()), (0, 0, 30));
        video.rungs.clear();
        let keys = video.images_of_keys(&none).unwrap();
        assert_eq!((keys.sheets.len(), keys.previews.len()), (1, 12));
    }

    #[test]
    fn posters_are_neither_black_nor_faded_nor_blurred_nor_a_title() {
        let picture = |f: &dyn Fn(usize, usize) -> f64| -> Vec<u8> {
            (0..160 * 90).map(|i| f(i % 160, i / 160).clamp(0.0, 255.0) as u8).collect()
        };
        let noise = |x: usize, y: usize| ((x * 7919 + y * 104_729) % 97) as f64;
        let sharp = |x: usize, y: usize| 60.0 + (x as f64 / 160.0) * 90.0 + noise(x / 3, y / 3) * 0.8;
        let worth = |f: &dyn Fn(usize, usize) -> f64| appeal(&picture(f), 160, 0.0);
        let good = worth(&sharp);
        let black = worth(&|_, _| 1.0);
        let faded = worth(&|x, y| sharp(x, y) * 0.2);
        let blurred = worth(&|x, _| 60.0 + (x as f64 / 160.0) * 90.0);
        let title = worth(&|x, y| if (40..50).contains(&y) && x % 7 < 4 && x > 40 && x < 120 { 240.0 } else { 2.0 });
        let pale = worth(&|x, y| 215.0 + sharp(x, y) * 0.15);
        assert!(
            black == 0 && [faded, blurred, title, pale].iter().all(|w| *w * 2 < good * 3 / 2),
            "{good} {black} {faded} {blurred} {title} {pale}"
        );
        assert!(appeal(&picture(&sharp), 160, 170.0) < good);
        assert_eq!(appeal(&[], 0, 0.0), 0);
    }
}
