//! Still pictures on their way from a child to a sink.

use crate::{
    child::ImageMade,
    jpeg,
    plan::{POSTER_WIDTH, Plan, SHEET_TILES, Storyboard},
    task::TaskError,
};
use bytes::Bytes;
use sluice_model::ImageKind;

/// Largest picture, bytes.
const MOST_BYTES: usize = 2 << 20;
/// Highest poster, pixels.
const MOST_HEIGHT: u32 = 8192;
/// Most that a poster can be worth.
const MOST_APPEAL: u32 = 1000;

/// A still picture that was checked against the plan.
#[derive(Debug)]
pub struct CheckedImage {
    pub kind: ImageKind,
    /// Of a sheet: its first tile.
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
    let size = jpeg::size(&data).filter(|_| data.len() <= MOST_BYTES).ok_or_else(TaskError::senseless)?;
    let storyboard = plan.video.as_ref().and_then(|v| v.storyboard);
    let duration_ms = (plan.expected_s().max(plan.duration_s) * 1000.0).ceil() as u64;
    let fits = match &made {
        ImageMade::Poster { appeal } => *appeal <= MOST_APPEAL && size.0 <= POSTER_WIDTH && size.1 <= MOST_HEIGHT,
        ImageMade::Sheet { times_ms, .. } => storyboard.is_some_and(|s| is_sheet(&s, times_ms, size, duration_ms)),
    };
    if !fits {
        return Err(TaskError::senseless());
    }
    Ok(match made {
        ImageMade::Poster { appeal } => {
            CheckedImage { kind: ImageKind::Poster, number: 0, size, appeal, times_ms: Vec::new(), data }
        }
        ImageMade::Sheet { number, times_ms } => {
            CheckedImage { kind: ImageKind::Sheet, number, size, appeal: 0, times_ms, data }
        }
    })
}

fn is_sheet(storyboard: &Storyboard, times_ms: &[u64], size: (u32, u32), duration_ms: u64) -> bool {
    (1..=SHEET_TILES).contains(&times_ms.len())
        && times_ms.is_sorted_by(|a, b| a < b)
        && times_ms.last().is_some_and(|last| *last <= duration_ms)
        && size == storyboard.sheet_size(times_ms.len())
}
