//! How the feed is mixed.
//!
//! Two of three places go to the newest media of people one follows, every third to the media of others
//! that stands furthest forward by rank (age and engagement, [`sluice_db::rank`]). Where one runs
//! out, the other fills in. The cursor holds a place in each order and the instant of the first page: whom
//! one follows later changes nothing on the way, ranks never fall, so nothing comes twice.

use crate::{paging::BadCursor, platform::PlatformError, state::AppState};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sluice_db::{MediaRow, RankCursor};
use sluice_model::{PublicationId, Timestamp, UserId, clock};

/// One place in so many goes to a media of somebody who is not followed.
const DISCOVERY: usize = 3;

/// Where a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    #[serde(rename = "since_us")]
    since: Timestamp,
    followed: Option<PublicationId>,
    ranked: Option<RankCursor>,
    /// Where in the mix the page begins.
    #[serde(default)]
    place: usize,
}

impl Cursor {
    /// As clients keep it.
    pub fn write(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(text: &str) -> Result<Self, BadCursor> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let cursor = bytes.and_then(|b| serde_json::from_slice(&b).ok());
        cursor.ok_or(BadCursor)
    }
}

/// A media and whether its owner is followed.
pub type Found = (bool, MediaRow);

/// One page, and where the next begins.
pub async fn page(
    state: &AppState,
    viewer: Option<UserId>,
    cursor: Option<&str>,
    limit: usize,
) -> Result<(Vec<Found>, Option<Cursor>), PlatformError> {
    let start = Cursor { since: clock::now(), followed: None, ranked: None, place: 0 };
    let mut cursor = cursor.map_or(Ok(start), Cursor::read)?;
    let who = viewer.unwrap_or(UserId::nil());
    let (rows, place) = (limit + 1, cursor.place % DISCOVERY);
    let catalogue = state.db.catalogue();
    let follow = |count: usize| catalogue.followed(who, cursor.since, cursor.followed, count as i64);
    let discover = |count: usize| catalogue.discover(who, cursor.since, cursor.ranked, count as i64);
    let (followed, ranked) = if viewer.is_some() {
        // Of each as many as the mix takes; where one runs out, the other fills in. One after the other: at once they
        // would take a second connection, whose cold cache costs more than the waiting.
        let share = (place..place + rows).filter(|p| is_discovery(*p)).count();
        let mut followed = follow(rows - share).await?;
        let wanted = rows - followed.len();
        let ranked = discover(wanted).await?;
        if ranked.len() < wanted && followed.len() == rows - share {
            followed = follow(rows - ranked.len()).await?;
        }
        (followed, ranked)
    } else {
        (Vec::new(), discover(rows).await?)
    };
    let mixed = mix(followed, ranked, place);
    let more = mixed.len() > limit;
    let page: Vec<Found> = mixed.into_iter().take(limit).collect();
    for (is_followed, media) in &page {
        match is_followed {
            true => cursor.followed = media.published_id,
            false => cursor.ranked = Some((media.rank, media.id)),
        }
    }
    cursor.place = (place + page.len()) % DISCOVERY;
    Ok((page, more.then_some(cursor)))
}

fn is_discovery(place: usize) -> bool {
    place % DISCOVERY == DISCOVERY - 1
}

fn mix<T>(followed: Vec<T>, ranked: Vec<T>, place: usize) -> Vec<(bool, T)> {
    let (mut followed, mut ranked) = (followed.into_iter().peekable(), ranked.into_iter().peekable());
    let mut mixed = Vec::new();
    loop {
        let discovery = is_discovery(place + mixed.len());
        let (first, second) = (followed.peek().is_some(), ranked.peek().is_some());
        let take_followed = first && (!discovery || !second);
        let next = if take_followed { followed.next() } else { ranked.next() };
        match next {
            Some(item) => mixed.push((take_followed, item)),
            None => return mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::MediaId;

    #[test]
    fn every_third_is_new_to_one() {
        let from = |place, a, b| mix(vec![0; a], vec![0; b], place).into_iter().map(|m| m.0).collect::<Vec<_>>();
        assert_eq!(from(0, 4, 4), [true, true, false, true, true, false, false, false]);
        assert_eq!(from(2, 2, 2), [false, true, true, false], "a page goes on where the last one ended");
        assert_eq!(from(0, 0, 2), [false, false]);
        assert_eq!(from(0, 2, 0), [true, true]);
    }

    #[test]
    fn a_cursor_reads_what_it_wrote() {
        let cursor = Cursor {
            since: Timestamp::from_micros(7),
            followed: Some(PublicationId::max()),
            ranked: Some((-5, MediaId::nil())),
            place: 2,
        };
        assert_eq!(Cursor::read(&cursor.write()).unwrap(), cursor);
        assert!(Cursor::read("nonsense").is_err());
        // Clients hold cursors across an update of the service.
        let json = format!(
            r#"{{"since_us":7,"followed":"{}","ranked":[-5,"{}"],"place":2}}"#,
            PublicationId::max(),
            MediaId::nil()
        );
        assert_eq!(cursor.write(), BASE64_URL_SAFE_NO_PAD.encode(json));
    }
}
