//! The sink of `sluice-worker transcode`: files in a folder, and a progress bar.

use super::{Checked, CheckedImage, Sink};
use crate::{
    cmaf::{InitInfo, read_init},
    package::{Assembled, FinishedRendition, FinishedSegment, media_playlist_name},
    plan::{Plan, PublishedImages, SubtitlePlan},
    task::TaskError,
};
use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use sluice_db::NewRendition;
use sluice_hls::{
    self as hls, Cue, MediaPlaylist, PlaylistType, Segment, SubtitleTrack, Supplements, chapters_json, webvtt,
    webvtt_segment,
};
use sluice_model::{ImageKind, RenditionRole};
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Where chapters are, relative to the multivariant playlist.
const CHAPTERS: &str = "chapters/chapters.json";
/// File name of every init segment.
const INIT_NAME: &str = "init.mp4";

/// File names of the still pictures.
const POSTER: &str = "poster.jpg";
const STORYBOARD: &str = "storyboard.vtt";
const PREVIEW: &str = "preview.webp";
const WAVEFORM: &str = "waveform.json";

/// Writes a package into a folder, which is made with the first file.
#[derive(Debug)]
pub struct FolderSink {
    folder: PathBuf,
    plan: Arc<Plan>,
    made: Mutex<Made>,
    bar: ProgressBar,
}

/// Everything made so far, by rendition.
#[derive(Debug, Default)]
struct Made {
    /// With the SHA-256 of its bytes.
    inits: BTreeMap<String, (InitInfo, Vec<u8>)>,
    segments: BTreeMap<String, BTreeMap<u64, FinishedSegment>>,
    subtitles: Vec<SubtitleTrack>,
    /// What the poster is worth.
    appeal: Option<u32>,
    sheets: BTreeMap<u64, hls::Sheet>,
    /// Pictures of the preview, and the pixels of each.
    previews: BTreeMap<u64, Bytes>,
    preview_size: (u32, u32),
    /// Length of the segments of sound, and their peaks.
    peaks: BTreeMap<u64, (u64, Vec<u8>)>,
}

impl Sink for FolderSink {
    async fn published(&self, rendition: &str, end: usize) -> Result<HashSet<u64>, TaskError> {
        let made = self.made();
        let numbers = made.segments.get(rendition).into_iter().flat_map(|s| s.keys().copied());
        Ok(numbers.filter(|n| *n < end as u64).collect())
    }

    async fn put_init(&self, rendition: &str, _: &str, data: Bytes, _: f64) -> Result<Vec<u8>, TaskError> {
        let mut made = self.made();
        if let Some((_, published)) = made.inits.get(rendition) {
            return Ok(published.clone());
        }
        let digest = Sha256::digest(&data).to_vec();
        let info = read_init(&data).map_err(TaskError::corrupt)?;
        self.write(&format!("{rendition}/{INIT_NAME}"), &data)?;
        made.inits.insert(rendition.to_owned(), (info, digest.clone()));
        Ok(digest)
    }

    async fn worked(&self, _: f64) -> Result<(), TaskError> {
        Ok(())
    }

    async fn put_segment(&self, segment: Checked<'_>) -> Result<(), TaskError> {
        let Checked { rendition, sequence, data, info, peaks, loudness, .. } = segment;
        let name = format!("{sequence:06}.m4s");
        self.write(&format!("{rendition}/{name}"), &data)?;
        let finished = FinishedSegment {
            name,
            bytes: data.len() as u64,
            start: info.decode_time,
            duration: info.duration,
            fragments: info.fragments.clone(),
            key: None,
            loudness,
        };
        if !peaks.is_empty() {
            self.made().peaks.insert(sequence, (info.duration, peaks));
        }
        self.made().segments.entry(rendition.to_owned()).or_default().insert(sequence, finished);
        self.bar.inc(1);
        Ok(())
    }

    async fn images(&self) -> Result<PublishedImages, TaskError> {
        let made = self.made();
        let (sheets, previews) = (made.sheets.keys().copied().collect(), made.previews.keys().copied().collect());
        Ok(PublishedImages { sheets, previews, appeal: made.appeal })
    }

    async fn put_image(&self, _: &Plan, image: CheckedImage, _: f64) -> Result<(), TaskError> {
        let mut made = self.made();
        match image.kind {
            ImageKind::Poster if made.appeal.is_some_and(|before| image.appeal <= before) => Ok(()),
            ImageKind::Poster => {
                made.appeal = Some(image.appeal);
                self.write(POSTER, &image.data)
            }
            ImageKind::Sheet => {
                let uri = format!("storyboard/{:06}.jpg", image.number);
                self.write(&uri, &image.data)?;
                made.sheets.insert(image.number, hls::Sheet { uri, size: image.size, times_ms: image.times_ms });
                Ok(())
            }
            ImageKind::Preview => {
                made.preview_size = image.size;
                made.previews.insert(image.number, image.data);
                Ok(())
            }
        }
    }

    async fn renditions(&self) -> Result<Vec<FinishedRendition>, TaskError> {
        let made = self.made();
        let mut planned = self.plan.renditions();
        planned.extend(self.plan.fallback_rendition());
        let there = planned.into_iter().filter_map(|r| Some((made.segments.get(&r.name)?, r)));
        there.map(|(segments, r)| finished(&made, r, segments)).collect()
    }

    fn supplements(&self) -> Supplements {
        let chapters_uri = (!self.plan.chapters.is_empty()).then(|| CHAPTERS.to_owned());
        Supplements { subtitles: self.made().subtitles.clone(), chapters_uri }
    }

    /// Whoever asked for it reads the report.
    fn accept(&self, _: &Assembled) -> Result<(), TaskError> {
        Ok(())
    }

    async fn put_playlist(&self, path: &str, text: &str) -> Result<(), TaskError> {
        self.write(path, text.as_bytes())
    }

    async fn finish(&self, assembled: &Assembled) -> Result<(), TaskError> {
        assembled.dropped.iter().for_each(|name| self.drop_rendition(name));
        if !self.plan.chapters.is_empty() {
            let text = chapters_json(&self.plan.chapters, (self.plan.duration_s * 1000.0).round() as u64);
            self.write(CHAPTERS, text.as_bytes())?;
        }
        let report = serde_json::to_vec_pretty(&assembled.report).map_err(TaskError::corrupt)?;
        self.write("report.json", &report)?;
        let duration_ms = (self.plan.duration_s * 1000.0).round() as u64;
        let peaks: Vec<(u64, Vec<u8>)> = self.made().peaks.values().cloned().collect();
        if !peaks.is_empty() {
            self.write(WAVEFORM, hls::waveform_json(&peaks, duration_ms).as_bytes())?;
        }
        let (previews, size) = {
            let made = self.made();
            (made.previews.values().cloned().collect::<Vec<_>>(), made.preview_size)
        };
        if !previews.is_empty() {
            self.write(PREVIEW, &hls::animated_webp(&previews, size))?;
        }
        let sheets: Vec<hls::Sheet> = self.made().sheets.values().cloned().collect();
        if !sheets.is_empty() {
            let text = hls::storyboard_webvtt(&sheets, duration_ms);
            self.write(STORYBOARD, text.as_bytes())?;
        }
        self.bar.finish_and_clear();
        Ok(())
    }
}

impl FolderSink {
    /// A sink for what a plan makes.
    pub fn new(folder: PathBuf, plan: Arc<Plan>) -> Self {
        let segments: i64 = plan.renditions().iter().map(|r| r.planned).sum();
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} segments, {elapsed} elapsed, {eta} left");
        let bar = ProgressBar::new(segments as u64);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { folder, plan, made: Mutex::default(), bar }
    }

    /// Writes a text track as a subtitle rendition, cut where the renditions are.
    pub fn put_subtitles(&self, track: &SubtitlePlan, cues: &[Cue]) -> Result<(), TaskError> {
        let (name, body) = (format!("text-{}-{}", track.role, track.language), webvtt(cues));
        let (cuts_s, start_s) = (self.plan.cuts_s(), self.plan.programme_start_s());
        let mut segments = Vec::new();
        for (n, cut) in cuts_s.windows(2).enumerate() {
            let uri = format!("{n:06}.vtt");
            let ms = |seconds: f64| (seconds * 1000.0).round() as u64;
            let text = webvtt_segment(&body, ms(cut[0]), ms(cut[1]), start_s);
            self.write(&format!("{name}/{uri}"), text.as_bytes())?;
            segments.push(Segment { uri, duration_s: cut[1] - cut[0], key: None });
        }
        let (playlist_type, target_s) = (PlaylistType::Vod, self.plan.target_s);
        let playlist = MediaPlaylist { playlist_type, target_s, map_uri: None, segments, ended: true };
        let uri = media_playlist_name(&name);
        self.write(&uri, playlist.render().as_bytes())?;
        let mut made = self.made();
        let track = SubtitleTrack::beside(&made.subtitles, uri, track.language.clone(), &track.label, track.role);
        made.subtitles.push(track);
        Ok(())
    }

    /// Removes what was made of a rendition that will not be part of the package.
    pub fn drop_rendition(&self, rendition: &str) {
        let mut made = self.made();
        made.inits.remove(rendition);
        made.segments.remove(rendition);
        // No playlist names it: a leftover does no harm.
        drop(std::fs::remove_dir_all(self.folder.join(rendition)));
    }

    fn made(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, path: &str, data: &[u8]) -> Result<(), TaskError> {
        let file = self.folder.join(path);
        write_whole(&file, data).map_err(|e| TaskError::Infrastructure(format!("{}: {e}", file.display())))
    }
}

/// A rendition with its segments, as they were written.
fn finished(
    made: &Made,
    r: NewRendition,
    segments: &BTreeMap<u64, FinishedSegment>,
) -> Result<FinishedRendition, TaskError> {
    let missing = || TaskError::corrupt(format!("{} has no init segment", r.name));
    let (init, _) = made.inits.get(&r.name).ok_or_else(missing)?;
    let unsigned = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
    Ok(FinishedRendition {
        listed: r.role != RenditionRole::Growing,
        init_name: INIT_NAME.to_owned(),
        init: init.clone(),
        segments: segments.values().cloned().collect(),
        rendition: hls::Rendition {
            kind: r.kind,
            size: unsigned(r.width).zip(unsigned(r.height)),
            rate: r.rate.map(|(n, d)| (n as u64, d as u64)),
            channels: unsigned(r.channels),
            // The child may say more of the colour than the sample entry does.
            codecs: if r.codecs.starts_with(&init.codecs) { r.codecs } else { init.codecs.clone() },
            video_range: r.video_range,
            supplemental_codecs: r.supplemental_codecs,
            cap_bps: r.cap_bps as u64,
            peak_bps: None,
            average_bps: None,
            iframe_bps: None,
            track: r.track,
            name: r.name,
        },
    })
}

/// Never leaves half a file under its final name.
fn write_whole(path: &Path, data: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let draft = path.with_extension("part");
    std::fs::write(&draft, data)?;
    std::fs::rename(&draft, path)
}
