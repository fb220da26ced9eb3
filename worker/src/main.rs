//! `sluice-worker`: claims tasks and runs encoder children; or does one file offline; or checks a package.

mod child;
mod cmaf;
mod encoder;
mod offline;
mod package;
mod plan;
mod source;
mod verify;

use anyhow::Context;
use clap::{Parser, Subcommand};
use plan::{EncodeSettings, RungSetting};
use sluice_common::{config, config::Config, telemetry};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Parser)]
#[command(version, about = "Transcodes media into HLS packages.", after_help = config::help())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
        /// Cores to use; default: all.
        #[arg(long)]
        cores: Option<usize>,
    },
    /// Check an HLS package against the rules.
    Verify {
        /// A folder with index.m3u8, or the URL of a multivariant playlist.
        target: String,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// The sandboxed child; not for people.
    #[command(hide = true)]
    Encoder,
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

fn main() -> ExitCode {
    let command = Cli::parse().command;
    if let Command::Encoder = command {
        return match encoder::main() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Encoder => Ok(ExitCode::FAILURE),
        Command::Verify { target, json } => verify_command(&target, json),
        Command::Transcode { input, output, ladder, no_passthrough, preset, cores } => {
            let config = Config::load()?;
            telemetry::init(&config.log);
            let mut settings = EncodeSettings::from_file(&config.file).context("[encode]")?;
            settings.passthrough &= !no_passthrough;
            if !ladder.is_empty() {
                settings.ladder = ladder;
            }
            settings.preset = preset.unwrap_or(settings.preset);
            let cores = cores.unwrap_or(config.worker_cores).max(1);
            let request = offline::Request { input, output, settings, cores };
            let report = tokio::runtime::Runtime::new()?.block_on(offline::transcode(request))?;
            eprintln!("{report}");
            Ok(if report.compliant() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

fn verify_command(target: &str, json: bool) -> anyhow::Result<ExitCode> {
    let observed = verify::observe(&verify::Fetch::parse(target)).map_err(|e| anyhow::anyhow!(e))?;
    let report = verify::check(&observed);
    if json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.compliant() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
