//! Refresh tokens: opaque, exchanged at every use within a family.
//!
//! A client may lose the answer that brought its next token. So the next token is derived from the
//! spent one, and for a moment the same question gets the same answer: parallel requests and retries
//! are harmless. Later, once, the lost token is replaced by another. Whoever comes with a token whose
//! successor has been used, or with one that was replaced, is a second holder: the family ends.

use crate::state::Keys;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use sluice_db::RefreshRow;
use sluice_model::{RefreshTokenStatus, Timestamp};
use std::time::Duration;

/// How long the same question gets the same answer.
const REPEATED: Duration = Duration::from_secs(30);

/// What to do with a refresh token.
#[derive(Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It is live: exchange it.
    Spend,
    /// It was exchanged a moment ago: give the same successor again.
    Repeat,
    /// Its successor never arrived: replace it by another.
    Replace,
    /// Somebody else has it too.
    Reused,
}

/// The token that follows a spent one; `retry` tells replacements apart.
pub fn successor(keys: &Keys, token: &str, retry: i64) -> String {
    let mut mac = keys.mac("refresh token");
    mac.update(&retry.to_be_bytes());
    mac.update(token.as_bytes());
    format!("slr_{}", BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// Decides over a presented token. `successor_live` tells whether what it was exchanged for is unused;
/// `same` whether that successor can still be derived.
pub fn decide(row: &RefreshRow, successor_live: bool, same: bool, now: Timestamp) -> Rotation {
    match row.status {
        RefreshTokenStatus::Live => Rotation::Spend,
        RefreshTokenStatus::Spent if !successor_live => Rotation::Reused,
        RefreshTokenStatus::Spent if same && row.spent_at.is_some_and(|at| now.duration_since(at) < REPEATED) => {
            Rotation::Repeat
        }
        RefreshTokenStatus::Spent if row.retries == 0 => Rotation::Replace,
        RefreshTokenStatus::Spent | RefreshTokenStatus::Superseded => Rotation::Reused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::{
        RefreshTokenStatus::{Live, Spent, Superseded},
        SessionId,
    };

    #[test]
    fn one_lost_answer_is_forgiven() {
        let row = |status, retries| RefreshRow {
            session_id: SessionId::nil(),
            status,
            successor: None,
            retries,
            spent_at: Some(Timestamp::EPOCH),
        };
        let soon = Timestamp::from_micros(9);
        let later = Timestamp::EPOCH + REPEATED + Duration::from_micros(1);
        assert_eq!(decide(&row(Live, 0), false, false, soon), Rotation::Spend);
        assert_eq!(decide(&row(Spent, 0), true, true, soon), Rotation::Repeat);
        assert_eq!(decide(&row(Spent, 0), true, true, later), Rotation::Replace);
        assert_eq!(decide(&row(Spent, 0), true, false, soon), Rotation::Replace, "the signing key has changed since");
        assert_eq!(decide(&row(Spent, 1), true, true, later), Rotation::Reused);
        assert_eq!(decide(&row(Spent, 0), false, true, soon), Rotation::Reused, "its successor was used");
        assert_eq!(decide(&row(Superseded, 0), false, false, soon), Rotation::Reused);
    }
}
