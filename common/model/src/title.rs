//! What media are called to which nobody has given a title.

/// Characters of a title.
const LONGEST: usize = 200;

/// A title made of a file's name: without folders and ending.
pub fn default_title(filename: &str) -> String {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let text: String = stem.chars().take(LONGEST).collect();
    if text.trim().is_empty() { "Untitled".to_owned() } else { text }
}
