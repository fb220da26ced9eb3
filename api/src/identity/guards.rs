//! Who may do what: an operation names its guard, and without one it has no viewer at all.
//!
//! | guard | by session | by API token |
//! |---|---|---|
//! | `Reader` | any account | scope `read` or `admin` |
//! | `Player` | any account, and without login | `read` or `admin` |
//! | `Follower` | any account, and without login | `read`, `upload` or `admin` |
//! | `Uploader` | creators | `upload` or `admin` |
//! | `Actor` | any account | `admin` |
//! | `Admin` | administrators | `admin`, of an administrator |
//! | `Person` | any account | never: the account itself is no machine's business |

use crate::{
    http::{
        error::{ApiError, HttpError},
        extract::SameSite,
    },
    identity::{
        IdentityError, Viewer,
        access::{self, Ticket},
        authentication::{authenticate, recognise},
        cookies,
    },
    state::AppState,
};
use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{header, request::Parts},
};
use sluice_model::{Role, Scope};

/// What somebody does, by which it is decided how their token is looked up.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    /// Anything: as the database has it.
    Any,
    /// Playback: as it was a second ago at most.
    Playback,
}

async fn behind(state: &AppState, token: &str, purpose: Purpose) -> Result<Viewer, IdentityError> {
    match purpose {
        Purpose::Any => authenticate(state, token).await,
        Purpose::Playback => recognise(state, token).await,
    }
}

/// The person or machine behind a request, if there is one. What was sent as a header and is not
/// valid is an error; a stale cookie is nobody, because browsers send it unasked.
async fn viewer(parts: &Parts, state: &AppState, purpose: Purpose) -> Result<Option<Viewer>, ApiError> {
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let text = value.to_str().map_err(|_| IdentityError::Unauthenticated)?;
        let (scheme, token) = text.split_once(' ').ok_or(IdentityError::Unauthenticated)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(IdentityError::Unauthenticated.into());
        }
        return Ok(Some(behind(state, token.trim(), purpose).await?));
    }
    let Some(token) = cookies::get(&parts.headers, cookies::ACCESS) else { return Ok(None) };
    let viewer = match behind(state, &token, purpose).await {
        Ok(viewer) => viewer,
        Err(IdentityError::Unauthenticated) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    if !parts.method.is_safe() {
        SameSite::of(&parts.headers, state).require()?;
    }
    Ok(Some(viewer))
}

async fn scoped(
    parts: &Parts,
    state: &AppState,
    scopes: &[Scope],
    purpose: Purpose,
) -> Result<Option<Viewer>, ApiError> {
    let found = viewer(parts, state, purpose).await?;
    match found {
        Some(v) if !v.may(scopes) => Err(IdentityError::InsufficientScope.into()),
        other => Ok(other),
    }
}

macro_rules! guard {
    ($(#[$doc:meta])* $name:ident, $scopes:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(pub Viewer);

        impl $name {
            /// Of a machine's token, one of these is enough; no machine may where there are none.
            pub const SCOPES: &[Scope] = $scopes;
        }

        impl FromRequestParts<AppState> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
                let found = scoped(parts, state, Self::SCOPES, Purpose::Any).await?;
                let viewer = found.ok_or(IdentityError::Unauthenticated)?;
                $name::allows(&viewer)?;
                Ok(Self(viewer))
            }
        }
    };
}

guard!(
    /// Reads what is its own.
    Reader,
    &[Scope::Read, Scope::Admin]
);
guard!(
    /// Brings in media.
    Uploader,
    &[Scope::Upload, Scope::Admin]
);
guard!(
    /// Changes what is its own.
    Actor,
    &[Scope::Admin]
);
guard!(
    /// Looks after the service.
    Admin,
    &[Scope::Admin]
);
guard!(
    /// Somebody who has logged in.
    Person,
    &[]
);

impl Reader {
    fn allows(_: &Viewer) -> Result<(), IdentityError> {
        Ok(())
    }
}

impl Uploader {
    fn allows(viewer: &Viewer) -> Result<(), IdentityError> {
        match viewer {
            v if v.banned => Err(IdentityError::Banned),
            v if v.role == Role::Viewer => Err(IdentityError::Forbidden),
            _ => Ok(()),
        }
    }
}

impl Actor {
    fn allows(viewer: &Viewer) -> Result<(), IdentityError> {
        if viewer.banned { Err(IdentityError::Banned) } else { Ok(()) }
    }
}

impl Admin {
    fn allows(viewer: &Viewer) -> Result<(), IdentityError> {
        if viewer.role == Role::Admin { Ok(()) } else { Err(IdentityError::Forbidden) }
    }
}

impl Person {
    fn allows(_: &Viewer) -> Result<(), IdentityError> {
        Ok(())
    }
}

/// Looks at one media; perhaps nobody in particular.
#[derive(Debug)]
pub struct Follower(pub Option<Viewer>);

impl Follower {
    /// Of a machine's token, one of these is enough.
    pub const SCOPES: &[Scope] = &[Scope::Read, Scope::Upload, Scope::Admin];
}

impl FromRequestParts<AppState> for Follower {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        scoped(parts, state, Self::SCOPES, Purpose::Any).await.map(Self)
    }
}

/// Plays: by the token in the path where there is one, else as whoever asks.
#[derive(Debug)]
pub struct Player(pub Ticket);

impl Player {
    /// Of a machine's token, one of these is enough.
    pub const SCOPES: &[Scope] = &[Scope::Read, Scope::Admin];
}

impl FromRequestParts<AppState> for Player {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| HttpError::NotFound)?;
        if let Some((_, token)) = params.iter().find(|(name, _)| *name == "token") {
            let origin = parts.headers.get(header::ORIGIN).or_else(|| parts.headers.get(header::REFERER));
            let origin = origin.and_then(|v| v.to_str().ok());
            return Ok(Self(Ticket::Token(access::playback::redeem(state, token, origin).await?)));
        }
        let viewer = scoped(parts, state, Self::SCOPES, Purpose::Playback).await?;
        Ok(Self(Ticket::Viewer(viewer)))
    }
}
