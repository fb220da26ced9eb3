//! Multivariant playlists.

use super::{
    attribute,
    audio_groups::{AudioGroup, LOW_GROUP, SURROUND_GROUP, groups, groups_by_rate},
    chapters::CHAPTERS_ID,
    iframes::IFRAMES,
    subtitles::{SubtitleTrack, characteristics},
    text,
};
use m3u8_rs::{
    AlternativeMedia, AlternativeMediaType, ClosedCaptionGroupId, MasterPlaylist, QuotedOrUnquoted, Resolution,
    SessionData, SessionDataField, VariantStream,
};
use sluice_model::{MediaKind, Rendition, SubtitleRole, VideoRange};
use std::collections::HashMap;

const SUBTITLE_GROUP: &str = "subtitles";
/// Where players begin before they have measured anything (Apple 1.32).
const FIRST_VARIANT_BPS: u64 = 2_000_000;
/// Short side from which a picture is one of a large screen, pixels.
const LARGE: u64 = 720;

/// What a media has beside its renditions.
#[derive(Debug, Default)]
pub struct Supplements {
    pub subtitles: Vec<SubtitleTrack>,
    /// URI of the chapters' JSON, relative to the multivariant playlist.
    pub chapters_uri: Option<String>,
}

/// The multivariant playlist of `renditions`. `uri` names a rendition's media playlist relative to it.
///
/// With video, audio stands in groups beside the variants: every picture is listed with the first group, those for large screens
/// also with that of more channels, the smallest also with the low one. Without, every audio rendition of the default track is a
/// variant, beside which the other tracks stand in a group.
/// Subtitles are one group beside all, those of closed captions among them.
pub fn multivariant(renditions: &[Rendition], supplements: &Supplements, uri: impl Fn(&str) -> String) -> String {
    let (video, audio): (Vec<_>, Vec<_>) = renditions.iter().partition(|r| r.kind == MediaKind::Video);
    let mut variants: Vec<VariantStream>;
    let mut alternatives = Vec::new();
    if video.is_empty() {
        let beside = groups_by_rate(&audio);
        alternatives.extend(beside.iter().flat_map(|(_, g)| g.media(&uri)));
        variants = match beside.is_empty() {
            true => audio.iter().map(|a| variant(a, None, &uri)).collect(),
            false => beside.iter().map(|(a, g)| variant(a, Some(g), &uri)).collect(),
        };
    } else {
        let groups = groups(&audio);
        alternatives.extend(groups.iter().flat_map(|g| g.media(&uri)));
        // Without any HDR there is nothing to say of it (Apple 9.16).
        let ranged = video.iter().any(|v| v.video_range != VideoRange::Sdr);
        let of =
            |v: &Rendition, group| VariantStream { other_attributes: beyond(v, ranged), ..variant(v, group, &uri) };
        let (first, others) = (groups.first(), groups.get(1..).unwrap_or_default());
        variants = video.iter().map(|v| of(v, first)).collect();
        let beside = |g: &AudioGroup<'_>| if g.id == LOW_GROUP { smallest(&video) } else { large(&video) };
        variants.extend(others.iter().flat_map(|g| beside(g).into_iter().map(|v| of(v, Some(g)))));
        // None are left in any picture: without a word of it, players of Apple's offer some.
        variants.iter_mut().for_each(|v| v.closed_captions = Some(ClosedCaptionGroupId::None));
    }
    if !supplements.subtitles.is_empty() {
        alternatives.extend(supplements.subtitles.iter().map(subtitle_rendition));
        variants.iter_mut().for_each(|v| v.subtitles = Some(SUBTITLE_GROUP.to_owned()));
    }
    variants.sort_by_key(|v| std::cmp::Reverse(v.bandwidth));
    // What every player knows comes first.
    let known = |v: &VariantStream| {
        let codecs = v.codecs.as_deref().unwrap_or("hvc1");
        !codecs.starts_with("hvc1") && !codecs.starts_with("av01") && v.audio.as_deref() != Some(SURROUND_GROUP)
    };
    let first = (0..variants.len()).filter(|i| known(&variants[*i]));
    if let Some(first) = first.min_by_key(|i| variants[*i].bandwidth.abs_diff(FIRST_VARIANT_BPS)) {
        variants[..=first].rotate_right(1);
    }
    let mut iframes: Vec<VariantStream> = video.iter().filter_map(|r| iframe_variant(r, &uri)).collect();
    iframes.sort_by_key(|v| std::cmp::Reverse(v.bandwidth));
    variants.extend(iframes);
    let chapters = |uri: &String| SessionData {
        data_id: CHAPTERS_ID.to_owned(),
        field: SessionDataField::Uri(uri.clone()),
        language: None,
        other_attributes: None,
    };
    let playlist = MasterPlaylist {
        version: Some(7),
        independent_segments: true,
        variants,
        alternatives,
        session_data: supplements.chapters_uri.iter().map(chapters).collect(),
        ..Default::default()
    };
    text(|out| playlist.write_to(out))
}

/// The pictures that more than stereo is worth the bits beside: those of a large screen, or the largest there is.
fn large<'a>(video: &[&'a Rendition]) -> Vec<&'a Rendition> {
    let short_side = |r: &Rendition| r.size.map_or(0, |(width, height)| width.min(height));
    let most = video.iter().map(|r| short_side(r)).max().unwrap_or(0).min(LARGE);
    video.iter().copied().filter(|r| short_side(r) >= most).collect()
}

/// The picture for narrow lines.
fn smallest<'a>(video: &[&'a Rendition]) -> Vec<&'a Rendition> {
    let pixels = |r: &Rendition| r.size.map_or(0, |(width, height)| width * height);
    video.iter().copied().min_by_key(|r| (pixels(r), r.peak_or_cap_bps())).into_iter().collect()
}

fn variant(r: &Rendition, sound: Option<&AudioGroup<'_>>, uri: &impl Fn(&str) -> String) -> VariantStream {
    // The largest sum of peaks over playable combinations (RFC 8216bis; Apple 9.13).
    let (codecs, bandwidth, average) = match sound {
        // A sound is in the group beside it, of which one is played.
        Some(g) if r.kind == MediaKind::Audio => (g.codecs(), g.peak_bps(), g.average_bps()),
        Some(g) => (
            format!("{},{}", r.codecs, g.codecs()),
            r.peak_or_cap_bps() + g.peak_bps(),
            r.average_or_cap_bps() + g.average_bps(),
        ),
        None => (r.codecs.clone(), r.peak_or_cap_bps(), r.average_or_cap_bps()),
    };
    VariantStream {
        uri: uri(&r.name),
        bandwidth,
        average_bandwidth: Some(average),
        codecs: Some(attribute(&codecs)),
        resolution: r.size.map(|(width, height)| Resolution { width, height }),
        frame_rate: r.rate.map(|(n, d)| (n as f64 / d as f64 * 1000.0).round() / 1000.0),
        audio: sound.map(|g| g.id.clone()),
        ..Default::default()
    }
}

/// EXT-X-I-FRAME-STREAM-INF of a rendition that has an I-frame playlist.
fn iframe_variant(r: &Rendition, uri: &impl Fn(&str) -> String) -> Option<VariantStream> {
    let list = uri(&r.name);
    let folder = list.rsplit_once('/').map_or("", |p| p.0);
    Some(VariantStream {
        is_i_frame: true,
        uri: format!("{folder}/{IFRAMES}"),
        bandwidth: r.iframe_bps?,
        codecs: Some(attribute(&r.codecs)),
        resolution: r.size.map(|(width, height)| Resolution { width, height }),
        ..Default::default()
    })
}

/// Attributes that m3u8-rs has no fields for.
fn beyond(r: &Rendition, ranged: bool) -> Option<HashMap<String, QuotedOrUnquoted>> {
    let mut list = HashMap::new();
    if ranged {
        list.insert("VIDEO-RANGE".to_owned(), QuotedOrUnquoted::Unquoted(r.video_range.to_string()));
    }
    if let Some(codecs) = &r.supplemental_codecs {
        list.insert("SUPPLEMENTAL-CODECS".to_owned(), QuotedOrUnquoted::Quoted(attribute(codecs)));
    }
    (!list.is_empty()).then_some(list)
}

fn subtitle_rendition(track: &SubtitleTrack) -> AlternativeMedia {
    let forced = track.role == SubtitleRole::Forced;
    AlternativeMedia {
        media_type: AlternativeMediaType::Subtitles,
        uri: Some(track.uri.clone()),
        group_id: SUBTITLE_GROUP.to_owned(),
        language: Some(attribute(&track.language)),
        name: attribute(&track.name),
        default: false,
        autoselect: true,
        forced,
        characteristics: characteristics(track.role).map(str::to_owned),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::{SoundTrack, TrackRole};

    fn video(name: &str, height: u64, cap_bps: u64) -> Rendition {
        Rendition {
            name: name.into(),
            kind: MediaKind::Video,
            size: Some((height * 16 / 9, height)),
            rate: Some((30_000, 1_001)),
            channels: None,
            codecs: "avc1.64001f".into(),
            video_range: VideoRange::Sdr,
            supplemental_codecs: None,
            cap_bps,
            peak_bps: None,
            average_bps: None,
            iframe_bps: None,
            track: SoundTrack::default(),
        }
    }

    fn audio() -> Rendition {
        Rendition {
            name: "audio".into(),
            kind: MediaKind::Audio,
            size: None,
            rate: None,
            channels: Some(2),
            codecs: "mp4a.40.2".into(),
            video_range: VideoRange::Sdr,
            supplemental_codecs: None,
            cap_bps: 128_000,
            peak_bps: Some(130_000),
            average_bps: Some(127_000),
            iframe_bps: None,
            track: SoundTrack::default(),
        }
    }

    #[test]
    fn the_variant_near_two_megabits_comes_first_and_the_rest_falls() {
        let list = multivariant(
            &[video("v1080", 1080, 6_000_000), video("v720", 720, 3_000_000), video("v360", 360, 800_000), audio()],
            &Supplements::default(),
            |n| format!("{n}/index.m3u8"),
        );
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MEDIA:TYPE=AUDIO,URI=\"audio/index.m3u8\",GROUP-ID=\"audio\",LANGUAGE=\"und\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1010000,AVERAGE-BANDWIDTH=927000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=640x360,FRAME-RATE=29.97,AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\nv360/index.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=6730000,AVERAGE-BANDWIDTH=6127000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1920x1080,FRAME-RATE=29.97,AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\nv1080/index.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=3430000,AVERAGE-BANDWIDTH=3127000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.97,AUDIO=\"audio\",CLOSED-CAPTIONS=NONE\nv720/index.m3u8\n";
        assert_eq!(list, expected);
    }

    #[test]
    fn a_picture_in_hdr_is_never_first_and_says_so() {
        let hdr = Rendition {
            codecs: "hvc1.2.4.L120.90".into(),
            video_range: VideoRange::Hlg,
            supplemental_codecs: Some("dvh1.08.04/db4h".into()),
            ..video("source", 1080, 1_900_000)
        };
        let list = multivariant(&[hdr, video("v1080", 1080, 6_000_000)], &Supplements::default(), |n| {
            format!("{n}/index.m3u8")
        });
        let lines: Vec<&str> = list.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF")).collect();
        assert!(lines[0].contains("avc1") && lines[0].contains("VIDEO-RANGE=SDR"), "{list}");
        assert!(
            lines[1].contains("VIDEO-RANGE=HLG") && lines[1].contains("SUPPLEMENTAL-CODECS=\"dvh1.08.04/db4h\""),
            "{list}"
        );
    }

    #[test]
    fn every_track_is_in_every_group_under_one_name() {
        let track = |name: &str, channels, position, language: Option<&str>, label: &str, role| Rendition {
            name: name.into(),
            channels: Some(channels),
            peak_bps: Some(channels * 60_000),
            average_bps: Some(channels * 60_000),
            track: SoundTrack { position, language: language.map(str::to_owned), label: label.into(), role },
            ..audio()
        };
        let sounds = [
            track("audio-2", 2, 1, Some("en"), "English", TrackRole::Main),
            track("audio-3", 2, 2, Some("en"), "English", TrackRole::Commentary),
            track("surround", 6, 0, Some("de"), "Deutsch", TrackRole::Main),
            track("audio-4", 1, 3, None, "", TrackRole::Description),
            track("audio", 2, 0, Some("de"), "Deutsch", TrackRole::Main),
        ];
        let list = [&[video("v720", 720, 3_000_000), video("v360", 360, 800_000)][..], &sounds].concat();
        let list = multivariant(&list, &Supplements::default(), |n| n.to_owned());
        let media: Vec<&str> = list.lines().filter_map(|l| l.strip_prefix("#EXT-X-MEDIA:TYPE=AUDIO,")).collect();
        let members = [
            ("audio", "LANGUAGE=\"de\",NAME=\"Deutsch\",DEFAULT=YES,AUTOSELECT=YES"),
            ("audio-2", "LANGUAGE=\"en\",NAME=\"English\",AUTOSELECT=YES"),
            ("audio-3", "LANGUAGE=\"en\",NAME=\"English (2)\""),
            (
                "audio-4",
                "LANGUAGE=\"und\",NAME=\"Audio\",AUTOSELECT=YES,CHARACTERISTICS=\"public.accessibility.describes-video\"",
            ),
        ];
        for (n, (name, said)) in members.into_iter().enumerate() {
            let channels = if n == 3 { 1 } else { 2 };
            let stereo = format!("URI=\"{name}\",GROUP-ID=\"audio\",{said},CHANNELS=\"{channels}\"");
            let (name, channels) = if n == 0 { ("surround", 6) } else { (name, channels) };
            let surround = format!("URI=\"{name}\",GROUP-ID=\"surround\",{said},CHANNELS=\"{channels}\"");
            assert_eq!((sorted(media[n]), sorted(media[n + 4])), (sorted(&stereo), sorted(&surround)));
        }
        let variants: Vec<&str> = list.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF")).collect();
        let of = |n: usize, part: &str| assert!(variants[n].contains(part), "{part} {list}");
        assert_eq!((media.len(), variants.len()), (8, 3), "{list}");
        of(0, "RESOLUTION=640x360");
        of(1, ":BANDWIDTH=3660000");
        of(1, "AUDIO=\"surround\"");
        of(2, ":BANDWIDTH=3420000");
        of(2, "AUDIO=\"audio\"");
    }

    /// Both tracks are in the low group, the second as it is; only the smallest picture is listed with it.
    #[test]
    fn the_smallest_picture_is_also_listed_with_the_low_sounds() {
        let track = |name: &str, channels, cap_bps, position| Rendition {
            name: name.into(),
            channels: Some(channels),
            cap_bps,
            peak_bps: Some(cap_bps),
            average_bps: Some(cap_bps),
            track: SoundTrack { position, ..SoundTrack::default() },
            ..audio()
        };
        let sounds = [track("low", 1, 48_000, 0), track("audio", 2, 128_000, 0), track("audio-2", 1, 50_000, 1)];
        let pictures = [video("v360", 360, 700_000), video("v144", 144, 100_000)];
        let list = multivariant(&[&pictures[..], &sounds].concat(), &Supplements::default(), |n| n.to_owned());
        let groups: Vec<&str> = list.lines().filter_map(|l| l.strip_prefix("#EXT-X-MEDIA:TYPE=AUDIO,URI=")).collect();
        let begins = [
            "\"audio\",GROUP-ID=\"audio\"",
            "\"audio-2\",GROUP-ID=\"audio\"",
            "\"low\",GROUP-ID=\"low\"",
            "\"audio-2\",GROUP-ID=\"low\"",
        ];
        assert!(groups.iter().zip(begins).all(|(g, b)| g.starts_with(b)) && groups.len() == 4, "{list}");
        let variants: Vec<&str> = list.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF")).collect();
        assert_eq!(variants.len(), 3, "{list}");
        let last = variants[2];
        assert!(last.contains(":BANDWIDTH=160000,") && last.contains("AUDIO=\"low\""), "{list}");
        assert!(variants[1].contains("256x144") && variants[1].contains("AUDIO=\"audio\""), "{list}");
    }

    fn sorted(attributes: &str) -> Vec<&str> {
        let mut list: Vec<&str> = attributes.split(',').collect();
        list.sort_unstable();
        list
    }

    #[test]
    fn sound_alone_makes_audio_variants() {
        let list = multivariant(&[audio()], &Supplements::default(), |n| format!("{n}/index.m3u8"));
        assert_eq!(
            list,
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=127000,CODECS=\"mp4a.40.2\"\naudio/index.m3u8\n"
        );
    }

    /// A poor second track is in both groups as it is.
    #[test]
    fn tracks_of_sound_alone_stand_beside_each_rate_of_the_first() {
        let track = |name: &str, cap_bps, position, label: &str| Rendition {
            name: name.into(),
            cap_bps,
            peak_bps: Some(cap_bps),
            average_bps: Some(cap_bps),
            track: SoundTrack { position, label: label.into(), ..SoundTrack::default() },
            ..audio()
        };
        let sounds = [
            track("a128", 128_000, 0, "Deutsch"),
            track("a128-3", 128_000, 2, "English"),
            track("a96-2", 96_000, 1, "English"),
            track("a64", 64_000, 0, "Deutsch"),
            track("a64-3", 64_000, 2, "English"),
        ];
        let list = multivariant(&sounds, &Supplements::default(), |n| n.to_owned());
        let part = |l: &str, name: &str| l.split(name).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let media = list.lines().filter(|l| l.starts_with("#EXT-X-MEDIA:TYPE=AUDIO"));
        let members: Vec<[String; 3]> =
            media.map(|l| ["GROUP-ID=\"", "URI=\"", ",NAME=\""].map(|name| part(l, name))).collect();
        let expected = [
            ["a128", "a128", "Deutsch"],
            ["a128", "a96-2", "English"],
            ["a128", "a128-3", "English (2)"],
            ["a64", "a64", "Deutsch"],
            ["a64", "a96-2", "English"],
            ["a64", "a64-3", "English (2)"],
        ];
        assert_eq!(members, expected.map(|m| m.map(str::to_owned)), "{list}");
        assert!(list.contains(":BANDWIDTH=128000,") && list.contains("AUDIO=\"a128\"\na128\n"), "{list}");
        assert!(list.contains(":BANDWIDTH=96000,") && list.contains("AUDIO=\"a64\"\na64\n"), "{list}");
        assert_eq!(list.matches("#EXT-X-STREAM-INF").count(), 2, "{list}");
    }

    #[test]
    fn every_variant_has_the_subtitles() {
        let track = |language: &str, role| SubtitleTrack {
            uri: format!("text-{language}/index.m3u8"),
            language: language.into(),
            name: format!("\"{language}\""),
            role,
        };
        let subtitles = vec![
            track("de", SubtitleRole::Full),
            track("en", SubtitleRole::Forced),
            track("fr", SubtitleRole::HardOfHearing),
        ];
        let supplements = Supplements { subtitles, chapters_uri: Some("chapters.json".into()) };
        let pictures = Rendition { iframe_bps: Some(90_000), ..video("v360", 360, 800_000) };
        let list = multivariant(&[pictures, audio()], &supplements, |n| format!("{n}/index.m3u8"));
        for line in [
            "#EXT-X-MEDIA:TYPE=SUBTITLES,URI=\"text-de/index.m3u8\",GROUP-ID=\"subtitles\",LANGUAGE=\"de\",NAME=\"'de'\",AUTOSELECT=YES\n",
            "LANGUAGE=\"en\",NAME=\"'en'\",AUTOSELECT=YES,FORCED=YES\n",
            ",CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound\"\n",
            "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,CODECS=\"avc1.64001f\",RESOLUTION=640x360,URI=\"v360/iframes.m3u8\"\n",
            "#EXT-X-SESSION-DATA:DATA-ID=\"com.apple.hls.chapters\",URI=\"chapters.json\"\n",
            ",AUDIO=\"audio\",SUBTITLES=\"subtitles\",CLOSED-CAPTIONS=NONE\nv360/index.m3u8\n",
        ] {
            assert!(list.contains(line), "{line}{list}");
        }
    }
}
