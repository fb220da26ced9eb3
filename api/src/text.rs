//! What people type, as it is kept: without control characters, which have no place in text, and of which
//! PostgreSQL refuses NUL and XML (1.0, production 2) most, as it does the two that are no characters.

use sha2::{Digest, Sha256};

/// Whether something has a place in a line of text.
fn is_text(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// One line.
pub fn line(text: &str) -> String {
    text.chars().filter(|c| is_text(*c)).collect()
}

/// Several lines.
pub fn lines(text: &str) -> String {
    text.chars().filter(|c| is_text(*c) || matches!(c, '\n' | '\t')).collect()
}

/// One line without blanks around it.
pub fn title(text: &str) -> String {
    line(text).trim().to_owned()
}

/// What tells one text from another: 16 hexadecimal digits of its SHA-256, the same in every build.
pub fn fingerprint(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}
