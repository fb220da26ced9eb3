//! Length, late and early streams, clocks that step.

use super::{Package, assert_instants, reported};

#[test]
fn late_sound_stays_where_it_was() {
    let Some(file) = reported("A1_audio_starts_6.9s.mp4") else { return };
    let package = Package::of(&file);
    assert_instants("beeps", &package.beeps(), &[7.0, 11.5, 14.0], 0.05);
}
