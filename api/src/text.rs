//! What people type, as it is kept: without control characters, which have no place in text, and of which
//! PostgreSQL refuses NUL.

/// One line.
pub fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Several lines.
pub fn lines(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}
