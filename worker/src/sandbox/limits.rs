//! What a child may use: memory, processor time, nothing on disk.

use super::raw;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use std::io;

/// What one child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Private writable memory, bytes.
    pub memory_bytes: u64,
    /// Processor time of all threads together, seconds.
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
    let cpu = bounds.cpu_seconds;
    lower(Resource::Core, 0, 0)?;
    lower(Resource::Fsize, 0, 0)?;
    lower(Resource::Nofile, DESCRIPTORS, DESCRIPTORS)?;
    lower(Resource::Cpu, cpu, cpu.saturating_add(CPU_GRACE_SECONDS))?;
    let space = bounds.memory_bytes.saturating_add(ADDRESS_SPACE_MARGIN_BYTES);
    lower(Resource::As, space, space)?;
    raw::memory_is_limited_to(lower(Resource::Data, bounds.memory_bytes, bounds.memory_bytes)?);
    Ok(())
}

/// Lowers a limit to `soft` and `hard`, or leaves it where it is lower already; the soft one that holds then.
fn lower(resource: Resource, soft: u64, hard: u64) -> io::Result<u64> {
    let highest = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let (soft, hard) = (soft.min(highest), hard.min(highest));
    setrlimit(resource, Rlimit { current: Some(soft), maximum: Some(hard) })?;
    Ok(soft)
}
