//! `sluice-api`: the HTTP API, and on request the supervisor of an embedded worker.

mod auth;
mod error;
mod extract;
mod health;
mod media;
mod playback;
mod problem;
mod router;
mod state;
mod supervise;

use anyhow::Context;
use clap::Parser;
use sluice_common::{
    config::{self, Config, signing_secret},
    db::Db,
    queue::WakeQueue,
    storage::Store,
    telemetry,
};
use state::AppState;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

#[derive(Debug, Parser)]
#[command(version, about = "Serves the Sluice HTTP API.", after_help = config::help())]
struct Cli {
    /// Start and supervise a worker process beside the API.
    #[arg(long)]
    with_worker: bool,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let config = Config::load()?;
    telemetry::init(&config.log);
    tokio::runtime::Runtime::new()?.block_on(serve(cli, config))
}

async fn serve(cli: Cli, config: Config) -> anyhow::Result<()> {
    let secret = signing_secret(&config).context("signing secret")?;
    let db = Db::open(&config.database_url).await.context("database")?;
    let store = Store::open(&config.store).await.context("store")?;
    let wake = WakeQueue::open(&db, &config.database_url).await.context("queue")?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| config.listen.to_string())?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(false);
    let worker = cli.with_worker.then(|| tokio::spawn(supervise::worker(stopped.clone())));
    let app = router::router(AppState::new(config, db.clone(), store, wake, &secret));
    // Tests and scripts read this line.
    println!("listening on http://{address}");
    axum::serve(listener, app).with_graceful_shutdown(until_signal(stop)).await?;
    if let Some(worker) = worker {
        worker.await?;
    }
    db.close().await;
    Ok(())
}

/// SIGTERM or SIGINT: then connections drain and the worker is stopped.
async fn until_signal(stop: watch::Sender<bool>) {
    match signal(SignalKind::terminate()) {
        Ok(mut term) => tokio::select! {
            _ = term.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
    tracing::info!("stopping");
    stop.send_replace(true);
}
