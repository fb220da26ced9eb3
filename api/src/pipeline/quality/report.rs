//! Reading what players send: a line for each event, a dictionary of RFC 8941 with the keys of CTA-5004-B.

use crate::validation::{Faults, Invalid};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

/// Events in one report.
const MOST_EVENTS: usize = 100;
/// Bytes of a session's identifier.
const LONGEST_ID: usize = 128;

/// What a player does (`sta`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayerState {
    Preloading,
    Starting,
    Playing,
    Paused,
    Seeking,
    Rebuffering,
    Ended,
    FatalError,
    /// One that is not told apart here: waiting for its turn, or quitting.
    Other,
}

impl PlayerState {
    const LETTERS: [(&str, Self); 8] = [
        ("d", Self::Preloading),
        ("s", Self::Starting),
        ("p", Self::Playing),
        ("a", Self::Paused),
        ("k", Self::Seeking),
        ("r", Self::Rebuffering),
        ("e", Self::Ended),
        ("f", Self::FatalError),
    ];

    /// By its letter.
    pub fn named(letter: &str) -> Self {
        Self::LETTERS.iter().find(|(l, _)| *l == letter).map_or(Self::Other, |(_, state)| *state)
    }

    /// Its letter.
    pub fn letter(self) -> &'static str {
        Self::LETTERS.iter().find(|(_, state)| *state == self).map_or("o", |(letter, _)| letter)
    }
}

/// One event of a player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayerEvent {
    /// Its own number (`sn`).
    pub sequence: Option<i64>,
    /// Milliseconds since the Unix epoch by the player's clock (`ts`).
    pub at_ms: i64,
    /// What it does from here on, where it says so.
    pub state: Option<PlayerState>,
    /// Bit rate of what it loads (`br`), kb/s.
    pub bitrate_kbps: Option<i64>,
    /// How long it took to begin (`msd`), milliseconds.
    pub startup_ms: Option<i64>,
    /// Whether the event is an error that ended playback (`e=e`).
    pub is_error: bool,
}

/// What one player tells at once.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// The player's identifier of this playback (`sid`).
    pub session: String,
    /// In the order in which they happened.
    pub events: Vec<PlayerEvent>,
}

/// Reads a report. Keys that say nothing about quality are let by, as the standard asks.
///
/// # Errors
/// With every line that is not an event of version 2, or when the events are of several sessions.
pub fn read(body: &[u8]) -> Result<Report, Invalid> {
    // What is not UTF-8 is no event either.
    let body = std::str::from_utf8(body).unwrap_or_default();
    let lines: Vec<&str> = body.lines().filter(|l| !l.trim().is_empty()).collect();
    Faults::default()
        .demand(!lines.is_empty(), "body", "at least one event")
        .demand(lines.len() <= MOST_EVENTS, "body", "at most 100 events")
        .refuse()?;
    let read: Option<Vec<_>> = lines.into_iter().map(line).collect();
    Faults::default()
        .demand(read.is_some(), "body", "events of CMCD version 2, a line each, with v, sid, ts and e")
        .refuse()?;
    let (sessions, events): (Vec<_>, Vec<_>) = read.unwrap_or_default().into_iter().unzip();
    let is_one = sessions.windows(2).all(|w| w[0] == w[1]);
    Faults::default().demand(is_one, "body", "events of one session (sid)").refuse()?;
    Ok(Report { session: sessions.into_iter().next().unwrap_or_default(), events })
}

fn line(text: &str) -> Option<(String, PlayerEvent)> {
    let keys: Dictionary = Parser::new(text).parse().ok()?;
    let event = word(&keys, "e")?;
    let session = word(&keys, "sid")?;
    let (version, at_ms) = (number(&keys, "v")?, number(&keys, "ts")?);
    if version != 2 || session.is_empty() || session.len() > LONGEST_ID {
        return None;
    }
    let read = PlayerEvent {
        sequence: number(&keys, "sn"),
        at_ms,
        state: word(&keys, "sta").map(PlayerState::named),
        bitrate_kbps: number(&keys, "br"),
        startup_ms: number(&keys, "msd"),
        is_error: event == "e",
    };
    Some((session.to_owned(), read))
}

/// The values of a key: those of a list, or the only one.
fn values<'a>(keys: &'a Dictionary, name: &str) -> impl Iterator<Item = &'a BareItem> {
    let items = match keys.get(name) {
        Some(ListEntry::Item(item)) => std::slice::from_ref(item),
        Some(ListEntry::InnerList(list)) => &list.items[..],
        None => &[],
    };
    items.iter().map(|item| &item.bare_item)
}

/// A number of a key, of several the largest; none where it is negative.
fn number(keys: &Dictionary, name: &str) -> Option<i64> {
    let read = |item: &BareItem| match item {
        BareItem::Integer(n) => Some(i64::from(*n)),
        BareItem::Decimal(n) => Some(f64::from(*n).round() as i64),
        _ => None,
    };
    values(keys, name).filter_map(read).max().filter(|n| *n >= 0)
}

/// A word of a key, as a token or as a string.
fn word<'a>(keys: &'a Dictionary, name: &str) -> Option<&'a str> {
    values(keys, name).find_map(|item| match item {
        BareItem::Token(token) => Some(token.as_str()),
        BareItem::String(text) => Some(text.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As hls.js 1.7 and dash.js 5 write them.
    #[test]
    fn events_of_real_players_are_read() {
        let body = "e=ps,sid=\"7a\",sn=3,sta=p,ts=1700000000500,v=2,br=(1500),bl=(12000),pr=1.5,com.example-x=?1\n\
                    br=(700;v 96;a),cid=\"film\",e=t,msd=812,nor=(\"a.m4s\"),sf=h,sid=\"7a\",ts=1700000030500,v=2\n";
        let report = read(body.as_bytes()).unwrap();
        assert_eq!(report.session, "7a");
        let first = PlayerEvent {
            sequence: Some(3),
            at_ms: 1_700_000_000_500,
            state: Some(PlayerState::Playing),
            bitrate_kbps: Some(1500),
            startup_ms: None,
            is_error: false,
        };
        assert_eq!(report.events[0], first);
        assert_eq!((report.events[1].bitrate_kbps, report.events[1].startup_ms), (Some(700), Some(812)));
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let event = "e=t,sid=\"7a\",ts=1,v=2\n";
        let (many, long) = (event.repeat(101), event.replace("7a", &"7".repeat(129)));
        let two = format!("{event}{}", event.replace("7a", "7b"));
        for body in [
            "",
            "\n\n",
            "{}",
            "e=t,sid=\"7a\",ts=1,v=1",
            "e=t,ts=1,v=2",
            "e=t,sid=\"7a\",v=2",
            "e=t,sid=\"\",ts=1,v=2",
            &many,
            &long,
            &two,
        ] {
            assert!(read(body.as_bytes()).is_err(), "{body:.60}");
        }
        assert_eq!(read(event.repeat(100).as_bytes()).unwrap().events.len(), 100);
    }

    #[test]
    fn states_have_letters() {
        for (letter, state) in PlayerState::LETTERS {
            assert_eq!((PlayerState::named(letter), state.letter()), (state, letter));
        }
        assert_eq!(PlayerState::named("w"), PlayerState::Other);
    }
}
