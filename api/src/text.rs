//! What people type, as it is kept: without control characters, which have no place in text, and of which
//! PostgreSQL refuses NUL and XML (1.0, production 2) most, as it does the two that are no characters.

use sha2::{Digest, Sha256};
use sluice_model::subtag;
use url::Url;

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

/// A language tag as far as menus need it (RFC 5646): letters, then parts of letters and digits.
pub fn language(tag: &str) -> Option<String> {
    let mut parts = tag.split('-');
    let first = parts.next().filter(|p| (2..=3).contains(&p.len()) && p.chars().all(|c| c.is_ascii_alphabetic()))?;
    let mut out = first.to_ascii_lowercase();
    for part in parts {
        // A private subtag tells tracks of one language apart (RFC 5646 section 2.2.7).
        let private = part.eq_ignore_ascii_case("x") && !out.contains("-x");
        if !(private || (2..=8).contains(&part.len())) || !part.chars().all(|c| c.is_ascii_alphanumeric()) {
            return None;
        }
        // Everything is compared as it is written here.
        out = format!("{out}-{}", subtag(part));
    }
    (out.len() <= 35 && !out.ends_with("-x")).then_some(out)
}

/// Text within HTML, between tags or in a quoted attribute.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Whether a text is an origin as browsers write one (RFC 6454 section 6.2), such as `https://app.example.org`.
pub fn is_origin(text: &str) -> bool {
    // Hosts may have characters that mean something in the policies that origins are written into.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '[' | ']');
    text.len() <= 300
        && text.chars().all(plain)
        && Url::parse(text).is_ok_and(|u| u.origin().is_tuple() && u.origin().ascii_serialization() == text)
}

/// What tells one text from another: 16 hexadecimal digits of its SHA-256, the same in every build.
pub fn fingerprint(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    use super::{is_origin, language};

    #[test]
    fn origins_are_told_from_what_could_end_a_policy() {
        for fine in ["https://app.example.org", "http://localhost:3000", "http://[::1]:8080"] {
            assert!(is_origin(fine), "{fine}");
        }
        for bad in
            ["https://a/b", "https://a;sandbox", "https://a,b", "https://a b", "https://'none'", "file:///a", "*", ""]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn tags_are_read_in_any_case_and_written_in_one() {
        assert_eq!(language("PT-br").as_deref(), Some("pt-BR"));
        assert_eq!(language("zh-hant").as_deref(), Some("zh-Hant"));
        assert_eq!(language("de-X-02").as_deref(), Some("de-x-02"));
        for bad in ["", "de-x", "de-x-x-y", "d", "german", "de-", "de-ü", "de/../x", "de-a"] {
            assert_eq!(language(bad), None, "{bad}");
        }
    }
}
