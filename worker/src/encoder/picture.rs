//! From decoded pictures to output frames: which source picture is shown when, and the filters.

use super::{EncodeError, Named};
use crate::plan::{Picture, Rate, Rung, Shape, VideoPlan, filter_graph};
use ffmpeg_next::{filter, frame};

/// The output frame at which a source time stamp is shown: a pure function of the stamp, so every
/// chunk agrees on it wherever it began to decode.
pub fn slot(video: &VideoPlan, timestamp: i64) -> i64 {
    let (tb_num, tb_den) = (i128::from(video.time_base.0), i128::from(video.time_base.1));
    let Rate { num, den } = video.rate;
    let ticks = i128::from(timestamp - video.dated_late - video.first_pts);
    let (n, d) = (2 * ticks * tb_num * i128::from(num), 2 * tb_den * i128::from(den));
    // Rounds halves up, for negative values too.
    (n + d / 2).div_euclid(d) as i64
}

/// The source time stamp of an output frame, rounded down.
pub fn timestamp(video: &VideoPlan, number: u64) -> i64 {
    let (tb_num, tb_den) = (i128::from(video.time_base.0), i128::from(video.time_base.1));
    let n = i128::from(number) * i128::from(video.rate.den) * tb_den;
    video.first_pts + (n / (i128::from(video.rate.num) * tb_num)) as i64
}

/// Size, pixel format and shape of a pixel: what a graph is made for.
type Key = (u32, u32, ffmpeg_next::format::Pixel, Option<(u32, u32)>);

fn key(picture: &frame::Video) -> Key {
    let aspect = picture.aspect_ratio();
    let said = aspect.numerator() > 0 && aspect.denominator() > 0;
    let aspect = said.then_some((aspect.numerator().unsigned_abs(), aspect.denominator().unsigned_abs()));
    (picture.width(), picture.height(), picture.format(), aspect)
}

/// A filter graph for pictures of one shape and format.
pub struct Filters {
    graph: filter::Graph,
    key: Key,
    rungs: usize,
    fps: f64,
}

impl Filters {
    /// A graph for pictures like `first`.
    pub fn for_picture(
        first: &frame::Video,
        picture: &Picture,
        rungs: &[Rung],
        rate: Rate,
    ) -> Result<Self, EncodeError> {
        let key = key(first);
        let format = key.2.descriptor().map(|d| d.name()).unwrap_or("yuv420p");
        let arguments = format!(
            "video_size={}x{}:pix_fmt={format}:time_base={}/{}:frame_rate={}/{}:pixel_aspect=1/1",
            key.0, key.1, rate.den, rate.num, rate.num, rate.den
        );
        let missing = || EncodeError::Ffmpeg("filter", ffmpeg_next::Error::FilterNotFound);
        let mut graph = filter::Graph::new();
        graph.add(&filter::find("buffer").ok_or_else(missing)?, "in", &arguments).named("filter source")?;
        for i in 0..rungs.len() {
            graph.add(&filter::find("buffersink").ok_or_else(missing)?, &format!("o{i}"), "").named("filter sink")?;
        }
        let mut parser = graph.output("in", 0).named("filters")?;
        for i in 0..rungs.len() {
            parser = parser.input(&format!("o{i}"), 0).named("filters")?;
        }
        let shape = Shape { width: key.0, height: key.1, pixel_aspect: key.3, format };
        parser.parse(&filter_graph(picture, &shape, rungs)).named("filters")?;
        graph.validate().named("filters")?;
        Ok(Self { graph, key, rungs: rungs.len(), fps: rate.fps() })
    }

    /// Whether the graph is for pictures like this one: size and format may change in the middle.
    pub fn fits(&self, picture: &frame::Video) -> bool {
        self.key == key(picture)
    }

    /// Feeds a picture.
    pub fn push(&mut self, picture: &frame::Video) -> Result<(), EncodeError> {
        let mut source = self.graph.get("in").ok_or(ffmpeg_next::Error::Bug).named("filter source")?;
        source.source().add(picture).named("filter")
    }

    /// Says that no more pictures come.
    pub fn finish(&mut self) -> Result<(), EncodeError> {
        let mut source = self.graph.get("in").ok_or(ffmpeg_next::Error::Bug).named("filter source")?;
        source.source().flush().named("filter")
    }

    /// What is ready for rung `i`, stamped with its output frame number.
    pub fn pull(&mut self, i: usize) -> Option<frame::Video> {
        debug_assert!(i < self.rungs);
        let mut picture = frame::Video::empty();
        let mut sink = self.graph.get(&format!("o{i}"))?;
        sink.sink().frame(&mut picture).ok()?;
        // Deinterlacers halve the time base.
        let frames = f64::from(sink.sink().time_base()) * self.fps;
        let number = picture.pts().map(|t| (t as f64 * frames).round() as i64);
        picture.set_pts(number);
        Some(picture)
    }
}
