//! The listener: a thread of its own accepts connections, and answers health checks. All other connections are handed to the
//! threads that work.
//!
//! Invariant: between an accepted connection and the answer to its health check stands nothing that others asked for:
//! neither their turn on a thread, nor their files, nor their connections to an embedded database.

use crate::http::connections::{Counted, Gate, Limits, Place, Watched, first_bytes};
use axum::{
    Router,
    body::Body,
    extract::connect_info::{Connected, IntoMakeServiceWithConnectInfo},
    http::{HeaderValue, Request, Response, StatusCode, header},
};
use axum_server::{AddrListener, Address, accept::Accept};
use futures::future::{BoxFuture, Ready, ready};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    runtime,
    sync::{Mutex, mpsc, watch},
    time::sleep,
};
use tower::Service;

/// Connections that have been let in and that nobody has begun with.
const QUEUE_LENGTH: usize = 1024;
/// After a refusal by the system, which has no descriptor left: they come back.
const PAUSE: Duration = Duration::from_millis(50);
/// How requests begin that are answered on the listener's thread.
const HEALTH: [&[u8]; 4] = [b"GET /ready", b"GET /health", b"HEAD /ready", b"HEAD /health"];

/// What makes the services of connections.
pub type Make = IntoMakeServiceWithConnectInfo<Router, SocketAddr>;

/// Where somebody comes from.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(SocketAddr);

impl Connected<PeerAddress> for SocketAddr {
    fn connect_info(peer: PeerAddress) -> Self {
        peer.0
    }
}

impl Address for PeerAddress {
    type Stream = AcceptedConnection;
    type Listener = AcceptedQueue;
}

/// A connection that was let in, on its way from one thread to another.
#[derive(Debug)]
pub struct AcceptedConnection {
    tcp: std::net::TcpStream,
    place: Place,
}

/// Where those wait who were let in; to axum-server it is what it listens to.
#[derive(Debug)]
pub struct AcceptedQueue {
    connections: Mutex<mpsc::Receiver<(AcceptedConnection, PeerAddress)>>,
    address: PeerAddress,
}

impl AddrListener<AcceptedConnection, PeerAddress> for AcceptedQueue {
    async fn bind_to(_: PeerAddress) -> io::Result<Self> {
        Err(ErrorKind::Unsupported.into())
    }

    async fn accept_stream(&self) -> io::Result<(AcceptedConnection, PeerAddress)> {
        self.connections.lock().await.recv().await.ok_or_else(|| ErrorKind::NotConnected.into())
    }

    fn get_local_addr(&self) -> io::Result<PeerAddress> {
        Ok(self.address)
    }
}

/// Gives connections of the queue the place that they were admitted with.
#[derive(Debug, Clone, Copy)]
pub struct QueueAcceptor;

impl<S> Accept<AcceptedConnection, S> for QueueAcceptor {
    type Stream = Watched;
    type Service = Counted<S>;
    type Future = Ready<io::Result<(Watched, Counted<S>)>>;

    fn accept(&self, accepted: AcceptedConnection, service: S) -> Self::Future {
        let connection = accepted.place.connection.clone();
        ready(
            TcpStream::from_std(accepted.tcp)
                .map(|tcp| (Watched::new(tcp, accepted.place), Counted::new(service, connection))),
        )
    }
}

/// Listens until `stop` turns true: health checks are answered here by `make`'s services, all other connections come
/// through the queue.
pub fn listen(
    listener: TcpListener,
    gate: Gate,
    limits: Limits,
    make: Make,
    stop: watch::Receiver<bool>,
) -> io::Result<AcceptedQueue> {
    let address = PeerAddress(listener.local_addr()?);
    let (queue, accepted) = mpsc::channel(QUEUE_LENGTH);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let accepting = HealthListener { gate, limits, make, queue, others: runtime::Handle::current() };
    std::thread::Builder::new()
        .name("listener".to_owned())
        .spawn(move || runtime.block_on(accepting.accept_all(listener, stop)))?;
    Ok(AcceptedQueue { connections: Mutex::new(accepted), address })
}

#[derive(Clone)]
struct HealthListener {
    gate: Gate,
    limits: Limits,
    make: Make,
    queue: mpsc::Sender<(AcceptedConnection, PeerAddress)>,
    /// Where all other work is done.
    others: runtime::Handle,
}

impl HealthListener {
    async fn accept_all(self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "nobody can come in"),
        };
        loop {
            tokio::select! {
                // An error means that the sender is gone, which is a stop too.
                _ = stop.wait_for(|s| *s) => break,
                accepted = listener.accept() => match accepted {
                    Ok((tcp, peer)) => drop(tokio::spawn(self.clone().receive(tcp, PeerAddress(peer)))),
                    Err(_) => sleep(PAUSE).await,
                },
            }
        }
        drop(listener);
        // What was accepted is still handed on or answered, as long as the process lives.
        self.queue.closed().await;
    }

    async fn receive(self, tcp: TcpStream, peer: PeerAddress) {
        let Ok(Some(place)) = self.gate.admit(&tcp) else { return self.gate.refuse(tcp).await };
        if self.gate.is_plain() {
            let mut head = [0; 16];
            let Ok(came) = first_bytes(&tcp, &place.connection, &mut head).await else { return };
            if asks_for_health(&head[..came]) {
                // Boxed: most connections never need it.
                return Box::pin(self.answer(tcp, place, peer)).await;
            }
        }
        if let Ok(tcp) = tcp.into_std() {
            drop(self.queue.send((AcceptedConnection { tcp, place }, peer)).await);
        }
    }

    async fn answer(mut self, tcp: TcpStream, place: Place, peer: PeerAddress) {
        let Ok(service) = self.make.call(peer).await;
        let service = HealthConnection { inner: Counted::new(service, place.connection.clone()), others: self.others };
        let mut builder = Builder::new(TokioExecutor::new()).http1_only();
        builder.http1().timer(TokioTimer::new()).header_read_timeout(self.limits.patience.request);
        let io = TokioIo::new(Watched::new(tcp, place));
        // However it ends: the other side asks again.
        drop(builder.serve_connection_with_upgrades(io, TowerToHyperService::new(service)).await);
    }
}

/// The service of a connection that began with a health check. What else is asked there is worked on where others
/// work, and the connection ends with it: the next one is handed to the right place.
#[derive(Debug, Clone)]
struct HealthConnection<S> {
    inner: S,
    others: runtime::Handle,
}

impl<S, B> Service<Request<B>> for HealthConnection<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut inner, health) = (self.inner.clone(), matches!(request.uri().path(), "/health" | "/ready"));
        let answer = async move { inner.call(request).await };
        let others = self.others.clone();
        Box::pin(async move {
            if health {
                return answer.await.map_err(|never| match never {});
            }
            let answered = others.spawn(answer).await.map_err(io::Error::other)?;
            let Ok(mut response) = answered;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response)
        })
    }
}

/// Whether a request that begins like this asks how the service is.
fn asks_for_health(head: &[u8]) -> bool {
    HEALTH.iter().any(|begin| head.strip_prefix(*begin).is_some_and(|rest| matches!(rest.first(), Some(b' ' | b'?'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_health_is_answered_by_the_listener() {
        for head in ["GET /ready HTTP/1", "GET /health?x=1", "HEAD /health HTT"] {
            assert!(asks_for_health(head.as_bytes()), "{head}");
        }
        for head in ["GET /readyness", "POST /ready HTTP", "GET /api/v1/medi", "GET /rea", "", "\x16\x03\x01"] {
            assert!(!asks_for_health(head.as_bytes()), "{head}");
        }
    }
}
