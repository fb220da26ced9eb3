//! `sluice-api` as a program: its allocator, and nothing else. The code is in the library, where fuzzing reaches it.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// Gives back to the system what a crowd of connections took and no longer needs; the C library's allocator keeps it.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    sluice_api::main()
}
