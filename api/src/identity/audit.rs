//! The log of security events: who did what to which account, from where.

use crate::{client::Client, state::AppState};
use sluice_db::AuditRow;
use sluice_model::{AuditEventId, UserId, clock};

/// What is noted. The words are stable: programs match on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Registered,
    LoggedIn,
    LoginFailed,
    LoggedOut,
    RefreshTokenReused,
    SessionEnded,
    AllSessionsEnded,
    PasswordChanged,
    PasswordResetRequested,
    PasswordReset,
    EmailVerified,
    EmailChangeRequested,
    EmailChanged,
    AccountDeleted,
    RoleChanged,
    CreatorRequested,
    CreatorGranted,
    CreatorRefused,
    ApiTokenCreated,
    ApiTokenRevoked,
    GrantAdded,
    GrantRemoved,
    PlaybackTokenCreated,
    PlaybackTokenRevoked,
    VisibilityChanged,
    MediaReceived,
    Moderated,
    WorkRetried,
    WorkStopped,
    WorkPreferred,
}

impl Event {
    fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::LoggedIn => "logged_in",
            Self::LoginFailed => "login_failed",
            Self::LoggedOut => "logged_out",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::SessionEnded => "session_ended",
            Self::AllSessionsEnded => "all_sessions_ended",
            Self::PasswordChanged => "password_changed",
            Self::PasswordResetRequested => "password_reset_requested",
            Self::PasswordReset => "password_reset",
            Self::EmailVerified => "email_verified",
            Self::EmailChangeRequested => "email_change_requested",
            Self::EmailChanged => "email_changed",
            Self::AccountDeleted => "account_deleted",
            Self::RoleChanged => "role_changed",
            Self::CreatorRequested => "creator_requested",
            Self::CreatorGranted => "creator_granted",
            Self::CreatorRefused => "creator_refused",
            Self::ApiTokenCreated => "api_token_created",
            Self::ApiTokenRevoked => "api_token_revoked",
            Self::GrantAdded => "grant_added",
            Self::GrantRemoved => "grant_removed",
            Self::PlaybackTokenCreated => "playback_token_created",
            Self::PlaybackTokenRevoked => "playback_token_revoked",
            Self::VisibilityChanged => "visibility_changed",
            Self::MediaReceived => "media_received",
            Self::Moderated => "moderated",
            Self::WorkRetried => "work_retried",
            Self::WorkStopped => "work_stopped",
            Self::WorkPreferred => "work_preferred",
        }
    }
}

/// Notes an event about the account `user` that `actor` caused. `detail` never holds what a client
/// typed into a field for secrets. What was done stays done when the note cannot be written.
pub async fn note(
    state: &AppState,
    client: &Client,
    event: Event,
    user: Option<UserId>,
    actor: Option<UserId>,
    detail: &str,
) {
    let row = AuditRow {
        id: AuditEventId::new(),
        user_id: user,
        actor_id: actor,
        kind: event.as_str().to_owned(),
        address: client.address.to_string(),
        agent: client.agent.clone(),
        detail: detail.to_owned(),
        at: clock::now(),
    };
    tracing::info!(event = row.kind, user = user.map(display), actor = actor.map(display), "security");
    if let Err(error) = state.db.audit().insert(&row).await {
        tracing::error!(%error, event = row.kind, "a security event could not be noted");
    }
}
