//! `sluice-api reencode`: has films made again from their originals with the settings that workers have now. It writes what is
//! wanted and no more: workers begin it when there is nothing else to do, and go on however often they or this are killed.

use anyhow::Context;
use clap::{ArgGroup, Args};
use serde::Serialize;
use serde_json::json;
use sluice_config::Config;
use sluice_db::{Db, FilmsRow, ReencodeChoice, ReencodeRow, ReplacementRow};
use sluice_model::{LeftAs, MediaId, PackageId, PackageStatus, Reason, clock};
use std::{
    collections::BTreeMap,
    io::{self, Write, stdout},
    time::Duration,
};

/// Films that are asked for and written at once.
const PAGE: i64 = 200;

/// Which films, and what about them.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["media", "owner", "all", "status"])))]
pub struct Request {
    /// A media; may be said several times.
    #[arg(long, value_name = "ID")]
    media: Vec<MediaId>,
    /// All media of an account.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,
    /// All media.
    #[arg(long)]
    all: bool,
    /// Of these only such as were made so many days ago, or earlier.
    #[arg(long, value_name = "DAYS")]
    older_than: Option<u32>,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Leave as they are those that wait or are being made; what was made of them goes after SLUICE_GC_SECONDS.
    #[arg(long, conflicts_with = "dry_run")]
    cancel: bool,
    /// Only say how far it is.
    #[arg(long, conflicts_with_all = ["dry_run", "cancel", "older_than"])]
    status: bool,
    /// One line of JSON for each film, and one with the numbers.
    #[arg(long)]
    json: bool,
}

/// What was done about a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Done {
    /// It is made again, or would be.
    Wanted,
    /// It is not.
    Skipped,
    /// It waited, or was being made, and stays as it is.
    Cancelled,
}

/// Why a film was skipped that is none of those why films stay as they are.
const UNDER_WAY: &str = "under_way";

/// What was done about all of them.
#[derive(Debug, Default, Serialize)]
struct Summary {
    dry_run: bool,
    /// That are made again, or would be.
    films: u64,
    duration_ms: i64,
    /// What these have now.
    bytes: i64,
    cancelled: u64,
    /// By why.
    skipped: BTreeMap<&'static str, u64>,
}

pub async fn run(config: &Config, request: &Request) -> anyhow::Result<()> {
    let db = Db::open(&config.database_url).await.context("database")?;
    let window = config.retention.gc_window;
    if request.status {
        tell_status(&db, request.json, window).await?;
    } else {
        let mut summary = Summary { dry_run: request.dry_run, ..Summary::default() };
        for choice in choices(&db, request).await? {
            act(&db, request, &choice, &mut summary).await?;
        }
        conclude(&summary, request, window)?;
    }
    db.close().await;
    Ok(())
}

/// What is asked for: all of it is found before anything is done.
async fn choices(db: &Db, request: &Request) -> anyhow::Result<Vec<ReencodeChoice>> {
    let any = ReencodeChoice { under_way: request.cancel, ..ReencodeChoice::default() };
    let days = request.older_than.map(|days| clock::now() - days.min(100_000) * clock::DAY);
    let aged = ReencodeChoice { begun_before: days.unwrap_or(any.begun_before), ..any };
    if let Some(name) = &request.owner {
        let user = db.users().by_name(name).await?.with_context(|| format!("{name}: there is no such account"))?;
        return Ok(vec![ReencodeChoice { owner: Some(user.id), ..aged }]);
    }
    if request.all {
        return Ok(vec![aged]);
    }
    let mut choices = Vec::new();
    for id in &request.media {
        let media = db.media().find(*id).await?.with_context(|| format!("{id}: there is no such media"))?;
        choices.push(ReencodeChoice { package: Some(media.package_id), ..aged });
    }
    Ok(choices)
}

/// Does what was asked for, page by page: each is written whole before it is told.
async fn act(db: &Db, request: &Request, choice: &ReencodeChoice, summary: &mut Summary) -> anyhow::Result<()> {
    let mut last = PackageId::nil();
    loop {
        let page = db.reencodes().films(choice, last, PAGE).await?;
        let Some(end) = page.last().map(|f| f.package_id) else { return Ok(()) };
        last = end;
        let done = if request.cancel { cancel(db, &page).await? } else { want(db, &page, request.dry_run).await? };
        for (film, (done, why)) in page.iter().zip(done) {
            summary.count(film, done, why);
            tell(film, done, why, request.json)?;
        }
    }
}

/// Writes what is wanted.
async fn want(db: &Db, page: &[ReencodeRow], dry_run: bool) -> anyhow::Result<Vec<(Done, Option<&'static str>)>> {
    let now = clock::now();
    let mut tx = db.begin().await?;
    let mut done = Vec::with_capacity(page.len());
    for film in page {
        // Whoever makes it knows with which settings; here they may be others.
        done.push(match film.left_as(None) {
            _ if film.is_wanted || film.is_being_made => (Done::Skipped, Some(UNDER_WAY)),
            Some(left_as) => (Done::Skipped, Some(left_as.as_str())),
            None if dry_run || tx.reencodes().want(film.package_id, now).await? => (Done::Wanted, None),
            None => (Done::Skipped, Some(UNDER_WAY)),
        });
    }
    tx.commit().await?;
    Ok(done)
}

/// Takes wishes back, and stops what is being made.
async fn cancel(db: &Db, page: &[ReencodeRow]) -> anyhow::Result<Vec<(Done, Option<&'static str>)>> {
    let reason = Reason::new("cancelled", "Making it again was stopped by an operator.");
    let mut done = Vec::with_capacity(page.len());
    for film in page {
        let now = clock::now();
        let mut tx = db.begin().await?;
        let forgotten = tx.reencodes().forget(film.package_id).await?;
        let stopped = tx.replacements().cancel(film.package_id, &reason, now).await?;
        tx.commit().await?;
        // Otherwise it has just become ready.
        done.push(if forgotten || stopped { (Done::Cancelled, None) } else { (Done::Skipped, None) });
    }
    Ok(done)
}

impl Summary {
    fn count(&mut self, film: &ReencodeRow, done: Done, why: Option<&'static str>) {
        match done {
            Done::Wanted => {
                self.films += 1;
                self.duration_ms += film.duration_ms.unwrap_or(0);
                self.bytes += film.size_bytes;
            }
            Done::Cancelled => self.cancelled += 1,
            Done::Skipped => *self.skipped.entry(why.unwrap_or("ready")).or_default() += 1,
        }
    }
}

/// Why a film stays as it is, for people.
fn sentence(why: &str) -> &'static str {
    match why.parse() {
        Ok(LeftAs::NotReady) => "it is not complete, or has failed",
        Ok(LeftAs::Clip) => "it is a clip: cut it anew from its film",
        Ok(LeftAs::AddedTracks) => {
            "tracks were added to it, which lie over the film as it was made: remove them, and add them again afterwards"
        }
        Ok(LeftAs::OutOfSight) => "it is out of sight by moderation",
        Ok(LeftAs::NotWanted) => "its media are gone",
        Ok(LeftAs::SameSettings) => "it was made with the settings of the workers",
        Err(_) => "it waits to be made again, or is being made",
    }
}

fn tell(film: &ReencodeRow, done: Done, why: Option<&str>, as_json: bool) -> io::Result<()> {
    let ReencodeRow { media_id, title, owner_name, .. } = film;
    if as_json {
        let line = json!({ "media_id": media_id, "title": title, "owner": owner_name, "film": done, "reason": why });
        return writeln!(stdout(), "{line}");
    }
    match done {
        Done::Wanted => Ok(()),
        Done::Cancelled => writeln!(stdout(), "stays as it is: {media_id} {title:?} of {owner_name}"),
        Done::Skipped => {
            let why = why.map_or("it is ready", sentence);
            writeln!(stdout(), "skipped: {media_id} {title:?} of {owner_name}: {why}")
        }
    }
}

fn conclude(summary: &Summary, request: &Request, window: Duration) -> io::Result<()> {
    if request.json {
        return writeln!(stdout(), "{}", json!({ "summary": summary }));
    }
    let skipped: u64 = summary.skipped.values().sum();
    if request.cancel {
        return writeln!(stdout(), "{} films stay as they are", summary.cancelled);
    }
    let are = if summary.dry_run { "would be" } else { "will be" };
    let minutes = minutes(summary.duration_ms);
    writeln!(stdout(), "{} films of {minutes} minutes {are} encoded again, {skipped} are skipped", summary.films)?;
    if summary.films == 0 {
        return Ok(());
    }
    writeln!(
        stdout(),
        "what they have now, {} bytes, stays for {} s after each of them: about as much is needed beside it, more where the ladder has grown",
        summary.bytes,
        window.as_secs()
    )?;
    if summary.dry_run { Ok(()) } else { writeln!(stdout(), "how far it is: sluice-api reencode --status") }
}

fn minutes(duration_ms: i64) -> String {
    format!("{:.1}", duration_ms as f64 / 60_000.0)
}

/// How much of what is being made in the place of a film is there, percent.
fn percent(row: &ReplacementRow) -> i64 {
    row.published * 100 / row.planned.max(1)
}

async fn tell_status(db: &Db, as_json: bool, window: Duration) -> anyhow::Result<()> {
    let films = db.reencodes();
    let (waiting, replaced, left) = (films.waiting().await?, films.replaced().await?, films.left().await?);
    let rows = films.replacements().await?;
    let (failed, making): (Vec<_>, Vec<_>) = rows.iter().partition(|r| r.status == PackageStatus::Failed);
    if as_json {
        let film = |r: &&ReplacementRow| {
            let ReplacementRow { media_id, title, owner_name, .. } = r;
            json!({ "media_id": media_id, "title": title, "owner": owner_name, "percent": percent(r), "error": r.reason() })
        };
        let of = |row: &FilmsRow| json!({ "films": row.films, "duration_ms": row.duration_ms });
        let left: BTreeMap<&str, i64> = left.iter().map(|(why, films)| (why.as_str(), *films)).collect();
        let status = json!({
            "waiting": of(&waiting),
            "being_made": making.iter().map(film).collect::<Vec<_>>(),
            "failed": failed.iter().map(film).collect::<Vec<_>>(),
            "left_as_they_are": left,
            "replaced": of(&replaced),
        });
        return Ok(writeln!(stdout(), "{status}")?);
    }
    let mut out = stdout().lock();
    writeln!(out, "{} films of {} minutes wait", waiting.films, minutes(waiting.duration_ms))?;
    writeln!(out, "{} are being made", making.len())?;
    for row in making {
        writeln!(out, "  {} {:?} of {}: {} %", row.media_id, row.title, row.owner_name, percent(row))?;
    }
    writeln!(out, "{} could not be made, or were stopped, and stay as they were", failed.len())?;
    for row in failed {
        let why = row.reason().map_or_else(String::new, |r| format!("{}: {}", r.code, r.message));
        writeln!(out, "  {} {:?} of {}: {why}", row.media_id, row.title, row.owner_name)?;
    }
    for (why, films) in left {
        writeln!(out, "{films} stay as they are: {}", sentence(why.as_str()))?;
    }
    let (films, kept) = (replaced.films, window.as_secs());
    Ok(writeln!(out, "{films} were encoded again; what they were before goes {kept} s after")?)
}
