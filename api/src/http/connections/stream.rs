//! The bytes of a connection: its table learns what comes and what is taken, and who reads or writes learns when it
//! is ended.

use super::table::Place;
use socket2::SockRef;
use std::{
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A TCP connection with its place in the table.
#[derive(Debug)]
pub struct Watched {
    tcp: TcpStream,
    place: Place,
    heard: bool,
    /// The peer takes nothing at the moment.
    stuck: bool,
}

impl Watched {
    pub fn new(tcp: TcpStream, place: Place) -> Self {
        Self { tcp, place, heard: false, stuck: false }
    }

    fn ended(&self) -> io::Error {
        if self.place.connection.is_stuck() {
            // Without this the system would go on offering what was written.
            drop(SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO)));
        }
        ErrorKind::TimedOut.into()
    }

    /// Notes how an attempt to write went.
    fn wrote<T>(&mut self, cx: &Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let connection = &self.place.connection;
        if result.is_pending() {
            connection.wake_writer(cx);
            if connection.is_ended() {
                return Poll::Ready(Err(self.ended()));
            }
            if !self.stuck {
                self.stuck = true;
                connection.written(false);
            }
        } else if self.stuck {
            self.stuck = false;
            connection.written(true);
        }
        result
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        if !self.heard && buffer.filled().len() > before {
            self.heard = true;
            self.place.connection.hear();
        }
        if result.is_pending() {
            self.place.connection.wake_reader(cx);
        }
        if self.place.connection.is_ended() {
            return Poll::Ready(Err(self.ended()));
        }
        result
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.tcp).poll_write(cx, data);
        self.wrote(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.tcp).poll_write_vectored(cx, data);
        self.wrote(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
