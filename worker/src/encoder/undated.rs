//! Pictures that are given no time stamps: a program stream dates the first that begins in one of its packets, and no other.

use super::stamps::Stamp;

/// Of a picture of which nothing says when it is shown or decoded.
pub const UNDATED: i64 = i64::MIN;

/// How far decoding times step back where another recording begins, in pictures: less is rounding.
const STEP_BACK: i64 = 16;

/// Dates pictures in decoding order, in which they follow one another evenly; each is shown when no other is. `usual` is how
/// long one is shown. What comes before the first that is dated is dropped.
pub fn date(list: &mut Vec<Stamp>, usual: i64) {
    let known = list.iter().position(|s| s.time != UNDATED).unwrap_or(list.len());
    list.drain(..known);
    let mut decoded = 0;
    for stamp in list.iter_mut() {
        decoded = if stamp.time == UNDATED { usual.saturating_add(decoded) } else { stamp.seek };
        stamp.seek = decoded;
    }
    let goes_on = |a: &Stamp, b: &Stamp| b.time == UNDATED || a.seek.saturating_sub(b.seek) <= STEP_BACK * usual;
    list.chunk_by_mut(goes_on).for_each(|recording| show(recording, usual));
}

/// Gives the pictures of one recording that have none the times at which no other is shown.
fn show(recording: &mut [Stamp], usual: i64) {
    let Some(first) = recording.first() else { return };
    let delay = first.time.saturating_sub(first.seek);
    let mut shown: Vec<i64> = recording.iter().map(|s| s.seek.saturating_add(delay)).collect();
    shown.sort_unstable();
    let mut taken: Vec<i64> = recording.iter().map(|s| s.time).filter(|t| *t != UNDATED).collect();
    taken.sort_unstable();
    let mut taken = taken.into_iter().peekable();
    // Of two sorted lists what is in the first and not, but for rounding, in the second.
    shown.retain(|at| {
        while taken.next_if(|t| *t < at.saturating_sub(usual / 2)).is_some() {}
        taken.next_if(|t| *t <= at.saturating_add(usual / 2)).is_none()
    });
    let mut free = shown.into_iter();
    for stamp in recording.iter_mut().filter(|s| s.time == UNDATED) {
        stamp.time = free.next().unwrap_or(stamp.seek.saturating_add(delay));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_without_time_stamps_are_shown_when_no_other_is() {
        // (decoded, shown) of what FFmpeg writes of small pictures, in decoding order, after one without any before it.
        let said = [None, Some((45, 52)), Some((48, 59)), None, Some((55, 63)), None, None, Some((66, 70))];
        let stamp = |said: Option<(i64, i64)>| {
            let (seek, time) = said.unwrap_or((UNDATED, UNDATED));
            Stamp { time, seek, place: 0, size: 1, duration: 0, key: false, hidden: false, placed: true }
        };
        let one: Vec<Stamp> = said.into_iter().map(stamp).collect();
        // A picture every 3.5: what is given is rounded.
        let mut list = one.clone();
        date(&mut list, 4);
        let mut times: Vec<i64> = list.iter().map(|s| s.time).collect();
        assert_eq!((list.len(), &times[..2], times[3], times[6]), (7, &[52, 59][..], 63, 70));
        times.sort_unstable();
        assert!(times.windows(2).all(|w| (2..=5).contains(&(w[1] - w[0]))), "{times:?}");
        assert!(list.windows(2).all(|w| (2..=5).contains(&(w[1].seek - w[0].seek))), "{list:?}");
        // The same after itself, behind enough of it that the clock steps back.
        let before = (18..60).map(|i| stamp(Some((i * 4, i * 4 + 7))));
        let mut joined: Vec<Stamp> = one.iter().copied().chain(before).chain(one[1..].to_vec()).collect();
        date(&mut joined, 4);
        let (first, last) = (&joined[..7], &joined[joined.len() - 7..]);
        assert!(first.iter().zip(last).all(|(a, b)| (a.time, a.seek) == (b.time, b.seek)), "{joined:?}");
    }
}
