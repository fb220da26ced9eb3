//! The first administrator: by command, or by settings at a start.

use crate::{
    client::Client,
    identity::{
        IdentityError,
        audit::{Event, note},
        auth::service::create_user,
    },
    state::{AppState, Stale},
    validation::Faults,
};
use secrecy::{ExposeSecret, SecretString};
use sluice_model::Role;
use std::net::Ipv4Addr;

/// Makes an administrator.
pub async fn create(
    state: &AppState,
    username: &str,
    email: &str,
    password: &SecretString,
) -> Result<(), IdentityError> {
    let password = password.expose_secret();
    Faults::default().username(username).email(email).password(password, &[username, email]).refuse()?;
    let user = create_user(state, username, email, password.to_owned(), Role::Admin).await?;
    let client = command("sluice-api admin create");
    note(state, &client, Event::Registered, Some(user.id), None, Role::Admin.as_str()).await;
    Ok(())
}

/// Gives an account another role, as [`super::service::set_role`] does for administrators.
pub async fn set_role(state: &AppState, username: &str, role: Role) -> Result<(), IdentityError> {
    let before = state.db.users().by_name(username).await?.ok_or(IdentityError::NotFound)?;
    let mut tx = state.db.begin().await?;
    if !tx.users().set_role(before.id, role).await? {
        return Err(IdentityError::LastAdmin);
    }
    tx.commit().await?;
    state.forget(Stale::People).await;
    let client = command("sluice-api admin role");
    note(state, &client, Event::RoleChanged, Some(before.id), None, &format!("{} -> {role}", before.role)).await;
    Ok(())
}

/// Somebody at the machine itself.
fn command(name: &str) -> Client {
    Client { address: Ipv4Addr::LOCALHOST.into(), agent: name.into(), secure: true }
}

/// What the settings ask for, while there is no administrator. Two instances that start at once make one:
/// the name is unique.
pub async fn by_settings(state: &AppState) -> anyhow::Result<()> {
    let Some(admin) = &state.config.accounts.first_admin else { return Ok(()) };
    if state.db.users().has_admin().await? {
        return Ok(());
    }
    match create(state, &admin.username, &admin.email, &admin.password).await {
        Ok(()) => tracing::info!(username = admin.username, "made the first administrator"),
        Err(IdentityError::Taken(_)) => tracing::warn!("SLUICE_ADMIN_USERNAME is taken: no administrator was made"),
        Err(IdentityError::Invalid(faults)) => {
            let list: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.field, f.message)).collect();
            anyhow::bail!("SLUICE_ADMIN_*: {}", list.join("; "));
        }
        Err(other) => anyhow::bail!(other.to_string()),
    }
    Ok(())
}
