//! What an attacker in a child would try, in the child.

use super::{
    Outcome,
    calls::{self, Call},
};
use crate::sandbox::{
    self,
    raw::{
        self,
        Argument::{Bytes, Number, Text},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    path::PathBuf,
};

/// The name under which all attempts are run that leave the child alive.
pub const ALL_SURVIVED: &str = "all";
/// The one thing of them that a child may do, and must be able to.
pub const THREADS: &str = "start threads";
/// Descriptors that are looked at.
const DESCRIPTORS: i32 = 4096;
/// System calls that there may be.
const CALLS: i64 = 600;

/// What there is to reach for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bait {
    /// The worker's process.
    pub parent: u32,
    /// The service's data.
    pub data_dir: PathBuf,
    /// Where the worker listens.
    pub tcp_port: u16,
    /// Where it listens too.
    pub udp_port: u16,
    /// And here.
    pub unix_socket: PathBuf,
    /// An address in its memory.
    pub marker: usize,
    /// The child's own limit, bytes.
    pub memory_bytes: u64,
}

type Attempt = (&'static str, fn(&Bait) -> Result<String, String>);

/// Attempts that must end the child, by name.
pub fn fatal() -> impl Iterator<Item = &'static str> {
    FATAL.iter().map(|a| a.0).chain(calls::FATAL.iter().map(|c| c.name))
}

/// Runs an attempt by its name, or all that leave the child alive.
pub fn run(name: &str, bait: &Bait) -> Vec<Outcome> {
    if name == ALL_SURVIVED {
        let attempts = SURVIVED.iter().map(|a| outcome(a.0, a.1(bait)));
        return attempts.chain(calls::SURVIVED.iter().map(|c| outcome(c.name, by_call(c, bait)))).collect();
    }
    let attempt = FATAL.iter().find(|a| a.0 == name).map(|a| outcome(a.0, a.1(bait)));
    let call = || calls::FATAL.iter().find(|c| c.name == name).map(|c| outcome(c.name, by_call(c, bait)));
    attempt.or_else(call).into_iter().collect()
}

fn outcome(name: &str, result: Result<String, String>) -> Outcome {
    let (right, how) = result.map_or_else(|how| (false, how), |how| (true, how));
    Outcome { name: name.to_owned(), right, how }
}

/// Refused, if the filter or Landlock refused it: any other error means that the kernel looked at the arguments.
fn refused<T>(result: io::Result<T>) -> Result<String, String> {
    match result.map_err(|e| e.raw_os_error()) {
        Err(Some(libc::EPERM)) => Ok("EPERM".to_owned()),
        Err(Some(libc::EACCES)) => Ok("EACCES".to_owned()),
        Err(other) => Err(format!("reached the kernel: {other:?}")),
        Ok(_) => Err("succeeded".to_owned()),
    }
}

fn by_call(call: &Call, bait: &Bait) -> Result<String, String> {
    let parent = bait.parent as i32;
    let mut arguments: Vec<_> = call.arguments.iter().map(|a| a.for_parent(parent)).collect();
    match raw::attempt(call.number, &mut arguments) {
        Err(e) if e.raw_os_error() == Some(call.error) => Ok(calls::error_name(call.error).to_owned()),
        result => refused(result),
    }
}

const SURVIVED: &[Attempt] = &[
    ("read /etc/passwd", |_| refused(File::open("/etc/passwd"))),
    ("read its own program", |_| refused(File::open("/proc/self/exe"))),
    ("list the data directory", |b| refused(fs::read_dir(&b.data_dir))),
    ("write into the data directory", |b| refused(File::create(b.data_dir.join("sandbox-check")))),
    ("look whether the data directory is there", |b| refused(fs::metadata(&b.data_dir))),
    ("read the worker's environment", |b| refused(File::open(format!("/proc/{}/environ", b.parent)))),
    ("open the worker's memory", |b| {
        refused(File::options().read(true).write(true).open(format!("/proc/{}/mem", b.parent)))
    }),
    ("inherit a descriptor", |_| descriptors()),
    ("inherit an environment", |_| {
        if raw::has_environment() { Err("there is one".to_owned()) } else { Ok("empty".to_owned()) }
    }),
    ("have more memory than the limit", |b| memory(b.memory_bytes)),
    (THREADS, |_| threads()),
    ("make any other system call", |_| other_calls()),
];

const FATAL: &[Attempt] = &[
    ("connect by TCP", |b| refused(TcpStream::connect((Ipv4Addr::LOCALHOST, b.tcp_port)))),
    ("send by UDP", |b| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        refused(socket.and_then(|s| s.send_to(b"x", (Ipv4Addr::LOCALHOST, b.udp_port))))
    }),
    ("connect to a Unix socket", |b| refused(UnixStream::connect(&b.unix_socket))),
    ("write the worker's memory", |b| remote_memory(libc::SYS_process_vm_writev, b)),
    ("read the worker's memory", |b| remote_memory(libc::SYS_process_vm_readv, b)),
    ("run a program", |_| refused(raw::attempt(libc::SYS_execve, &mut [Text(c"/bin/true"), Number(0), Number(0)]))),
];

fn descriptors() -> Result<String, String> {
    let open = |fd: &i32| {
        let read = raw::attempt(libc::SYS_read, &mut [Number(*fd), Bytes(&mut []), Number(0)]);
        read.err().is_none_or(|e| e.raw_os_error() != Some(libc::EBADF))
    };
    let found: Vec<i32> = (3..DESCRIPTORS).filter(open).collect();
    if found.is_empty() { Ok("none is open from 3 on".to_owned()) } else { Err(format!("open: {found:?}")) }
}

/// Maps memory, without touching it, until there is no more.
fn memory(limit_bytes: u64) -> Result<String, String> {
    const PIECE_BYTES: i32 = 16 << 20;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let map = || {
        let mut arguments =
            [Number(0), Number(PIECE_BYTES), Number(libc::PROT_READ | libc::PROT_WRITE), Number(flags), Number(-1)];
        raw::attempt(libc::SYS_mmap, &mut arguments)
    };
    let mut bytes = 0;
    while bytes <= limit_bytes {
        match map() {
            Ok(_) => bytes += PIECE_BYTES as u64,
            Err(e) if e.raw_os_error() == Some(libc::ENOMEM) => return Ok(format!("ENOMEM after {} MiB", bytes >> 20)),
            Err(e) => return Err(e.to_string()),
        }
    }
    Err(format!("{} MiB could be had", bytes >> 20))
}

fn threads() -> Result<String, String> {
    let spawn = |n: u64| std::thread::Builder::new().stack_size(64 << 10).spawn(move || n * n);
    let started: io::Result<Vec<_>> = (0..4).map(spawn).collect();
    let joined: Vec<_> = started.map_err(|e| e.to_string())?.into_iter().map(|t| t.join().ok()).collect();
    if joined == [Some(0), Some(1), Some(4), Some(9)] { Ok("4 did".to_owned()) } else { Err(format!("{joined:?}")) }
}

/// Copies a word between the two processes.
fn remote_memory(call: libc::c_long, bait: &Bait) -> Result<String, String> {
    let mut word = *b"touched!";
    let length = word.len();
    let vector = |address: usize| [address.to_ne_bytes(), length.to_ne_bytes()].concat();
    let (mut local, mut remote) = (vector(word.as_mut_ptr() as usize), vector(bait.marker));
    let mut arguments =
        [Number(bait.parent as i32), Bytes(&mut local), Number(1), Bytes(&mut remote), Number(1), Number(0)];
    refused(raw::attempt(call, &mut arguments))
}

/// Every number that is neither allowed nor fatal, with arguments that mean nothing.
fn other_calls() -> Result<String, String> {
    if !sandbox::is_filtered() {
        return Err("not tried: there is no filter".to_owned());
    }
    // The kernel's own trampolines of probes: calling them from elsewhere ends the caller, filter or not.
    let probes = |n: i64| cfg!(target_arch = "x86_64") && (n == 335 || n == 336);
    let others: Vec<i64> = (0..CALLS).filter(|n| !sandbox::has_a_rule(*n) && !probes(*n)).collect();
    let reached = |n: &&i64| {
        let mut arguments = [Number(-1), Number(-1), Number(-1), Number(-1), Number(-1), Number(-1)];
        raw::attempt(**n, &mut arguments).err().is_none_or(|e| e.raw_os_error() != Some(libc::EPERM))
    };
    let reached: Vec<&i64> = others.iter().filter(reached).collect();
    if reached.is_empty() {
        Ok(format!("EPERM for each of {}", others.len()))
    } else {
        Err(format!("reached the kernel: {reached:?}"))
    }
}
