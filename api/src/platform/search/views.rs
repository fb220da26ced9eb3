//! What search takes and answers.

use crate::pipeline::media::views::Media;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Words, each the beginning of one; all must be there.
    #[param(max_length = 200)]
    pub q: String,
    /// 1 to 100, otherwise 20.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 100)]
    pub cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Found {
    pub items: Vec<Media>,
    pub next_cursor: Option<String>,
}
