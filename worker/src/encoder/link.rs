//! The child's end of the socket, and the source as a readable stream over it.

use crate::child::{FromChild, Job, ToChild, wire};
use std::{
    io::{self, Read, Seek, SeekFrom},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Mutex, PoisonError},
};

/// The socket. Requests and answers alternate, so one lock is enough.
#[derive(Debug, Clone)]
pub struct Link {
    socket: Arc<Mutex<UnixStream>>,
}

impl Link {
    /// Takes descriptor 0 as the socket and receives the job.
    pub fn from_stdin() -> io::Result<(Self, Job)> {
        let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let (message, _) = wire::receive(&mut socket)?;
        let ToChild::Start(job) = message else { return Err(io::Error::other("no job")) };
        Ok((Self { socket: Arc::new(Mutex::new(socket)) }, *job))
    }

    /// Sends a message.
    pub fn send(&self, message: &FromChild, payload: &[u8]) -> io::Result<()> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        wire::send(&mut *socket, message, payload)
    }

    fn read(&self, offset: u64, length: u32) -> io::Result<Vec<u8>> {
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
