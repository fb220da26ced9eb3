//! Text tracks of a source: read once, kept as WebVTT.

use crate::task::{Running, TaskError};
use sluice_db::{NewText, words};
use sluice_hls::webvtt;
use sluice_model::{Reason, clock};

/// Reads the text tracks of a film and stores them with its package.
pub async fn extract(running: &Running) -> Result<(), TaskError> {
    let (plan, source) = (running.plan().await?, running.source().await?);
    let read = running.encoder().subtitles(source, &plan).await?;
    let texts: Vec<(String, String)> = read
        .iter()
        .map(|(_, cues)| {
            let said = words::distinct(cues.iter().map(|c| c.text.as_str()), words::MOST_OF_TRACK);
            (webvtt(cues), said)
        })
        .collect();
    let rows: Vec<NewText<'_>> = read
        .iter()
        .zip(&texts)
        .map(|((track, cues), (body, words))| NewText {
            language: &track.language,
            role: track.role,
            label: &track.label,
            body,
            words,
            cues: cues.len() as i64,
        })
        .collect();
    let task = &running.task;
    let now = clock::now();
    let mut tx = running.context.db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    tx.captions().put_of_file(task.package_id, &rows, now).await?;
    running.complete_in(tx, &[], now).await
}

/// What happens instead of failing when text tracks cannot be read: the film is made without them, and people are told.
pub async fn leave_out(running: &Running, reason: &Reason) -> Result<(), TaskError> {
    let task = &running.task;
    let told = Reason::new("text_subtitles", "Left out are the subtitle tracks of text: they cannot be read.");
    tracing::warn!(package = %task.package_id, reason = reason.message, "text tracks are left out");
    let now = clock::now();
    let mut tx = running.context.db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    tx.packages().add_warning(task.package_id, &told).await?;
    running.complete_in(tx, &[], now).await
}
