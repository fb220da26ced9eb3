//! What a child may use: memory, processor time, nothing on disk.

use super::raw;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// What one child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Bounds {
    /// Private writable memory, bytes.
    #[arg(long)]
    pub memory_bytes: u64,
    /// Processor time of all threads together, seconds.
    #[arg(long)]
    pub cpu_seconds: u64,
}

/// Processor time between the signal that says what happened and the end that cannot be ignored, seconds.
const CPU_GRACE_SECONDS: u64 = 5;
/// Address space beyond the memory: the program, its libraries, and arenas that are reserved and not used. It bounds
/// the page tables of mappings that are read only.
const ADDRESS_SPACE_MARGIN_BYTES: u64 = 16 << 30;
/// Descriptors 0, 1 and 2.
const DESCRIPTORS: u64 = 3;

/// Sets the limits of this process. There is none on processes: the kernel counts those by user, not by child.
pub fn apply(bounds: &Bounds) -> io::Result<()> {
    let fixed = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::Core, fixed(0))?;
    setrlimit(Resource::Fsize, fixed(0))?;
    setrlimit(Resource::Nofile, fixed(DESCRIPTORS))?;
    let hard = bounds.cpu_seconds.saturating_add(CPU_GRACE_SECONDS);
    setrlimit(Resource::Cpu, Rlimit { current: Some(bounds.cpu_seconds), maximum: Some(hard) })?;
    setrlimit(Resource::As, fixed(bounds.memory_bytes.saturating_add(ADDRESS_SPACE_MARGIN_BYTES)))?;
    setrlimit(Resource::Data, fixed(bounds.memory_bytes))?;
    raw::memory_is_limited_to(bounds.memory_bytes);
    Ok(())
}
