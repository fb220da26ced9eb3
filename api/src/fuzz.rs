//! What must hold of every parser that reads what strangers send, whatever they send: run by cargo-fuzz on inputs of its
//! own making (`tests/fuzz`), and by the tests on those that are kept.
//!
//! A body is given any bytes. Several texts are told apart by line breaks, so that inputs can be written and read.

use crate::{
    http::extract::client::client_address,
    identity::{access::signature::Signed, cookies},
    paging,
    pipeline::{
        playback::bytes_response::{Selection, select},
        uploads::{concat::Concat, declared, tus},
    },
    platform::{captions::vtt, feed, projects::moments, search},
    state::Keys,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use ipnet::IpNet;
use secrecy::SecretString;
use sluice_config::{Config, OutboundConfig};
use sluice_ingest::sniff::{self, Demuxer};
use sluice_model::MediaId;
use sluice_net::{Outbound, is_public};
use sluice_storage::Key;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    ops::Range,
    sync::LazyLock,
};

/// What is given any bytes.
pub type Body = fn(&[u8]);

/// Every body, by the name of its target and of the folder of its inputs.
pub const TARGETS: &[(&str, Body)] = &[
    ("captions", captions),
    ("config", config),
    ("cursor", cursor),
    ("forwarded", forwarded),
    ("moments", moments),
    ("outbound", outbound),
    ("range", range),
    ("sniff", sniff),
    ("storage_key", storage_key),
    ("token", token),
    ("tus", tus),
];

/// The lines of an input as texts; what is no text is no input.
fn lines(data: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(data).unwrap_or_default().split('\n')
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let value = |text: &str| HeaderValue::from_str(text).ok();
    let set = pairs.iter().filter(|(_, text)| !text.is_empty());
    set.filter_map(|(name, text)| Some((HeaderName::from_static(name), value(text)?))).collect()
}

/// Size, `Range`, `If-Range`, `If-None-Match`: what is selected is what RFC 9110 says, read by other means.
pub fn range(data: &[u8]) {
    let mut lines = lines(data);
    let size: u64 = lines.next().and_then(|l| l.parse().ok()).unwrap_or(1000);
    let [asked, if_range, if_none_match] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let all = headers(&[("range", asked), ("if-range", if_range), ("if-none-match", if_none_match)]);
    let tag = "\"tag\"";
    let selected = select(&Method::GET, &all, tag, size);
    assert!(matches!(select(&Method::HEAD, &all, tag, size), Ok(Selection::Whole | Selection::NotModified)));
    let text = |name| all.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    if selected == Ok(Selection::NotModified) {
        assert!(text(header::IF_NONE_MATCH).is_some_and(|t| t.contains(tag) || t.contains('*')));
        return;
    }
    let expected = match text(header::IF_RANGE) {
        Some(condition) if condition.trim() != tag => None,
        _ => text(header::RANGE).and_then(|t| wanted(t, size)),
    };
    match selected {
        Ok(Selection::Part(part)) => {
            assert!(part.start < part.end && part.end <= size);
            assert_eq!(Some(Ok(part)), expected);
        }
        Err(refused) => assert_eq!((expected, refused.0), (Some(Err(())), size)),
        // Ignoring a range is always allowed, and done where it is spelled oddly; a plain one is served.
        _ => assert!(!plain(asked) || !matches!(expected, Some(Ok(_))), "{asked} of {size}"),
    }
}

/// What a single range asks for, `Err` where it cannot be satisfied, `None` where it is none (RFC 9110 section 14.1.2).
fn wanted(text: &str, size: u64) -> Option<Result<Range<u64>, ()>> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |t: &str| t.bytes().all(|b| b.is_ascii_digit()).then(|| t.parse::<u128>().unwrap_or(u128::MAX));
    let (size, last) =
        (u128::from(size), number(last).filter(|_| !last.is_empty()).or((last.is_empty()).then_some(u128::MAX))?);
    if first.is_empty() && text.ends_with('-') {
        return None;
    }
    let part = if first.is_empty() {
        size.saturating_sub(last)..size
    } else if last < number(first)? {
        return None;
    } else {
        number(first)?..last.saturating_add(1).min(size)
    };
    let part = part.start.min(size)..part.end;
    if part.is_empty() {
        return Some(Err(()));
    }
    Some(Ok(u64::try_from(part.start).ok()?..u64::try_from(part.end).ok()?))
}

/// Digits without leading zeros, as every player writes them.
fn plain(text: &str) -> bool {
    let digits =
        |t: &str| t.len() < 19 && t.bytes().all(|b| b.is_ascii_digit()) && (t.len() == 1 || !t.starts_with('0'));
    text.strip_prefix("bytes=").and_then(|t| t.split_once('-')).is_some_and(|(a, b)| digits(a) && digits(b))
}

/// A track is served in order, is not much larger than it was sent, and stays what it is when it is sent again.
pub fn captions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok((track, cues)) = vtt::normalise(text) else { return };
    assert!(cues > 0 && track.len() <= 64 + 4 * text.len(), "{} bytes of {}", track.len(), text.len());
    let times: Vec<&str> = track.lines().filter(|l| l.contains("-->")).collect();
    assert_eq!(times.len() as i64, cues, "no cue is smuggled in as text");
    assert!(!track.chars().any(|c| c.is_control() && c != '\n'));
    assert_eq!(vtt::normalise(&track), Ok((track.clone(), cues)));
}

/// `Upload-Metadata`, `Upload-Checksum`, `Upload-Concat`, `Upload-Length`, `Content-Type`.
pub fn tus(data: &[u8]) {
    let mut lines = lines(data);
    let [metadata, checksum, concat, length, kind] = [(); 5].map(|()| lines.next().unwrap_or_default());
    let all = headers(&[
        ("upload-metadata", metadata),
        ("upload-checksum", checksum),
        ("upload-concat", concat),
        ("upload-length", length),
    ]);
    if let Ok(pairs) = tus::metadata(&all) {
        assert!(pairs.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() <= metadata.len());
        let again: Vec<String> = pairs.iter().map(|(k, v)| format!("{k} {}", BASE64_STANDARD.encode(v))).collect();
        let again = again.join(",");
        assert_eq!(tus::metadata(&headers(&[("upload-metadata", &again)])).ok(), Some(pairs));
    }
    if let Ok(Some(sum)) = tus::checksum(&all) {
        let empty = [
            "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "crc32 AAAAAA==",
        ];
        let known =
            empty.iter().any(|e| e.split_once(' ') == checksum.trim().split_once(' ').map(|(a, s)| (a, s.trim())));
        assert_eq!(sum.matches(), known, "{checksum}");
    }
    if let Ok(Some(Concat::Final(ids))) = tus::concat(&all) {
        assert!(!ids.is_empty() && ids.len() <= concat.split_whitespace().count() + 1);
        let again: Vec<String> = ids.iter().map(|id| format!("/api/v1/uploads/{id}")).collect();
        let again = headers(&[("upload-concat", &format!("final;{}", again.join(" ")))]);
        assert_eq!(tus::concat(&again).ok(), Some(Some(Concat::Final(ids))));
    }
    if let Ok(Some(bytes)) = tus::bytes(&all, "upload-length") {
        assert!(bytes >= 0 && length.trim().trim_start_matches('0') == bytes.to_string().trim_start_matches('0'));
    }
    // A type that is refused names no container, and one container only is not contradicted.
    let agreed = [Demuxer::Mov, Demuxer::Matroska].iter().filter(|d| !declared::contradicts(kind, **d)).count();
    assert!(declared::plausible(kind).is_err() || agreed <= 2);
}

/// Places in lists: what is read is written as the same place.
pub fn cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(Some(place)) = paging::read_instant::<MediaId>(Some(text)) {
        assert_eq!(paging::read_instant(Some(&paging::write_instant(place))), Ok(Some(place)));
    }
    if let Ok(place) = search::service::Cursor::read(text) {
        assert_eq!(search::service::Cursor::read(&place.write()), Ok(place));
    }
    if let Ok(place) = feed::service::Cursor::read(text) {
        assert_eq!(feed::service::Cursor::read(&place.write()), Ok(place));
    }
}

static KEYS: LazyLock<Keys> =
    LazyLock::new(|| Keys::new(vec![SecretString::from("the secret of all inputs that are kept".to_owned())]));

/// Playback tokens, access tokens and cookies: of a token there is one spelling, and nobody writes it without the key.
pub fn token(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(signed) = Signed::read(&KEYS, text) {
        assert_eq!(signed.write(&KEYS), text);
    }
    assert!(KEYS.check(text).is_none() || text.split('.').count() == 3);
    let all = headers(&[("cookie", text)]);
    if let Some(value) = cookies::get(&all, cookies::ACCESS) {
        assert!(text.contains(&value) && text.contains(cookies::ACCESS));
    }
}

/// Peer and `X-Forwarded-For`: a client is its peer, or an address that trusted proxies vouch for.
pub fn forwarded(data: &[u8]) {
    let mut lines = lines(data);
    let peer = lines.next().and_then(|l| l.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let listed: HeaderMap = lines
        .filter_map(|l| Some((HeaderName::from_static("x-forwarded-for"), HeaderValue::from_str(l).ok()?)))
        .collect();
    let trusted: Vec<IpNet> = ["10.0.0.0/8", "fd00::/8"].iter().filter_map(|n| n.parse().ok()).collect();
    let believed = |address: &IpAddr| trusted.iter().any(|n| n.contains(address));
    let found = client_address(&trusted, peer, &listed);
    if !believed(&peer) {
        assert_eq!(found, peer);
    }
    let hops = listed.get_all("x-forwarded-for").into_iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(','));
    let mut hops = hops.filter_map(|h| h.trim().parse::<IpAddr>().ok()).map(|h| h.to_canonical());
    assert!(found == peer || hops.any(|h| h == found));
}

/// Notes, as Markdown and as JSON: bounded in number and length, and in the time they take.
pub fn moments(data: &[u8]) {
    let mut found = moments::of_markdown(&String::from_utf8_lossy(data));
    assert!(found.iter().all(|m| m.at_ms >= 0));
    found.extend(serde_json::from_slice(data).map(|v| moments::of_json(&v)).unwrap_or_default());
    assert!(found.len() <= 2000 && found.iter().all(|m| m.text.chars().count() <= 200));
}

/// An address to import from or to tell of events: encrypted, nobody's password in it, no address of a private network.
pub fn outbound(data: &[u8]) {
    static CLIENT: LazyLock<Option<Outbound>> = LazyLock::new(|| Outbound::new(&OutboundConfig::default()).ok());
    let (Some(client), Ok(text)) = (CLIENT.as_ref(), std::str::from_utf8(data)) else { return };
    let Ok(url) = client.check(text) else { return };
    assert!(url.scheme() == "https" && url.username().is_empty() && url.password().is_none());
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
    assert!(!host.is_empty() && literal.map_or(true, is_public), "{url}");
}

/// First bytes: only those that are asked for count, and what is known has a demuxer and a type.
pub fn sniff(data: &[u8]) {
    let found = sniff::sniff(data);
    assert_eq!(found, sniff::sniff(&data[..data.len().min(sniff::SNIFF_BYTES)]), "a later byte decides");
    if let Some(demuxer) = found {
        assert!(!data.is_empty() && !demuxer.ffmpeg_name().is_empty());
        // Pictures that move are films too; a drawing could hold a script.
        let kinds = ["video/", "audio/", "application/", "image/"];
        assert!(kinds.iter().any(|t| demuxer.content_type().starts_with(t)));
        assert!(!demuxer.content_type().contains("svg"));
    }
}

/// Names of objects: what is read is written as it was, and stays below its folder.
pub fn storage_key(data: &[u8]) {
    let Ok(path) = std::str::from_utf8(data) else { return };
    let Some(key) = Key::parse(path) else { return };
    assert_eq!(key.to_string(), path);
    assert!(!path.split('/').any(|part| part.is_empty() || part == "." || part == ".."), "{path}");
    assert!(!key.content_type().is_empty() && !key.cache_control().is_empty());
}

/// Names that lead to files, which a fuzzer must not choose.
const FILES: [&str; 5] = ["TLS_CERT", "TLS_KEY", "OUTBOUND_CA", "DATA_DIR", "CONFIG"];

/// `NAME=VALUE` lines, then after `---` a TOML file: settings are complete, or every fault of them has its line.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (environment, file) = text.split_once("---\n").unwrap_or((text, ""));
    let is_file = |name: &str| FILES.iter().any(|f| name.eq_ignore_ascii_case(f));
    let pairs = environment.lines().filter_map(|l| l.split_once('='));
    let pairs = pairs.filter(|(name, _)| !is_file(name.trim_start_matches("SLUICE_")));
    let env: BTreeMap<String, String> = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    // Quoted or spaced out, a name could be written in many ways.
    if FILES.iter().any(|f| file.to_ascii_uppercase().contains(f)) || file.contains('\\') {
        return;
    }
    match Config::from_parts(&env, file) {
        Ok(config) => {
            assert!(config.encode.faults().is_empty());
            assert!(config.worker.cores > 0 && config.worker.lease.as_secs() >= 2 && !config.database_url.is_empty());
        }
        Err(faults) => {
            assert!(!faults.0.is_empty());
            // What is no TOML is shown with the place where it ends to be.
            let readable = !faults.0[0].starts_with("TOML parse error");
            assert!(!readable || faults.to_string().lines().count() == faults.0.len(), "{faults}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    #[test]
    fn every_kept_input_is_fine() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        for (name, body) in super::TARGETS {
            let inputs = fs::read_dir(kept.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let inputs: Vec<_> = inputs.map(|i| i.unwrap().path()).collect();
            assert!(!inputs.is_empty(), "{name} has no inputs");
            for input in inputs {
                println!("{}", input.display());
                body(&fs::read(input).unwrap());
            }
        }
    }
}
