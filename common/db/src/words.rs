//! Words as search knows them: the same on both databases, because both are given words that were made here.

use std::collections::HashSet;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Bytes of words that are kept of a track of captions for search: more than the longest film has.
pub const MOST_OF_TRACK: usize = 128 << 10;

/// Words of a query that count.
const MOST: usize = 8;
/// Longest word, characters.
const LONGEST: usize = 40;

/// A text as lower-case words without marks, joined by blanks: `Händel's 3rd` is `handel s 3rd`.
pub fn normal(text: &str) -> String {
    let plain: String = text
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        // The sigma that ends a word is one; SQLite's index makes them one anyway.
        .map(|c| if c == 'ς' { 'σ' } else { c })
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words = plain.split_whitespace().map(|w| w.chars().take(LONGEST).collect::<String>());
    words.collect::<Vec<_>>().join(" ")
}

/// The words of a long text, each once, in the order in which they come, as far as they fit into `most` bytes.
/// Takes memory for these alone.
pub fn distinct<'a>(lines: impl Iterator<Item = &'a str>, most: usize) -> String {
    let (mut known, mut out) = (HashSet::new(), String::new());
    for line in lines {
        for word in
            normal(line).split_whitespace().filter(|w| !known.contains(*w)).map(ToOwned::to_owned).collect::<Vec<_>>()
        {
            if out.len() + word.len() >= most {
                return out;
            }
            if known.insert(word.clone()) {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(&word);
            }
        }
    }
    out
}

/// The words of a query.
pub fn of_query(text: &str) -> Vec<String> {
    let mut words: Vec<String> = normal(text).split(' ').filter(|w| !w.is_empty()).map(ToOwned::to_owned).collect();
    words.dedup();
    words.truncate(MOST);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_case_and_punctuation_are_gone() {
        assert_eq!(normal("  Händel's  3rd—\"Saul\" \u{0}"), "handel s 3rd saul");
        assert_eq!(normal("ﬁlm ＡＢＣ"), "film abc");
        assert_eq!(normal("Οδός"), normal("ΟΔΟΣ"));
        assert_eq!(of_query("a* OR (b) & c:D -- ' \""), ["a", "or", "b", "c", "d"]);
        assert!(of_query("!!!").is_empty());
        assert_eq!(distinct(["One, two; one TWO", "three four"].into_iter(), 14), "one two three");
    }
}
