//! Films that are to be encoded again: begins some at a time, when nobody needs anything else of the workers.
//!
//! Invariant: what is wanted stays in its list until the transaction that begins it; so whoever dies is followed by the next one, and
//! a film is begun once.

use crate::{
    plan::EncodeSettings,
    task::{Context, TaskError},
};
use sha2::{Digest, Sha256};
use sluice_db::Begun;
use sluice_ingest::completion;
use sluice_model::{PackageId, TaskKind, clock};
use std::time::Duration;

/// The round of [`tend`], for all workers.
const REENCODES: &str = "reencodes";
/// How often one of the workers looks for films to begin.
const EVERY: Duration = Duration::from_secs(1);
/// Films that are begun at once: enough for a fleet with short films, and so few that the queue stays one of uploads.
const MOST_UNDER_WAY: i64 = 32;
/// Films that are looked at in one round: those that stay as they are cost a read each.
const MOST_LOOKED_AT: usize = 500;

/// What tells settings apart that films are made with: a film that was made with these, by this version, is not made again.
pub fn profile(settings: &EncodeSettings) -> String {
    let said = serde_json::to_string(settings).unwrap_or_default();
    let digest = Sha256::digest(format!("{} {said}", env!("CARGO_PKG_VERSION")));
    hex::encode(&digest[..16])
}

/// Gives those their place that a worker of an older version has finished.
pub async fn place(context: &Context) -> Result<(), TaskError> {
    for package in context.db.replacements().waiting_for_place().await? {
        let now = clock::now();
        let mut tx = context.db.begin().await?;
        tx.packages().lock(package, now).await?;
        tx.replacements().take_place(package, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Begins films that are to be encoded again, as far as few are under way.
pub async fn tend(context: &Context) -> Result<(), TaskError> {
    // Mostly nobody wants anything: then this is all that is asked.
    let Some(mut next) = context.db.reencodes().next().await? else { return Ok(()) };
    let is_full = context.ingest.space.shortage().is_some();
    if is_full || !context.db.rounds().begin(REENCODES, EVERY, clock::now()).await? {
        return Ok(());
    }
    let mut room = MOST_UNDER_WAY - context.db.replacements().under_way().await?;
    let mut begun = 0;
    for _ in 0..MOST_LOOKED_AT {
        if room <= 0 {
            break;
        }
        if begin(context, next).await? {
            room -= 1;
            begun += 1;
        }
        match context.db.reencodes().next().await? {
            Some(another) => next = another,
            None => break,
        }
    }
    context.wake.push(begun).await;
    Ok(())
}

/// Begins one of them, unless it is to stay as it is.
async fn begin(context: &Context, old: PackageId) -> Result<bool, TaskError> {
    let now = clock::now();
    let mut tx = context.db.begin().await?;
    let begun = tx.replacements().begin(old, &profile(&context.settings), now).await?;
    if let Begun::Replacement(new) = begun {
        let plan = completion::source_task(new.package, new.source, TaskKind::Plan, new.due_at);
        tx.tasks().enqueue(&[plan], now).await?;
    }
    tx.commit().await?;
    match begun {
        Begun::Replacement(new) => tracing::info!(package = %new.package, before = %old, "begins to be made again"),
        Begun::Left(left_as) => tracing::info!(package = %old, %left_as, "stays as it is"),
        Begun::Nothing => {}
    }
    Ok(matches!(begun, Begun::Replacement(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_settings_are_another_profile() {
        let plain = EncodeSettings::default();
        assert_eq!(profile(&plain), profile(&plain.clone()));
        let mut fewer = plain.clone();
        fewer.ladder.pop();
        let slower = EncodeSettings { preset: "slow".to_owned(), ..plain.clone() };
        assert_ne!(profile(&plain), profile(&fewer));
        assert_ne!(profile(&plain), profile(&slower));
    }
}
