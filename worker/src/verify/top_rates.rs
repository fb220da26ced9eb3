//! Whether the largest picture is there at two bit rates (Apple 9.10).

use super::{
    playlist::{ParsedMultivariant, ParsedVariant},
    report::{Finding, Level},
};
use std::collections::BTreeMap;

/// Short side of pictures from which on a step down to the next one is seen, pixels.
const LARGE: u64 = 720;
/// How many times the bits of the next picture the largest may take before many have the screen for it and not the line: the rungs of
/// Apple's own ladder are at most 2.2 times apart.
const LARGEST_STEP: u64 = 3;

/// Width and height of a variant, pixels.
fn size(variant: &ParsedVariant) -> Option<(u64, u64)> {
    let (width, height) = variant.attributes.get("RESOLUTION")?.split_once('x')?;
    Some((width.parse().ok()?, height.parse().ok()?))
}

/// What came of the rule. It means nothing where there is one rate and the next picture is hardly cheaper or smaller.
pub fn finding(playlist: &ParsedMultivariant) -> Finding {
    let mut sizes = BTreeMap::<(u64, u64), BTreeMap<&str, u64>>::new();
    for v in &playlist.variants {
        let bps = v.attributes.get("BANDWIDTH").and_then(|b| b.parse().ok()).unwrap_or(0);
        if let Some((width, height)) = size(v) {
            let rates = sizes.entry((width.saturating_mul(height), width.min(height))).or_default();
            // One picture may stand beside several sounds.
            let known = rates.entry(v.uri.as_str()).or_default();
            *known = bps.max(*known);
        }
    }
    let mut largest = sizes.iter().rev();
    let (top, next) = (largest.next(), largest.next());
    let most = |rates: &BTreeMap<&str, u64>| rates.values().copied().max().unwrap_or(0);
    let next_bps = next.map_or(u64::MAX, |(_, rates)| most(rates));
    let is_heavy = |short: u64, bps: u64| short >= LARGE && bps > next_bps.saturating_mul(LARGEST_STEP);
    let alone = top.filter(|(_, rates)| rates.len() == 1);
    let lone = alone.filter(|((_, short), rates)| is_heavy(*short, most(rates)));
    let details = lone.map(|((_, short), rates)| format!("{short}p alone at {} bits a second", most(rates)));
    let applies = top.is_some() && (alone.is_none() || lone.is_some());
    Finding::of(
        Level::Should,
        "9.10",
        "two bit rates at the highest resolution",
        applies,
        details.into_iter().collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::report::Outcome;

    fn outcome(variants: &[(&str, &str, u64)]) -> Outcome {
        let variant = |(uri, size, bps): &(&str, &str, u64)| ParsedVariant {
            uri: (*uri).to_owned(),
            attributes: [("RESOLUTION", (*size).to_owned()), ("BANDWIDTH", bps.to_string())]
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
        };
        let variants = variants.iter().map(variant).collect();
        finding(&ParsedMultivariant { variants, ..ParsedMultivariant::default() }).outcome
    }

    #[test]
    fn a_heavy_picture_wants_a_second_rate() {
        let next = ("v720", "1280x720", 3_000_000);
        assert_eq!(outcome(&[("source", "1920x1080", 17_000_000), next]), Outcome::Fail);
        let lean = ("v1080-lean", "1920x1080", 6_000_000);
        assert_eq!(outcome(&[("source", "1920x1080", 17_000_000), lean, next]), Outcome::Pass);
        assert_eq!(outcome(&[lean, next]), Outcome::NotApplicable, "the next one is half as dear");
        assert_eq!(outcome(&[("a", "640x360", 5_000_000), ("b", "256x144", 100_000)]), Outcome::NotApplicable);
        let sounds = [("source", "1920x1080", 17_000_000), ("source", "1920x1080", 17_300_000), next];
        assert_eq!(outcome(&sounds), Outcome::Fail, "another sound is no other picture");
        assert_eq!(outcome(&[]), Outcome::NotApplicable);
    }
}
