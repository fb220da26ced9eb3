//! Single system calls that an attacker would make.

use crate::sandbox::raw;
use std::ffi::CStr;

/// An argument of a call.
#[derive(Debug, Clone, Copy)]
pub enum Argument {
    /// A number.
    Number(i32),
    /// A text.
    Text(&'static CStr),
    /// The worker's process.
    Parent,
}

impl Argument {
    /// As it is passed, where the worker's process is `parent`.
    pub fn for_parent(self, parent: i32) -> raw::Argument<'static> {
        match self {
            Self::Number(n) => raw::Argument::Number(n),
            Self::Text(text) => raw::Argument::Text(text),
            Self::Parent => raw::Argument::Number(parent),
        }
    }
}

/// A call that must be refused.
#[derive(Debug)]
pub struct Call {
    /// What it would do.
    pub name: &'static str,
    /// Its number.
    pub number: libc::c_long,
    /// Its arguments; what is missing is 0.
    pub arguments: &'static [Argument],
    /// The error that refuses it.
    pub error: i32,
}

const fn call(name: &'static str, number: libc::c_long, arguments: &'static [Argument]) -> Call {
    Call { name, number, arguments, error: libc::EPERM }
}

/// The name of an error that refuses a call.
pub fn error_name(error: i32) -> &'static str {
    if error == libc::ENOSYS { "ENOSYS" } else { "EPERM" }
}

use Argument::{Number, Parent, Text};

const EXECUTABLE: Argument = Number(libc::PROT_READ | libc::PROT_EXEC);
const WRITABLE: Argument = Number(libc::PROT_READ | libc::PROT_WRITE);
const PRIVATE: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
const PAGE: Argument = Number(4096);
const NO_FILE: Argument = Number(-1);
const HERE: Argument = Number(libc::AT_FDCWD);

/// Calls that are answered with an error.
pub const SURVIVED: &[Call] = &[
    call("make a folder", libc::SYS_mkdirat, &[HERE, Text(c"/tmp/sluice-sandbox-check"), Number(0o700)]),
    call("remove a file", libc::SYS_unlinkat, &[HERE, Text(c"/tmp/sluice-sandbox-check")]),
    call("make a link", libc::SYS_symlinkat, &[Text(c"/etc/passwd"), HERE, Text(c"/tmp/sluice-sandbox-check")]),
    call("fork", libc::SYS_clone, &[Number(libc::SIGCHLD)]),
    call(
        "start a thread in a namespace of its own",
        libc::SYS_clone,
        &[Number(libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_VM | libc::CLONE_NEWUSER)],
    ),
    Call { name: "fork by clone3", number: libc::SYS_clone3, arguments: &[Number(0), Number(88)], error: libc::ENOSYS },
    call("signal the worker", libc::SYS_kill, &[Parent]),
    call("signal a thread of the worker", libc::SYS_tgkill, &[Parent, Parent]),
    call("signal every process", libc::SYS_kill, &[Number(-1)]),
    call("get a handle of the worker", libc::SYS_pidfd_open, &[Parent]),
    call("become root", libc::SYS_setresuid, &[Number(0), Number(0), Number(0)]),
    call("become root's group", libc::SYS_setresgid, &[Number(0), Number(0), Number(0)]),
    call("take capabilities back", libc::SYS_capset, &[]),
    call("become dumpable again", libc::SYS_prctl, &[Number(libc::PR_SET_DUMPABLE), Number(1)]),
    call("allow new privileges again", libc::SYS_prctl, &[Number(libc::PR_SET_NO_NEW_PRIVS)]),
    call("outlive the worker", libc::SYS_prctl, &[Number(libc::PR_SET_PDEATHSIG)]),
    call("be traced", libc::SYS_prctl, &[Number(libc::PR_SET_PTRACER), Number(-1)]),
    call("install another filter", libc::SYS_seccomp, &[Number(1)]),
    call("raise its limits", libc::SYS_prlimit64, &[Number(0), Number(libc::RLIMIT_DATA as i32)]),
    call("lower the worker's limits", libc::SYS_prlimit64, &[Parent, Number(libc::RLIMIT_NOFILE as i32)]),
    call("map executable memory", libc::SYS_mmap, &[Number(0), PAGE, EXECUTABLE, Number(PRIVATE), NO_FILE]),
    call("make memory executable", libc::SYS_mprotect, &[Number(4096), PAGE, EXECUTABLE]),
    call(
        "map shared memory, which no limit counts",
        libc::SYS_mmap,
        &[Number(0), PAGE, WRITABLE, Number(libc::MAP_SHARED | libc::MAP_ANONYMOUS), NO_FILE],
    ),
    call(
        "map a growing stack, which no limit counts",
        libc::SYS_mmap,
        &[Number(0), PAGE, WRITABLE, Number(PRIVATE | libc::MAP_GROWSDOWN), NO_FILE],
    ),
    call("make a file in memory", libc::SYS_memfd_create, &[Text(c"sluice-sandbox-check")]),
    call("copy a descriptor", libc::SYS_dup, &[]),
    call("make a pipe", libc::SYS_pipe2, &[]),
    call("control a device", libc::SYS_ioctl, &[Number(2), Number(0x5412)]),
    call("share memory with others", libc::SYS_shmget, &[Number(0), PAGE, Number(0o1600)]),
    call("make a message queue", libc::SYS_mq_open, &[Text(c"/sluice-sandbox-check"), Number(0o102)]),
    call("raise its priority", libc::SYS_setpriority, &[Number(0), Number(0), Number(-20)]),
    call("choose its processors", libc::SYS_sched_setaffinity, &[]),
    call("set the clock", libc::SYS_clock_settime, &[]),
    call("rename the machine", libc::SYS_sethostname, &[Text(c"sluice"), Number(6)]),
    call("read the kernel's log", libc::SYS_syslog, &[Number(3)]),
];

/// Calls that end whoever makes them.
pub const FATAL: &[Call] = &[
    call("run a program by a descriptor", libc::SYS_execveat, &[NO_FILE, Text(c"/bin/true")]),
    call("trace the worker", libc::SYS_ptrace, &[Number(16), Parent]),
    call("take a descriptor of the worker", libc::SYS_pidfd_getfd, &[]),
    call("open a netlink socket", libc::SYS_socket, &[Number(libc::AF_NETLINK), Number(libc::SOCK_RAW)]),
    call("listen on its socket", libc::SYS_listen, &[Number(0), Number(1)]),
    call("receive a descriptor", libc::SYS_recvmsg, &[]),
    call("make a pair of sockets", libc::SYS_socketpair, &[Number(libc::AF_UNIX), Number(libc::SOCK_STREAM)]),
    call("set up io_uring", libc::SYS_io_uring_setup, &[Number(8)]),
    call("load a BPF program", libc::SYS_bpf, &[]),
    call("measure with perf", libc::SYS_perf_event_open, &[]),
    call("handle page faults", libc::SYS_userfaultfd, &[]),
    call("read keys of the kernel", libc::SYS_keyctl, &[]),
    call("mount a file system", libc::SYS_mount, &[Text(c"none"), Text(c"/tmp"), Text(c"tmpfs")]),
    call("change its root", libc::SYS_chroot, &[Text(c"/")]),
    call("make a namespace", libc::SYS_unshare, &[Number(libc::CLONE_NEWUSER)]),
    call("enter a namespace", libc::SYS_setns, &[NO_FILE]),
    call("open a file by its handle", libc::SYS_open_by_handle_at, &[HERE]),
    call("load a kernel module", libc::SYS_finit_module, &[NO_FILE, Text(c"")]),
];
