//! Rules of closed captions within pictures (RFC 8216 sections 4.3.4.1 and 4.3.4.2).

use super::{
    playlist::ParsedMultivariant,
    report::{Finding, Level},
};

/// EXT-X-MEDIA's TYPE of them, and the attribute of variants that names their group.
const CLOSED_CAPTIONS: &str = "CLOSED-CAPTIONS";
/// What variants say where there are none.
const NONE: &str = "NONE";

/// What is found of a multivariant playlist; `captioned` are the renditions in whose pictures there are captions.
pub fn findings(list: &ParsedMultivariant, captioned: &[&str]) -> Vec<Finding> {
    let said: Vec<Option<&str>> =
        list.variants.iter().map(|v| v.attributes.get(CLOSED_CAPTIONS).map(String::as_str)).collect();
    let media = || list.media.iter().filter(|m| m.get("TYPE").is_some_and(|t| t == CLOSED_CAPTIONS));
    let is_group = |name: &str| media().any(|m| m.get("GROUP-ID").is_some_and(|id| id == name));
    let says_none = said.contains(&Some(NONE));
    let mut unnamed: Vec<String> =
        said.iter().flatten().filter(|s| **s != NONE && !is_group(s)).map(|s| format!("no group {s}")).collect();
    if says_none && said.iter().any(|s| *s != Some(NONE)) {
        unnamed.push("NONE of some variants only".to_owned());
    }
    let untrue = if says_none { captioned.iter().map(|uri| (*uri).to_owned()).collect() } else { Vec::new() };
    let channel = |id: &str| {
        let number = |prefix: &str| id.strip_prefix(prefix).and_then(|n| n.parse::<u8>().ok());
        number("CC").is_some_and(|n| (1..=4).contains(&n)) || number("SERVICE").is_some_and(|n| (1..=63).contains(&n))
    };
    let is_wrong = |m: &&std::collections::BTreeMap<String, String>| {
        m.contains_key("URI") || !m.get("INSTREAM-ID").is_some_and(|id| channel(id))
    };
    let wrong = media().filter(is_wrong).map(|m| format!("{m:?}")).collect();
    let found = [
        ("R4.3.4.1", "closed captions have an INSTREAM-ID and no URI", media().next().is_some(), wrong),
        (
            "R4.3.4.2",
            "CLOSED-CAPTIONS is NONE of all variants or names a group",
            said.iter().any(Option::is_some),
            unnamed,
        ),
        ("R4.3.4.2", "where CLOSED-CAPTIONS is NONE no picture carries any", says_none, untrue),
    ];
    found
        .into_iter()
        .map(|(rule, text, applies, details)| Finding::of(Level::Must, rule, text, applies, details))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{parse_multivariant, report::Outcome};

    #[test]
    fn what_is_said_of_closed_captions_is_true() {
        let outcomes = |media: &str, variants: [&str; 2], captioned: &[&str]| {
            let variants = variants.map(|said| format!("#EXT-X-STREAM-INF:BANDWIDTH=1{said}\nv\n")).concat();
            let list = parse_multivariant(&format!("#EXTM3U\n{media}{variants}")).unwrap();
            findings(&list, captioned).iter().map(|f| f.outcome).collect::<Vec<_>>()
        };
        let (none, group) = (",CLOSED-CAPTIONS=NONE", ",CLOSED-CAPTIONS=\"cc\"");
        let media =
            "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",LANGUAGE=\"en\",NAME=\"English\",INSTREAM-ID=\"CC1\"\n";
        use Outcome::{Fail, NotApplicable, Pass};
        assert_eq!(outcomes("", ["", ""], &["v"]), [NotApplicable; 3]);
        assert_eq!(outcomes("", [none, none], &[]), [NotApplicable, Pass, Pass]);
        assert_eq!(outcomes("", [none, ""], &[]), [NotApplicable, Fail, Pass]);
        assert_eq!(outcomes("", [none, none], &["v"]), [NotApplicable, Pass, Fail]);
        assert_eq!(outcomes(media, [group, group], &["v"]), [Pass, Pass, NotApplicable]);
        assert_eq!(outcomes("", [group, group], &["v"]), [NotApplicable, Fail, NotApplicable]);
        assert_eq!(outcomes(&media.replace("CC1", "CC5"), [group, ""], &[]), [Fail, Pass, NotApplicable]);
    }
}
