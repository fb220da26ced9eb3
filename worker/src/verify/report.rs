//! What the checker says.

use serde::Serialize;
use sluice_model::Loudness;
use std::fmt;

/// Most places named for a rule.
const MOST_DETAILS: usize = 5;

/// How binding a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    Must,
    Should,
}

/// What came of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pass,
    Fail,
    /// The rule is about something this package does not have.
    NotApplicable,
}

/// One rule and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Rule number of the authoring specification; R and a section for the RFC.
    pub rule: &'static str,
    /// How binding it is.
    pub level: Level,
    /// What it asks for.
    pub text: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// Where and how it fails; at most a few places.
    pub details: Vec<String>,
}

impl Finding {
    /// What came of a rule: it passes where nothing is wrong, and means nothing where it does not apply.
    pub fn of(level: Level, rule: &'static str, text: &'static str, applies: bool, mut details: Vec<String>) -> Self {
        let outcome = match (applies, details.is_empty()) {
            (false, _) => Outcome::NotApplicable,
            (true, true) => Outcome::Pass,
            (true, false) => Outcome::Fail,
        };
        details.truncate(if applies { MOST_DETAILS } else { 0 });
        Self { rule, level, text, outcome, details }
    }
}

/// All findings.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    /// In the order of the rules.
    pub findings: Vec<Finding>,
    /// How loud the sounds are that were measured while they were made; a package that is only checked is not decoded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub loudness: Vec<SoundLoudness>,
}

/// How loud a rendition of sound is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SoundLoudness {
    /// Its name.
    pub rendition: String,
    #[serde(flatten)]
    pub loudness: Loudness,
}

impl Report {
    /// Whether every MUST that applies holds.
    pub fn compliant(&self) -> bool {
        self.broken(Level::Must).next().is_none()
    }

    /// Says of rules that begin like these that they do not apply.
    pub fn leave_out(&mut self, rules: &[&str]) {
        for f in self.findings.iter_mut().filter(|f| rules.iter().any(|r| f.rule.starts_with(r))) {
            (f.outcome, f.details) = (Outcome::NotApplicable, Vec::new());
        }
    }

    /// The broken rules of one level.
    pub fn broken(&self, level: Level) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |f| f.outcome == Outcome::Fail && f.level == level)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let mark = match (finding.outcome, finding.level) {
                (Outcome::Pass, _) => "ok  ",
                (Outcome::NotApplicable, _) => "n/a ",
                (Outcome::Fail, Level::Must) => "FAIL",
                (Outcome::Fail, Level::Should) => "warn",
            };
            writeln!(f, "{mark} {:<9} {}", finding.rule, finding.text)?;
            for detail in &finding.details {
                writeln!(f, "                 {detail}")?;
            }
        }
        for SoundLoudness { rendition, loudness: l } in &self.loudness {
            let (integrated, range, peak) = (l.integrated_lufs, l.range_lu, l.true_peak_dbtp);
            writeln!(f, "loud {rendition:<9} {integrated:.1} LUFS, range {range:.1} LU, true peak {peak:.1} dBTP")?;
        }
        let (must, should) = (self.broken(Level::Must).count(), self.broken(Level::Should).count());
        write!(f, "{} rules, {must} MUST broken, {should} SHOULD not followed", self.findings.len())
    }
}
