//! Words as search knows them: the same on both databases, because both are given words that were made here.

use std::collections::HashSet;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

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
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words = plain.split_whitespace().map(|w| w.chars().take(LONGEST).collect::<String>());
    words.collect::<Vec<_>>().join(" ")
}

/// The words of a long text, each once, in the order in which they come, as far as they fit into `most` bytes.
pub fn distinct(text: &str, most: usize) -> String {
    let (text, mut known, mut out) = (normal(text), HashSet::new(), String::new());
    for word in text.split(' ').filter(|w| known.insert(*w)) {
        if out.len() + word.len() >= most {
            break;
        }
        out.push_str(word);
        out.push(' ');
    }
    out.truncate(out.trim_end().len());
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
        assert_eq!(of_query("a* OR (b) & c:D -- ' \""), ["a", "or", "b", "c", "d"]);
        assert!(of_query("!!!").is_empty());
        assert_eq!(distinct("One, two; one TWO three four", 14), "one two three");
    }
}
