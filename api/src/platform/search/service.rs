//! How results are put in order: what has all words in title, tags or creator comes first, then what has them
//! only together with the description; each by rank.

use crate::{
    paging::{self, BadCursor},
    platform::PlatformError,
    state::AppState,
};
use sluice_db::{MediaRow, Nearness, RankCursor, words};

/// A place among the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    near: bool,
    after: Option<RankCursor>,
}

impl Cursor {
    /// As clients keep it.
    pub fn write(&self) -> String {
        let place = self.after.map(|(rank, id)| format!(".{rank}.{id}")).unwrap_or_default();
        format!("{}{place}", if self.near { "n" } else { "f" })
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(text: &str) -> Result<Self, BadCursor> {
        let mut parts = text.split('.');
        let near = match parts.next() {
            Some("n") => true,
            Some("f") => false,
            _ => return Err(BadCursor),
        };
        let after = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(rank), Some(id)) => Some((rank.parse().map_err(|_| BadCursor)?, id.parse().map_err(|_| BadCursor)?)),
            _ => return Err(BadCursor),
        };
        Ok(Self { near, after })
    }
}

/// One page of results, and where the next begins.
pub async fn search(
    state: &AppState,
    text: &str,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<MediaRow>, Option<Cursor>), PlatformError> {
    let words = words::of_query(text);
    if words.is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut at = cursor.map_or(Ok(Cursor { near: true, after: None }), Cursor::read)?;
    let mut found = Vec::new();
    if at.near {
        found = state.db.search().find(&words, Nearness::Near, at.after, limit as i64 + 1).await?;
        if found.len() > limit {
            found.truncate(limit);
            let next = found.last().map(|m| Cursor { near: true, after: Some((m.rank, m.id)) });
            return Ok((found, next));
        }
        at = Cursor { near: false, after: None };
    }
    let room = limit - found.len();
    let far = state.db.search().find(&words, Nearness::Far, at.after, room as i64 + 1).await?;
    let more = far.len() > room;
    let (far, last) = paging::cut(far, room, |m| (m.rank, m.id));
    found.extend(far);
    Ok((found, more.then_some(Cursor { near: false, after: last.or(at.after) })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::MediaId;

    #[test]
    fn a_cursor_reads_what_it_wrote() {
        for cursor in [Cursor { near: true, after: Some((-7, MediaId::max())) }, Cursor { near: false, after: None }] {
            assert_eq!(Cursor::read(&cursor.write()).unwrap(), cursor);
        }
        for bad in ["", "x", "n.1", "n.a.b"] {
            assert!(Cursor::read(bad).is_err(), "{bad}");
        }
    }
}
