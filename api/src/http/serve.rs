//! The listening port: plain or TLS, with bounds of [`super::connections`], drained at the end.

use crate::http::{
    connections::{Gate, Limits, Table},
    listener::{self as accepting, PeerAddress, QueueAcceptor},
};
use anyhow::Context;
use axum::Router;
use axum_server::{
    Address, Handle, Server,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::rt::TokioTimer;
use sluice_config::{Config, telemetry::say};
use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};
use tokio::{net::TcpSocket, sync::watch};

/// Time for running requests once the process is told to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// Most bytes of a request's headers.
const HEADER_BYTES: usize = 32 * 1024;
/// Most headers of a request.
const HEADER_COUNT: usize = 100;
/// Requests at once on a connection of HTTP/2, and bytes of each answer that wait to be sent.
const STREAMS: u32 = 100;
const STREAM_BYTES: usize = 64 * 1024;
/// Connections that the system holds until they are accepted: whole crowds come at once.
const BACKLOG: u32 = 4096;

/// Serves until `stop` turns true and what was running has ended.
pub async fn serve(
    config: &Config,
    limits: Limits,
    app: Router,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let listener = listen(config.http.listen).with_context(|| config.http.listen.to_string())?;
    let address = listener.local_addr()?;
    tracing::info!(total = limits.total, per_address = limits.per_address, "connections");
    let gate = Gate::new(Table::open_for(limits), &config.http.trusted_proxies, config.http.tls.is_none());
    let make = app.into_make_service_with_connect_info::<SocketAddr>();
    let accepted = accepting::listen(listener, gate, limits, make.clone(), stop.clone())?;
    let handle = Handle::<PeerAddress>::new();
    tokio::spawn({
        let handle = handle.clone();
        async move {
            // An error means that the sender is gone, which is a stop too.
            drop(stop.wait_for(|s| *s).await);
            handle.graceful_shutdown(Some(DRAIN));
        }
    });
    match &config.http.tls {
        None => {
            // Tests and scripts read this line.
            say(format!("listening on http://{address}"));
            let mut server = Server::from_listener(accepted).handle(handle).acceptor(QueueAcceptor);
            // HTTP/2 needs TLS in every client. Said to hyper itself: axum-server's own way of saying it knows no
            // upgrades, which WebSockets are.
            let http1 = server.http_builder().clone().http1_only();
            *server.http_builder() = http1;
            bounded(server, &limits).serve(make).await?;
        }
        Some((cert, key)) => {
            // A second call in one process is refused, and harmless.
            drop(rustls::crypto::ring::default_provider().install_default());
            let tls = RustlsConfig::from_pem_file(cert, key).await.context("SLUICE_TLS_CERT, SLUICE_TLS_KEY")?;
            say(format!("listening on https://{address}"));
            let acceptor = RustlsAcceptor::new(tls).handshake_timeout(limits.patience.silent).acceptor(QueueAcceptor);
            let server = Server::from_listener(accepted).handle(handle).acceptor(acceptor);
            bounded(server, &limits).serve(make).await?;
        }
    }
    Ok(())
}

/// A listening port whose queue is long enough for crowds.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library does: the port of a process that has just ended can be taken.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    // Not blocking, as tokio made it.
    socket.listen(BACKLOG)?.into_std()
}

/// What hyper leaves to its users: without a timer its time-outs do nothing.
fn bounded<A: Address, C>(mut server: Server<A, C>, limits: &Limits) -> Server<A, C> {
    let http = server.http_builder();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.patience.request)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADER_COUNT);
    http.http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES as u32)
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(STREAM_BYTES);
    server
}
