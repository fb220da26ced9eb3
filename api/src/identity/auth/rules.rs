//! What names, addresses and passwords must look like.

use crate::validation::Faults;

/// Guesses within which a password is too common.
const GUESSED_WITHIN: u64 = 1_000_000;

/// Whether a password is among those that are tried first; `about` is what is known of its owner.
fn is_common(password: &str, about: &[&str]) -> bool {
    zxcvbn::zxcvbn(password, about).guesses() < GUESSED_WITHIN
}

impl Faults {
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
        self.demand(!length || !is_common(password, about), "password", "too easy to guess; add a word or two")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn fields(username: &str, email: &str, password: &str) -> Vec<Cow<'static, str>> {
        let mut faults = Faults::default();
        faults.username(username).email(email).password(password, &[username, email]);
        faults.refuse().err().into_iter().flat_map(|e| e.0).map(|f| f.field).collect()
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
