//! What names, addresses and passwords must look like.

use super::password;
use crate::error::{ApiError, FieldError};

/// All faults at once, by field.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// Notes a fault unless `right`.
    pub fn demand(&mut self, right: bool, field: &'static str, message: &'static str) -> &mut Self {
        if !right {
            self.0.push(FieldError { field, message });
        }
        self
    }

    /// A user name: part of URLs, so of a small alphabet.
    pub fn username(&mut self, name: &str) -> &mut Self {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let right = (3..=32).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('.');
        self.demand(right, "username", "3 to 32 letters, digits, dots, hyphens or underscores")
    }

    /// An e-mail address, as far as that can be told without writing to it.
    pub fn email(&mut self, email: &str) -> &mut Self {
        let right = email.len() <= 254
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
            && email.parse::<lettre::Address>().is_ok_and(|a| a.domain().contains('.'));
        self.demand(right, "email", "an e-mail address")
    }

    /// A password: long enough, and not one that is guessed first (NIST SP 800-63B section 5.1.1.2).
    pub fn password(&mut self, password: &str, about: &[&str]) -> &mut Self {
        let length = (10..=1024).contains(&password.len());
        self.demand(length, "password", "10 to 1024 characters");
        self.demand(
            !length || !password::is_common(password, about),
            "password",
            "too easy to guess; add a word or two",
        )
    }

    /// Refuses when there are any.
    pub fn refuse(&mut self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::Invalid(std::mem::take(&mut self.0))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(username: &str, email: &str, password: &str) -> Vec<&'static str> {
        let mut faults = Faults::default();
        faults.username(username).email(email).password(password, &[username, email]);
        faults.0.iter().map(|f| f.field).collect()
    }

    #[test]
    fn each_field_has_its_own_message() {
        assert_eq!(fields("ada.l", "ada@example.org", "a long password"), [] as [&str; 0]);
        assert_eq!(fields("a b", "nobody", "short"), ["username", "email", "password"]);
        assert_eq!(fields("ada", "ada@localhost", "correct horse battery"), ["email"]);
        assert_eq!(fields("ada", "a\u{0}@example.org", "correct horse battery"), ["email"]);
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        for common in
            ["1234567890", "qwertyuiop", "password123", "aaaaaaaaaaaa", "Passw0rd123", "ada-lovelace", "iloveyou12"]
        {
            assert_eq!(fields("ada-lovelace", "ada@example.org", common), ["password"], "{common}");
        }
        for fine in ["correct horse", "a long password", "tr0ub4dor&3x"] {
            assert_eq!(fields("ada-lovelace", "ada@example.org", fine), [] as [&str; 0], "{fine}");
        }
    }
}
