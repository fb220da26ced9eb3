//! Takes memory away from running processes.

use std::{fs, path::PathBuf, process::Command, time::Duration};
use uuid::Uuid;

/// What a group holds at most: less than any process needs.
const LIMIT_BYTES: u64 = 1 << 20;

/// A group of processes that may hold next to no memory: the kernel kills those that ask for more.
#[derive(Debug)]
pub struct TightGroup(PathBuf);

impl TightGroup {
    /// Makes one, in either version of control groups. `None`, with a word on standard error, where none may be made.
    pub fn make() -> Option<Self> {
        let name = format!("sluice-{}", Uuid::new_v4().simple());
        for (root, limit) in [("memory", "memory.limit_in_bytes"), ("", "memory.max")] {
            let folder = PathBuf::from("/sys/fs/cgroup").join(root).join(&name);
            if fs::create_dir(&folder).is_err() {
                continue;
            }
            let group = Self(folder);
            if fs::write(group.0.join(limit), LIMIT_BYTES.to_string()).is_ok() {
                return Some(group);
            }
        }
        eprintln!("SKIPPED: a process without memory needs a control group, which takes root");
        None
    }

    /// Puts a process in; whether it was still there.
    pub fn take(&self, pid: i32) -> bool {
        fs::write(self.0.join("cgroup.procs"), pid.to_string()).is_ok()
    }
}

impl Drop for TightGroup {
    fn drop(&mut self) {
        // The last of its processes may be about to end.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Lets a process have no more memory than it has: it is refused the next; whether it was still there.
pub fn refuse_more(pid: i32) -> bool {
    let limited = Command::new("prlimit").args(["--pid", &pid.to_string(), "--data=4096"]).output();
    limited.is_ok_and(|o| o.status.success())
}
