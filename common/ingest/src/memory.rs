//! How large an extent may grow: few uploads get large ones, many get small ones, and all together
//! stay within one amount of memory.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Memory for all buffers of a process.
const ALL_BYTES: usize = 48 << 20;
/// Buffers of an upload: one fills, one is written, and one waits for the disk.
const BUFFERS: usize = 3;
/// Largest extent.
const MOST_BYTES: usize = 8 << 20;
/// Smallest extent that an upload under way is cut into.
const LEAST_BYTES: usize = 64 << 10;

/// Counts uploads under way.
#[derive(Debug, Clone, Default)]
pub struct UploadMemory(Arc<AtomicUsize>);

/// One upload's share.
#[derive(Debug)]
pub struct UploadMemoryShare(Arc<AtomicUsize>);

impl UploadMemory {
    /// Joins in.
    pub fn join(&self) -> UploadMemoryShare {
        self.0.fetch_add(1, Ordering::Relaxed);
        UploadMemoryShare(self.0.clone())
    }
}

impl UploadMemoryShare {
    /// Bytes that an extent may have now.
    pub fn extent_bytes(&self) -> usize {
        (ALL_BYTES / (BUFFERS * self.0.load(Ordering::Relaxed).max(1))).clamp(LEAST_BYTES, MOST_BYTES)
    }
}

impl Drop for UploadMemoryShare {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_share_what_few_have() {
        let budget = UploadMemory::default();
        let first = budget.join();
        assert_eq!(first.extent_bytes(), MOST_BYTES);
        let all: Vec<UploadMemoryShare> = (0..199).map(|_| budget.join()).collect();
        assert!(first.extent_bytes() * BUFFERS * 200 <= ALL_BYTES);
        drop(all);
        assert_eq!(first.extent_bytes(), MOST_BYTES);
    }
}
