//! Still pictures on their way from a child to a sink.

use crate::{
    child::ImageMade,
    jpeg,
    plan::{POSTER_WIDTH, PREVIEW_FRAMES, Plan, SHEET_TILES, Storyboard},
    task::TaskError,
    webp,
};
use bytes::Bytes;
use sluice_model::ImageKind;

/// Largest picture, bytes.
const MOST_BYTES: usize = 2 << 20;
/// Largest picture of a preview, bytes: all of them are sent at once.
const MOST_PREVIEW_BYTES: usize = 128 << 10;
/// Highest poster, pixels.
const MOST_HEIGHT: u32 = 8192;
/// Most that a poster can be worth.
const MOST_APPEAL: u32 = 1000;

/// A still picture that was checked against the plan.
#[derive(Debug)]
pub struct CheckedImage {
    pub kind: ImageKind,
    /// Of a sheet: its first tile; of a picture of the preview its place; else 0.
    pub number: u64,
    /// Pixels.
    pub size: (u32, u32),
    /// Of a poster: what it is worth.
    pub appeal: u32,
    /// Of a sheet: when each of its tiles is shown.
    pub times_ms: Vec<u64>,
    pub data: Bytes,
}

/// Checks what a child says of a picture, and the picture.
pub fn checked(plan: &Plan, made: ImageMade, data: Bytes) -> Result<CheckedImage, TaskError> {
    let (size, most_bytes) = match &made {
        ImageMade::Preview { .. } => (webp::size(&data), MOST_PREVIEW_BYTES),
        ImageMade::Poster { .. } | ImageMade::Sheet { .. } => (jpeg::size(&data), MOST_BYTES),
    };
    let size = size.filter(|_| data.len() <= most_bytes).ok_or_else(|| TaskError::senseless("a picture of a size"))?;
    let storyboard = plan.video.as_ref().and_then(|v| v.storyboard);
    let duration_ms = (plan.expected_s().max(plan.duration_s) * 1000.0).ceil() as u64;
    let fits = match &made {
        ImageMade::Poster { appeal } => *appeal <= MOST_APPEAL && size.0 <= POSTER_WIDTH && size.1 <= MOST_HEIGHT,
        ImageMade::Sheet { times_ms, .. } => storyboard.is_some_and(|s| is_sheet(&s, times_ms, size, duration_ms)),
        ImageMade::Preview { number } => {
            *number < PREVIEW_FRAMES && storyboard.is_some_and(|s| s.preview_size() == size)
        }
    };
    if !fits {
        return Err(TaskError::senseless("a picture"));
    }
    let (kind, number, appeal, times_ms) = match made {
        ImageMade::Poster { appeal } => (ImageKind::Poster, 0, appeal, Vec::new()),
        ImageMade::Sheet { number, times_ms } => (ImageKind::Sheet, number, 0, times_ms),
        ImageMade::Preview { number } => (ImageKind::Preview, number, 0, Vec::new()),
    };
    Ok(CheckedImage { kind, number, size, appeal, times_ms, data })
}

fn is_sheet(storyboard: &Storyboard, times_ms: &[u64], size: (u32, u32), duration_ms: u64) -> bool {
    (1..=SHEET_TILES).contains(&times_ms.len())
        && times_ms.is_sorted_by(|a, b| a < b)
        && times_ms.last().is_some_and(|last| *last <= duration_ms)
        && size == storyboard.sheet_size(times_ms.len())
}
