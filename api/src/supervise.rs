//! The embedded worker: a process beside this one, started again when it ends.

use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{sleep, timeout},
};

/// The worker's own grace period and a little more.
const PATIENCE: Duration = Duration::from_secs(25);

/// Runs a worker until `stop` turns true. The worker ends by itself when this process dies, because
/// it holds the other end of the worker's standard input.
pub async fn worker(mut stop: watch::Receiver<bool>) {
    let mut pause = Duration::from_millis(500);
    while !*stop.borrow() {
        match start() {
            Ok(mut child) => {
                // `wait` would close it, and the worker would take that for a stop.
                let input = child.stdin.take();
                tokio::select! {
                    _ = stop.changed() => {
                        drop(input);
                        return finish(child).await;
                    }
                    status = child.wait() => tracing::error!(?status, "the worker ended"),
                }
            }
            Err(error) => tracing::error!(%error, "the worker cannot be started"),
        }
        tokio::select! {
            _ = stop.changed() => return,
            () = sleep(pause) => pause = (pause * 2).min(Duration::from_secs(30)),
        }
    }
}

fn start() -> std::io::Result<Child> {
    let beside = std::env::current_exe()?.parent().map(|d| d.join("sluice-worker")).filter(|p| p.exists());
    let program = beside.unwrap_or_else(|| PathBuf::from("sluice-worker"));
    Command::new(program).args(["run", "--supervised"]).stdin(Stdio::piped()).kill_on_drop(true).spawn()
}

/// Its input was closed, which asks it to stop.
async fn finish(mut child: Child) {
    if timeout(PATIENCE, child.wait()).await.is_err() {
        tracing::warn!("the worker did not stop in time");
    }
}
