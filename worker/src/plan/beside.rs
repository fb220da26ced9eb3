//! A track of sound that is added to a film: a plan of its own, laid out as the film's own sounds are.

use super::{AudioFacts, EncodeSettings, Plan, SourceFacts, audio, cost, ladder::is_narrow};
use sluice_ingest::sniff::Demuxer;
use sluice_model::{FileTags, Reason, SoundTrack};

/// What encoders put in front of a sound is shorter than this, seconds.
const MOST_PRIMING_S: f64 = 0.06;

/// The first sound of a file over the span of a film: it begins with the film, is cut where that is cut, ends with it, and is
/// heard as late as everything is shown. Its renditions are called by `name`.
pub fn beside(
    film: &Plan,
    facts: &SourceFacts,
    settings: &EncodeSettings,
    name: &str,
    track: &SoundTrack,
) -> Result<Plan, Reason> {
    let missing = || Reason::new("unsupported_format", "The file holds no sound that can be decoded.");
    let sound = facts.sound().ok_or_else(missing)?;
    cost::check_silence(sound)?;
    let target_lufs = settings.loudness.map(|l| l.target_lufs);
    let may_keep = facts.clock.is_plain() && target_lufs.is_none();
    let origin_s = origin_s(facts.demuxer, sound, film.duration_s);
    // What is left after the film is none of it.
    let left_s = origin_s + film.duration_s - sound.start_s;
    let one = AudioFacts { duration_s: sound.duration_s.min(left_s), ..sound.clone() };
    let mut sounds = audio::beside_video(&[one], origin_s, &film.cuts_s(), may_keep, film.has_low_sound());
    for (n, a) in sounds.iter_mut().enumerate() {
        a.delay_by(film.programme_start_s());
        (a.target_lufs, a.track) = (target_lufs, track.clone());
        for v in &mut a.variants {
            // The first one is for all players, by whose name the track is known.
            v.name = if n == 0 { name.to_owned() } else { format!("{name}-{}", v.name) };
        }
    }
    let mut sounds = sounds.into_iter();
    Ok(Plan {
        demuxer: facts.demuxer,
        duration_s: film.duration_s,
        target_s: film.target_s,
        video: None,
        audio: sounds.next(),
        further_audio: sounds.collect(),
        clip: None,
        warnings: Vec::new(),
        incremental: None,
        clock: facts.clock.clone(),
        subtitles: Vec::new(),
        chapters: Vec::new(),
        tags: FileTags::default(),
    })
}

/// The moment of a source at which the film begins: the zero of its clock where that means something, or else its first sound.
/// What an encoder put in front of that is cut.
fn origin_s(demuxer: Demuxer, sound: &AudioFacts, film_s: f64) -> f64 {
    let has_zero = matches!(demuxer, Demuxer::Mov | Demuxer::Matroska);
    if has_zero && (-MOST_PRIMING_S..film_s).contains(&sound.start_s) { 0.0 } else { sound.start_s }
}

impl Plan {
    /// Whether sounds of this film are there for narrow lines, too.
    fn has_low_sound(&self) -> bool {
        self.video.iter().flat_map(|v| v.rungs.iter().chain(&v.passthrough)).any(is_narrow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        Clock, Metadata,
        fixture::{planned, sound},
    };
    use sluice_model::TrackRole;

    fn added(demuxer: Demuxer, sounds: Vec<AudioFacts>) -> Result<Plan, Reason> {
        let facts = SourceFacts {
            demuxer,
            video: None,
            audio: sounds,
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata: Metadata::default(),
        };
        let track = SoundTrack { language: Some("de".into()), role: TrackRole::Dub, ..SoundTrack::default() };
        beside(&planned(1280, 720), &facts, &EncodeSettings::default(), "added-1", &track)
    }

    #[test]
    fn a_track_lies_over_the_film_whatever_its_length() {
        let film = planned(1280, 720);
        for duration_s in [20.0, 59.99, 90.0] {
            let plan = added(Demuxer::Mov, vec![AudioFacts { duration_s, channels: 6, ..sound() }]).unwrap();
            let made: Vec<(&str, u32, usize)> =
                plan.sounds().map(|a| (a.variants[0].name.as_str(), a.channels, a.segment_count())).collect();
            let count = film.video.as_ref().unwrap().segment_count();
            assert_eq!(
                made,
                [("added-1", 2, count), ("added-1-surround", 6, count), ("added-1-low", 2, count)],
                "{duration_s}"
            );
            assert_eq!(plan.target_s, film.target_s);
            for a in plan.sounds() {
                assert!((a.duration_s() - 60.0).abs() < 0.02, "{duration_s}: {}", a.duration_s());
                let begins_s = a.delay_samples as f64 / f64::from(a.sample_rate);
                assert!((begins_s - film.programme_start_s()).abs() < 0.001);
                assert_eq!(a.track.language.as_deref(), Some("de"));
            }
        }
    }

    #[test]
    fn a_track_begins_with_the_film() {
        let origin =
            |demuxer, start_s| added(demuxer, vec![AudioFacts { start_s, ..sound() }]).unwrap().audio.unwrap().origin_s;
        assert_eq!(origin(Demuxer::Mov, -0.0213), 0.0, "priming is not heard");
        assert_eq!(origin(Demuxer::Matroska, 3.0), 0.0, "a sound that begins late");
        assert_eq!(
            [origin(Demuxer::MpegTs, 1.4), origin(Demuxer::Mp3, 0.025), origin(Demuxer::Mov, 90.0)],
            [1.4, 0.025, 90.0]
        );
        assert_eq!(added(Demuxer::Mov, Vec::new()).unwrap_err().code, "unsupported_format");
    }
}
