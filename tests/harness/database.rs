//! Databases of tests: one with all migrations is prepared once a run, every stack gets a copy of it. And what only
//! time changes is changed by hand: rows are made older instead of waiting.

use super::{
    Pair, Stack, eventually,
    process::Process,
    stack::{base_settings, need},
};
use sluice_model::Timestamp;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};
use uuid::Uuid;

/// The PostgreSQL database that others are copied from.
const TEMPLATE: &str = "prepared";

/// Puts a database with all migrations into the data directory of a stack that is about to start.
pub(crate) fn copy_sqlite(to: &Path) {
    let from = prepared("embedded", |folder| {
        let mut environment = base_settings(folder);
        environment.retain(|(name, _)| name != "SLUICE_LOG");
        prepare(&environment, folder);
        // The signing secret belongs to a service.
        fs::remove_file(folder.join("secret")).unwrap();
    });
    for file in fs::read_dir(from).unwrap().flatten().filter(|f| f.file_name().to_string_lossy().contains(".db")) {
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// Creates a PostgreSQL database with all migrations.
pub(crate) fn create_postgres(name: &str) {
    let server = need("SLUICE_TEST_POSTGRES");
    prepared("servers", |folder| {
        psql(&server, &format!("CREATE DATABASE {TEMPLATE}"));
        let mut environment = base_settings(folder);
        environment.push(("SLUICE_DATABASE_URL".to_owned(), format!("{server}/{TEMPLATE}")));
        prepare(&environment, folder);
    });
    psql(&server, &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"));
}

/// A database of its own with all migrations, on SQLite in a folder; its URL.
pub fn fresh(pair: Pair, folder: &Path) -> String {
    match pair {
        Pair::Embedded => {
            copy_sqlite(folder);
            format!("sqlite://{}/sluice.db", folder.display())
        }
        Pair::Servers => {
            let name = format!("t{}", Uuid::new_v4().simple());
            create_postgres(&name);
            format!("{}/{name}", need("SLUICE_TEST_POSTGRES"))
        }
    }
}

/// A database in which nothing is, on SQLite a file that is not there; its URL.
pub fn empty(pair: Pair, folder: &Path) -> String {
    match pair {
        Pair::Embedded => format!("sqlite://{}/empty.db", folder.display()),
        Pair::Servers => {
            let (name, server) = (format!("t{}", Uuid::new_v4().simple()), need("SLUICE_TEST_POSTGRES"));
            psql(&server, &format!("CREATE DATABASE {name}"));
            format!("{server}/{name}")
        }
    }
}

/// A folder that the first process of a run fills, while the others wait for it.
pub(crate) fn prepared(name: &str, fill: impl FnOnce(&Path)) -> PathBuf {
    let folder = PathBuf::from(need("SLUICE_TEST_PREPARED"));
    let done = folder.join(name);
    if !done.exists() {
        let lock = fs::File::create(folder.join(format!("{name}.lock"))).unwrap();
        lock.lock().unwrap();
        if !done.exists() {
            let draft = folder.join(format!("{name}.draft"));
            fs::create_dir_all(&draft).unwrap();
            fill(&draft);
            fs::rename(&draft, &done).unwrap();
        }
    }
    done
}

/// The service brings the schema up to date itself, and then ends.
pub(crate) fn prepare(environment: &[(String, String)], folder: &Path) {
    let mut api = Process::start("sluice-api", &[], environment, &folder.join("api.log"));
    api.line_after("listening on ");
    api.stop();
}

pub(crate) fn psql(server: &str, sql: &str) {
    let output = Command::new("psql")
        .args([&format!("{server}/postgres"), "-v", "ON_ERROR_STOP=1", "-qc", sql])
        .output()
        .unwrap();
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Stack {
    /// Runs statements past the service; the rows that a single SELECT finds, as psql prints them.
    pub fn run_sql(&self, sql: &str) -> String {
        let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], timeout=60)\nsql = sys.stdin.read()\n\
                      if sql.startswith('SELECT'):\n for row in c.execute(sql): print(*row, sep='|')\n\
                      else: c.executescript(sql)\nc.commit()";
        let output = match self.pair {
            Pair::Embedded => {
                let file = self.data_dir().join("sluice.db");
                fed(Command::new("python3").args(["-c", script, file.to_str().unwrap()]), sql)
            }
            Pair::Servers => {
                let database = self.setting("SLUICE_DATABASE_URL").unwrap();
                fed(Command::new("psql").args([database.as_str(), "-v", "ON_ERROR_STOP=1", "-qAt"]), sql)
            }
        };
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Makes what is stored older, as if that much time had passed: leases of uploads, signed URLs, windows before
    /// a deletion, backoff, the pause in which a refresh token may be used again.
    pub fn pass(&self, time: Duration) {
        let columns = [
            ("sources", "touched_us"),
            ("sources", "open_until_us"),
            ("uploads", "expires_us"),
            ("packages", "updated_us"),
            ("packages", "replaced_us"),
            ("tasks", "due_us"),
            ("tasks", "not_before_us"),
            ("pictures", "doomed_us"),
            ("refresh_tokens", "spent_us"),
        ];
        let by = time.as_micros();
        self.run_sql(&columns.map(|(table, at)| format!("UPDATE {table} SET {at} = {at} - {by};")).concat());
    }

    /// Bytes that have counted towards the limit of a day, on whatever days this test runs.
    pub fn daily_bytes(&self) -> i64 {
        self.run_sql("SELECT SUM(size_bytes) FROM daily_bytes").trim().parse().unwrap()
    }

    /// Waits until a worker has swept, from the beginning of a sweep to its end.
    pub async fn sweep(&self) {
        let db = self.database().await;
        // The first may go with a sweep that had begun before, the second before the end of the next one.
        for _ in 0..3 {
            let canary = Uuid::now_v7();
            let mut tx = db.begin().await.unwrap();
            tx.sources().insert(canary.into(), Some(0), Timestamp::EPOCH).await.unwrap();
            tx.uploads().mark_source_deleting(canary.into(), Timestamp::EPOCH).await.unwrap();
            tx.commit().await.unwrap();
            eventually("a sweep", Duration::from_secs(60), || async {
                db.sources().find(canary.into()).await.unwrap().is_none().then_some(())
            })
            .await;
        }
    }
}

/// Runs a command with text on its standard input.
pub fn fed(command: &mut Command, input: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
