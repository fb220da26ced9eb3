//! Subtitles that are pictures, drawn into output frames.
//!
//! Invariant: what a frame shows does not depend on where reading began: what was sent before, and stands, is read before.

use super::{
    EncodeError, Named,
    ffi::{self, SubtitleImage, SubtitleImages},
    link::Link,
    open,
    packets::Packets,
    picture::timestamp,
};
use crate::{
    child::Job,
    plan::{
        BurnedSubtitles, Rate, VideoPlan,
        colour::{is_large, tags},
    },
};
use ffmpeg_next::{Packet, decoder, format::Pixel, frame, software::scaling};
use std::{collections::VecDeque, ops::Range, rc::Rc};

/// How far before a chunk subtitles are read that may still stand in it, seconds. Longer ones are no text to be read.
const LOOK_BACK_S: f64 = 15.0;
/// More frames than one rung can be behind another.
const BEHIND_FRAMES: u64 = 500;
/// Subtitles that are held at a time, and their pixels: they are shown soon after they are read.
const MOST_EVENTS: usize = 64;
const MOST_PIXELS: usize = 8 << 20;
/// By how much the shapes of canvas and picture differ that are the same but for rounding.
const SAME_SHAPE: f64 = 0.03;
/// Matrices of standard definition (ITU-T H.273): BT.470 BG and BT.601.
const STANDARD_MATRICES: [u8; 2] = [5, 6];
const UNSPECIFIED: u8 = 2;

/// The subtitles of a film as far as they have been read.
pub struct Burn {
    decoder: decoder::Subtitle,
    stream: usize,
    /// Of a unit of its time base.
    seconds: f64,
    /// Begin of the programme on the source's clock.
    origin_s: f64,
    rate: Rate,
    /// Of the picture, where a subtitle does not say what it lies on.
    coded_size: (u32, u32),
    standard_matrix: bool,
    /// By their begin.
    events: VecDeque<Event>,
    /// What was drawn last for each rung: subtitles stand for many frames.
    drawn: Vec<Option<Drawn>>,
}

/// What is shown from a frame on, until another.
#[derive(Debug, Clone)]
struct Event {
    first: u64,
    end: u64,
    shown: Rc<SubtitleImages>,
}

struct Drawn {
    of: Rc<SubtitleImages>,
    patches: Vec<Patch>,
}

/// A part in the size of a rung: luma and alpha of each pixel, colour of each four, all as much as is seen of them.
#[derive(Debug)]
struct Patch {
    /// Place, even numbers of pixels.
    x: usize,
    y: usize,
    luma: Plane,
    blue: Plane,
    red: Plane,
}

/// What is added to each sample, and how much of what was there is taken away, 0 to 255.
#[derive(Debug)]
struct Plane {
    width: usize,
    samples: Vec<(u8, u8)>,
}

impl Burn {
    /// The subtitles of a chunk that begins with output frame `start`; what stands there is read.
    pub fn open(
        link: &Link,
        job: &Job,
        video: &VideoPlan,
        burned: &BurnedSubtitles,
        start: u64,
    ) -> Result<Self, EncodeError> {
        let stream = burned.stream;
        let mut packets = Packets::open(link, job)?;
        let picture = &video.picture;
        let coded_size = picture.coded_size.unwrap_or((0, 0));
        let matrix = tags(&picture.colour, &picture.pixel_format, false).matrix;
        let small = !is_large(coded_size.0, coded_size.1);
        let mut burn = Self {
            decoder: open::image_subtitle_decoder(&packets.input, stream)?,
            stream,
            seconds: f64::from(open::stream_of(&packets.input, stream)?.time_base()),
            origin_s: video.start_s(),
            rate: video.rate,
            coded_size,
            standard_matrix: STANDARD_MATRICES.contains(&matrix) || (matrix == UNSPECIFIED && small),
            events: VecDeque::new(),
            drawn: Vec::new(),
        };
        if start > 0 {
            burn.catch_up(&mut packets, video, start);
        }
        Ok(burn)
    }

    /// Reads what was sent in the seconds before an output frame. A source that cannot be read there is read on the way.
    fn catch_up(&mut self, packets: &mut Packets, video: &VideoPlan, start: u64) {
        let (num, den) = video.time_base;
        let wanted = timestamp(video, start);
        let back = (LOOK_BACK_S * f64::from(den) / f64::from(num)) as i64;
        let entry = video.keys.iter().rev().find(|k| **k <= wanted.saturating_sub(back)).copied();
        packets.keep(&[video.stream, self.stream]);
        if packets.seek(video.stream, entry).is_err() {
            return;
        }
        while let Some(packet) = packets.next() {
            if packet.stream() == self.stream {
                self.take(&packet);
            } else if packet.stream() == video.stream && packet.dts().or(packet.pts()).is_some_and(|t| t >= wanted) {
                return;
            }
        }
    }

    /// Takes a packet. What was read before may come again, when a decoder goes back to where it can begin.
    pub fn take(&mut self, packet: &Packet) {
        let Some(time) = packet.pts().or(packet.dts()) else { return };
        // What does not decode is skipped as players skip it.
        let Ok(Some(shown)) = ffi::decode_subtitle_images(&mut self.decoder, packet) else { return };
        let sent_s = time as f64 * self.seconds - self.origin_s;
        let after = |ms: u32| f64::from(ms) / 1000.0;
        let lasts_s =
            shown.end_ms.map(after).or((packet.duration() > 0).then(|| packet.duration() as f64 * self.seconds));
        let first = self.rate.frame_at(sent_s + shown.start_ms.map_or(0.0, after));
        let end = lasts_s.map_or(u64::MAX, |s| self.rate.frame_at(sent_s + s));
        while self.events.back().is_some_and(|e| e.first >= first) {
            self.events.pop_back();
        }
        if let Some(last) = self.events.back_mut() {
            last.end = last.end.min(first);
        }
        if end > first && !shown.images.is_empty() {
            self.events.push_back(Event { first, end, shown: Rc::new(shown) });
        }
        let pixels = |e: &Event| e.shown.images.iter().map(|i| i.rgba.len() / 4).sum::<usize>();
        while self.events.len() > MOST_EVENTS
            || (self.events.len() > 1 && self.events.iter().map(pixels).sum::<usize>() > MOST_PIXELS)
        {
            self.events.pop_front();
        }
    }

    /// Divides output frames by what is drawn into them.
    pub fn spans(&mut self, frames: Range<u64>) -> Vec<(Range<u64>, Option<Rc<SubtitleImages>>)> {
        // Rungs are a few frames behind one another.
        while self.events.front().is_some_and(|e| e.end.saturating_add(BEHIND_FRAMES) <= frames.start) {
            self.events.pop_front();
        }
        let mut spans = Vec::new();
        let mut at = frames.start;
        while at < frames.end {
            let shown = self.events.iter().find(|e| e.first <= at && at < e.end).map(|e| e.shown.clone());
            let changes = self.events.iter().flat_map(|e| [e.first, e.end]).filter(|c| *c > at);
            let until = changes.min().unwrap_or(u64::MAX).min(frames.end);
            spans.push((at..until, shown));
            at = until;
        }
        spans
    }

    /// A copy of a picture of rung `i` with what is shown in it.
    pub fn draw(
        &mut self,
        i: usize,
        picture: &frame::Video,
        shown: &Rc<SubtitleImages>,
    ) -> Result<frame::Video, EncodeError> {
        if self.drawn.len() <= i {
            self.drawn.resize_with(i + 1, || None);
        }
        if self.drawn[i].as_ref().is_none_or(|d| !Rc::ptr_eq(&d.of, shown)) {
            let size = (picture.width(), picture.height());
            let canvas = if shown.canvas.0 > 0 && shown.canvas.1 > 0 { shown.canvas } else { self.coded_size };
            let placed = shown.images.iter().filter_map(|image| Place::of(image, canvas, size).map(|p| (image, p)));
            let patches = placed.map(|(image, place)| Patch::of(image, &place, size, self.standard_matrix));
            let patches = patches.collect::<Result<Vec<_>, _>>()?;
            self.drawn[i] = Some(Drawn { of: shown.clone(), patches });
        }
        // The decoder and other rungs refer to the picture itself.
        let mut copy = picture.clone();
        for patch in self.drawn[i].iter().flat_map(|d| &d.patches) {
            for (plane, of, shift) in [(0, &patch.luma, 0), (1, &patch.blue, 1), (2, &patch.red, 1)] {
                let stride = copy.stride(plane);
                let (x, y) = (patch.x >> shift, patch.y >> shift);
                of.blend(copy.data_mut(plane), stride, (x, y));
            }
        }
        Ok(copy)
    }
}

/// Where a part lies in a picture, and how large it is there, pixels.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    x: i64,
    y: i64,
    width: u32,
    height: u32,
}

impl Place {
    /// A canvas covers the picture. One of another shape was made for the film before its black bars were cut off: it is as
    /// wide as the picture, and what would lie on the bars is moved into the picture.
    fn of(image: &SubtitleImage, canvas: (u32, u32), size: (u32, u32)) -> Option<Self> {
        let (canvas_width, canvas_height) = (f64::from(canvas.0), f64::from(canvas.1));
        let (width, height) = (f64::from(size.0), f64::from(size.1));
        if canvas_width < 1.0 || canvas_height < 1.0 {
            return None;
        }
        let across = width / canvas_width;
        let is_high = canvas_height / canvas_width > height / width * (1.0 + SAME_SHAPE);
        // Standard definition has pixels that are not square, on the canvas as in the picture.
        let cut = is_high && canvas.0 >= 1280;
        let down = if cut { across } else { height / canvas_height };
        let above = if cut { (height - canvas_height * down) / 2.0 } else { 0.0 };
        let (shown_width, shown_height) = (f64::from(image.width) * across, f64::from(image.height) * down);
        let (x, y) = (f64::from(image.x) * across, f64::from(image.y) * down + above);
        let lowest = (height - shown_height).max(0.0);
        let place = Self {
            x: x.round() as i64,
            y: if cut { y.clamp(0.0, lowest) } else { y }.round() as i64,
            width: shown_width.round() as u32,
            height: shown_height.round() as u32,
        };
        let inside = place.x < i64::from(size.0) && place.y < i64::from(size.1);
        let likely = |there: u32, most: u32| (2..=most.saturating_mul(2)).contains(&there);
        (inside && likely(place.width, size.0) && likely(place.height, size.1)).then_some(place)
    }
}

impl Patch {
    fn of(image: &SubtitleImage, place: &Place, size: (u32, u32), standard: bool) -> Result<Self, EncodeError> {
        let scaled = scaled(image, place.width, place.height)?;
        // Cut where it leaves the picture, and grown to where colours begin and end.
        let begin = |at: i64| at.max(0) as usize & !1;
        let end =
            |at: i64, most: u32| (at.clamp(0, i64::from(most)) as usize).next_multiple_of(2).min(most as usize & !1);
        let (x, y) = (begin(place.x), begin(place.y));
        let width = end(place.x + i64::from(place.width), size.0).saturating_sub(x);
        let height = end(place.y + i64::from(place.height), size.1).saturating_sub(y);
        let stride = scaled.stride(0);
        let data = scaled.data(0);
        let pixel = |column: usize, row: usize| {
            let (sx, sy) = ((x + column) as i64 - place.x, (y + row) as i64 - place.y);
            let inside = sx >= 0 && sy >= 0 && sx < i64::from(place.width) && sy < i64::from(place.height);
            let at = sy.max(0) as usize * stride + 4 * sx.max(0) as usize;
            if inside { [data[at], data[at + 1], data[at + 2], data[at + 3]] } else { [0; 4] }
        };
        let colours = Colours::of(standard);
        let luma = (0..height).flat_map(|row| (0..width).map(move |column| (column, row)));
        let luma = luma.map(|(column, row)| colours.luma(pixel(column, row))).collect();
        let quarters = (0..height / 2).flat_map(|row| (0..width / 2).map(move |column| (2 * column, 2 * row)));
        let mean = |(column, row): (usize, usize)| {
            let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(c, r)| pixel(column + c, row + r));
            std::array::from_fn(|i| (four.iter().map(|p| u16::from(p[i])).sum::<u16>() / 4) as u8)
        };
        let (blue, red) = quarters.map(|at| colours.chroma(mean(at))).unzip();
        Ok(Self {
            x,
            y,
            luma: Plane { width, samples: luma },
            blue: Plane { width: width / 2, samples: blue },
            red: Plane { width: width / 2, samples: red },
        })
    }
}

impl Plane {
    fn blend(&self, data: &mut [u8], stride: usize, (x, y): (usize, usize)) {
        if self.width == 0 {
            return;
        }
        for (row, samples) in self.samples.chunks(self.width).enumerate() {
            let there = &mut data[(y + row) * stride + x..][..self.width];
            for (sample, (added, alpha)) in there.iter_mut().zip(samples) {
                let left = u16::from(*sample) * (255 - u16::from(*alpha));
                *sample = ((left + 127) / 255 + u16::from(*added)).min(255) as u8;
            }
        }
    }
}

/// In another size. Colours are scaled as much as is seen of them, so that none bleeds out of what is not seen.
fn scaled(image: &SubtitleImage, width: u32, height: u32) -> Result<frame::Video, EncodeError> {
    let mut from = frame::Video::new(Pixel::RGBA, image.width, image.height);
    let stride = from.stride(0);
    let rows = image.rgba.chunks(4 * image.width as usize);
    for (out, row) in from.data_mut(0).chunks_mut(stride).zip(rows) {
        for (to, pixel) in out.chunks_mut(4).zip(row.chunks(4)) {
            let alpha = u16::from(pixel[3]);
            for (sample, colour) in to.iter_mut().zip(&pixel[..3]) {
                *sample = ((u16::from(*colour) * alpha + 127) / 255) as u8;
            }
            to[3] = pixel[3];
        }
    }
    let mut to = frame::Video::new(Pixel::RGBA, width, height);
    let flags = scaling::Flags::BILINEAR;
    let scaler = scaling::Context::get(Pixel::RGBA, image.width, image.height, Pixel::RGBA, width, height, flags);
    scaler.and_then(|mut s| s.run(&from, &mut to)).named("scale")?;
    Ok(to)
}

/// From colours of which as much is given as is seen to what is added to a picture (ITU-R BT.601 and BT.709, studio swing).
struct Colours {
    red: f32,
    blue: f32,
}

impl Colours {
    const fn of(standard: bool) -> Self {
        if standard { Self { red: 0.299, blue: 0.114 } } else { Self { red: 0.2126, blue: 0.0722 } }
    }

    fn luma_of(&self, [red, green, blue, _]: [u8; 4]) -> f32 {
        let green_share = 1.0 - self.red - self.blue;
        self.red * f32::from(red) + green_share * f32::from(green) + self.blue * f32::from(blue)
    }

    fn luma(&self, pixel: [u8; 4]) -> (u8, u8) {
        let alpha = f32::from(pixel[3]) / 255.0;
        ((16.0 * alpha + self.luma_of(pixel) * 219.0 / 255.0).round() as u8, pixel[3])
    }

    fn chroma(&self, pixel: [u8; 4]) -> ((u8, u8), (u8, u8)) {
        let (alpha, luma) = (f32::from(pixel[3]) / 255.0, self.luma_of(pixel));
        let difference = |colour: u8, share: f32| {
            let part = (f32::from(colour) - luma) / (2.0 * (1.0 - share)) * 224.0 / 255.0;
            ((128.0 * alpha + part).round().clamp(0.0, 255.0) as u8, pixel[3])
        };
        (difference(pixel[2], self.blue), difference(pixel[0], self.red))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(x: i32, y: i32, width: u32, height: u32) -> SubtitleImage {
        SubtitleImage { x, y, width, height, rgba: [255, 255, 255, 255].repeat((width * height) as usize) }
    }

    #[test]
    fn a_canvas_covers_the_picture_or_what_it_was_cut_from() {
        let place = |x, y, width, height| Some(Place { x, y, width, height });
        let low = part(600, 960, 720, 60);
        assert_eq!(Place::of(&low, (1920, 1080), (1920, 1080)), place(600, 960, 720, 60));
        assert_eq!(Place::of(&low, (1920, 1080), (640, 360)), place(200, 320, 240, 20));
        // Of 2.40:1 the last line of the picture is at 940 of the canvas.
        assert_eq!(Place::of(&low, (1920, 1080), (1920, 800)), place(600, 740, 720, 60));
        assert_eq!(Place::of(&part(0, 500, 720, 40), (720, 576), (1024, 576)), place(0, 500, 1024, 40));
        assert_eq!(Place::of(&low, (0, 0), (640, 360)), None);
        assert_eq!(Place::of(&part(1920, 0, 10, 10), (1920, 1080), (1920, 1080)), None);
        // A canvas that is a lie.
        assert_eq!(Place::of(&part(0, 0, 4000, 2000), (2, 2), (640, 360)), None);
    }

    #[test]
    fn colours_are_those_of_the_matrix() {
        let (hd, sd) = (Colours::of(false), Colours::of(true));
        assert_eq!((hd.luma([255; 4]), hd.luma([0, 0, 0, 255])), ((235, 255), (16, 255)));
        assert_eq!(hd.chroma([255; 4]), ((128, 255), (128, 255)));
        assert_eq!((hd.luma([255, 0, 0, 255]).0, sd.luma([255, 0, 0, 255]).0), (63, 81));
        assert_eq!((hd.chroma([255, 0, 0, 255]).1, sd.chroma([0, 0, 255, 255]).0), ((240, 255), (240, 255)));
        // Half of white, as much as is seen of it.
        assert_eq!(hd.luma([128, 128, 128, 128]), (118, 128));
    }

    #[test]
    fn what_is_half_seen_leaves_half_of_what_was_there() {
        let plane = Plane { width: 2, samples: vec![(0, 0), (118, 128), (235, 255), (0, 0)] };
        let mut data = [100; 12];
        plane.blend(&mut data, 4, (1, 1));
        assert_eq!(data, [100, 100, 100, 100, 100, 100, 168, 100, 100, 235, 100, 100]);
    }
}
