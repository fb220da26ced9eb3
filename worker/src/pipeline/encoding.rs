//! From a source to a plan, from a plan to segments, from segments to a package: the one way for a claimed task and
//! for `transcode`, over the sink that the package goes to.

use super::index_of;
use crate::{
    child::{
        AudioWork, Children, ChunkWork, CueRead, CuesRead, Entry, ImagesWork, Job, PassthroughWork, Probe, StillWork,
        SubtitlesWork, Work,
    },
    package::assemble,
    plan::{self, Allowance, Clock, EncodeSettings, ImageWork, Plan, SourceFacts, Step, SubtitlePlan},
    publish::{CheckedImage, Publisher, Sink, checked},
    source::{Source, SourceReader},
    task::{TaskError, rules_broken},
    verify::Report,
};
use sluice_hls::{Cue, cue_text};
use sluice_ingest::sniff::{Demuxer, MOST_LEADING_BYTES, SNIFF_BYTES, next_look, refusal, sniff};
use sluice_model::Reason;
use std::ops::Range;
use tokio::sync::mpsc;

/// Segments on their way from the child to the sink.
const OUTPUTS_UNDER_WAY: usize = 4;

/// Bytes of one look behind a tag or zeros.
const LOOK_BYTES: u64 = 1 << 20;
/// What may come behind a tag or zeros: kinds whose demuxers find the first frame by themselves.
const FOUND_LATER: [Demuxer; 7] =
    [Demuxer::Mp3, Demuxer::Aac, Demuxer::Loas, Demuxer::Ac3, Demuxer::Eac3, Demuxer::Flac, Demuxer::MpegTs];

/// What a source's first bytes say it is, and where those are a tag or zeros, the bytes behind them.
pub async fn identify(source: &Source) -> Result<Demuxer, TaskError> {
    let unsupported = |head: &[u8]| TaskError::fail(Reason::new("unsupported_format", refusal(head)));
    let head = source.read_at(0, SNIFF_BYTES as u64).await?;
    let first = sniff(&head).ok_or_else(|| unsupported(&head))?;
    let tagged = head.starts_with(b"ID3");
    let (mut at, mut next) = (0, next_look(&head));
    while let Some(step) = next {
        at += step;
        if at >= source.delivered_up_to() && at < source.size() {
            return Err(TaskError::NotArrived((at + SNIFF_BYTES as u64).min(source.size())));
        }
        let bytes = source.read_at(at, LOOK_BYTES).await?;
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        if zeros < bytes.len() {
            let rest = &bytes[zeros..];
            let found = sniff(&rest[..rest.len().min(SNIFF_BYTES)]).filter(|d| FOUND_LATER.contains(d));
            // A tag belongs to MP3 where nothing else follows.
            return found.or(tagged.then_some(first)).ok_or_else(|| unsupported(rest));
        }
        next = next_look(&bytes);
        if bytes.is_empty() || at > MOST_LEADING_BYTES {
            return if tagged { Ok(first) } else { Err(unsupported(&head)) };
        }
    }
    Ok(first)
}

/// What work on a source is done with.
#[derive(Debug, Clone, Copy)]
pub struct Encoder<'a> {
    pub children: &'a Children,
    pub settings: &'a EncodeSettings,
}

impl Encoder<'_> {
    /// Asks a child what a source is.
    pub async fn probe(
        &self,
        source: Source,
        demuxer: Demuxer,
        scope: Probe,
        index: Vec<Entry>,
    ) -> Result<SourceFacts, TaskError> {
        let (source_bytes, max_pixels) = (source.size(), self.settings.max_pixels);
        let job = Job { source_bytes, demuxer, max_pixels, index, clock: Clock::default(), work: Work::Probe(scope) };
        let limits = self.children.limits(&Allowance::of_probe(source_bytes));
        Ok(self.children.probe(job, SourceReader::new(source), limits).await?)
    }

    /// Plans a whole source for a fleet with so many cores.
    pub async fn plan(&self, source: Source, demuxer: Demuxer, fleet_cores: usize) -> Result<Plan, TaskError> {
        let scope = Probe::Whole { arrived_bytes: source.delivered_up_to() };
        let facts = self.probe(source, demuxer, scope, Vec::new()).await?;
        plan::plan(&facts, self.settings, fleet_cores).map_err(TaskError::fail)
    }

    /// Reads the text tracks of a plan that have a cue: what is shown when, on the programme's time.
    pub async fn subtitles(&self, source: Source, plan: &Plan) -> Result<Vec<(SubtitlePlan, Vec<Cue>)>, TaskError> {
        let job = Job {
            source_bytes: source.size(),
            demuxer: plan.demuxer,
            max_pixels: self.settings.max_pixels,
            index: index_of(plan),
            clock: plan.clock.clone(),
            work: Work::Subtitles(SubtitlesWork {
                tracks: plan.subtitles.iter().map(|t| (t.stream, t.part)).collect(),
                origin_s: plan.origin_s(),
                duration_s: plan.duration_s,
            }),
        };
        let limits = self.children.limits(&Allowance::of_probe(job.source_bytes));
        let read = self.children.cues(job, SourceReader::new(source), limits).await?;
        let track = |r: CuesRead| {
            let planned = plan.subtitles.iter().find(|t| (t.stream, t.part) == (r.stream, r.part))?;
            Some((planned.clone(), shown(r.cues)))
        };
        Ok(read.into_iter().filter_map(track).filter(|(_, cues)| !cues.is_empty()).collect())
    }

    /// Makes a poster of what is shown at a moment of a film, or at its end. None where that cannot be decoded.
    pub async fn still(&self, source: Source, plan: &Plan, at_ms: u64) -> Result<Option<CheckedImage>, TaskError> {
        let video = plan.video.clone().ok_or_else(|| TaskError::corrupt("a poster of a film without a picture"))?;
        let frame = video.rate.frame_shown_at(at_ms).min(video.frames.saturating_sub(1));
        let limits = self.children.limits(&Allowance::of_still(plan, &video, frame));
        let job = Job {
            source_bytes: source.size(),
            demuxer: plan.demuxer,
            max_pixels: self.settings.max_pixels,
            index: index_of(plan),
            clock: plan.clock.clone(),
            work: Work::Still(StillWork { video, frame }),
        };
        let made = self.children.still(job, SourceReader::new(source), limits).await?;
        made.map(|(made, data)| checked(plan, made, data)).transpose()
    }

    /// Makes what is missing of a step, and publishes it; from which segment to which that was.
    pub async fn run<S: Sink>(
        &self,
        source: Source,
        plan: &Plan,
        step: &Step,
        threads: usize,
        sink: &S,
    ) -> Result<Range<usize>, TaskError> {
        if !step.belongs_to(plan) {
            return Err(TaskError::corrupt("a step for picture or sound that the plan has not"));
        }
        let (names, segments) = (step.renditions(plan), step.segments(plan));
        let first = resume_at(sink, &names, segments.start, segments.end).await?;
        let images = images_of(sink, plan, step).await?;
        // Of a chunk its pictures are there before its last segment.
        let done = match step {
            Step::Images if plan.video.is_none() => sink.images().await?.appeal.is_some(),
            Step::Images => images.is_none(),
            _ => first >= segments.end,
        };
        if done {
            return Ok(segments.end..segments.end);
        }
        // All that an incremental plan names was delivered, and its demuxer takes what was for a whole file.
        let source = if plan.incremental.is_some() { source.so_far() } else { source };
        let job = Job {
            source_bytes: source.size(),
            demuxer: plan.demuxer,
            max_pixels: self.settings.max_pixels,
            index: index_of(plan),
            clock: plan.clock.clone(),
            work: work(plan, step, first..segments.end, threads, images)?,
        };
        let expected = (segments.end - first) * names.len();
        let pictures = step.pictures(plan, first..segments.end);
        let mut publisher = Publisher::new(sink, plan, expected as u64, pictures);
        let (tx, mut rx) = mpsc::channel(OUTPUTS_UNDER_WAY);
        let limits = self.children.limits(&Allowance::of_step(plan, step, threads));
        let child = self.children.run(job, SourceReader::new(source), limits, tx);
        // Its receiver is dropped with the first output that cannot be published, which ends the child.
        let publish = async move {
            while let Some(output) = rx.recv().await {
                publisher.publish(output).await?;
            }
            Ok::<(), TaskError>(())
        };
        let (ended, published) = tokio::join!(child, publish);
        published?;
        ended?;
        Ok(first..segments.end)
    }
}

/// What a child has read, as it is shown: nothing that it says is taken for markup but what every player shows.
fn shown(read: Vec<CueRead>) -> Vec<Cue> {
    let cue = |c: CueRead| {
        let text = cue_text(&c.text);
        let (start_ms, end_ms) = (c.start_ms, c.end_ms);
        (start_ms < end_ms && !text.is_empty()).then_some(Cue { start_ms, end_ms, settings: String::new(), text })
    };
    let mut cues: Vec<Cue> = read.into_iter().filter_map(cue).collect();
    cues.sort_by_key(|c| c.start_ms);
    cues
}

/// The first segment from `first` on that is missing in any of these renditions.
async fn resume_at<S: Sink>(sink: &S, names: &[String], first: usize, end: usize) -> Result<usize, TaskError> {
    let mut at = end;
    for name in names {
        let published = sink.published(name, end).await?;
        let missing = (first..end).find(|n| !published.contains(&(*n as u64))).unwrap_or(end);
        at = at.min(missing);
    }
    Ok(at)
}

/// The still pictures that a step has yet to make.
async fn images_of<S: Sink>(sink: &S, plan: &Plan, step: &Step) -> Result<Option<ImageWork>, TaskError> {
    Ok(match (step, &plan.video) {
        (Step::Chunk { payload, .. }, Some(video)) => video.images_of_chunk(payload, &sink.images().await?),
        (Step::Images, Some(video)) => video.images_of_keys(&sink.images().await?),
        _ => None,
    })
}

/// What a child is told to do for these segments of a step.
fn work(
    plan: &Plan,
    step: &Step,
    segments: Range<usize>,
    threads: usize,
    images: Option<ImageWork>,
) -> Result<Work, TaskError> {
    let Range { start: first, end } = segments;
    let video = || plan.video.clone().ok_or_else(|| TaskError::corrupt("a step for a picture without one"));
    Ok(match step {
        Step::Passthrough => Work::Passthrough(PassthroughWork { video: video()?, first }),
        Step::Images if plan.video.is_none() => Work::Cover,
        Step::Images => {
            let images = images.ok_or_else(|| TaskError::corrupt("a step for pictures without any"))?;
            Work::Images(ImagesWork { video: video()?, images })
        }
        Step::Chunk { payload, .. } => {
            let mut video = video()?;
            video.rungs = video.chunk_rungs(payload).to_vec();
            Work::Chunk(ChunkWork { video, first, end, threads, images })
        }
        Step::Audio(payload) => {
            let mut audio =
                plan.sound(payload.sound).cloned().ok_or_else(|| TaskError::corrupt("a step for sound without any"))?;
            audio.boundaries.truncate(end + 1);
            Work::Audio(AudioWork { audio, first })
        }
    })
}

/// Makes a package of all segments: bit rates are measured, the rules checked, the playlists stored.
pub async fn finalize<S: Sink>(sink: &S, target_s: u64) -> Result<Report, TaskError> {
    let assembled = assemble(target_s, sink.renditions().await?, &sink.supplements()).map_err(rules_broken)?;
    sink.accept(&assembled)?;
    // The multivariant playlist last: it makes the package one.
    for (path, text) in assembled.playlists.iter().rev() {
        sink.put_playlist(path, text).await?;
    }
    sink.finish(&assembled).await?;
    Ok(assembled.report)
}
