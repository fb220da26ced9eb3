//! Keyset pages: stable while rows are added.

use serde::Deserialize;
use sluice_model::Timestamp;
use std::{fmt::Display, str::FromStr};
use utoipa::IntoParams;
use uuid::Uuid;

/// A keyset page, newest first.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// 1 to 100, otherwise 20.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<Uuid>,
}

impl PageQuery {
    /// Items of a page.
    pub fn limit(&self) -> usize {
        limit(self.limit)
    }

    /// The last row of the page before, if there was one.
    pub fn cursor<I: From<Uuid>>(&self) -> Option<I> {
        self.cursor.map(I::from)
    }

    /// Cuts what was read one item too far, and says where the next page begins.
    pub fn cut<T, I: Into<Uuid>>(&self, rows: Vec<T>, id: impl Fn(&T) -> I) -> Cut<T> {
        cut(rows, self.limit(), |row| id(row).into())
    }

    /// Rows to read: one more than is shown.
    pub fn rows(&self) -> i64 {
        self.limit() as i64 + 1
    }
}

/// Rows of a page, and where the next one begins.
pub type Cut<T, C = Uuid> = (Vec<T>, Option<C>);

/// Items of a page: what was asked for, 1 to 100, otherwise 20.
pub fn limit(asked: Option<u32>) -> usize {
    asked.unwrap_or(20).clamp(1, 100) as usize
}

/// Cuts what was read one item too far, and says where the next page begins.
pub fn cut<T, C>(mut rows: Vec<T>, limit: usize, cursor: impl Fn(&T) -> C) -> Cut<T, C> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(cursor);
    (rows, next)
}

/// A place in an order of instants, as clients keep it: `INSTANT-ID`.
pub fn write_instant((at, id): (Timestamp, impl Display)) -> String {
    format!("{}-{id}", at.as_micros())
}

/// Reads what [`write_instant`] wrote.
pub fn read_instant<I: FromStr>(cursor: Option<&str>) -> Result<Option<(Timestamp, I)>, BadCursor> {
    let read = |text: &str| {
        let (at, id) = text.split_once('-')?;
        Some((Timestamp::from_micros(at.parse().ok()?), id.parse().ok()?))
    };
    cursor.map(|text| read(text).ok_or(BadCursor)).transpose()
}

/// A cursor that no page gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cursor is none of ours")]
pub struct BadCursor;

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::MediaId;

    #[test]
    fn a_place_among_instants_is_read_as_it_was_written() {
        let place = (Timestamp::from_micros(1_700_000_000_123_456), MediaId::max());
        let text = write_instant(place);
        assert_eq!(text, "1700000000123456-ffffffff-ffff-ffff-ffff-ffffffffffff");
        assert_eq!(read_instant(Some(&text)), Ok(Some(place)));
        assert_eq!(read_instant::<MediaId>(None), Ok(None));
        for bad in ["", "7", "7-", "x-ffffffff-ffff-ffff-ffff-ffffffffffff", "7-nobody"] {
            assert_eq!(read_instant::<MediaId>(Some(bad)), Err(BadCursor), "{bad}");
        }
    }
}
