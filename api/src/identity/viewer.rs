//! Whoever is behind a request.

use sluice_model::{Role, Scope, SessionId, UserId};

/// A person who has logged in, or a machine with a person's token.
#[derive(Debug, Clone)]
pub struct Viewer {
    pub id: UserId,
    pub role: Role,
    /// Unset for a machine.
    pub session: Option<SessionId>,
    /// What a machine's token allows; everything when unset.
    pub scopes: Option<Vec<Scope>>,
    /// May log in, read, appeal and leave; nothing else.
    pub banned: bool,
}

impl Viewer {
    /// Whether one of these scopes is enough.
    pub fn may(&self, scopes: &[Scope]) -> bool {
        self.scopes.as_ref().is_none_or(|own| own.iter().any(|s| scopes.contains(s)))
    }
}
