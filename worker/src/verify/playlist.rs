//! A strict reader of playlists: what it does not understand is a fault, not a guess.

use std::collections::BTreeMap;

/// Digits of a number; an integer of the RFC has twenty.
const MOST_DIGITS: usize = 40;

/// Why a playlist was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It breaks the RFC.
    #[error("{0}")]
    Broken(String),
    /// It may be right, but has what is not read here.
    #[error("{0} is not understood")]
    NotUnderstood(String),
}

impl From<String> for ListError {
    fn from(text: String) -> Self {
        Self::Broken(text)
    }
}

impl From<&str> for ListError {
    fn from(text: &str) -> Self {
        Self::Broken(text.to_owned())
    }
}

/// Tags that change nothing of what is judged.
const IGNORED: [&str; 8] = [
    "#EXT-X-ALLOW-CACHE",
    "#EXT-X-BITRATE",
    "#EXT-X-CONTENT-STEERING",
    "#EXT-X-DATERANGE",
    "#EXT-X-PROGRAM-DATE-TIME",
    "#EXT-X-SESSION-DATA",
    "#EXT-X-SESSION-KEY",
    "#EXT-X-START",
];

/// A media playlist as read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedMedia {
    pub version: u64,
    pub target_s: u64,
    pub playlist_type: Option<String>,
    pub independent: bool,
    pub ended: bool,
    pub media_sequence: u64,
    pub discontinuities: usize,
    pub map_uri: Option<String>,
    /// Length and offset of the init segment, where it is a range of its resource.
    pub map_range: Option<(u64, u64)>,
    /// Whether it lists I-frames alone.
    pub iframes_only: bool,
    /// URI and seconds.
    pub segments: Vec<(String, f64)>,
    /// Length and offset of each that is a range of its resource.
    pub ranges: Vec<Option<(u64, u64)>>,
    /// Key and initialization vector of each segment that is encrypted.
    pub keys: Vec<Option<ParsedKey>>,
}

/// EXT-X-KEY as read: METHOD=AES-128 with an explicit IV, the only kind that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedKey {
    pub uri: String,
    pub iv: Vec<u8>,
}

/// A variant stream as read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedVariant {
    pub uri: String,
    pub attributes: BTreeMap<String, String>,
}

/// A multivariant playlist as read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedMultivariant {
    pub version: u64,
    pub independent: bool,
    pub variants: Vec<ParsedVariant>,
    /// EXT-X-MEDIA attributes.
    pub media: Vec<BTreeMap<String, String>>,
    /// EXT-X-I-FRAME-STREAM-INF attributes.
    pub iframes: Vec<BTreeMap<String, String>>,
}

/// Lines without the first, which must be EXTM3U.
fn lines(text: &str) -> Result<impl Iterator<Item = &str>, String> {
    let mut lines = text.lines();
    if lines.next() != Some("#EXTM3U") {
        return Err("does not begin with #EXTM3U".to_owned());
    }
    // RFC 8216 section 4.1.
    if lines.clone().any(|l| l.contains(char::is_control)) {
        return Err("a control character".to_owned());
    }
    Ok(lines.filter(|l| !l.is_empty()))
}

/// A decimal-integer or a decimal-floating-point that is not negative (RFC 8216 section 4.2): digits, and in the latter
/// perhaps a point. "NaN" would pass every comparison of the rules.
fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    let decimal = text.bytes().all(|b| b.is_ascii_digit() || b == b'.') && text.len() <= MOST_DIGITS;
    text.parse().ok().filter(|_| decimal).ok_or_else(|| format!("{text:?} is not a number"))
}

/// Reads a media playlist.
pub fn parse_media(text: &str) -> Result<ParsedMedia, ListError> {
    let mut list = ParsedMedia { version: 1, ..Default::default() };
    let mut duration: Option<f64> = None;
    let (mut range, mut range_end) = (None, None);
    let mut current: Option<ParsedKey> = None;
    for line in lines(text)? {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-VERSION" => list.version = number(value)?,
            "#EXT-X-TARGETDURATION" => list.target_s = number(value)?,
            "#EXT-X-PLAYLIST-TYPE" => list.playlist_type = Some(value.to_owned()),
            "#EXT-X-INDEPENDENT-SEGMENTS" => list.independent = true,
            "#EXT-X-I-FRAMES-ONLY" => list.iframes_only = true,
            "#EXT-X-BYTERANGE" => range = Some(byte_range(value, range_end)?),
            "#EXT-X-ENDLIST" => list.ended = true,
            "#EXT-X-MEDIA-SEQUENCE" => list.media_sequence = number(value)?,
            "#EXT-X-DISCONTINUITY" => list.discontinuities += 1,
            "#EXT-X-MAP" => {
                if list.map_uri.is_some() {
                    return Err(ListError::NotUnderstood("a second EXT-X-MAP".to_owned()));
                }
                if current.is_some() {
                    return Err(ListError::NotUnderstood("an encrypted init segment".to_owned()));
                }
                let mut map = attributes(value)?;
                list.map_uri = map.remove("URI");
                list.map_range = map.remove("BYTERANGE").map(|r| byte_range(&r, Some(0))).transpose()?;
            }
            "#EXTINF" => {
                let seconds = value.split(',').next().unwrap_or_default();
                duration = Some(number(seconds)?);
            }
            "#EXT-X-KEY" => current = key(value)?,
            _ if IGNORED.contains(&tag) => {}
            _ if line.starts_with("#EXT") => return Err(ListError::NotUnderstood(tag.to_owned())),
            _ if line.starts_with('#') => {}
            _ => {
                list.keys.push(current.clone());
                range_end = range.map(|(length, offset): (u64, u64)| offset.saturating_add(length));
                list.ranges.push(range.take());
                let seconds = duration.take().ok_or_else(|| format!("{line} without EXTINF"))?;
                list.segments.push((line.to_owned(), seconds));
            }
        }
    }
    if duration.is_some() { Err("EXTINF without a segment".into()) } else { Ok(list) }
}

/// Length and offset; without one a range goes on where the one before ended (RFC 8216 section 4.3.2.2).
fn byte_range(value: &str, before: Option<u64>) -> Result<(u64, u64), String> {
    match value.split_once('@') {
        Some((length, offset)) => Ok((number(length)?, number(offset)?)),
        None => Ok((number(value)?, before.ok_or_else(|| format!("a range without an offset: {value}"))?)),
    }
}

fn key(value: &str) -> Result<Option<ParsedKey>, ListError> {
    let mut map = attributes(value)?;
    match map.remove("METHOD").as_deref() {
        Some("NONE") => return Ok(None),
        Some("AES-128") => {}
        other => return Err(ListError::NotUnderstood(format!("EXT-X-KEY with METHOD {other:?}"))),
    }
    let iv = map.remove("IV").and_then(|v| hex::decode(v.strip_prefix("0x")?).ok()).filter(|v| v.len() == 16);
    let (Some(uri), Some(iv)) = (map.remove("URI"), iv) else {
        return Err(ListError::NotUnderstood("EXT-X-KEY without URI and an IV of 128 bits".to_owned()));
    };
    Ok(Some(ParsedKey { uri, iv }))
}

/// Reads a multivariant playlist.
pub fn parse_multivariant(text: &str) -> Result<ParsedMultivariant, ListError> {
    let mut list = ParsedMultivariant { version: 1, ..Default::default() };
    let mut pending: Option<BTreeMap<String, String>> = None;
    for line in lines(text)? {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        match tag {
            "#EXT-X-VERSION" => list.version = number(value)?,
            "#EXT-X-INDEPENDENT-SEGMENTS" => list.independent = true,
            "#EXT-X-MEDIA" => list.media.push(attributes(value)?),
            "#EXT-X-I-FRAME-STREAM-INF" => list.iframes.push(attributes(value)?),
            "#EXT-X-STREAM-INF" => pending = Some(attributes(value)?),
            _ if IGNORED.contains(&tag) => {}
            _ if line.starts_with("#EXT") => return Err(ListError::NotUnderstood(tag.to_owned())),
            _ if line.starts_with('#') => {}
            _ => {
                let attributes = pending.take().ok_or_else(|| format!("{line} without EXT-X-STREAM-INF"))?;
                list.variants.push(ParsedVariant { uri: line.to_owned(), attributes });
            }
        }
    }
    if list.variants.is_empty() { Err("no variants".into()) } else { Ok(list) }
}

/// A value without quotes, and what follows: it holds none, and no white space.
fn unquoted(text: &str) -> Result<(&str, &str), String> {
    let (value, tail) = text.split_at(text.find(',').unwrap_or(text.len()));
    if value.is_empty() || value.contains(|c: char| c == '"' || c.is_whitespace()) {
        return Err(format!("{value:?} is no value of an attribute"));
    }
    Ok((value, tail))
}

/// An attribute list (RFC 8216 section 4.2), quotes removed.
fn attributes(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut map = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, tail) = rest.split_once('=').ok_or_else(|| format!("{rest:?} is no attribute"))?;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-') {
            return Err(format!("{name:?} is no attribute name"));
        }
        let (value, tail) = match tail.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
            None => unquoted(tail)?,
        };
        if map.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(format!("{name} twice"));
        }
        rest = match tail.strip_prefix(',') {
            Some(next) => next,
            None if tail.is_empty() => "",
            None => return Err(format!("{tail:?} after an attribute")),
        };
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_commas_belong_to_the_value() {
        let map = attributes("CODECS=\"avc1.64001f,mp4a.40.2\",BANDWIDTH=7").unwrap();
        assert_eq!(map["CODECS"], "avc1.64001f,mp4a.40.2");
        assert_eq!(map["BANDWIDTH"], "7");
    }

    #[test]
    fn what_is_not_understood_is_a_fault() {
        for text in [
            "",
            "#EXTM3U\n#EXTINF:abc,\nx",
            "#EXTM3U\nx",
            "#EXTM3U\n#EXTINF:1,\n",
            "#EXTM3U\n#EXT-X-NEW",
            "#EXTM3U\n#EXTINF:1,\na\tb",
        ] {
            assert!(parse_media(text).is_err(), "{text:?}");
        }
        for seconds in ["NaN", "inf", "-1", "+1", "1e3", ""] {
            assert!(parse_media(&format!("#EXTM3U\n#EXTINF:{seconds},\nx")).is_err(), "{seconds}");
        }
        assert!(attributes("A=\"x").is_err());
        for list in ["A=1,A=2", "A=x\"", "A=", "A=,B=1", "A=x y"] {
            assert!(attributes(list).is_err(), "{list}");
        }
    }
}
