//! Which rungs are made first, for the whole film, where the whole ladder would be made slower than it plays.
//!
//! Invariant: the growing presentation has the rungs of the first tier and the complete one has all, so no rung is
//! ever added to a presentation that somebody watches.

use super::{Rung, VideoPlan};
use sluice_model::{ChunkPayload, TRUST, Tier};

/// Nobody waits longer than this for the first tier to get ahead, if fewer rungs can help it; seconds.
const LONGEST_WAIT_S: f64 = 10.0;
/// Short side of the largest rung that is made first.
const LARGEST: u32 = 720;
/// Rungs that cost so much in all, beside the lowest alone, change little: what they wait for is the decoder.
const SLIGHT: f64 = 1.25;

/// How many rungs, from the top, are left for the second tier; 0 where all are made at once.
///
/// `cost_s` says what some rungs of the whole film cost in seconds of one core.
pub fn upper_rungs(ladder: &[Rung], film_s: f64, fleet_cores: usize, cost_s: impl Fn(&[Rung]) -> f64) -> usize {
    let Some(lowest) = ladder.len().checked_sub(1) else { return 0 };
    let alone_s = cost_s(&ladder[lowest..]);
    // A player may begin once the rest is made as fast as it plays: see `playable`.
    let is_quick = |from: usize| {
        let cost_s = cost_s(&ladder[from..]);
        cost_s / fleet_cores.max(1) as f64 - TRUST * film_s <= LONGEST_WAIT_S || cost_s <= SLIGHT * alone_s
    };
    if is_quick(0) {
        return 0;
    }
    let is_small = |rung: &Rung| rung.width.min(rung.height) <= LARGEST;
    (1..lowest).find(|from| is_small(&ladder[*from]) && is_quick(*from)).unwrap_or(lowest)
}

impl VideoPlan {
    /// The ladder as it would be without a passthrough, highest first.
    fn ladder(&self) -> impl Iterator<Item = &Rung> {
        self.fallback.iter().chain(&self.rungs)
    }

    /// Whether a rung is missing in the growing presentation that is without a passthrough.
    pub fn is_upper(&self, rung: &str) -> bool {
        self.ladder().take(self.upper_rungs).any(|r| r.name == rung)
    }

    /// Rungs that are made in the second tier.
    fn split(&self) -> usize {
        self.rungs.iter().filter(|r| self.is_upper(&r.name)).count()
    }

    /// Whether the source's own picture, passed through, is what can be watched first: in place of the top rung.
    pub fn source_grows(&self) -> bool {
        self.passthrough.is_some() && self.fallback.is_some()
    }

    /// The passes that make the ladder, in order.
    pub fn tiers(&self) -> &'static [Tier] {
        // What is passed through can be watched at once.
        if self.source_grows() || self.split() == 0 { &[Tier::All] } else { &[Tier::Lower, Tier::Upper] }
    }

    /// The rungs of a pass.
    pub fn rungs_of(&self, tier: Tier) -> &[Rung] {
        let (upper, lower) = self.rungs.split_at(self.split());
        match tier {
            Tier::All => &self.rungs,
            Tier::Lower => lower,
            Tier::Upper => upper,
        }
    }

    /// The rungs that a chunk makes.
    pub fn chunk_rungs(&self, chunk: &ChunkPayload) -> &[Rung] {
        if chunk.fallback { self.fallback.as_slice() } else { self.rungs_of(chunk.tier) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{EncodeSettings, Rate, ladder};

    /// Names of the rungs of the first tier; nothing where there is one tier only.
    fn first(size: (u32, u32), film_s: f64, cores: usize, decode_s: f64, encode_s: f64) -> Vec<String> {
        let rate = Rate { num: 30, den: 1 };
        let rungs = ladder::ladder(&ladder::tests::source(size.0, size.1), rate, &EncodeSettings::default());
        let pixels = |list: &[Rung]| list.iter().map(|r| f64::from(r.width * r.height)).sum::<f64>();
        let whole = pixels(&rungs);
        let cost_s = |list: &[Rung]| film_s * (decode_s + encode_s * pixels(list) / whole);
        match upper_rungs(&rungs, film_s, cores, cost_s) {
            0 => Vec::new(),
            upper => rungs[upper..].iter().map(|r| r.name.clone()).collect(),
        }
    }

    #[test]
    fn the_first_tier_has_the_rungs_that_keep_ahead() {
        const UHD: (u32, u32) = (3840, 2160);
        const HD: (u32, u32) = (1920, 1080);
        let all: &[&str] = &[];
        // Cost of decoding and of the whole ladder, seconds of one core for a second of film.
        for (what, size, film_s, cores, decode_s, encode_s, expected) in [
            ("4K on two cores", UHD, 60.0, 2, 1.0, 8.0, &["v720", "v480", "v360", "v240", "v144"][..]),
            ("harder to decode", UHD, 60.0, 2, 1.6, 8.0, &["v480", "v360", "v240", "v144"]),
            ("slower to decode than it plays", UHD, 600.0, 2, 3.0, 8.0, &["v480", "v360", "v240", "v144"]),
            ("an hour on a small machine", UHD, 3600.0, 1, 0.5, 8.0, &["v360", "v240", "v144"]),
            ("a large fleet", UHD, 60.0, 16, 1.0, 8.0, all),
            ("a film so short that it hardly matters", UHD, 2.0, 2, 1.0, 8.0, all),
            ("1080p that keeps ahead", HD, 60.0, 2, 0.2, 1.4, all),
            ("two hours that nearly keep ahead", HD, 7200.0, 2, 0.2, 1.6, &["v720", "v480", "v360", "v240", "v144"]),
            ("all that takes time is decoding", HD, 600.0, 1, 5.0, 1.0, all),
            ("a slow preset", (1280, 720), 600.0, 1, 0.1, 3.0, &["v360", "v240", "v144"]),
            ("not even the lowest", (1280, 720), 600.0, 1, 0.1, 90.0, &["v144"]),
            ("one rung", (64, 64), 600.0, 1, 9.0, 9.0, all),
        ] {
            assert_eq!(first(size, film_s, cores, decode_s, encode_s), expected, "{what}");
        }
    }
}
