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

/// A language as a container names it (`ger`, `deu`, `de`, `pt-BR`) as a BCP 47 tag with the shortest primary subtag (RFC 5646
/// section 2.2.1); `None` for what is no language, and for those that say that nobody knows.
pub fn language_tag(named: &str) -> Option<String> {
    let mut parts = named.trim().split(['-', '_']);
    let primary = parts.next()?.to_ascii_lowercase();
    let code = BIBLIOGRAPHIC.iter().find(|(from, _)| *from == primary).map_or(primary.as_str(), |(_, to)| *to);
    let language = match code.len() {
        2 => Language::from_639_1(code)?,
        3 => Language::from_639_3(code).filter(|l| !matches!(l, Language::Und | Language::Zxx | Language::Mis))?,
        _ => return None,
    };
    let mut tag = language.to_639_1().unwrap_or_else(|| language.to_639_3()).to_owned();
    for part in parts {
        if !(2..=8).contains(&part.len()) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) || tag.len() > 25 {
            return None;
        }
        tag.push('-');
        // Regions are written large (RFC 5646 section 2.1.1).
        tag.push_str(&if part.len() == 2 { part.to_ascii_uppercase() } else { part.to_ascii_lowercase() });
    }
    Some(tag)
}

/// What speakers of a language call it, by its BCP 47 tag, or else its English name.
pub fn language_name(tag: &str) -> Option<&'static str> {
    let primary = tag.split('-').next().unwrap_or_default();
    let language = Language::from_639_1(primary).or_else(|| Language::from_639_3(primary))?;
    // Codes that name no language.
    if matches!(language, Language::Und | Language::Zxx | Language::Mis | Language::Mul) {
        return None;
    }
    Some(language.to_autonym().unwrap_or_else(|| language.to_name()))
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
            ("zh_Hant", Some("zh-hant")),
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
}
