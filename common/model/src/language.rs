//! Languages of tracks: containers write ISO 639-2, players read BCP 47.

use isolang::Language;

/// Bibliographic codes of ISO 639-2 and the terminological ones that ISO 639-3 took over.
const BIBLIOGRAPHIC: [(&str, &str); 20] = [
    ("alb", "sqi"),
    ("arm", "hye"),
    ("baq", "eus"),
    ("bur", "mya"),
    ("chi", "zho"),
    ("cze", "ces"),
    ("dut", "nld"),
    ("fre", "fra"),
    ("geo", "kat"),
    ("ger", "deu"),
    ("gre", "ell"),
    ("ice", "isl"),
    ("mac", "mkd"),
    ("mao", "mri"),
    ("may", "msa"),
    ("per", "fas"),
    ("rum", "ron"),
    ("slo", "slk"),
    ("tib", "bod"),
    ("wel", "cym"),
];

/// Longest tag that is believed (RFC 5646 section 4.4.1).
const LONGEST: usize = 35;

/// A language as a container names it (`ger`, `deu`, `de`, `pt-br`) as a BCP 47 tag with the shortest primary subtag (RFC 5646
/// section 2.2.1) in the usual case (section 2.1.1); `None` for what is no language, and for those that say that nobody knows.
/// A broadcast of two languages at once names both: the first one counts.
pub fn language_tag(named: &str) -> Option<String> {
    let mut parts = named.split([',', ';', '/']).next()?.trim().split(['-', '_']);
    let primary = parts.next()?.to_ascii_lowercase();
    let code = BIBLIOGRAPHIC.iter().find(|(from, _)| *from == primary).map_or(primary.as_str(), |(_, to)| *to);
    let language = match code.len() {
        2 => Language::from_639_1(code)?,
        3 => Language::from_639_3(code).filter(|l| !matches!(l, Language::Und | Language::Zxx | Language::Mis))?,
        _ => return None,
    };
    let mut tag = language.to_639_1().unwrap_or_else(|| language.to_639_3()).to_owned();
    for part in parts {
        if !(2..=8).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        tag.push('-');
        tag.push_str(&subtag(part));
    }
    Some(tag).filter(|t| t.len() <= LONGEST)
}

/// A subtag after the language in its usual case: scripts like this, REGIONS like that (RFC 5646 section 2.1.1).
pub fn subtag(part: &str) -> String {
    let lower = part.to_ascii_lowercase();
    match lower.len() {
        2 => lower.to_ascii_uppercase(),
        4 if lower.is_ascii() => lower[..1].to_ascii_uppercase() + &lower[1..],
        _ => lower,
    }
}

/// What menus call a language: as its speakers do, or else in English, with what else its BCP 47 tag says.
pub fn language_name(tag: &str) -> Option<String> {
    let (primary, rest) = tag.split_once('-').unwrap_or((tag, ""));
    let language = Language::from_639_1(primary).or_else(|| Language::from_639_3(primary))?;
    // Codes that name no language.
    if matches!(language, Language::Und | Language::Zxx | Language::Mis | Language::Mul) {
        return None;
    }
    let name = language.to_autonym().unwrap_or_else(|| language.to_name());
    let mut letters = name.chars();
    // Some write their language small, which looks like a slip in a list.
    let name = letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    Some(if rest.is_empty() { name } else { format!("{name} ({rest})") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_of_containers_become_tags() {
        for (named, tag) in [
            ("ger", Some("de")),
            ("deu", Some("de")),
            ("EN", Some("en")),
            ("pt-br", Some("pt-BR")),
            ("zh_hant", Some("zh-Hant")),
            ("zho-hant-tw", Some("zh-Hant-TW")),
            ("fre,eng", Some("fr")),
            ("es-419", Some("es-419")),
            ("gsw", Some("gsw")),
            ("en-\"x", None),
            ("yue", Some("yue")),
            ("mul", Some("mul")),
            ("und", None),
            ("zxx", None),
            ("", None),
            ("qqq", None),
            ("de\"", None),
            ("english", None),
        ] {
            assert_eq!(language_tag(named).as_deref(), tag, "{named}");
        }
    }

    #[test]
    fn languages_are_called_as_their_speakers_do() {
        let name = |tag: &str| language_name(tag).unwrap_or_default();
        assert_eq!(
            (name("de"), name("fr"), name("pt-BR")),
            ("Deutsch".into(), "Français".into(), "Português (BR)".into())
        );
        assert_eq!((name("und"), name("")), (String::new(), String::new()));
    }
}
