//! DASH manifests (ISO/IEC 23009-1) of complete packages: the segments of the HLS presentation, named by number.

use sluice_model::{MediaKind, Rendition, SoundTrack, TrackRole};
use std::fmt::Write;

/// A rendition with its segments.
#[derive(Debug)]
pub struct DashRendition {
    pub rendition: Rendition,
    /// Ticks a second.
    pub timescale: u64,
    /// Presentation time of its first picture or sample, ticks.
    pub start_ticks: u64,
    /// Duration of every segment, ticks.
    pub durations: Vec<u64>,
    /// URI of the init segment, relative to the manifest.
    pub init_uri: String,
    /// URI of a media segment, with `$Number$` where its number stands, counted from 0.
    pub media_uri: String,
}

/// A track of subtitles, WebVTT as one file.
#[derive(Debug)]
pub struct DashSubtitles {
    /// Relative to the manifest.
    pub uri: String,
    /// RFC 5646.
    pub language: String,
    /// For menus.
    pub name: String,
    /// Value of DASH's role scheme.
    pub role: &'static str,
}

/// The manifest of a presentation: a set for the pictures, for each track of sound, for each in more channels than two, and
/// for each track of subtitles.
pub fn mpd(renditions: &[DashRendition], subtitles: &[DashSubtitles]) -> String {
    let duration_s = renditions.iter().map(DashRendition::duration_s).fold(0.0, f64::max);
    let longest_s = renditions.iter().map(DashRendition::longest_segment_s).fold(0.0, f64::max);
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT{duration_s:.3}S\" maxSegmentDuration=\"PT{longest_s:.3}S\" minBufferTime=\"PT2S\">\n\
         <Period id=\"0\" start=\"PT0S\">\n"
    );
    let (video, mut audio): (Vec<_>, Vec<_>) = renditions.iter().partition(|r| r.rendition.kind == MediaKind::Video);
    adaptation_set(&mut out, "video", &video);
    let set_of = |r: &&DashRendition| (r.rendition.track.position, r.rendition.channels.is_some_and(|c| c > 2));
    audio.sort_by_key(set_of);
    audio.chunk_by(|a, b| set_of(a) == set_of(b)).for_each(|set| adaptation_set(&mut out, "audio", set));
    subtitles.iter().enumerate().for_each(|(i, track)| text_set(&mut out, i, track));
    out.push_str("</Period>\n</MPD>\n");
    out
}

/// Renditions between which players change as they please.
fn adaptation_set(out: &mut String, word: &str, set: &[&DashRendition]) {
    let Some(first) = set.first() else { return };
    let track = &first.rendition.track;
    let language = track.language.as_ref().map_or_else(String::new, |l| format!(" lang=\"{}\"", escaped(l)));
    // Writing into a string does not fail, here and below.
    let _ = writeln!(
        out,
        "<AdaptationSet contentType=\"{word}\" mimeType=\"{word}/mp4\"{language} segmentAlignment=\"true\" startWithSAP=\"1\">"
    );
    if first.rendition.kind == MediaKind::Audio {
        descriptors(out, track);
    }
    set.iter().for_each(|r| representation(out, r));
    out.push_str("</AdaptationSet>\n");
}

/// What a track of sound is for, and what menus call it. The first one is the main one.
fn descriptors(out: &mut String, track: &SoundTrack) {
    if !track.label.is_empty() {
        let _ = writeln!(out, "<Label>{}</Label>", escaped(&track.label));
    }
    if track.role == TrackRole::Description {
        // ETSI TS 102 822-3-1: for the visually impaired.
        out.push_str("<Accessibility schemeIdUri=\"urn:tva:metadata:cs:AudioPurposeCS:2007\" value=\"1\"/>\n");
    }
    let role = match track.role {
        TrackRole::Main if track.position > 0 => "alternate",
        TrackRole::Description => "description",
        role => role.as_str(),
    };
    let _ = writeln!(out, "<Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{role}\"/>");
}

impl DashRendition {
    fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / self.timescale.max(1) as f64
    }

    fn duration_s(&self) -> f64 {
        self.seconds(self.durations.iter().sum())
    }

    fn longest_segment_s(&self) -> f64 {
        self.seconds(self.durations.iter().copied().max().unwrap_or(0))
    }
}

fn representation(out: &mut String, r: &DashRendition) {
    let (rendition, timescale) = (&r.rendition, r.timescale);
    let _ = write!(
        out,
        "<Representation id=\"{}\" codecs=\"{}\" bandwidth=\"{}\"",
        escaped(&rendition.name),
        escaped(&rendition.codecs),
        rendition.peak_or_cap_bps()
    );
    if let Some((width, height)) = rendition.size {
        let _ = write!(out, " width=\"{width}\" height=\"{height}\" sar=\"1:1\"");
    }
    if let Some((num, den)) = rendition.rate {
        let _ = write!(out, " frameRate=\"{num}/{den}\"");
    }
    match rendition.kind {
        MediaKind::Audio => {
            let channels = rendition.channels.unwrap_or(2);
            let _ = write!(
                out,
                " audioSamplingRate=\"{timescale}\">\n<AudioChannelConfiguration \
                 schemeIdUri=\"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"{channels}\"/>"
            );
        }
        MediaKind::Video => out.push('>'),
    }
    let _ = write!(
        out,
        "\n<SegmentTemplate timescale=\"{timescale}\" presentationTimeOffset=\"{}\" startNumber=\"0\" \
         initialization=\"{}\" media=\"{}\">\n<SegmentTimeline>",
        r.start_ticks,
        escaped(&r.init_uri),
        escaped(&r.media_uri)
    );
    let mut at = r.start_ticks;
    for run in r.durations.chunk_by(|a, b| a == b) {
        let _ = write!(out, "<S t=\"{at}\" d=\"{}\" r=\"{}\"/>", run[0], run.len() - 1);
        at += run.iter().sum::<u64>();
    }
    out.push_str("</SegmentTimeline>\n</SegmentTemplate>\n</Representation>\n");
}

fn text_set(out: &mut String, number: usize, track: &DashSubtitles) {
    let _ = writeln!(
        out,
        "<AdaptationSet contentType=\"text\" mimeType=\"text/vtt\" lang=\"{}\">\n<Label>{}</Label>\n\
         <Role schemeIdUri=\"urn:mpeg:dash:role:2011\" value=\"{}\"/>\n\
         <Representation id=\"text-{number}\" bandwidth=\"1000\">\n<BaseURL>{}</BaseURL>\n</Representation>\n</AdaptationSet>",
        escaped(&track.language),
        escaped(&track.name),
        track.role,
        escaped(&track.uri)
    );
}

/// Text as XML content or as an attribute in double quotes; what XML cannot hold becomes a blank.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::VideoRange;

    fn rendition(kind: MediaKind) -> DashRendition {
        let video = kind == MediaKind::Video;
        DashRendition {
            rendition: Rendition {
                name: if video { "v360" } else { "audio" }.into(),
                kind,
                size: video.then_some((640, 360)),
                rate: video.then_some((25, 1)),
                channels: (!video).then_some(2),
                codecs: if video { "avc1.64001e" } else { "mp4a.40.2" }.into(),
                cap_bps: 800_000,
                peak_bps: Some(700_000),
                average_bps: Some(600_000),
                iframe_bps: None,
                track: SoundTrack::default(),
                video_range: VideoRange::Sdr,
                supplemental_codecs: None,
            },
            timescale: if video { 25_000 } else { 48_000 },
            start_ticks: if video { 2_000 } else { 3_840 },
            durations: if video { vec![50_000, 50_000, 150_000] } else { vec![96_256, 95_232, 288_768] },
            init_uri: "p/init.mp4".into(),
            media_uri: "p/$Number$.m4s".into(),
        }
    }

    #[test]
    fn segments_are_timed_by_presentation_and_the_offset_brings_them_to_zero() {
        let text = mpd(&[rendition(MediaKind::Video), rendition(MediaKind::Audio)], &[]);
        for part in [
            "mediaPresentationDuration=\"PT10.005S\"",
            "<Representation id=\"v360\" codecs=\"avc1.64001e\" bandwidth=\"700000\" width=\"640\" height=\"360\" sar=\"1:1\" frameRate=\"25/1\">",
            "timescale=\"25000\" presentationTimeOffset=\"2000\" startNumber=\"0\"",
            "<S t=\"2000\" d=\"50000\" r=\"1\"/><S t=\"102000\" d=\"150000\" r=\"0\"/>",
            "<S t=\"3840\" d=\"96256\" r=\"0\"/><S t=\"100096\" d=\"95232\" r=\"0\"/>",
            "audio_channel_configuration:2011\" value=\"2\"/>",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn each_track_is_a_set_of_its_own() {
        let sound = |name: &str, position, channels, label: &str, role| {
            let mut r = rendition(MediaKind::Audio);
            (r.rendition.name, r.rendition.channels) = (name.into(), Some(channels));
            r.rendition.track = SoundTrack { position, language: Some("en".into()), label: label.into(), role };
            r
        };
        let text = mpd(
            &[
                sound("surround", 0, 6, "English", TrackRole::Main),
                sound("audio-2", 1, 2, "A & B", TrackRole::Description),
                sound("audio", 0, 2, "English", TrackRole::Main),
            ],
            &[],
        );
        let sets: Vec<&str> = text.split("<AdaptationSet ").skip(1).collect();
        for (set, parts) in sets.iter().zip([
            ["lang=\"en\"", "value=\"main\"/>", "<Label>English</Label>", "id=\"audio\""],
            ["lang=\"en\"", "value=\"main\"/>", "<Label>English</Label>", "id=\"surround\""],
            [
                "AudioPurposeCS:2007\" value=\"1\"/>",
                "value=\"description\"/>",
                "<Label>A &amp; B</Label>",
                "id=\"audio-2\"",
            ],
        ]) {
            assert!(parts.iter().all(|p| set.contains(p)), "{set}");
        }
        assert_eq!(sets.len(), 3, "{text}");
    }

    #[test]
    fn what_people_typed_stays_text() {
        let track = DashSubtitles {
            uri: "c?a=1&b=2".into(),
            language: "de".into(),
            name: "\"><script>&\u{0}".into(),
            role: "subtitle",
        };
        let text = mpd(&[rendition(MediaKind::Audio)], &[track]);
        assert!(text.contains("<Label>&quot;&gt;&lt;script&gt;&amp; </Label>"), "{text}");
        assert!(text.contains("<BaseURL>c?a=1&amp;b=2</BaseURL>"), "{text}");
    }
}
