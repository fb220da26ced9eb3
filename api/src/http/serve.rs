//! Connections: plain or TLS, with time-outs for those who never finish to ask, drained at the end.

use anyhow::Context;
use axum::Router;
use axum_server::{
    Address, Handle, Server,
    accept::NoDelayAcceptor,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::rt::TokioTimer;
use sluice_config::{Config, telemetry::say};
use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};
use tokio::sync::watch;

/// Time to send all headers of a request.
const HEADERS: Duration = Duration::from_secs(30);
/// Time for running requests once the process is told to stop.
const DRAIN: Duration = Duration::from_secs(30);
/// Most bytes of a request's headers.
const HEADER_BYTES: usize = 32 * 1024;
/// Most headers of a request.
const HEADER_COUNT: usize = 100;

/// Serves until `stop` turns true and what was running has ended.
pub async fn serve(config: &Config, app: Router, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.http.listen).with_context(|| config.http.listen.to_string())?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let handle = Handle::new();
    tokio::spawn({
        let handle = handle.clone();
        async move {
            // An error means that the sender is gone, which is a stop too.
            drop(stop.wait_for(|s| *s).await);
            handle.graceful_shutdown(Some(DRAIN));
        }
    });
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    match &config.http.tls {
        None => {
            // Tests and scripts read this line.
            say(format!("listening on http://{address}"));
            let mut server = axum_server::from_tcp(listener)?.handle(handle).acceptor(NoDelayAcceptor::new());
            // HTTP/2 needs TLS in every client; without the choice the first bytes have a time-out too. Said to
            // hyper itself: axum-server's own way of saying it knows no upgrades, which WebSockets are.
            let http1 = server.http_builder().clone().http1_only();
            *server.http_builder() = http1;
            bounded(server).serve(service).await?;
        }
        Some((cert, key)) => {
            // A second call in one process is refused, and harmless.
            drop(rustls::crypto::ring::default_provider().install_default());
            let tls = RustlsConfig::from_pem_file(cert, key).await.context("SLUICE_TLS_CERT, SLUICE_TLS_KEY")?;
            say(format!("listening on https://{address}"));
            let acceptor = RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new());
            bounded(axum_server::from_tcp(listener)?.handle(handle).acceptor(acceptor)).serve(service).await?;
        }
    }
    Ok(())
}

/// What hyper leaves to its users: without a timer its time-outs do nothing.
fn bounded<A: Address, C>(mut server: Server<A, C>) -> Server<A, C> {
    let http = server.http_builder();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADER_COUNT);
    http.http2().timer(TokioTimer::new()).max_header_list_size(HEADER_BYTES as u32);
    server
}
