//! `sluice-worker`: claims tasks and runs encoder children; or does one file offline; or checks a package.

mod captions;
mod child;
mod cipher;
mod claims;
mod cmaf;
mod consumer;
mod encoder;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod jpeg;
mod lease;
mod loudness;
mod offline;
mod package;
mod pipeline;
mod plan;
mod presence;
mod publish;
mod reencode;
mod room;
mod sandbox;
mod sandbox_check;
mod schedule;
mod source;
mod sweep;
mod task;
mod throughput;
mod verify;
mod webp;

use anyhow::Context;
use child::fork_server::{self, Request, Role};
use clap::{CommandFactory, Parser, Subcommand};
use plan::{LoudnessSetting, RungSetting};
pub use sandbox::Allocator;
use sluice_config as config;
use sluice_config::{
    Config, keep_private,
    telemetry::{self, complain},
};
use sluice_db::{Db, quieted};
use sluice_ingest::{Ingest, UploadMemory};
use sluice_net::Outbound;
use sluice_queue::WakeQueue;
use sluice_storage::{Space, Store};
use std::{
    io::{Write, stdout},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use uuid::Uuid;

#[derive(Debug, Parser)]
#[command(version, about = "Transcodes media into HLS packages.", after_help = config::help())]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Claim and run tasks until SIGTERM; what is done without a command.
    Run {
        /// End with the process that started this one: it holds the other end of standard input.
        #[arg(long, hide = true)]
        supervised: bool,
    },
    /// Transcode one file into a static HLS package, offline.
    Transcode {
        /// The file.
        input: PathBuf,
        /// The folder that the package goes to.
        output: PathBuf,
        /// Rungs as SHORT_SIDE:CRF:MAX_KBPS, separated by commas.
        #[arg(long, value_delimiter = ',', value_parser = parse_rung)]
        ladder: Vec<RungSetting>,
        /// Encode every rung, even where the source could be one.
        #[arg(long)]
        no_passthrough: bool,
        /// x264 preset.
        #[arg(long)]
        preset: Option<String>,
        /// Integrated loudness that every sound is brought to, LUFS, such as -16; default: that of its source.
        #[arg(long, value_name = "LUFS", allow_negative_numbers = true)]
        loudness: Option<f64>,
        /// Cores to use; default: all.
        #[arg(long)]
        cores: Option<usize>,
    },
    /// Check an HLS package against the rules; status 1 if one is broken, 2 if it cannot be judged.
    Verify {
        /// A folder with index.m3u8, a playlist, or the URL of one.
        target: String,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have confined encoder children try everything that is forbidden to them; status 1 if anything is possible.
    SandboxCheck,
    /// Write manual pages and completions of shells; for packages.
    #[command(hide = true)]
    Manual { folder: PathBuf },
    /// What the sandboxed children are forked from; not for people.
    #[command(hide = true)]
    ForkServer {
        #[command(flatten)]
        terms: sandbox::Terms,
    },
}

fn parse_rung(text: &str) -> Result<RungSetting, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [side, crf, kbps] = parts.as_slice() else { return Err("expected SHORT_SIDE:CRF:MAX_KBPS".to_owned()) };
    let bad = |what: &str| format!("{what:?} is not a number");
    Ok(RungSetting {
        short_side: side.parse().map_err(|_| bad(side))?,
        crf: crf.parse().map_err(|_| bad(crf))?,
        max_kbps: kbps.parse().map_err(|_| bad(kbps))?,
    })
}

/// The program, by its arguments.
pub fn main() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Run { supervised: false });
    if let Command::ForkServer { terms } = command {
        encode(&terms);
    }
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            complain(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The fork server, and each of its children: confines itself, does what it is for, and ends without another word.
fn encode(terms: &sandbox::Terms) -> ! {
    let Ok(Request { bounds, role }) = fork_server::serve(terms) else { sandbox::exit(1) };
    let confined = sandbox::enter(terms, &bounds);
    let done = match role {
        Role::Attempt { name, bait } => sandbox_check::child(&name, &bait),
        Role::Report => serde_json::to_string(&confined).map(|text| println!("{text}")).map_err(Into::into),
        Role::Encode if !confined.is_confined() && !terms.allow_unsandboxed => {
            sandbox::exit(sandbox::UNCONFINED_STATUS)
        }
        Role::Encode => encoder::main(),
    };
    sandbox::exit(i32::from(done.is_err()))
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    // Its environment and memory hold the secrets, and children run as the same user.
    sandbox::forbid_dumps().context("this process")?;
    match command {
        Command::ForkServer { .. } => Ok(ExitCode::FAILURE),
        Command::Manual { folder } => {
            config::manual::write(Cli::command(), "sluice-worker", &folder)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::SandboxCheck => {
            let config = Config::load()?;
            let children = child::Children::of_this_program(&config.worker.child);
            let check = sandbox_check::run(&children, &config.data_dir);
            let (table, denied) = tokio::runtime::Runtime::new()?.block_on(check)?;
            print!("{table}");
            Ok(if denied { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Run { supervised } => {
            let config = Config::load()?;
            let _logs = telemetry::init(&quieted(&config.log));
            let _traces = traces(&config)?;
            keep_private(&config).with_context(|| config.data_dir.display().to_string())?;
            tokio::runtime::Runtime::new()?.block_on(work(config, supervised))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify { target, json } => tokio::runtime::Runtime::new()?.block_on(verify_command(&target, json)),
        Command::Transcode { input, output, ladder, no_passthrough, preset, loudness, cores } => {
            let config = Config::load()?;
            let _logs = telemetry::init(&config.log);
            let mut settings = config.encode.clone();
            settings.passthrough &= !no_passthrough;
            if !ladder.is_empty() {
                settings.ladder = ladder;
            }
            settings.preset = preset.unwrap_or(settings.preset);
            settings.loudness = loudness.map(|target_lufs| LoudnessSetting { target_lufs }).or(settings.loudness);
            let faults = settings.faults();
            anyhow::ensure!(faults.is_empty(), faults.join("\n"));
            let cores = cores.unwrap_or(config.worker.cores).max(1);
            let request = offline::Request { input, output, settings, cores, child: config.worker.child };
            let report = tokio::runtime::Runtime::new()?.block_on(offline::transcode(request))?;
            complain(&report);
            Ok(if report.compliant() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// Status of `verify` where a package cannot be judged.
const UNJUDGED: u8 = 2;

async fn verify_command(target: &str, json: bool) -> anyhow::Result<ExitCode> {
    let fetch = verify::Fetch::parse(target).map_err(anyhow::Error::msg)?;
    let observed = match verify::observe(&fetch).await {
        Ok(observed) => observed,
        Err(error) => {
            if json {
                writeln!(stdout(), "{}", serde_json::json!({ "error": error.to_string() }))?;
            }
            complain(&error);
            return Ok(ExitCode::from(UNJUDGED));
        }
    };
    let report = verify::check(&observed);
    if json {
        writeln!(stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        writeln!(stdout(), "{report}")?;
    }
    Ok(if report.compliant() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sends traces where the configuration says.
fn traces(config: &Config) -> Result<Option<sluice_trace::Export>, sluice_trace::ExportError> {
    let sent = |url: &String| sluice_trace::export(url, "sluice-worker", env!("CARGO_PKG_VERSION"));
    config.otlp_url.as_ref().map(sent).transpose()
}

/// Runs tasks until a stop is asked for.
async fn work(config: Config, supervised: bool) -> anyhow::Result<()> {
    if let Some(address) = config.worker.metrics_listen {
        sluice_metrics::serve(address, "sluice-worker", env!("CARGO_PKG_VERSION"))?;
    }
    let (children, report) = child::confined(&config.worker.child).await?;
    tracing::info!(%report, "encoder children");
    let db = Db::open(&config.database_url).await.context("database")?;
    let space = Space::of(&config);
    let store = Store::open(&config.store).await.context("store")?.keeping(&space);
    let config = Arc::new(config);
    let memory = UploadMemory::default();
    let ingest = Ingest { db: db.clone(), store: store.clone(), config: config.clone(), memory, space };
    let context = task::Context {
        store,
        ingest,
        wake: WakeQueue::open(&db, &config.database_url).await.context("queue")?,
        children,
        settings: Arc::new(config.encode.clone()),
        fleet_cores: config.worker.fleet_cores,
        outbound: Outbound::new(&config.outbound).map_err(anyhow::Error::msg).context("outbound connections")?,
        outage: Arc::default(),
        throughput: Arc::default(),
        db,
    };
    let capacity = consumer::Capacity {
        name: format!("worker-{}", Uuid::now_v7()),
        cores: config.worker.cores as i64,
        memory_bytes: i64::try_from(config.worker.memory_bytes).unwrap_or(i64::MAX),
        kinds: config.worker.tasks,
        lease: config.worker.lease,
        gc_window: config.retention.gc_window,
    };
    tracing::info!(name = capacity.name, cores = capacity.cores, "worker starts");
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        wait_for_stop(supervised).await;
        tracing::info!("stopping");
        stop.send_replace(true);
    });
    consumer::work(context.clone(), capacity, stopped).await;
    context.db.close().await;
    Ok(())
}

/// SIGTERM, SIGINT, or the end of the supervising process.
async fn wait_for_stop(supervised: bool) {
    let orphaned = async {
        if supervised {
            let mut input = tokio::io::stdin();
            let mut byte = [0];
            while tokio::io::AsyncReadExt::read(&mut input, &mut byte).await.is_ok_and(|n| n > 0) {}
        } else {
            std::future::pending::<()>().await;
        }
    };
    let term = async {
        match signal(SignalKind::terminate()) {
            Ok(mut s) => drop(s.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = orphaned => {}
        () = term => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
