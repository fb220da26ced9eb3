//! What no safe crate offers. Each function is a few lines with its reason to be sound.
#![allow(unsafe_code)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ffi::CStr,
    io,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// Exit status of a child whose memory is used up.
pub const OUT_OF_MEMORY_STATUS: i32 = 71;

/// Less memory than this is none: FFmpeg asks for more at once.
const LEAST_LEFT_BYTES: usize = 1 << 20;

/// Whether memory that cannot be had ends the process with [`OUT_OF_MEMORY_STATUS`].
static LIMITED: AtomicBool = AtomicBool::new(false);
/// Bytes that this process may use, 0 while there is no limit.
static LIMIT_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator. In a child with a memory limit, an allocation that fails ends it with a status of its own:
/// the standard library would abort, which looks like a crash.
#[derive(Debug)]
pub struct Allocator;

// SAFETY: every call goes to the system's allocator as it came; what is added runs only where that gave nothing.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        had(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        had(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        had(unsafe { System.realloc(pointer, layout, size) })
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn had(pointer: *mut u8) -> *mut u8 {
    if pointer.is_null() && LIMITED.load(Ordering::Relaxed) {
        exit(OUT_OF_MEMORY_STATUS);
    }
    pointer
}

/// From now on, memory that cannot be had ends this process.
pub fn memory_is_limited_to(bytes: u64) {
    LIMIT_BYTES.store(usize::try_from(bytes).unwrap_or(usize::MAX), Ordering::Relaxed);
    LIMITED.store(true, Ordering::Relaxed);
}

/// Ends this process as out of memory, unless an eighth of its limit can still be had: FFmpeg says that memory is
/// short also for sizes that a damaged file made up.
pub fn end_if_memory_is_used_up() {
    let limit = LIMIT_BYTES.load(Ordering::Relaxed);
    if limit > 0 {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(needed_bytes(limit))));
    }
}

/// What must be left of a limit. A limit from outside may be so low that an eighth of it lies about in the heap.
const fn needed_bytes(limit: usize) -> usize {
    let eighth = limit / 8;
    if eighth > LEAST_LEFT_BYTES { eighth } else { LEAST_LEFT_BYTES }
}

/// Ends this process at once, without what libraries registered for its end.
pub fn exit(status: i32) -> ! {
    // SAFETY: takes a number, and never returns.
    unsafe { libc::_exit(status) }
}

/// Forks this process, and makes the copy a child of this one's own parent: the number of the copy, `None` in it.
pub fn fork_for_parent() -> io::Result<Option<i32>> {
    // SAFETY: no memory is shared, and the process that calls it has one thread, so the copy finds no lock that another
    // one holds. The C library is not told: what it remembers as the number of the thread is that of this process, which
    // it only compares with those of other threads of the copy.
    let forked = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_PARENT | libc::SIGCHLD, 0, 0, 0, 0) };
    match i32::try_from(forked) {
        Ok(0) => Ok(None),
        Ok(pid) if pid > 0 => Ok(Some(pid)),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Closes every descriptor from `first` on.
pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: called before this process opens anything that it goes on to use, so no object that lives owns what is
    // closed.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Moves this process into new namespaces.
pub fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: takes a number. None of the flags that are passed un-shares memory or descriptors.
    let result = unsafe { libc::unshare(flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether this process has any variable in its environment.
pub fn has_environment() -> bool {
    unsafe extern "C" {
        static environ: *const *const libc::c_char;
    }
    // SAFETY: called while there is one thread; `environ` is null or a list that ends with null.
    unsafe { !environ.is_null() && !(*environ).is_null() }
}

/// An argument of a system call that `sandbox-check` tries.
#[derive(Debug)]
pub enum Argument<'a> {
    /// Flags, lengths, descriptors. Too small to be the address of anything that this program has mapped.
    Number(i32),
    /// A text.
    Text(&'a CStr),
    /// Bytes that may be read and written.
    Bytes(&'a mut [u8]),
}

/// Makes a system call that the sandbox must refuse; what it returned, or the error.
pub fn attempt(number: libc::c_long, arguments: &mut [Argument<'_>]) -> io::Result<i64> {
    let mut raw = [0_i64; 6];
    for (slot, argument) in raw.iter_mut().zip(arguments) {
        *slot = match argument {
            Argument::Number(n) => i64::from(*n),
            Argument::Text(text) => text.as_ptr() as i64,
            Argument::Bytes(bytes) => bytes.as_mut_ptr() as i64,
        };
    }
    // SAFETY: the kernel reads and writes only what the arguments point to, which lives for the call, or refuses an
    // address that is not mapped. The process that tries it does nothing else and ends right after.
    let result = unsafe { libc::syscall(number, raw[0], raw[1], raw[2], raw[3], raw[4], raw[5]) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_holds_nothing_leaves_nothing() {
        assert_eq!(needed_bytes(96 << 20), 12 << 20);
        assert_eq!(needed_bytes(4096), LEAST_LEFT_BYTES, "512 bytes are always found");
    }
}
