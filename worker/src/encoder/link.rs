//! The child's end of the socket, and the source as a readable stream over it.

use crate::child::{FromChild, Job, ToChild, wire};
use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Descriptor 0, the socket. Nothing else is open, and nothing more can be.
#[derive(Debug)]
struct Socket;

impl Read for Socket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), out)?)
    }
}

impl Write for Socket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(rustix::stdio::stdin(), data)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The way to the worker. Requests and answers alternate, so one lock is enough.
#[derive(Debug, Clone)]
pub struct Link {
    socket: Arc<Mutex<Socket>>,
    worked: Arc<Mutex<Worked>>,
}

/// How far the child is on what gives no output for long.
#[derive(Debug)]
struct Worked {
    pictures: u64,
    /// When the worker last heard of it.
    told: Instant,
}

/// How often the worker hears of it: a slow preset on large pictures may take seconds for each.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

impl Link {
    /// Receives the job.
    pub fn receive() -> io::Result<(Self, Job)> {
        let mut socket = Socket;
        let (message, _) = wire::receive(&mut socket)?;
        let ToChild::Start(job) = message else { return Err(io::Error::other("no job")) };
        let worked = Worked { pictures: 0, told: Instant::now() };
        Ok((Self { socket: Arc::new(Mutex::new(socket)), worked: Arc::new(Mutex::new(worked)) }, *job))
    }

    /// Counts a picture that was decoded or encoded, and tells the worker now and then.
    pub fn worked_on_a_picture(&self) -> io::Result<()> {
        let mut worked = self.worked.lock().unwrap_or_else(PoisonError::into_inner);
        worked.pictures += 1;
        if worked.told.elapsed() < SIGN_OF_LIFE {
            return Ok(());
        }
        worked.told = Instant::now();
        self.send(&FromChild::Alive { pictures: worked.pictures }, &[])
    }

    /// Sends a message.
    pub fn send(&self, message: &FromChild, payload: &[u8]) -> io::Result<()> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        wire::send(&mut *socket, message, payload)
    }

    /// Source bytes at `offset`; fewer only at the end of a block or of the source.
    pub fn read(&self, offset: u64, length: u32) -> io::Result<Vec<u8>> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        wire::send(&mut *socket, &FromChild::Read { offset, length }, &[])?;
        match wire::receive(&mut *socket)? {
            (ToChild::Bytes, data) => Ok(data),
            _ => Err(io::Error::other("the source cannot be read")),
        }
    }
}

/// The source bytes as FFmpeg reads them.
#[derive(Debug)]
pub struct SourceIo {
    link: Link,
    size: u64,
    at: u64,
}

impl SourceIo {
    /// The source behind `link`.
    pub fn new(link: Link, size: u64) -> Self {
        Self { link, size, at: 0 }
    }
}

impl Read for SourceIo {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let data = self.link.read(self.at, out.len().min(1 << 30) as u32)?;
        let n = data.len().min(out.len());
        out[..n].copy_from_slice(&data[..n]);
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for SourceIo {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.size.checked_add_signed(n),
            SeekFrom::Current(n) => self.at.checked_add_signed(n),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
