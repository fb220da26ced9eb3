//! Rules of groups of sound (RFC 8216 sections 4.3.4.1 and 4.3.4.2, Apple's 9.6).

use super::{
    playlist::ParsedMultivariant,
    report::{Finding, Level},
};
use std::collections::{BTreeMap, BTreeSet};

type Attributes = BTreeMap<String, String>;

fn value<'a>(media: &'a Attributes, name: &str) -> &'a str {
    media.get(name).map_or("", String::as_str)
}

fn is_yes(media: &Attributes, name: &str) -> bool {
    value(media, name) == "YES"
}

/// Channels of a rendition; CHANNELS may have more after a slash.
fn channels(media: &Attributes) -> u64 {
    value(media, "CHANNELS").split('/').next().and_then(|c| c.parse().ok()).unwrap_or(0)
}

/// Members of the groups of sound, by GROUP-ID.
fn groups(list: &ParsedMultivariant) -> BTreeMap<&str, Vec<&Attributes>> {
    let mut groups: BTreeMap<&str, Vec<&Attributes>> = BTreeMap::new();
    for media in list.media.iter().filter(|m| value(m, "TYPE") == "AUDIO") {
        groups.entry(value(media, "GROUP-ID")).or_default().push(media);
    }
    groups
}

/// What is found of the groups of a multivariant playlist.
pub fn findings(list: &ParsedMultivariant) -> Vec<Finding> {
    let groups = groups(list);
    let each = |broken: fn(&[&Attributes]) -> Option<String>| {
        groups.iter().filter_map(|(id, members)| broken(members).map(|b| format!("{id}: {b}"))).collect::<Vec<_>>()
    };
    let wide = |members: &&Vec<&Attributes>| members.iter().any(|m| channels(m) > 2);
    let only_wide = !groups.is_empty() && groups.values().all(|m| wide(&m));
    let stereo_missing = if only_wide { vec!["no group of stereo alone".to_owned()] } else { Vec::new() };
    let missing = list.variants.iter().filter_map(|v| {
        let group = v.attributes.get("AUDIO")?;
        (!groups.contains_key(group.as_str())).then(|| format!("{}: no group {group}", v.uri))
    });
    let found = [
        ("R4.3.4.1", "names differ within a group of sound", !groups.is_empty(), each(twice)),
        ("R4.3.4.1", "one default in a group, which is selected by itself", !groups.is_empty(), each(defaults)),
        ("R4.3.4.1.1", "all groups of sound have the same tracks", groups.len() > 1, differing(&groups)),
        ("R4.3.4.2", "AUDIO names a group", !groups.is_empty(), missing.collect()),
        ("9.6", "multichannel sound in groups of its own", groups.values().any(|m| wide(&m)), stereo_missing),
    ];
    found
        .into_iter()
        .map(|(rule, text, applies, details)| Finding::of(Level::Must, rule, text, applies, details))
        .collect()
}

fn twice(members: &[&Attributes]) -> Option<String> {
    let names: BTreeSet<&str> = members.iter().map(|m| value(m, "NAME")).collect();
    (names.len() < members.len()).then(|| "a name twice".to_owned())
}

fn defaults(members: &[&Attributes]) -> Option<String> {
    let list: Vec<_> = members.iter().filter(|m| is_yes(m, "DEFAULT")).collect();
    let chosen = list.iter().all(|m| m.get("AUTOSELECT").is_none_or(|a| a == "YES"));
    (list.len() > 1 || !chosen).then(|| format!("{} defaults", list.len()))
}

/// What the members of two groups must have in common.
fn differing(groups: &BTreeMap<&str, Vec<&Attributes>>) -> Vec<String> {
    const SAME: [&str; 6] = ["NAME", "LANGUAGE", "ASSOC-LANGUAGE", "DEFAULT", "AUTOSELECT", "CHARACTERISTICS"];
    let set = |members: &[&Attributes]| -> BTreeSet<Vec<String>> {
        members.iter().map(|m| SAME.iter().map(|name| value(m, name).to_owned()).collect()).collect()
    };
    let first = groups.values().next().map(|m| set(m));
    groups.iter().filter(|(_, m)| Some(set(m)) != first).map(|(id, _)| (*id).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{parse_multivariant, report::Outcome};

    const MEDIA: &str = "#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a\",GROUP-ID=\"audio\",LANGUAGE=\"de\",NAME=\"Deutsch\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n\
        #EXT-X-MEDIA:TYPE=AUDIO,URI=\"b\",GROUP-ID=\"audio\",LANGUAGE=\"en\",NAME=\"English\",AUTOSELECT=YES,CHANNELS=\"2\"\n\
        #EXT-X-MEDIA:TYPE=AUDIO,URI=\"c\",GROUP-ID=\"surround\",LANGUAGE=\"de\",NAME=\"Deutsch\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"6\"\n\
        #EXT-X-MEDIA:TYPE=AUDIO,URI=\"b\",GROUP-ID=\"surround\",LANGUAGE=\"en\",NAME=\"English\",AUTOSELECT=YES,CHANNELS=\"2\"\n";

    fn broken(media: &str) -> Vec<&'static str> {
        let text = format!("#EXTM3U\n{media}#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"audio\"\nv\n");
        let findings = findings(&parse_multivariant(&text).unwrap());
        findings.into_iter().filter(|f| f.outcome == Outcome::Fail).map(|f| f.rule).collect()
    }

    #[test]
    fn each_fault_of_a_group_is_found_alone() {
        assert_eq!(broken(MEDIA), [""; 0]);
        let renamed = MEDIA.replace("English", "Deutsch");
        assert_eq!(broken(&renamed), ["R4.3.4.1"]);
        assert_eq!(broken(&MEDIA.replace("\"English\",", "\"English\",DEFAULT=YES,")), ["R4.3.4.1"]);
        assert_eq!(broken(&MEDIA.replacen("LANGUAGE=\"en\"", "LANGUAGE=\"fr\"", 1)), ["R4.3.4.1.1"]);
        assert_eq!(broken(&MEDIA.replace("\"audio\"", "\"sound\"")), ["R4.3.4.2"]);
        assert_eq!(broken(&MEDIA.replacen("CHANNELS=\"2\"", "CHANNELS=\"6\"", 1)), ["9.6"]);
    }
}
