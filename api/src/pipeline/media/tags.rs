//! How tags are spelled.

use crate::validation::{Faults, Invalid};

/// Tags of a media.
const MOST_TAGS: usize = 20;

/// Tags as they are kept: lower case, without repetition, letters and digits of any script with hyphens between.
pub fn tags(given: &[String]) -> Result<Vec<String>, Invalid> {
    let mut tags: Vec<String> = Vec::new();
    for tag in given.iter().map(|t| t.trim().trim_start_matches('#').to_lowercase()) {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    let right = |t: &String| {
        (1..=40).contains(&t.chars().count()) && t.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
    };
    let mut faults = Faults::default();
    faults.demand(tags.len() <= MOST_TAGS, "tags", "at most 20");
    faults.demand(tags.iter().all(right), "tags", "1 to 40 letters, digits and hyphens each").refuse()?;
    Ok(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_one_spelling() {
        let made = |t: &[&str]| tags(&t.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
        assert_eq!(made(&["#Rust", "rust ", "Händel", "a-b"]).unwrap(), ["rust", "händel", "a-b"]);
        for bad in ["", "a b", "<b>", "a,b"] {
            assert!(made(&[bad]).is_err(), "{bad}");
        }
    }
}
