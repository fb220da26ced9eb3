//! Keyset pages: stable while rows are added.

use serde::Deserialize;
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
        self.limit.unwrap_or(20).clamp(1, 100) as usize
    }

    /// Cuts what was read one item too far, and says where the next page begins.
    pub fn cut<T>(&self, mut rows: Vec<T>, id: impl Fn(&T) -> Uuid) -> (Vec<T>, Option<Uuid>) {
        let more = rows.len() > self.limit();
        rows.truncate(self.limit());
        let next = if more { rows.last().map(id) } else { None };
        (rows, next)
    }

    /// Rows to read: one more than is shown.
    pub fn rows(&self) -> i64 {
        self.limit() as i64 + 1
    }
}
