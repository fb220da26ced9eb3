//! Instants and identifiers have types of their own: a number of microseconds or a UUID fits where another belongs.

use crate::code::{File, all, planted};

/// Durations that SQL computes with: they are bound as numbers, and their names have the unit.
const DURATIONS: &[&str] = &["every_us", "lease_us", "longest_us", "owed_us", "wait_us"];

/// Where a UUID is just that: the identifiers themselves, what the API reads and writes, the cursor of any list.
fn may_name_uuids(name: &str) -> bool {
    name == "common/model/src/ids.rs" || name == "api/src/paging.rs" || name.ends_with("/views.rs")
}

/// `jti` of an access token is made and never looked at.
const UNREAD: &str = "jti: Uuid";

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Fields, parameters and functions that are numbers of microseconds, but for known durations.
fn bare_instants(files: &[File]) -> Vec<String> {
    let mut bad = Vec::new();
    for file in files {
        for (i, code) in file.lines() {
            let numbers = code.match_indices("_us").filter(|(at, word)| {
                let (before, after) = (&code[..*at], &code[at + word.len()..]);
                let typed = ["i64", "Option<i64>", "u64", "Option<u64>"].iter().any(|number| {
                    after.strip_prefix(": ").is_some_and(|t| t.starts_with(number))
                        || (after.starts_with('(') && code.contains("fn ") && code.contains(&format!("-> {number}")))
                });
                let name = format!("{}_us", before.rsplit(|c| !is_word(c)).next().unwrap_or_default());
                typed && !DURATIONS.contains(&name.as_str())
            });
            bad.extend(numbers.map(|_| file.at(i, code)));
        }
    }
    bad
}

/// Types that are UUIDs of no kind.
fn bare_ids(files: &[File]) -> Vec<String> {
    let mut bad = Vec::new();
    for file in files.iter().filter(|f| !may_name_uuids(&f.name)) {
        for (i, code) in file.lines().filter(|(_, code)| !code.contains(UNREAD)) {
            let types = code.match_indices("Uuid").filter(|(at, word)| {
                let (before, after) = (&code[..*at], &code[at + word.len()..]);
                let named = !after.starts_with("::") && !after.starts_with(is_word);
                named && ["<", "(", ", ", ": ", "-> ", "&"].iter().any(|b| before.ends_with(b))
            });
            bad.extend(types.map(|_| file.at(i, code)));
        }
    }
    bad
}

#[test]
fn instants_are_timestamps() {
    assert_eq!(bare_instants(&all()), [] as [String; 0]);
    for plant in [
        "pub struct Row {\n    pub created_us: i64,\n}",
        "pub struct Row {\n    pub revoked_us: Option<i64>,\n}",
        "pub async fn purge(&self, now_us: i64) -> Result<()> {",
        "pub fn due_us(first: Segment) -> i64 {",
    ] {
        assert_eq!(bare_instants(&planted("common/db/src/sessions.rs", plant)).len(), 1, "{plant}");
    }
    for fine in ["pub fn take(&self, every_us: i64) {", "let sql = \"SELECT created_us FROM sessions\";"] {
        assert_eq!(bare_instants(&planted("common/db/src/limits.rs", fine)), [] as [String; 0], "{fine}");
    }
}

#[test]
fn identifiers_have_a_kind() {
    assert_eq!(bare_ids(&all()), [] as [String; 0]);
    for plant in [
        "pub struct Row {\n    pub id: Uuid,\n}",
        "pub async fn find(&self, id: Uuid) -> Result<()> {",
        "    Path(id): Path<Uuid>,",
        "    Path((id, number)): Path<(Uuid, i64)>,",
        "pub fn newest(&self) -> Option<Uuid> {",
        "fn sum(ids: &[uuid::Uuid], last: &Uuid) {}",
    ] {
        assert_eq!(bare_ids(&planted("api/src/platform/comments/service.rs", plant)).len(), 1, "{plant}");
    }
    for fine in ["params((\"id\" = Uuid, Path))", "let name = Uuid::new_v4().to_string();", "use uuid::Uuid;"] {
        assert_eq!(bare_ids(&planted("api/src/platform/comments/routes.rs", fine)), [] as [String; 0], "{fine}");
    }
    assert_eq!(bare_ids(&planted("api/src/platform/comments/views.rs", "pub id: Uuid,")), [] as [String; 0]);
}
