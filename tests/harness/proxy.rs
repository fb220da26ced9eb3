//! Proxies between the service and its servers that misbehave on demand: one for any TCP connection, one that knows
//! requests of the S3 protocol.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use std::{
    net::SocketAddr,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::{Builder, Runtime},
    sync::watch,
    time::sleep,
};

/// Proxies have threads of their own: a test that waits for a program that talks through them must not hold them up.
static THREADS: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

/// A listener on every interface of this machine, and its address.
async fn listen() -> (TcpListener, SocketAddr) {
    let bound = THREADS.spawn(TcpListener::bind("0.0.0.0:0")).await.unwrap().unwrap();
    let port = bound.local_addr().unwrap().port();
    (bound, SocketAddr::from(([127, 0, 0, 1], port)))
}

/// What a network does to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Passes everything.
    Fine,
    /// Ends every connection, new ones too.
    Cut,
    /// Keeps connections and moves no byte.
    Stalled,
    /// Passes everything, a little at a time and late.
    Slow,
}

/// How late bytes are while the network is slow, and how many come at once: 320 kB in a second.
const LATE: Duration = Duration::from_millis(25);
const AT_ONCE: usize = 8 * 1024;

/// A TCP proxy in front of one address, on every interface of this machine.
#[derive(Debug)]
pub struct TcpProxy {
    /// Where it listens.
    pub address: SocketAddr,
    network: watch::Sender<Network>,
    upstream: watch::Sender<String>,
}

impl TcpProxy {
    /// Listens on a free port for connections to `upstream` (`host:port`).
    pub async fn start(upstream: &str) -> Self {
        let (listener, address) = listen().await;
        let (network, state) = watch::channel(Network::Fine);
        let (upstream, leads_to) = watch::channel(upstream.to_owned());
        THREADS.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() == Network::Cut {
                    continue;
                }
                let (upstream, state) = (leads_to.borrow().clone(), state.clone());
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(upstream).await else { return };
                    drop((client.set_nodelay(true), server.set_nodelay(true)));
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::join!(
                        pump(from_client, to_server, state.clone()),
                        pump(from_server, to_client, state.clone())
                    );
                });
            }
        });
        Self { address, network, upstream }
    }

    /// Sends new connections to another address, as a name does that now means another server.
    pub fn lead_to(&self, upstream: String) {
        self.upstream.send_replace(upstream);
    }

    /// Changes the weather for all connections.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

/// Copies one direction until its end, or until the network is cut.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut network: watch::Receiver<Network>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if *network.borrow_and_update() == Network::Cut {
            return;
        }
        if *network.borrow() == Network::Stalled {
            if network.changed().await.is_err() {
                return;
            }
            continue;
        }
        let slow = *network.borrow() == Network::Slow;
        let most = if slow { AT_ONCE } else { buffer.len() };
        let read = tokio::select! {
            read = from.read(&mut buffer[..most]) => read,
            changed = network.changed() => {
                if changed.is_err() {
                    return;
                }
                continue;
            }
        };
        if slow {
            sleep(LATE).await;
        }
        match read {
            Ok(n) if n > 0 && to.write_all(&buffer[..n]).await.is_ok() => {}
            _ => break,
        }
    }
    drop(to.shutdown().await);
}

/// What a store does to every second request while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// Answers as it should.
    None,
    /// 503 SlowDown, without doing anything.
    SlowDown,
    /// Does what was asked, then answers 500.
    ErrorAfterCommit,
    /// 200 with an error document as body, without doing anything.
    ErrorInBody,
    /// Sends half of a body and closes the connection.
    ShortBody,
}

/// A proxy in front of an S3 server. Signatures stay valid: the request's own Host is passed on.
#[derive(Debug)]
pub struct S3Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    fault: watch::Sender<StoreFault>,
}

#[derive(Debug, Clone)]
struct Forward {
    upstream: String,
    http: reqwest::Client,
    fault: watch::Receiver<StoreFault>,
    count: Arc<AtomicU64>,
}

const SLOW_DOWN: &str =
    "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>";
const INTERNAL: &str = "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>Try again.</Message></Error>";

impl S3Proxy {
    /// Listens on a free loopback port for requests to `upstream` (`host:port`).
    pub async fn start(upstream: &str) -> Self {
        let (listener, address) = listen().await;
        let (fault, receiver) = watch::channel(StoreFault::None);
        let state = Forward {
            upstream: format!("http://{upstream}"),
            http: super::client::http(),
            fault: receiver,
            count: Arc::default(),
        };
        let app = Router::new().fallback(forward).with_state(state);
        THREADS.spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, fault }
    }

    /// Begins or ends a fault.
    pub fn set(&self, fault: StoreFault) {
        self.fault.send_replace(fault);
    }
}

async fn forward(State(state): State<Forward>, request: Request) -> Response {
    let hit = state.count.fetch_add(1, Ordering::Relaxed) % 2 == 0;
    let fault = if hit { *state.fault.borrow() } else { StoreFault::None };
    match fault {
        StoreFault::SlowDown => return xml(StatusCode::SERVICE_UNAVAILABLE, SLOW_DOWN),
        StoreFault::ErrorInBody => return xml(StatusCode::OK, INTERNAL),
        _ => {}
    }
    let method = request.method().clone();
    let Ok(answer) = send(&state, request).await else { return StatusCode::BAD_GATEWAY.into_response() };
    match fault {
        StoreFault::ErrorAfterCommit => {
            drop(answer.bytes().await);
            xml(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL)
        }
        StoreFault::ShortBody => reply(answer, &method, true).await,
        _ => reply(answer, &method, false).await,
    }
}

fn xml(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "application/xml")], text).into_response()
}

async fn send(state: &Forward, request: Request) -> reqwest::Result<reqwest::Response> {
    let path = request.uri().path_and_query().map_or("/", |p| p.as_str());
    let url = format!("{}{path}", state.upstream);
    let (parts, body) = request.into_parts();
    let mut headers = parts.headers;
    hop_by_hop(&mut headers);
    let sent = state.http.request(parts.method, url).headers(headers.clone());
    // A length that was announced is kept; without one there is no body.
    if headers.contains_key(header::CONTENT_LENGTH) {
        sent.body(reqwest::Body::wrap_stream(body.into_data_stream())).send().await
    } else {
        sent.send().await
    }
}

/// Headers that belong to one connection (RFC 9110, section 7.6.1).
fn hop_by_hop(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::EXPECT] {
        headers.remove(name);
    }
}

async fn reply(answer: reqwest::Response, method: &Method, cut: bool) -> Response {
    let status = answer.status();
    let mut headers = answer.headers().clone();
    hop_by_hop(&mut headers);
    let body = if *method == Method::HEAD {
        Body::empty()
    } else if cut {
        let whole = answer.bytes().await.unwrap_or_default();
        headers.insert(header::CONTENT_LENGTH, whole.len().into());
        let half = whole.slice(..whole.len() / 2);
        let ends = futures::stream::iter([Ok(half), Err(std::io::Error::other("cut"))]);
        Body::from_stream(ends)
    } else {
        Body::from_stream(answer.bytes_stream().map(|b| b.map_err(std::io::Error::other)))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
