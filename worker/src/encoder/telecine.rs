//! Looks at some moments of a film for fields that are repeated as 3:2 pulldown does it.

use super::{EncodeError, Named, link::Link, pictures::Pictures};
use crate::{
    child::Job,
    plan::{
        VideoFacts,
        telecine::{Repeated, is_certain, is_possible},
    },
};
use ffmpeg_next::{filter, frame};

/// Frames of a run, and of the first look, after which most films are known to be no film.
const RUN: usize = 60;
const FIRST_LOOK: usize = 15;

/// Whether the picture is telecined for certain.
pub fn is_telecined(link: &Link, job: &Job, video: &VideoFacts) -> Result<bool, EncodeError> {
    if !is_possible(video) {
        return Ok(false);
    }
    let mut pictures = Pictures::new(link, job, video.stream, 1)?;
    let mut runs = Vec::new();
    let moments = if video.keys.len() < 8 { &[0][..] } else { &[0, 2, 3][..] };
    for quarter in moments {
        let key = video.keys.get(video.keys.len() * quarter / 4).map(|k| k.seek).filter(|_| *quarter > 0);
        pictures.seek(key)?;
        let run = run(&mut pictures)?;
        // A black beginning says nothing.
        let still = run.iter().all(|r| *r == Repeated::Neither);
        if !still || *quarter > 0 {
            runs.push(run);
        }
    }
    Ok(is_certain(&runs))
}

/// What repeats in consecutive frames.
fn run(pictures: &mut Pictures) -> Result<Vec<Repeated>, EncodeError> {
    let mut found = Vec::new();
    let mut graph: Option<filter::Graph> = None;
    for number in 0..RUN {
        let Some(mut picture) = pictures.next() else { break };
        picture.set_pts(Some(number as i64));
        if graph.is_none() {
            graph = Some(detector(&picture)?);
        }
        let Some(graph) = &mut graph else { break };
        let mut source = graph.get("in").ok_or(ffmpeg_next::Error::Bug).named("filter source")?;
        if source.source().add(&picture).is_err() {
            break;
        }
        let mut out = frame::Video::empty();
        let mut sink = graph.get("out").ok_or(ffmpeg_next::Error::Bug).named("filter sink")?;
        while sink.sink().frame(&mut out).is_ok() {
            found.push(match out.metadata().get("lavfi.idet.repeated.current_frame") {
                Some("top") => Repeated::Top,
                Some("bottom") => Repeated::Bottom,
                _ => Repeated::Neither,
            });
        }
        if found.len() == FIRST_LOOK && found.iter().filter(|r| **r != Repeated::Neither).count() < 3 {
            break;
        }
    }
    Ok(found)
}

fn detector(picture: &frame::Video) -> Result<filter::Graph, EncodeError> {
    let missing = || EncodeError::Ffmpeg("filter", ffmpeg_next::Error::FilterNotFound);
    let format = picture.format().descriptor().map(|d| d.name()).unwrap_or("yuv420p");
    let (width, height) = (picture.width(), picture.height());
    let arguments = format!("video_size={width}x{height}:pix_fmt={format}:time_base=1/30:pixel_aspect=1/1");
    let mut graph = filter::Graph::new();
    graph.add(&filter::find("buffer").ok_or_else(missing)?, "in", &arguments).named("filter source")?;
    graph.add(&filter::find("buffersink").ok_or_else(missing)?, "out", "").named("filter sink")?;
    let parser = graph.output("in", 0).and_then(|p| p.input("out", 0)).named("filters")?;
    parser.parse("[in]format=yuv420p,idet[out]").named("filters")?;
    graph.validate().named("filters")?;
    Ok(graph)
}
