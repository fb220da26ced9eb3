//! Each accepted connection gets a place in the table, or is told that there is none.

use super::{
    connection::Connection,
    limits::REFUSALS,
    table::{Place, Table},
};
use crate::{
    client::subscriber,
    error::{Code, Refusal},
    http::error::HttpError,
};
use ipnet::IpNet;
use socket2::SockRef;
use std::{
    future::poll_fn,
    io::{self, ErrorKind},
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};

/// Unsent bytes that the system takes of an answer: so a reader that moves is seen to move, and one that stands
/// still holds no megabytes.
const UNSENT_BYTES: u32 = 64 << 10;
/// Time that whoever is refused has to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// Admits connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    table: Arc<Table>,
    trusted_proxies: Arc<[IpNet]>,
    /// Whom TLS would have to be spoken with to say why is not told why.
    plain: bool,
    farewells: Arc<Semaphore>,
}

impl Gate {
    /// The way into a table; behind TLS unless `plain`.
    pub fn new(table: Arc<Table>, trusted_proxies: &[IpNet], plain: bool) -> Self {
        Self { table, trusted_proxies: trusted_proxies.into(), plain, farewells: Arc::new(Semaphore::new(REFUSALS)) }
    }

    /// Whether connections are plain HTTP.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// A place for a connection, if there is one.
    pub fn admit(&self, tcp: &TcpStream) -> io::Result<Option<Place>> {
        tcp.set_nodelay(true)?;
        // Without it slow readers are cut a little early; nothing else depends on it.
        drop(SockRef::from(tcp).set_tcp_notsent_lowat(UNSENT_BYTES));
        let peer = tcp.peer_addr()?.ip().to_canonical();
        let proxy = self.trusted_proxies.iter().any(|net| net.contains(&peer));
        Ok(self.table.admit(subscriber(peer), proxy))
    }

    /// Tells somebody that there is no room, unless too many are being told already.
    pub async fn refuse(&self, tcp: TcpStream) {
        if let (true, Ok(_turn)) = (self.plain, self.farewells.try_acquire()) {
            drop(timeout(FAREWELL, refuse(tcp)).await);
        }
    }
}

/// Waits for the first bytes and leaves them to be read; how many came. It ends with the connection.
pub async fn first_bytes(tcp: &TcpStream, connection: &Connection, into: &mut [u8]) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut buffer = ReadBuf::new(into);
        let peeked = tcp.poll_peek(cx, &mut buffer);
        if peeked.is_pending() {
            connection.wake_reader(cx);
            if connection.is_ended() {
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
        }
        peeked
    })
    .await
}

/// Says that there is no room. What the client still sends is read: else it is reset before it has read why.
async fn refuse(mut tcp: TcpStream) -> io::Result<()> {
    tcp.write_all(no_room().as_bytes()).await?;
    tcp.shutdown().await?;
    let mut ignored = [0; 4096];
    while tcp.read(&mut ignored).await? > 0 {}
    Ok(())
}

/// The answer to a request that nobody has read.
fn no_room() -> String {
    let (code, detail) = (HttpError::Overloaded.code().as_str(), HttpError::Overloaded.to_string());
    let body = format!(
        r#"{{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"{detail}","code":"{code}","request_id":""}}"#
    );
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nretry-after: {}\r\nconnection: close\r\n\r\n{body}",
        body.len(),
        crate::http::problem::retry_after_s(Code::Overloaded).unwrap_or(1),
    )
}
