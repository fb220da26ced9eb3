//! `sluice-worker` as a program: its allocator, and nothing else. The code is in the library, where fuzzing reaches it.

use sluice_worker::Allocator;
use std::process::ExitCode;

/// Tells want of memory in a confined child from a crash.
#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    sluice_worker::main()
}
