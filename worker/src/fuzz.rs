//! What must hold of every parser that reads what a child, a store or a stranger's package says: run by cargo-fuzz on
//! inputs of its own making (`tests/fuzz`), and by the tests on those that are kept.

use crate::{
    captions::{
        CHANNELS, Carrier, Channels,
        teletext::{Sent, pages},
    },
    child::{FromChild, ToChild, log, wire},
    cmaf::{
        Fragment, Sample, annex_b_units, avc_codecs, avc_init, is_idr, length_prefixed_units, read_init, read_segment,
        sei_messages, to_length_prefixed, without_captions, without_prevention, write_fragment, write_styp,
    },
    jpeg,
    source::moov::{MoovPosition, moov_position},
    verify::{
        Fetch, parse_media, parse_multivariant,
        playlist::{ParsedKey, ParsedMedia},
    },
    webp,
};
use serde::{Serialize, de::DeserializeOwned};
use sluice_hls::{MediaPlaylist, PlaylistType, Segment, SegmentKey, animated_webp};

/// What is given any bytes.
pub type Body = fn(&[u8]);

/// Every body, by the name of its target and of the folder of its inputs.
pub const TARGETS: &[(&str, Body)] = &[
    ("child_log", child_log),
    ("closed_captions", closed_captions),
    ("fragment", fragment),
    ("init_segment", init_segment),
    ("ipc", ipc),
    ("jpeg", jpeg),
    ("media_segment", media_segment),
    ("moov", moov),
    ("nal", nal),
    ("package_path", package_path),
    ("playlist", playlist),
    ("teletext", teletext),
    ("webp", webp),
];

/// Frames of both directions: both readers agree, and what was read is written as the same frame.
pub fn ipc(data: &[u8]) {
    frame::<FromChild>(data);
    frame::<ToChild>(data);
}

fn frame<T: Serialize + DeserializeOwned>(data: &[u8]) {
    let blocking = wire::receive::<T>(&mut &data[..]);
    let concurrent = futures::executor::block_on(wire::receive_async::<T>(&mut &data[..]));
    let Ok((message, payload)) = blocking else {
        assert!(!matches!(concurrent, Ok(Some(_))), "one reader refuses what the other takes");
        return;
    };
    assert!(payload.len() < data.len());
    let mut again = Vec::new();
    assert!(wire::send(&mut again, &message, &payload).is_ok());
    let read = wire::receive::<T>(&mut &again[..]).ok();
    let text = |m: &T| serde_json::to_value(m).ok();
    assert!(read.is_some_and(|(m, p)| text(&m) == text(&message) && p == payload));
    assert!(matches!(concurrent, Ok(Some((m, p))) if text(&m) == text(&message) && p == payload));
}

/// A still picture: what is taken for one ends with its bytes, and holds no text that a browser could take it for.
pub fn jpeg(data: &[u8]) {
    let Some((width, height)) = jpeg::size(data) else { return };
    assert!(width > 0 && height > 0 && data.starts_with(&[0xff, 0xd8]) && data.ends_with(&[0xff, 0xd9]));
    assert_eq!(jpeg::size(&data[..data.len() - 1]), None);
    let longer = [data, b"<".as_slice()].concat();
    assert_eq!(jpeg::size(&longer), None);
}

/// A picture of the preview: what is taken for one ends with its bytes, and is one as a part of an animation.
pub fn webp(data: &[u8]) {
    let Some((width, height)) = webp::size(data) else { return };
    assert!(width > 0 && height > 0 && data.starts_with(b"RIFF") && data.len().is_multiple_of(2));
    assert_eq!(webp::size(&data[..data.len() - 1]), None);
    let longer = [data, b"<".as_slice()].concat();
    assert_eq!(webp::size(&longer), None);
    let animation = animated_webp(&[data], (width, height));
    // Before the first picture: the file's header, VP8X, ANIM, the frame's own header.
    assert_eq!(&animation[12 + 18 + 14 + 24..], &data[12..]);
}

/// Captions beside pictures: no more of them than bytes, each text shown for a while and no longer than a screen holds, and
/// pictures that had some have none once they are taken out.
pub fn closed_captions(data: &[u8]) {
    let Some((first, packet)) = data.split_first() else { return };
    let (codec, extradata): (_, &[u8]) = match first & 7 {
        0 => ("h264", &[]),
        1 => ("h264", &[1, 0, 0, 0, 3]),
        2 => ("hevc", &[]),
        3 => ("hevc", &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        4 => ("mpeg2video", &[]),
        _ => ("av1", &[]),
    };
    let Some(carrier) = Carrier::of(codec, extradata) else { return };
    let (whole, begin) = (carrier.carried(packet, true), carrier.carried(packet, false));
    assert!(whole.pairs.len() * 3 <= packet.len() && whole.pairs.starts_with(&begin.pairs));
    let (mut channels, mut gone) = (Channels::default(), Vec::new());
    for (n, pair) in whole.pairs.iter().enumerate() {
        channels.take(*pair, n as f64 * 0.04, &mut gone);
    }
    channels.finish(whole.pairs.len() as f64, &mut gone);
    for shown in gone {
        assert!(shown.end_s > shown.start_s && (1..=CHANNELS).contains(&usize::from(shown.channel)));
        assert!(!shown.text.is_empty() && shown.text.chars().filter(|c| *c != '\n').count() <= 15 * 32 * 15);
    }
    if let Some(left) = without_captions(packet, 2) {
        let payload = without_prevention(left.get(2..).unwrap_or_default());
        assert!(sei_messages(&payload).iter().all(|m| m.captions().is_none()));
    }
}

/// Teletext: pages are those of the descriptor, and each ends once, with a packet that comes no sooner than the one it begins with.
pub fn teletext(data: &[u8]) {
    let (descriptor, packets) = data.split_at(data.len().min(10));
    let listed = pages(descriptor, "deu,eng");
    assert!(listed.len() * 2 <= descriptor.len() && listed.iter().all(|p| (0x100..=0x8ff).contains(&p.number)));
    let number = listed.first().map_or(0x888, |p| p.number);
    let (mut sent, mut least) = (Sent::new(number), 0);
    let mut time = 0;
    for packet in packets.chunks(139) {
        time += 1;
        if let Some(begun) = sent.take(packet, time) {
            assert!((least..=time).contains(&begun));
            least = begun;
        }
    }
    let end = sent.end();
    assert!(sent.take(&end, time + 1).is_none_or(|begun| begun >= least));
    // A page that ends others begins none.
    assert_eq!((sent.take(&end, time + 2), end.len() + 45), (None, 184));
}

/// A line of a child's log: short, of one line, nothing that moves a terminal's cursor.
pub fn child_log(data: &[u8]) {
    let line = log::clean(data);
    assert!(line.chars().count() <= 300 && !line.contains(char::is_control));
}

/// An init segment says one thing.
pub fn init_segment(data: &[u8]) {
    if let Ok(info) = read_init(data) {
        assert!(
            ["avc1", "hvc1", "av01", "mp4a"].contains(&info.entry.as_str()) && info.codecs.starts_with(&info.entry)
        );
        assert_eq!(info.size.is_some(), info.entry != "mp4a");
        assert!(info.description.len() <= 4096 + 64 * data.len(), "{} of {}", info.description.len(), data.len());
    }
}

/// A media segment's fragments lie in it, in order, and hold no more samples than bytes.
pub fn media_segment(data: &[u8]) {
    let Ok(info) = read_segment(data) else { return };
    assert!(info.samples > 0 && info.samples <= data.len() as u64 && info.first_sample.len() <= data.len());
    let mut at = 0;
    for f in &info.fragments {
        assert!(f.offset >= at && f.bytes > 0 && f.key_bytes <= f.bytes);
        at = f.offset + f.bytes;
    }
    assert!(at <= data.len() as u64 && !info.fragments.is_empty());
    let ticks = info.fragments.iter().fold(0_u64, |sum, f| sum.saturating_add(f.ticks));
    assert_eq!(ticks, info.duration);
}

/// Samples, four bytes for each: what is written of them is read back.
pub fn fragment(data: &[u8]) {
    let (head, rest) = data.split_at(data.len().min(8));
    let decode_time = head.iter().fold(0_u64, |n, b| (n << 8) | u64::from(*b)) >> 2;
    let sample = |b: &[u8]| Sample {
        data: vec![b[0]; 1 + usize::from(b[0])],
        duration: u32::from(b[1]) * 1000,
        composition_offset: i32::from(b[2].cast_signed()) * 100,
        sync: b[3] & 1 == 1,
    };
    let samples: Vec<Sample> = rest.chunks_exact(4).map(sample).collect();
    let Some(first) = samples.first() else { return };
    let mut out = Vec::new();
    assert!(write_styp(&mut out).is_ok());
    assert!(write_fragment(&Fragment { sequence: 1, decode_time, samples: &samples }, &mut out).is_ok());
    let info = read_segment(&out);
    assert!(info.is_ok(), "{info:?}");
    let Ok(info) = info else { return };
    assert_eq!((info.decode_time, info.samples, info.tracks), (decode_time, samples.len() as u64, 1));
    assert_eq!(info.duration, samples.iter().map(|s| u64::from(s.duration)).sum::<u64>());
    assert_eq!((info.first_sample, info.sync_starts, info.continuous), (first.data.clone(), first.sync, true));
}

/// Where an index is: what is known from the front of a file stays so, and who must wait waits for more than is there.
pub fn moov(data: &[u8]) {
    let whole = moov_position(data);
    for length in [data.len() / 3, data.len() / 2, data.len()] {
        match moov_position(&data[..length]) {
            MoovPosition::NeedsBytes(bytes) => assert!(bytes > length as u64),
            known => assert_eq!(known, whole),
        }
    }
}

/// Units of a byte stream: none has a start code in it, and as samples with lengths they are the same.
pub fn nal(data: &[u8]) {
    let units = annex_b_units(data);
    assert!(units.iter().all(|u| !u.is_empty() && !u.ends_with(&[0]) && !u.windows(3).any(|w| w == [0, 0, 1])));
    assert!(units.iter().map(|u| u.len() + 3).sum::<usize>() <= data.len());
    let kept: Vec<&[u8]> = units.iter().copied().filter(|u| matches!(u[0] & 31, 1..=5 | 19 | 20)).collect();
    let sample = to_length_prefixed(&units);
    assert_eq!(length_prefixed_units(&sample), Some(kept.clone()));
    assert_eq!(is_idr(&units), is_idr(&kept));
    if let Some(read) = length_prefixed_units(data) {
        assert!(read.iter().map(|u| u.len() + 4).sum::<usize>() <= data.len());
    }
    if let [sps, pps, ..] = units.as_slice()
        && let Ok(init) = avc_init(sps, pps, 1280, 720, 25_000)
    {
        let info = read_init(&init);
        assert!(info.as_ref().is_ok_and(|i| Some(&i.codecs) == avc_codecs(sps).as_ref()), "{info:?}");
    }
}

/// A playlist's name, then a name in it: nothing leads out of the package.
pub fn package_path(data: &[u8]) {
    let mut lines = std::str::from_utf8(data).unwrap_or_default().split('\n');
    let [list, uri] = [(); 2].map(|()| lines.next().unwrap_or_default());
    let package = Fetch::Dir("package".into(), "index.m3u8".to_owned());
    let Ok(list) = package.resolve("index.m3u8", list) else { return };
    let Ok(name) = package.resolve(&list, uri) else { return };
    assert!(!name.starts_with('/') && !name.split('/').any(|part| part == ".."), "{name}");
}

/// Playlists: what was read of a list, written by the service, is read as the same.
pub fn playlist(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(list) = parse_multivariant(text) {
        assert!(!list.variants.is_empty() && list.variants.len() + list.media.len() <= text.lines().count());
    }
    let Ok(list) = parse_media(text) else { return };
    assert_eq!(list.segments.len(), list.keys.len());
    assert!(list.segments.iter().all(|(uri, seconds)| !uri.is_empty() && *seconds >= 0.0 && seconds.is_finite()));
    let Some(written) = written(&list) else { return };
    let again = parse_media(&written);
    assert!(again.as_ref().is_ok_and(|a| same(a, &list)), "{list:?}\n{written}\n{again:?}");
}

fn same(a: &ParsedMedia, b: &ParsedMedia) -> bool {
    let near = |(x, y): (&(String, f64), &(String, f64))| x.0 == y.0 && (x.1 - y.1).abs() <= 1e-6 * y.1.max(1.0);
    let facts = |l: &ParsedMedia| (l.target_s, l.playlist_type.clone(), l.ended, l.map_uri.clone(), l.keys.clone());
    facts(a) == facts(b) && a.segments.len() == b.segments.len() && a.segments.iter().zip(&b.segments).all(near)
}

/// A list as the service writes it; `None` for what it never writes.
fn written(list: &ParsedMedia) -> Option<String> {
    let playlist_type = match list.playlist_type.as_deref()? {
        "VOD" => PlaylistType::Vod,
        "EVENT" => PlaylistType::Event,
        _ => return None,
    };
    // After a key there may be none, which a list that is encrypted throughout never says.
    let all_or_none = list.keys.iter().all(Option::is_some) || list.keys.iter().all(Option::is_none);
    let short = list.segments.iter().all(|s| s.1 < 1e6);
    let key = |k: &ParsedKey| SegmentKey { uri: k.uri.clone(), iv: hex::encode(&k.iv) };
    let segments = list.segments.iter().zip(&list.keys).map(|((uri, seconds), k)| Segment {
        uri: uri.clone(),
        duration_s: *seconds,
        key: k.as_ref().map(key),
    });
    let (map_uri, segments) = (list.map_uri.clone(), segments.collect::<Vec<_>>());
    let whole = !list.iframes_only && list.map_range.is_none() && list.ranges.iter().all(Option::is_none);
    let plain =
        whole && all_or_none && short && !segments.is_empty() && list.media_sequence == 0 && list.discontinuities == 0;
    let written = MediaPlaylist { playlist_type, target_s: list.target_s, map_uri, segments, ended: list.ended };
    plain.then(|| written.render())
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
