//! States, roles and scopes are enums; their stored words are spelled in `common/model` alone.

use crate::code::{File, all, planted};
use std::collections::BTreeSet;

/// Where the words are spelled.
const SPELLED: &str = "common/model/";
/// Files that compare with words of others: media types, and what other programs and protocols say.
const OTHERS: &[&str] = &["api/src/pipeline/uploads/declared.rs"];

/// The words of all enums of `words!`.
fn stored(files: &[File]) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for file in files.iter().filter(|f| f.name.starts_with(SPELLED)) {
        for block in file.running().split("words!(").skip(1) {
            let block = block.split("\n);").next().unwrap_or_default();
            let parts = block.split(" = \"").skip(1);
            words.extend(parts.filter_map(|p| Some(p.split_once('"')?.0.to_owned())));
        }
    }
    words
}

/// Comparisons with such a word, and matches of it.
fn bare(files: &[File], words: &BTreeSet<String>) -> Vec<String> {
    let mut bad = Vec::new();
    for file in files.iter().filter(|f| !f.name.starts_with(SPELLED) && !OTHERS.contains(&f.name.as_str())) {
        for (i, code) in file.lines() {
            let mut parts = code.split('"');
            let mut before = parts.next().unwrap_or_default();
            while let (Some(quoted), Some(after)) = (parts.next(), parts.next()) {
                let compared = ["==", "!=", "|", "matches!("].iter().any(|c| before.trim_end().ends_with(c));
                let matched = ["=>", "|", "if "].iter().any(|c| after.trim_start().starts_with(c));
                if (compared || matched) && words.contains(quoted) {
                    bad.push(file.at(i, code));
                }
                before = after;
            }
        }
    }
    bad
}

#[test]
fn no_state_or_scope_is_a_bare_word() {
    let files = all();
    let words = stored(&files);
    for known in ["admin", "upload", "ready", "live", "spent", "queued", "public", "parked"] {
        assert!(words.contains(known), "{known}");
    }
    assert_eq!(bare(&files, &words), [] as [String; 0]);
    for plant in [
        "if row.status == \"ready\" {}",
        "match row.status.as_str() { \"live\" => 1, _ => 0 }",
        "        \"queued\" | \"done\" => true,",
        "\"spent\" if late => true,",
        "if scope != \"upload\" {}",
    ] {
        assert!(!bare(&planted("api/src/identity/auth/refresh.rs", plant), &words).is_empty(), "{plant}");
    }
    let fine = "let text = json!({ \"status\": \"ready\" });";
    assert_eq!(bare(&planted("api/src/health.rs", fine), &words), [] as [String; 0]);
}
