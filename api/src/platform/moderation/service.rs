//! The rules of moderation.

use super::views::{NewReport, ReportDecision};
use crate::{
    client::Client,
    identity::{
        Viewer,
        audit::{Event, note},
    },
    paging::{Cut, PageQuery},
    pipeline::media::service as media,
    platform::{PlatformError, comments::service as comments},
    state::{AppState, News, Stale},
    text,
    validation::Faults,
};
use sluice_db::{ActionRow, ReportRow, Tx};
use sluice_model::{
    ActionId, ActionKind, RateLimit, ReportId, ReportStatus, ReportTarget, Role, TargetId, UserId, clock,
};

/// Reports something that one can see. `false` when one did before.
pub async fn report(state: &AppState, viewer: &Viewer, new: NewReport) -> Result<bool, PlatformError> {
    state.limits.take(RateLimit::Report, &viewer.id.to_string()).await?;
    let words = text::lines(&new.note);
    Faults::default().demand(words.chars().count() <= 1000, "note", "at most 1000 characters").refuse()?;
    match new.target {
        ReportTarget::Media => drop(media::visible(state, Some(viewer), new.id.into()).await?),
        ReportTarget::Comment => drop(comments::visible(state, Some(viewer), new.id.into()).await?),
        ReportTarget::User => drop(state.db.users().find(new.id.into()).await?.ok_or(PlatformError::NotFound)?),
    }
    let row = ReportRow {
        id: ReportId::new(),
        reporter_id: viewer.id,
        target_kind: new.target,
        target_id: new.id.into(),
        reason: new.reason,
        note: words,
        status: ReportStatus::Open,
        created_at: clock::now(),
    };
    Ok(state.db.moderation().insert_report(&row).await?)
}

/// Whose a reported thing is; nobody's when it is gone.
async fn author(state: &AppState, report: &ReportRow) -> Result<Option<UserId>, PlatformError> {
    Ok(match report.target_kind {
        ReportTarget::Media => state.db.media().find(report.target_id.into()).await?.map(|m| m.owner_id),
        ReportTarget::Comment => state.db.comments().find(report.target_id.into()).await?.map(|c| c.author_id),
        ReportTarget::User => state.db.users().find(report.target_id.into()).await?.map(|u| u.id),
    })
}

/// What a decision does, and to what: somebody is banned, not what they wrote.
fn action_of(decision: ReportDecision, report: &ReportRow, affected: Option<UserId>) -> (Option<ActionKind>, TargetId) {
    match (decision, report.target_kind) {
        (ReportDecision::Ban, _) => (Some(ActionKind::Ban), affected.map_or(report.target_id, Into::into)),
        (ReportDecision::Hide, ReportTarget::Media) => (Some(ActionKind::HideMedia), report.target_id),
        (ReportDecision::Hide, ReportTarget::Comment) => (Some(ActionKind::HideComment), report.target_id),
        (ReportDecision::Dismiss, _) | (ReportDecision::Hide, ReportTarget::User) => (None, report.target_id),
    }
}

/// Decides a report, and with it all of the same thing.
pub async fn decide(
    state: &AppState,
    client: &Client,
    admin: &Viewer,
    id: ReportId,
    decision: ReportDecision,
    reason: &str,
) -> Result<(), PlatformError> {
    let report = state.db.moderation().report(id).await?.ok_or(PlatformError::NotFound)?;
    if report.status != ReportStatus::Open {
        return Err(PlatformError::AlreadyDecided);
    }
    let reason = text::lines(reason);
    Faults::default().demand(reason.chars().count() <= 1000, "reason", "at most 1000 characters").refuse()?;
    let affected = author(state, &report).await?;
    let hides_somebody = matches!((decision, report.target_kind), (ReportDecision::Hide, ReportTarget::User));
    Faults::default().demand(!hides_somebody, "decision", "people are banned or left alone").refuse()?;
    let (kind, target) = action_of(decision, &report, affected);
    let status = if kind.is_some() { ReportStatus::Upheld } else { ReportStatus::Dismissed };
    let mut tx = state.db.begin().await?;
    // Of two administrators at once, one decides.
    if !tx.moderation().close_reports(report.target_kind, report.target_id, status).await? {
        return Err(PlatformError::AlreadyDecided);
    }
    let Some((kind, affected_id)) = kind.zip(affected) else {
        return Ok(tx.commit().await?);
    };
    act(&mut tx, kind, target, affected_id, reason).await?;
    match (kind, report.target_kind) {
        (ActionKind::HideComment, _) => {
            let row = state.db.comments().find(report.target_id.into()).await?.ok_or(PlatformError::NotFound)?;
            state.hub.commit(tx, News::Deleted { media: row.media_id, comment: row.id }).await?;
        }
        _ => tx.commit().await?,
    }
    state.forget(stale(kind, target)).await;
    let detail = format!("{kind} {target}");
    note(state, client, Event::Moderated, Some(affected_id), Some(admin.id), &detail).await;
    Ok(())
}

/// Whose playback an action changes.
fn stale(kind: ActionKind, target: TargetId) -> Stale {
    match kind {
        ActionKind::HideMedia => Stale::Media { media: target.into() },
        // All that is theirs.
        ActionKind::Ban => Stale::Everything,
        // Nobody's.
        ActionKind::HideComment => Stale::People,
    }
}

/// Does something to somebody or what is theirs, and notes it; `false` when it was so before.
async fn act(
    tx: &mut Tx,
    kind: ActionKind,
    target_id: TargetId,
    affected_id: UserId,
    reason: String,
) -> Result<bool, PlatformError> {
    if kind == ActionKind::Ban {
        // Whoever looks after the service is asked to step down first.
        let user = tx.users().lock(affected_id).await?.ok_or(PlatformError::NotFound)?;
        if user.role == Role::Admin {
            return Err(PlatformError::Forbidden);
        }
    }
    let action = ActionRow {
        id: ActionId::new(),
        kind,
        target_id,
        affected_id,
        reason,
        appeal: None,
        appealed_at: None,
        created_at: clock::now(),
        lifted_at: None,
    };
    Ok(tx.moderation().act(&action).await?)
}

/// Bans somebody whom nobody has reported. Safe to repeat.
pub async fn ban(
    state: &AppState,
    client: &Client,
    admin: &Viewer,
    user: UserId,
    reason: &str,
) -> Result<(), PlatformError> {
    let reason = text::lines(reason);
    Faults::default().demand(reason.chars().count() <= 1000, "reason", "at most 1000 characters").refuse()?;
    let mut tx = state.db.begin().await?;
    let new = act(&mut tx, ActionKind::Ban, user.into(), user, reason).await?;
    // What people said of them is decided with it.
    tx.moderation().close_reports(ReportTarget::User, user.into(), ReportStatus::Upheld).await?;
    tx.commit().await?;
    state.forget(Stale::Everything).await;
    if new {
        note(state, client, Event::Moderated, Some(user), Some(admin.id), &format!("{} {user}", ActionKind::Ban)).await;
    }
    Ok(())
}

/// Undoes what was done.
pub async fn lift(state: &AppState, client: &Client, admin: &Viewer, id: ActionId) -> Result<(), PlatformError> {
    let mut tx = state.db.begin().await?;
    let action = tx.moderation().lift(id, clock::now()).await?.ok_or(PlatformError::NotFound)?;
    tx.commit().await?;
    state.forget(stale(action.kind, action.target_id)).await;
    state.wake.push(4).await;
    let detail = format!("{} {} lifted", action.kind, action.target_id);
    note(state, client, Event::Moderated, Some(action.affected_id), Some(admin.id), &detail).await;
    Ok(())
}

/// Says something to what was done to oneself, once.
pub async fn appeal(state: &AppState, viewer: &Viewer, id: ActionId, words: &str) -> Result<(), PlatformError> {
    let words = text::lines(words.trim());
    let length = words.chars().count();
    Faults::default().demand((1..=2000).contains(&length), "text", "1 to 2000 characters").refuse()?;
    if state.db.moderation().appeal(id, viewer.id, &words, clock::now()).await? {
        Ok(())
    } else {
        Err(PlatformError::NotFound)
    }
}

/// Reports that stand so, open ones when left out, oldest first.
pub async fn reports(
    state: &AppState,
    status: Option<ReportStatus>,
    page: &PageQuery,
) -> Result<Cut<ReportRow>, PlatformError> {
    let status = status.unwrap_or(ReportStatus::Open);
    Ok(page.cut(state.db.moderation().reports(status, page.cursor(), page.rows()).await?, |r| r.id))
}

/// What was done, to one account where that is asked for, latest first.
pub async fn actions(
    state: &AppState,
    affected: Option<UserId>,
    page: &PageQuery,
) -> Result<Cut<ActionRow>, PlatformError> {
    Ok(page.cut(state.db.moderation().actions(affected, page.cursor(), page.rows()).await?, |r| r.id))
}
