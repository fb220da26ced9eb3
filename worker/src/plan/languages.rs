//! Languages as containers write them, as BCP 47 (RFC 5646) has them: the shortest code, and a tag that can stand in a playlist.

/// ISO 639-2 and ISO 639-1 in turn: by RFC 5646 section 2.2.1 the shorter one is the language's code. Where ISO 639-2 has two
/// codes, both are here.
const TWO_LETTERS: &str = "aar aa abk ab afr af aka ak alb sq amh am ara ar arg an arm hy asm as ava av ave ae aym ay aze az \
    bak ba bam bm baq eu bel be ben bn bis bi bod bo bos bs bre br bul bg bur my cat ca ces cs cha ch che ce chi zh chu cu \
    chv cv cor kw cos co cre cr cym cy cze cs dan da deu de div dv dut nl dzo dz ell el eng en epo eo est et eus eu ewe ee \
    fao fo fas fa fij fj fin fi fra fr fre fr fry fy ful ff geo ka ger de gla gd gle ga glg gl glv gv gre el grn gn guj gu \
    hat ht hau ha heb he her hz hin hi hmo ho hrv hr hun hu hye hy ibo ig ice is ido io iii ii iku iu ile ie ina ia ind id \
    ipk ik isl is ita it jav jv jpn ja kal kl kan kn kas ks kat ka kau kr kaz kk khm km kik ki kin rw kir ky kom kv kon kg \
    kor ko kua kj kur ku lao lo lat la lav lv lim li lin ln lit lt ltz lb lub lu lug lg mac mk mah mh mal ml mao mi mar mr \
    may ms mkd mk mlg mg mlt mt mon mn mri mi msa ms mya my nau na nav nv nbl nr nde nd ndo ng nep ne nld nl nno nn nob nb \
    nor no nya ny oci oc oji oj ori or orm om oss os pan pa per fa pli pi pol pl por pt pus ps que qu roh rm ron ro rum ro \
    run rn rus ru sag sg san sa sin si slk sk slo sk slv sl sme se smo sm sna sn snd sd som so sot st spa es sqi sq srd sc \
    srp sr ssw ss sun su swa sw swe sv tah ty tam ta tat tt tel te tgk tg tgl tl tha th tib bo tir ti ton to tsn tn tso ts \
    tuk tk tur tr twi tw uig ug ukr uk urd ur uzb uz ven ve vie vi vol vo wel cy wln wa wol wo xho xh yid yi yor yo zha za \
    zho zh zul zu";
/// What languages call themselves, for menus.
const NAMES: [(&str, &str); 43] = [
    ("ar", "العربية"),
    ("bg", "Български"),
    ("bn", "বাংলা"),
    ("ca", "Català"),
    ("cs", "Čeština"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("el", "Ελληνικά"),
    ("en", "English"),
    ("es", "Español"),
    ("et", "Eesti"),
    ("eu", "Euskara"),
    ("fa", "فارسی"),
    ("fi", "Suomi"),
    ("fr", "Français"),
    ("ga", "Gaeilge"),
    ("he", "עברית"),
    ("hi", "हिन्दी"),
    ("hr", "Hrvatski"),
    ("hu", "Magyar"),
    ("id", "Indonesia"),
    ("is", "Íslenska"),
    ("it", "Italiano"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("lt", "Lietuvių"),
    ("lv", "Latviešu"),
    ("ms", "Melayu"),
    ("nb", "Norsk bokmål"),
    ("nl", "Nederlands"),
    ("no", "Norsk"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("ro", "Română"),
    ("ru", "Русский"),
    ("sk", "Slovenčina"),
    ("sl", "Slovenščina"),
    ("sv", "Svenska"),
    ("th", "ไทย"),
    ("tr", "Türkçe"),
    ("uk", "Українська"),
    ("vi", "Tiếng Việt"),
    ("zh", "中文"),
];
/// Longest tag that is believed (RFC 5646 section 4.4.1).
const LONGEST: usize = 35;
/// Longest part of a tag after the language.
const LONGEST_PART: usize = 8;

/// The tag of what a container writes: ISO 639-2 in MP4, Matroska and transport streams, sometimes a tag already. Nothing where
/// it says that nobody knows, or what is no language.
pub fn tag(written: &str) -> Option<String> {
    // A broadcast of two languages at once names both.
    let first = written.split([',', ';', '/']).next()?.trim();
    if first.is_empty() || first.len() > LONGEST {
        return None;
    }
    let mut parts = first.split(['-', '_']);
    let language = parts.next()?.to_ascii_lowercase();
    let is_code = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
    // Undetermined, uncoded, and what some muxers write instead; qaa to qtz are for private use.
    if !is_code || matches!(language.as_str(), "und" | "unk" | "mis" | "xxx") || ("qaa"..="qtz").contains(&&*language) {
        return None;
    }
    let mut tag = short(&language).map_or(language, str::to_owned);
    for part in parts {
        if part.is_empty() || part.len() > LONGEST_PART || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        tag.push('-');
        tag.push_str(&cased(part));
    }
    Some(tag)
}

/// ISO 639-1 of a code of ISO 639-2.
fn short(code: &str) -> Option<&'static str> {
    let mut words = TWO_LETTERS.split_ascii_whitespace();
    while let (Some(long), Some(short)) = (words.next(), words.next()) {
        if long == code {
            return Some(short);
        }
    }
    None
}

/// As it is usually written: scripts like this, REGIONS like that (RFC 5646 section 2.1.1).
fn cased(part: &str) -> String {
    let lower = part.to_ascii_lowercase();
    match (part.len(), part.bytes().all(|b| b.is_ascii_alphabetic())) {
        (2, true) => lower.to_ascii_uppercase(),
        (4, true) => lower[..1].to_ascii_uppercase() + &lower[1..],
        _ => lower,
    }
}

/// What menus call a language: its own name, with what else the tag says; the tag where nobody has said.
pub fn name(tag: &str) -> String {
    let (language, rest) = tag.split_once('-').unwrap_or((tag, ""));
    match NAMES.iter().find(|(code, _)| *code == language) {
        Some((_, name)) if rest.is_empty() => (*name).to_owned(),
        Some((_, name)) => format!("{name} ({rest})"),
        None => tag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_languages_become_tags() {
        for (written, expected) in [
            ("ger", Some("de")),
            ("deu", Some("de")),
            ("ENG", Some("en")),
            ("fre,eng", Some("fr")),
            ("pt-br", Some("pt-BR")),
            ("zh_hant", Some("zh-Hant")),
            ("zho-hant-tw", Some("zh-Hant-TW")),
            ("gsw", Some("gsw")),
            ("mul", Some("mul")),
            ("es-419", Some("es-419")),
            ("und", None),
            ("qaa", None),
            ("", None),
            ("\"x", None),
            ("e\u{0}n", None),
            ("en-\"x", None),
            ("english", None),
            ("123", None),
        ] {
            assert_eq!(tag(written).as_deref(), expected, "{written:?}");
        }
    }

    #[test]
    fn languages_are_called_as_they_call_themselves() {
        assert_eq!(name("de"), "Deutsch");
        assert_eq!(name("pt-BR"), "Português (BR)");
        assert_eq!(name("gsw"), "gsw");
    }
}
