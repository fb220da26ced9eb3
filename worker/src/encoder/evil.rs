//! What code that a file smuggled into the child would do next. Debug builds only: the tests' files ask for it among
//! their first bytes, which have arrived whenever a child runs, and it begins after real pictures have been decoded.

use super::{EncodeError, link::Link};
use crate::{
    child::{FromChild, Job},
    sandbox::{
        self,
        raw::{Argument, attempt},
    },
};
use std::{fs::File, io::Write, net::TcpStream, time::Duration};

/// Stands before the name of what is to be done.
const MARK: &str = "SLUICE-TEST-EVIL:";
/// Bytes at the start of a file that are looked at.
const HEAD_BYTES: u64 = 16 << 10;

/// Turns evil, if the file says so; returns from what does not end by itself.
pub fn turn(link: &Link, job: &Job) -> Result<(), EncodeError> {
    let head = link.read(0, job.source_bytes.min(HEAD_BYTES) as u32)?;
    let head = String::from_utf8_lossy(&head).into_owned();
    let Some((_, deed)) = head.split_once(MARK) else { return Ok(()) };
    let deed = deed.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
    let init = |rendition: &str, codecs: &str| FromChild::Init { rendition: rendition.into(), codecs: codecs.into() };
    match deed {
        "attack" => attack(),
        "connect" => drop(TcpStream::connect("127.0.0.1:80")),
        "crash" => {
            let own = std::process::id() as i32;
            // The first one only takes away the standard library's handler.
            for _ in 0..2 {
                let mut arguments = [own, own, libc::SIGSEGV].map(Argument::Number);
                let _ = attempt(libc::SYS_tgkill, &mut arguments);
            }
        }
        "abort" => std::process::abort(),
        "hoard" => hoard(),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "pretend" => loop {
            // More pictures than the work has, and bytes that were read before.
            link.send(&FromChild::Alive { pictures: u64::MAX }, &[])?;
            link.read(0, 10)?;
            std::thread::sleep(Duration::from_millis(20));
        },
        "babble" => {
            let _ = rustix::io::write(rustix::stdio::stdin(), &[0xff; 64]);
            std::thread::sleep(Duration::from_secs(60));
        }
        "flood" => {
            for _ in 0..1024 {
                if std::io::stderr().write_all(&[b'x'; 65_536]).is_err() {
                    break;
                }
            }
        }
        "escape" => link.send(&init("../../escaped", "avc1.640028"), &[0; 16])?,
        "inject" => link.send(&init("v360", "avc1\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"https://example.org/"), &[])?,
        other => return Err(EncodeError::Link(std::io::Error::other(format!("no such deed: {other}")))),
    }
    Ok(())
}

/// Tries what is answered with an error, and then what is not. Whatever succeeds leaves another status.
fn attack() {
    let numbers = |call, list: &[i32]| {
        let mut arguments: Vec<_> = list.iter().map(|n| Argument::Number(*n)).collect();
        attempt(call, &mut arguments).is_ok()
    };
    let forked = (0..1000).any(|_| numbers(libc::SYS_clone, &[libc::SIGCHLD]));
    let killed = numbers(libc::SYS_kill, &[-1, libc::SIGKILL]);
    let opened = ["/etc/passwd", "/proc/self/exe", "/proc/self/maps"].iter().any(|path| File::open(path).is_ok());
    if forked || killed || opened {
        sandbox::exit(3);
    }
    let _ = attempt(libc::SYS_execve, &mut [Argument::Text(c"/bin/true"), Argument::Number(0), Argument::Number(0)]);
}

/// Takes and uses memory until there is no more.
fn hoard() {
    let mut all = Vec::new();
    loop {
        all.push(vec![1_u8; 8 << 20]);
        std::hint::black_box(&all);
    }
}
