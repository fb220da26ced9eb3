//! `sluice-api`: the HTTP API, and on request the supervisor of an embedded worker.

mod check;
mod client;
mod commands;
mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod health;
mod housekeeping;
mod http;
mod identity;
mod openapi;
mod paging;
mod pipeline;
mod platform;
mod queue_gauges;
mod reserve;
mod router;
mod state;
mod supervise;
#[cfg(test)]
mod surface;
mod text;
mod validation;
mod web;

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};
use http::connections::{Limits, raise_descriptor_limit};
use secrecy::SecretString;
use sluice_config as config;
use sluice_config::{
    Config, keep_private, rotate_secret, signing_secrets,
    telemetry::{self, complain, say},
};
use sluice_db::{Db, quieted};
use sluice_model::{MediaId, Role};
use sluice_net::Outbound;
use sluice_queue::WakeQueue;
use sluice_storage::Store;
use state::{AppState, Keys, mail::Mailer};
use std::{
    io::{BufRead, IsTerminal, Write, stdin, stdout},
    path::PathBuf,
    process::ExitCode,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

#[derive(Debug, Parser)]
#[command(version, about = "Serves the Sluice HTTP API.", after_help = config::help())]
struct Cli {
    /// Start and supervise a worker process beside the API.
    #[arg(long)]
    with_worker: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Administrators.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// The signing secret in the data directory.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Say whether settings, directories, database, store, clock and mail are as they must be; status 1 if one is not.
    Check,
    #[command(flatten)]
    Upkeep(commands::Upkeep),
    /// Write a media into a new folder that any web server can serve: index.m3u8 and all that it names, pictures, captions, the
    /// original, and media.json with what was said of it. Of an encrypted one the keys are in it.
    Export {
        /// The media's identifier.
        media: MediaId,
        /// The folder; it must be empty, or not be there.
        folder: PathBuf,
        /// Leave the original out; `import` cannot make a media of it then.
        #[arg(long)]
        no_original: bool,
    },
    /// Make a media of a folder that `export` wrote, from its original; it is transcoded again.
    Import {
        folder: PathBuf,
        /// The account that it belongs to.
        #[arg(long)]
        owner: String,
    },
    /// Print the OpenAPI document.
    Openapi,
    /// Write manual pages and completions of shells; for packages.
    #[command(hide = true)]
    Manual { folder: PathBuf },
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Make an administrator. The password is read from standard input, one line.
    Create {
        #[arg(long)]
        username: String,
        #[arg(long)]
        email: String,
    },
    /// Give an account another role: viewer, creator or admin. It acts at once.
    Role {
        #[arg(long)]
        username: String,
        #[arg(long)]
        role: Role,
    },
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Sign with a new secret from the next start on; what the last ones signed stays valid.
    Rotate,
}

/// The program, by its arguments.
pub fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            complain(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Some(Command::Openapi) = cli.command {
        // Whole or an error: it may be larger than what a pipe holds.
        writeln!(stdout(), "{}", serde_json::to_string_pretty(&router::describe())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(Command::Manual { folder }) = &cli.command {
        config::manual::write(Cli::command(), "sluice-api", folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    // Its environment and memory hold the secrets, and programs of the same user could read them.
    nix::sys::prctl::set_dumpable(false).context("this process")?;
    let config = Config::load()?;
    if matches!(cli.command, Some(Command::Check)) {
        let findings = tokio::runtime::Runtime::new()?.block_on(check::run(&config));
        write!(stdout(), "{findings}")?;
        return Ok(if findings.good() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if let Some(Command::Upkeep(command)) = &cli.command {
        return Ok(tokio::runtime::Runtime::new()?.block_on(commands::run(command, &config)));
    }
    let _logs = telemetry::init(&quieted(&config.log));
    let sent = |url: &String| sluice_trace::export(url, "sluice-api", env!("CARGO_PKG_VERSION"));
    let _traces = config.otlp_url.as_ref().map(sent).transpose()?;
    keep_private(&config).with_context(|| config.data_dir.display().to_string())?;
    tokio::runtime::Runtime::new()?.block_on(run(cli, config))?;
    Ok(ExitCode::SUCCESS)
}

async fn run(cli: Cli, mut config: Config) -> anyhow::Result<()> {
    if let Some(Command::Secret(SecretCommand::Rotate)) = cli.command {
        rotate_secret(&config)?;
        say("a new secret signs from the next start on");
        return Ok(());
    }
    let keys = Keys::new(signing_secrets(&config).context("signing secret")?);
    let mailer = Mailer::new(&config)?;
    let db = Db::open(&config.database_url).await.context("database")?;
    let store = Store::open(&config.store).await.context("store")?;
    let wake = WakeQueue::open(&db, &config.database_url).await.context("queue")?;
    let outbound = Outbound::new(&config.outbound).map_err(anyhow::Error::msg).context("outbound connections")?;
    if matches!(cli.command, Some(Command::Export { .. })) {
        // What is written lies beside its playlists.
        config.playback.direct = false;
    }
    let state = AppState::new(config, db, store, wake, keys, mailer, outbound);
    match cli.command {
        Some(Command::Admin(AdminCommand::Create { username, email })) => {
            create_admin(&state, &username, &email).await?;
            state.db.close().await;
            Ok(())
        }
        Some(Command::Admin(AdminCommand::Role { username, role })) => {
            identity::admin::bootstrap::set_role(&state, &username, role)
                .await
                .map_err(|e| anyhow::anyhow!("{username}: {e}"))?;
            say(format!("{username} has the role {role}"));
            state.db.close().await;
            Ok(())
        }
        Some(Command::Export { media, folder, no_original }) => {
            commands::export::run(&state, media, &folder, !no_original).await?;
            state.db.close().await;
            Ok(())
        }
        Some(Command::Import { folder, owner }) => {
            commands::import::run(&state, &folder, &owner).await?;
            state.db.close().await;
            Ok(())
        }
        _ => serve_api(cli.with_worker, state).await,
    }
}

async fn create_admin(state: &AppState, username: &str, email: &str) -> anyhow::Result<()> {
    let password = if stdin().is_terminal() {
        rpassword::prompt_password(format!("password for {username} (not shown): "))?
    } else {
        let mut line = String::new();
        stdin().lock().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    let password = SecretString::from(password);
    match identity::admin::bootstrap::create(state, username, email, &password).await {
        Ok(()) => say(format!("{username} is an administrator")),
        Err(identity::IdentityError::Invalid(faults)) => {
            let list: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.field, f.message)).collect();
            anyhow::bail!(list.join("\n"));
        }
        Err(other) => anyhow::bail!(other.to_string()),
    }
    Ok(())
}

async fn serve_api(with_worker: bool, state: AppState) -> anyhow::Result<()> {
    identity::admin::bootstrap::by_settings(&state).await?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(until_signal(stop));
    if let Some(address) = state.config.http.metrics_listen {
        sluice_metrics::serve(address, "sluice-api", env!("CARGO_PKG_VERSION"))?;
        tokio::spawn(queue_gauges::run(state.db.clone(), stopped.clone()));
    }
    let worker = with_worker.then(|| tokio::spawn(supervise::worker(stopped.clone())));
    tokio::spawn(platform::webhooks::run(state.clone(), stopped.clone()));
    tokio::spawn(housekeeping::run(state.clone(), stopped.clone()));
    let connections = Limits::new(&state.config.http, raise_descriptor_limit());
    let (sockets, io) = platform::live::sockets(&state);
    tokio::spawn(platform::live::run(state.clone(), io, stopped.clone()));
    http::serve::serve(&state.config, connections, router::router(state.clone(), sockets), stopped).await?;
    if let Some(worker) = worker {
        worker.await?;
    }
    state.db.close().await;
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
