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

/// One line without blanks around it.
pub fn title(text: &str) -> String {
    line(text).trim().to_owned()
}
