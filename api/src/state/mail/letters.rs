//! What e-mails say.

use std::fmt;

/// One e-mail.
pub enum Letter {
    /// Proves an address.
    Verify { username: String, token: String },
    /// Proves the address that is to take the place of another.
    ChangeEmail { username: String, token: String },
    /// An account has another address now; to the one before.
    EmailChanged { username: String, email: String },
    /// Sets a new password.
    Reset { username: String, token: String },
    /// Somebody registered with an address that already belongs to an account.
    AlreadyRegistered { username: String },
    /// A password was changed.
    PasswordChanged { username: String },
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letter")
    }
}

impl Letter {
    /// Subject and text. Links need to know where the app is; the token alone works without.
    pub fn write(&self, app_url: Option<&str>) -> (&'static str, String) {
        let link = |page: &str, token: &str| match app_url {
            Some(url) => format!("Open this link:\n\n  {url}/{page}?token={token}\n\nor enter this token: {token}"),
            None => format!("Enter this token on the page {page}:\n\n  {token}"),
        };
        match self {
            Self::Verify { username, token } => (
                "Confirm your e-mail address",
                format!(
                    "Hello {username},\n\n{}\n\nIt is valid for 24 hours. If you did not register, ignore this e-mail.\n",
                    link("verify-email", token)
                ),
            ),
            Self::ChangeEmail { username, token } => (
                "Confirm your new e-mail address",
                format!(
                    "Hello {username},\n\nthis address is to become that of your account. {}\n\nIt is valid for 24 hours. If \
                     you did not ask for it, ignore this e-mail: nothing has changed.\n",
                    link("verify-email", token)
                ),
            ),
            Self::EmailChanged { username, email } => (
                "Your e-mail address was changed",
                format!(
                    "Hello {username},\n\nthe e-mail address of your account is now {email}. If it was not you, log in, change \
                     your password and set your address again at once, or write to whoever runs this service.\n"
                ),
            ),
            Self::Reset { username, token } => (
                "Set a new password",
                format!(
                    "Hello {username},\n\nsomebody asked for a new password for your account. {}\n\n\
                     It is valid for one hour and works once. If it was not you, ignore this e-mail: nothing has changed.\n",
                    link("reset-password", token)
                ),
            ),
            Self::AlreadyRegistered { username } => (
                "You already have an account",
                format!(
                    "Hello {username},\n\nsomebody registered a new account with this address. You have one already, so the \
                     address stays with yours. If it was you, log in as {username}, or ask for a new password.\n"
                ),
            ),
            Self::PasswordChanged { username } => (
                "Your password was changed",
                format!(
                    "Hello {username},\n\nthe password of your account was changed and all other sessions were ended. \
                     If it was not you, ask for a new password at once.\n"
                ),
            ),
        }
    }
}
