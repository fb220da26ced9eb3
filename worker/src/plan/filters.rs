//! The filter graph of a chunk as text: one decode, pictures brought upright, into the canvas and into the colours of
//! the rungs, then cascaded scaling.

use super::{
    Picture, Rung,
    canvas::{inside, square},
    colour::{Treatment, has_alpha, is_gray, is_rgb, treatment},
    tone,
};
use std::fmt::Write;

/// What a decoded picture is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape<'a> {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Shape of one pixel, if the picture says it.
    pub pixel_aspect: Option<(u32, u32)>,
    /// FFmpeg's name of the pixel format.
    pub format: &'a str,
}

/// A graph from `[in]` to `[o0]`, `[o1]`, ... for `rungs`, highest first, for pictures of one shape. Each rung is scaled from
/// the one above it, which costs less than scaling all from the source and looks the same.
pub fn filter_graph(picture: &Picture, shape: &Shape<'_>, rungs: &[Rung]) -> String {
    let mut graph = String::new();
    let mut from = "in".to_owned();
    for (i, rung) in rungs.iter().enumerate() {
        let mut chain = if i == 0 {
            to_first(picture, shape, rung)
        } else {
            vec![format!("scale={}:{}:flags=bicubic", rung.width, rung.height)]
        };
        chain.push("setsar=1".to_owned());
        chain.push("format=yuv420p".to_owned());
        let last = i + 1 == rungs.len();
        let tail = if last { format!("[o{i}]") } else { format!(",split=2[o{i}][s{i}];") };
        // Writing into a String cannot fail.
        let _ = write!(graph, "[{from}]{}{tail}", chain.join(","));
        from = format!("s{i}");
    }
    graph
}

/// From decoded pictures to the highest rung.
fn to_first(picture: &Picture, shape: &Shape<'_>, rung: &Rung) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    if picture.telecined {
        // What the matching leaves combed is television in between; of five frames the one that repeats another goes.
        steps.push(
            "fieldmatch=order=auto:combmatch=full,bwdif=mode=send_frame:deint=interlaced,decimate=cycle=5".to_owned(),
        );
    } else if picture.interlaced {
        steps.push("bwdif=mode=send_frame:deint=all".to_owned());
    }
    if has_alpha(shape.format) {
        steps.extend(on_black(shape.format));
    }
    steps.extend(turning(picture).map(str::to_owned));
    let fitted = fitted(picture, shape, rung);
    let (width, height) = fitted.unwrap_or((rung.width, rung.height));
    // Filters that know colours want even sizes, so sizes come first.
    steps.push(format!("scale={width}:{height}:flags=bicubic{}", range(picture, shape)));
    match treatment(&picture.colour, shape.format) {
        Treatment::Kept => {}
        Treatment::FromRgb => steps.push(from_rgb(shape.format).to_owned()),
        Treatment::Remade(filter) => steps.push(filter),
        Treatment::Mapped => steps.push(tone::to_sdr(&picture.colour, is_rgb(shape.format))),
    }
    if fitted.is_some() {
        let (width, height) = (rung.width, rung.height);
        steps.push(format!("format=yuv420p,pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:color=black"));
    }
    steps
}

/// What brings pictures upright: left and right are exchanged first, then they are turned clockwise.
fn turning(picture: &Picture) -> impl Iterator<Item = &'static str> {
    let filters: &[&str] = match (picture.mirrored, picture.quarter_turns % 4) {
        (false, 0) => &[],
        (false, 1) => &["transpose=clock"],
        (false, 2) => &["hflip", "vflip"],
        (false, _) => &["transpose=cclock"],
        (true, 0) => &["hflip"],
        (true, 1) => &["transpose=clock_flip"],
        (true, 2) => &["vflip"],
        (true, _) => &["transpose=cclock_flip"],
    };
    filters.iter().copied()
}

/// The size of a picture within the rung, where it has not the shape of the canvas.
fn fitted(picture: &Picture, shape: &Shape<'_>, rung: &Rung) -> Option<(u32, u32)> {
    // Plans from before pictures were fitted do not say what shape their pixels have.
    let coded = picture.coded_size?;
    let first = coded == (shape.width, shape.height);
    let by_container = picture.container_aspect.filter(|_| first);
    let by_plan = if first { picture.pixel_aspect } else { (1, 1) };
    let shown = square(shape.width, shape.height, by_container.or(shape.pixel_aspect).unwrap_or(by_plan));
    let shown = if picture.quarter_turns % 2 == 1 { (shown.1, shown.0) } else { shown };
    inside(shown, rung.width, rung.height)
}

/// Options of the scaler that make luma span 16 to 235.
fn range(picture: &Picture, shape: &Shape<'_>) -> &'static str {
    let full = picture.colour.full_range || shape.format.starts_with("yuvj");
    match (full, is_rgb(shape.format)) {
        (_, true) => "",
        (true, _) => ":in_range=pc:out_range=tv",
        // The scaler takes luma alone for full range where it is not told.
        (false, _) if is_gray(shape.format) => ":in_range=tv:out_range=tv",
        _ => "",
    }
}

/// What is transparent becomes black: the colours below it are whatever an editor left there.
fn on_black(format: &str) -> [String; 2] {
    let planes = if format.starts_with("yuva") { "yuva444p" } else { "gbrap" };
    [format!("format={planes}"), "premultiply=inplace=1".to_owned()]
}

fn from_rgb(format: &str) -> &'static str {
    let deep = ["10", "12", "14", "16", "48", "64", "f32"].iter().any(|bits| format.contains(bits));
    if deep {
        "format=gbrp12le,zscale=min=gbr:rin=full:m=bt709:r=limited"
    } else {
        "format=gbrp,zscale=min=gbr:rin=full:m=bt709:r=limited"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Colour, EncodeSettings, Rate, VideoFacts, ladder};

    const SHAPE: Shape<'static> = Shape { width: 480, height: 270, pixel_aspect: None, format: "yuv420p" };

    fn picture(colour: Colour) -> Picture {
        Picture {
            quarter_turns: 0,
            mirrored: false,
            interlaced: false,
            telecined: false,
            hdr: colour.is_hdr(),
            colour,
            coded_pixels: 0,
            coded_size: Some((480, 270)),
            pixel_aspect: (1, 1),
            container_aspect: None,
            pixel_format: "yuv420p".into(),
        }
    }

    fn graph_of(shape: &Shape<'_>, change: impl Fn(&mut Picture)) -> String {
        let unknown = || "unknown".to_owned();
        let colour = Colour { primaries: unknown(), transfer: unknown(), matrix: unknown(), full_range: false };
        let mut picture = picture(colour);
        change(&mut picture);
        let settings = EncodeSettings::default();
        let video = VideoFacts { quarter_turns: picture.quarter_turns, ..ladder::tests::source(480, 270) };
        let rungs = ladder::ladder(&video, Rate { num: 25, den: 1 }, &settings);
        filter_graph(&picture, shape, &rungs)
    }

    fn graph(change: impl Fn(&mut Picture)) -> String {
        graph_of(&SHAPE, change)
    }

    #[test]
    fn each_rung_is_scaled_from_the_one_above() {
        assert_eq!(
            graph(|_| ()),
            "[in]scale=480:270:flags=bicubic,setsar=1,format=yuv420p,split=2[o0][s0];\
             [s0]scale=256:144:flags=bicubic,setsar=1,format=yuv420p[o1]"
        );
    }

    #[test]
    fn turning_and_weaving_come_before_scaling() {
        let text = graph(|p| {
            p.quarter_turns = 1;
            p.interlaced = true;
            p.colour.full_range = true;
        });
        let expected =
            "[in]bwdif=mode=send_frame:deint=all,transpose=clock,scale=270:480:flags=bicubic:in_range=pc:out_range=tv,";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn eight_ways_to_hold_a_camera() {
        for (mirrored, turns, expected) in [
            (false, 0, "[in]scale"),
            (false, 1, "[in]transpose=clock,scale"),
            (false, 2, "[in]hflip,vflip,scale"),
            (false, 3, "[in]transpose=cclock,scale"),
            (true, 0, "[in]hflip,scale"),
            (true, 1, "[in]transpose=clock_flip,scale"),
            (true, 2, "[in]vflip,scale"),
            (true, 3, "[in]transpose=cclock_flip,scale"),
        ] {
            let text = graph(|p| (p.mirrored, p.quarter_turns) = (mirrored, turns));
            assert!(text.starts_with(expected), "{mirrored} {turns}: {text}");
        }
    }

    #[test]
    fn pictures_of_another_shape_get_bars() {
        let tall = Shape { width: 270, height: 480, ..SHAPE };
        let text = graph_of(&tall, |_| ());
        assert!(text.starts_with("[in]scale=152:270:flags=bicubic,format=yuv420p,pad=480:270:"), "{text}");
        let small = Shape { width: 160, height: 90, ..SHAPE };
        assert!(graph_of(&small, |_| ()).starts_with("[in]scale=480:270:flags=bicubic,setsar=1,"));
        // The container's word counts for the pictures it was said of, the pictures' own for others.
        let narrow = Shape { pixel_aspect: Some((3, 4)), ..SHAPE };
        assert!(graph_of(&narrow, |_| ()).starts_with("[in]scale=360:270:"));
        assert!(
            graph_of(&narrow, |p| p.container_aspect = Some((1, 1))).starts_with("[in]scale=480:270:flags=bicubic,set")
        );
        // A plan from before.
        assert!(graph_of(&tall, |p| p.coded_size = None).starts_with("[in]scale=480:270:flags=bicubic,set"));
    }

    #[test]
    fn colours_are_converted_at_the_size_of_the_rung() {
        let rgb = Shape { format: "bgra", ..SHAPE };
        let expected = "[in]format=gbrap,premultiply=inplace=1,scale=480:270:flags=bicubic,format=gbrp,zscale=min=gbr:rin=full:m=bt709:r=limited,setsar=1";
        assert!(graph_of(&rgb, |_| ()).starts_with(expected));
        let text = graph(|p| p.colour.matrix = "ycgco".into());
        assert!(
            text.starts_with("[in]scale=480:270:flags=bicubic,zscale=min=ycgco:m=bt709:rin=limited:r=limited,"),
            "{text}"
        );
        let gray = Shape { format: "gray10le", ..SHAPE };
        assert!(graph_of(&gray, |_| ()).contains(":in_range=tv:out_range=tv"));
    }
}
