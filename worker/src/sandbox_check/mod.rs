//! `sluice-worker sandbox-check`: children that are confined as for real try everything that is forbidden to them.
//!
//! What must end a child is tried by a child of its own, the rest by one after the other in the same child.

mod attempts;
mod calls;

use attempts::Bait;

use crate::{
    child::{Children, fork_server::Role},
    sandbox::{Bounds, Report},
};
use anyhow::Context;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write,
    net::{TcpListener, UdpSocket},
    os::unix::{net::UnixListener, process::ExitStatusExt},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use tokio::time::timeout;

/// What the children of a check may use.
const BOUNDS: Bounds = Bounds { memory_bytes: 512 << 20, cpu_seconds: 60 };
/// How long an attempt may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Children at a time.
const AT_ONCE: usize = 4;
/// Stands in this process's memory, for children to overwrite.
static MARKER: AtomicU64 = AtomicU64::new(UNTOUCHED);
const UNTOUCHED: u64 = 0x756e_746f_7563_6865;

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was tried.
    pub name: String,
    /// Whether it went as it must.
    pub right: bool,
    /// How.
    pub how: String,
}

/// A child's `main` for one attempt, or for all that leave it alive. Says how they went, one JSON line each.
pub fn child(attempt: &str, bait: &str) -> std::io::Result<()> {
    let bait: Bait = serde_json::from_str(bait)?;
    for outcome in attempts::run(attempt, &bait) {
        println!("{}", serde_json::to_string(&outcome)?);
    }
    Ok(())
}

/// Has children try everything, beside a data directory; the table, and whether all was denied.
pub async fn run(children: &Children, data_dir: &Path) -> anyhow::Result<(String, bool)> {
    let folder = std::env::temp_dir().join(format!("sluice-sandbox-check-{}", std::process::id()));
    std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    let outcomes = with_bait(children, &folder, data_dir).await;
    std::fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let (report, outcomes) = outcomes?;
    let mut table = String::new();
    for m in &report.measures {
        let state = match (m.holds, m.mandatory) {
            (true, _) => "holds",
            (false, true) => "MISSING",
            (false, false) => "not here",
        };
        writeln!(table, "{:44} {state:8} {}", m.name, m.detail)?;
    }
    writeln!(table)?;
    for o in &outcomes {
        let state = match (o.right, o.name == attempts::THREADS) {
            (true, true) => "works",
            (true, false) => "denied",
            (false, true) => "BROKEN",
            (false, false) => "ALLOWED",
        };
        writeln!(table, "{:44} {state:8} {}", o.name, o.how)?;
    }
    let wrong = outcomes.iter().filter(|o| !o.right).count() + report.missing().count();
    writeln!(table, "\n{} attempts, {wrong} not as they must be", outcomes.len())?;
    Ok((table, wrong == 0))
}

/// Sets out what children are to reach for, and sees that none did.
async fn with_bait(children: &Children, folder: &Path, data_dir: &Path) -> anyhow::Result<(Report, Vec<Outcome>)> {
    let (tcp, udp) = (TcpListener::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let unix = UnixListener::bind(folder.join("socket"))?;
    tcp.set_nonblocking(true)?;
    udp.set_nonblocking(true)?;
    unix.set_nonblocking(true)?;
    // A descriptor that a careless start would hand down; no child has been started yet.
    rustix::io::fcntl_setfd(&tcp, rustix::io::FdFlags::empty())?;
    let bait = Bait {
        parent: std::process::id(),
        data_dir: data_dir.to_owned(),
        tcp_port: tcp.local_addr()?.port(),
        udp_port: udp.local_addr()?.port(),
        unix_socket: folder.join("socket"),
        marker: &raw const MARKER as usize,
        memory_bytes: BOUNDS.memory_bytes,
    };
    let bait = serde_json::to_string(&bait)?;
    let report = children.report().await?;
    let fatal = stream::iter(attempts::fatal())
        .map(|name| fatal_attempt(children, name, &bait))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut outcomes = survived_attempts(children, &bait).await?;
    outcomes.extend(fatal.into_iter().collect::<Result<Vec<_>, _>>()?);
    let reached = tcp.accept().is_ok() || unix.accept().is_ok() || udp.recv(&mut [0]).is_ok();
    outcomes.push(outcome("anything arrived at the worker's sockets", !reached, "nothing did"));
    let untouched = MARKER.load(Ordering::Relaxed) == UNTOUCHED;
    outcomes.push(outcome("the worker's memory changed", untouched, "it did not"));
    Ok((report, outcomes))
}

fn outcome(name: &str, right: bool, how: &str) -> Outcome {
    Outcome { name: name.to_owned(), right, how: if right { how.to_owned() } else { "it did".to_owned() } }
}

/// What a child that must not survive comes to.
async fn fatal_attempt(children: &Children, name: &str, bait: &str) -> anyhow::Result<Outcome> {
    let output = output(children, name, bait).await?;
    let status = output.status;
    let killed = status.signal() == Some(libc::SIGSYS);
    let said = lines(&output.stdout).pop();
    let how = match said {
        _ if killed => "killed by SIGSYS".to_owned(),
        Some(outcome) => outcome.how,
        None => status.to_string(),
    };
    Ok(Outcome { name: name.to_owned(), right: killed, how })
}

/// What a child says that tries the rest. It must come to its end.
async fn survived_attempts(children: &Children, bait: &str) -> anyhow::Result<Vec<Outcome>> {
    let output = output(children, attempts::ALL_SURVIVED, bait).await?;
    let mut outcomes = lines(&output.stdout);
    if !output.status.success() {
        outcomes.push(outcome("every attempt that is answered", false, ""));
    }
    Ok(outcomes)
}

fn lines(stdout: &[u8]) -> Vec<Outcome> {
    String::from_utf8_lossy(stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

async fn output(children: &Children, attempt: &str, bait: &str) -> anyhow::Result<std::process::Output> {
    let role = Role::Attempt { name: attempt.to_owned(), bait: bait.to_owned() };
    let ended = timeout(PATIENCE, children.output(role, BOUNDS)).await;
    Ok(ended.with_context(|| format!("{attempt} does not end"))??)
}
