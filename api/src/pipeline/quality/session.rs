//! What a player's events come to, one after the other.
//!
//! Invariant: time is the difference of two instants of the player's own clock, and never more than [`LONGEST`]: a
//! player that slept, or whose clock was set, does not count for hours.

use super::report::{PlayerEvent, PlayerState};
use sluice_db::{PlaybackSessionRow, QualityDayRow};

/// What may lie between two events, milliseconds: players that report at all do so every half minute.
const LONGEST: i64 = 120_000;
/// Starts are counted by how long they took at most, milliseconds; the last bound is above all.
pub const START_BOUNDS: [i64; 6] = [500, 1_000, 2_000, 4_000, 8_000, i64::MAX];

/// What some events add to their day.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub day: QualityDayRow,
    /// Watched milliseconds by rendition.
    pub rungs: Vec<(String, i64)>,
    /// Milliseconds that it took to start, of one that did.
    pub startup_ms: Option<i64>,
}

impl Tally {
    /// Counts one event of a player that did before what `row` says. `rung` is the rendition whose bit rate the event
    /// names.
    pub fn count(&mut self, row: &mut PlaybackSessionRow, event: &PlayerEvent, rung: Option<&str>) {
        if event.sequence.is_some_and(|n| n < row.next_sequence) {
            return;
        }
        let is_new = row.player_state.is_empty();
        self.day.sessions += i64::from(is_new);
        if !is_new {
            self.pass(row, event.at_ms.saturating_sub(row.at_ms).clamp(0, LONGEST));
        }
        row.at_ms = event.at_ms;
        row.next_sequence = event.sequence.map_or(row.next_sequence, |n| n.saturating_add(1));
        if let Some(rung) = rung {
            row.rung = Some(rung.to_owned());
        }
        let before = PlayerState::named(&row.player_state);
        let state = event.state.unwrap_or(before);
        row.player_state = state.letter().to_owned();
        if state == PlayerState::Playing && !row.started {
            self.start(row, event.startup_ms);
        }
        if state == PlayerState::Rebuffering && before != state && row.started {
            self.day.stalls += 1;
        }
        if (state == PlayerState::FatalError || event.is_error) && !row.failed {
            row.failed = true;
            self.day.failures += 1;
        }
    }

    /// Time passed in the state that the player was in.
    fn pass(&mut self, row: &mut PlaybackSessionRow, ms: i64) {
        match PlayerState::named(&row.player_state) {
            PlayerState::Starting if !row.started => row.startup_ms = row.startup_ms.saturating_add(ms),
            // Before its first picture a player that waits is still starting.
            PlayerState::Rebuffering if !row.started => row.startup_ms = row.startup_ms.saturating_add(ms),
            PlayerState::Rebuffering => self.day.stalled_ms += ms,
            PlayerState::Playing => {
                self.day.watched_ms += ms;
                let Some(rung) = &row.rung else { return };
                match self.rungs.iter_mut().find(|(name, _)| name == rung) {
                    Some((_, watched)) => *watched += ms,
                    None => self.rungs.push((rung.clone(), ms)),
                }
            }
            _ => {}
        }
    }

    fn start(&mut self, row: &mut PlaybackSessionRow, told_ms: Option<i64>) {
        row.started = true;
        let startup_ms = told_ms.unwrap_or(row.startup_ms).min(LONGEST);
        self.day.starts += 1;
        self.day.startup_ms += startup_ms;
        self.startup_ms = Some(startup_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> PlaybackSessionRow {
        PlaybackSessionRow {
            player_state: String::new(),
            at_ms: 0,
            next_sequence: 0,
            rung: None,
            startup_ms: 0,
            started: false,
            failed: false,
        }
    }

    fn event(sequence: i64, at_ms: i64, state: &str) -> PlayerEvent {
        PlayerEvent {
            sequence: Some(sequence),
            at_ms: 1_000_000 + at_ms,
            state: (!state.is_empty()).then(|| PlayerState::named(state)),
            bitrate_kbps: None,
            startup_ms: None,
            is_error: false,
        }
    }

    /// What the events come to, each with the rendition that it names.
    fn tally(row: &mut PlaybackSessionRow, events: &[(PlayerEvent, Option<&str>)]) -> Tally {
        let mut tally = Tally::default();
        events.iter().for_each(|(event, rung)| tally.count(row, event, *rung));
        tally
    }

    #[test]
    fn a_playback_is_counted_from_start_to_end() {
        let told = [
            (event(0, 0, "d"), Some("v720")),
            (event(1, 5_000, "s"), None),
            (event(2, 5_700, "p"), None),
            (event(3, 25_700, ""), Some("v360")),
            (event(4, 35_700, "r"), None),
            (event(5, 37_200, "p"), None),
            (event(6, 40_000, "k"), None),
            (event(7, 41_000, "p"), None),
            (event(8, 43_000, "e"), None),
        ];
        let tally = tally(&mut row(), &told);
        let expected = QualityDayRow {
            day: 0,
            sessions: 1,
            starts: 1,
            startup_ms: 700,
            stalls: 1,
            stalled_ms: 1_500,
            watched_ms: 20_000 + 10_000 + 2_800 + 2_000,
            failures: 0,
        };
        assert_eq!((tally.day, tally.startup_ms), (expected, Some(700)));
        assert_eq!(tally.rungs, [("v720".to_owned(), 20_000), ("v360".to_owned(), 14_800)]);
    }

    #[test]
    fn what_is_told_twice_counts_once() {
        let mut row = row();
        let told = [(event(0, 0, "s"), None), (event(1, 400, "p"), None), (event(2, 9_400, "r"), None)];
        let first = tally(&mut row, &told);
        assert_eq!((first.day.starts, first.day.stalls, first.day.watched_ms), (1, 1, 9_000));
        assert_eq!(tally(&mut row, &told), Tally::default());
    }

    #[test]
    fn sleep_and_clocks_that_jump_do_not_count_for_hours() {
        let told = [
            (event(0, 0, "s"), None),
            (event(1, 100, "p"), None),
            (event(2, 86_400_000, ""), None),
            (event(3, 5, "a"), None),
        ];
        assert_eq!(tally(&mut row(), &told).day.watched_ms, LONGEST);
    }

    #[test]
    fn a_player_fails_once_and_says_itself_how_long_it_took_to_start() {
        let failed = PlayerEvent { is_error: true, ..event(1, 50, "f") };
        let told = tally(&mut row(), &[(event(0, 0, "s"), None), (failed, None), (event(2, 60, "f"), None)]);
        assert_eq!((told.day.failures, told.day.starts), (1, 0));
        let begun = PlayerEvent { startup_ms: Some(320), ..event(1, 9_000, "p") };
        assert_eq!(tally(&mut row(), &[(event(0, 0, "s"), None), (begun, None)]).startup_ms, Some(320));
    }
}
