//! What the encoder child gives up before it sees a byte of a file, so that code that a file smuggles into it reaches
//! nothing: no file, no network, no other process, no more memory and time than the work may cost.
//!
//! Invariants: it is applied while the child has one thread and before FFmpeg is used; what is mandatory holds or the
//! child ends, unless an operator has said in so many words that it need not; a child can undo none of it.

mod filter;
mod limits;
mod paths;
mod privileges;
pub mod raw;

pub use filter::has_a_rule;
pub use limits::Bounds;
pub use privileges::forbid_dumps;
pub use raw::{Allocator, OUT_OF_MEMORY_STATUS, end_if_memory_is_used_up, exit, fork_for_parent};

use serde::{Deserialize, Serialize};
use std::{fmt, fs::File, io};

/// Exit status of a child that could not be confined.
pub const UNCONFINED_STATUS: i32 = 72;

/// What holds for all children of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Terms {
    /// The worker.
    #[arg(long)]
    pub parent: u32,
    /// Go on where the mandatory part cannot be had.
    #[arg(long)]
    pub allow_unsandboxed: bool,
}

/// One thing that was given up, or could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// What.
    pub name: String,
    /// Whether no child may work without it.
    pub mandatory: bool,
    /// Whether it holds.
    pub holds: bool,
    /// How far, or why not.
    pub detail: String,
}

/// What holds for a child.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// In the order in which they were taken.
    pub measures: Vec<Measure>,
}

impl Report {
    /// Whether everything mandatory holds.
    pub fn is_confined(&self) -> bool {
        self.missing().next().is_none()
    }

    /// What is mandatory and does not hold.
    pub fn missing(&self) -> impl Iterator<Item = &Measure> {
        self.measures.iter().filter(|m| m.mandatory && !m.holds)
    }

    fn note<E: fmt::Display>(&mut self, name: &str, mandatory: bool, outcome: Result<String, E>) {
        let (holds, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(error) => (false, error.to_string()),
        };
        self.measures.push(Measure { name: name.to_owned(), mandatory, holds, detail });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, m) in self.measures.iter().enumerate() {
            let (comma, no) = (if i == 0 { "" } else { ", " }, if m.holds { "" } else { "no " });
            write!(f, "{comma}{no}{}", m.name)?;
            if !m.detail.is_empty() {
                write!(f, " ({})", m.detail)?;
            }
        }
        Ok(())
    }
}

/// Ends with its worker, and has nothing of it but descriptors 0 to 2: what children are forked from.
pub fn prepare(terms: &Terms) -> io::Result<()> {
    raw::close_from(3)?;
    privileges::end_with(terms.parent)
}

/// Gives up everything. Nothing but descriptors 0 to 2 and memory is left, so whatever libraries load or look up later
/// they do without.
pub fn enter(terms: &Terms, bounds: &Bounds) -> Report {
    let done = |outcome: io::Result<()>| outcome.map(|()| String::new());
    let mut report = Report::default();
    report.note("closed descriptors", true, done(raw::close_from(3)));
    report.note("empty environment", true, if raw::has_environment() { Err("it is not") } else { Ok(String::new()) });
    report.note("empty network", false, privileges::leave_network());
    report.note("no capabilities", true, done(privileges::drop_capabilities()));
    // Its ruleset is a descriptor, so it comes before the limit on them.
    report.note("Landlock", false, paths::forbid());
    report.note("limits", true, done(limits::apply(bounds)));
    report.note("no dumps", true, done(privileges::forbid_dumps()));
    report.note("end with the worker", true, done(privileges::end_with(terms.parent)));
    report.note("system call filter", true, filter::install().map(|()| String::new()));
    report.note("closed files", true, files_are_closed());
    report
}

/// Whether a filter of system calls is in force for this process.
pub fn is_filtered() -> bool {
    matches!(File::open("/proc/self/exe"), Err(error) if error.raw_os_error() == Some(libc::EPERM))
}

/// Whether the filter does what it says.
fn files_are_closed() -> Result<String, String> {
    match File::open("/proc/self/exe") {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(String::new()),
        Err(error) => Err(format!("opening one ended with: {error}")),
        Ok(_) => Err("one could be opened".to_owned()),
    }
}
