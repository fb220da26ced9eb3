//! What a child may be: no capability, no way to gain one, no door for others.

use super::raw;
use rustix::{
    io::Errno,
    process::{DumpableBehavior, Signal, getppid, set_dumpable_behavior, set_parent_process_death_signal},
    thread::{
        CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
        remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
    },
};
use std::io;

/// Numbers of capabilities that a kernel may know.
const CAPABILITIES: u32 = 64;

/// Leaves the machine's network for an empty one. Without the right to do so, within users of its own, where the
/// system lets anybody make them.
pub fn leave_network() -> io::Result<String> {
    if raw::unshare(libc::CLONE_NEWNET).is_ok() {
        return Ok("empty".to_owned());
    }
    raw::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET)?;
    Ok("empty, in users of its own".to_owned())
}

/// Gives up every capability, and that any programme could bring one.
pub fn drop_capabilities() -> io::Result<()> {
    set_no_new_privs(true)?;
    for number in 0..CAPABILITIES {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(capability) {
            Ok(true) => match remove_capability_from_bounding_set(capability) {
                // Who may not empty the set has no capability, and cannot gain one any more.
                Ok(()) | Err(Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            },
            Ok(false) => {}
            // The kernel's last capability was the one before.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    clear_ambient_capability_set()?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none)?;
    if capabilities(None)? == none { Ok(()) } else { Err(io::Error::other("some are left")) }
}

/// Keeps other processes of this user out of this one's memory and environment, and core files from being written.
pub fn forbid_dumps() -> io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Has the kernel end this process with the one that started it, whose number is `parent`.
pub fn end_with(parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before that was said.
    match getppid() {
        Some(now) if now.as_raw_nonzero().get().unsigned_abs() == parent => Ok(()),
        _ => Err(io::Error::other("the worker has ended")),
    }
}
