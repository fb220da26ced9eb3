//! `sluice-api reencode`: a library gets another ladder while it is watched and uploaded to, and whatever ends halfway leaves films as
//! they were.

use super::fsck::assert_clean;
use harness::{Client, Pair, Stack, client::PATIENCE, eventually, fixtures, media};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_db::{ReplacementRow, WebhookRow};
use sluice_model::{LeftAs, PackageId, WebhookId, clock};
use std::{fs, path::PathBuf, time::Duration};

harness::on_both!(a_library_gets_a_new_ladder_while_it_is_used, what_ends_halfway_goes_on_or_leaves_the_film_as_it_was,);

const QUICK: &str = "preset = \"ultrafast\"\npassthrough = false\naudio_kbps = [64]\n";

/// A service whose settings file says which rungs are made; another worker reads it anew.
struct Library {
    stack: Stack,
    client: Client,
    settings: PathBuf,
    _folder: tempfile::TempDir,
}

impl Library {
    async fn start(pair: Pair, rungs: &[u32]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("sluice.toml");
        write(&settings, QUICK, rungs);
        let set = [
            ("SLUICE_CONFIG", settings.to_str().unwrap()),
            ("SLUICE_WORKER_CORES", "1"),
            ("SLUICE_LEASE_SECONDS", "2"),
        ];
        let mut stack = Stack::start_with(pair, &set).await;
        let client = stack.creator().await;
        stack.add_worker();
        Self { stack, client, settings, _folder: folder }
    }

    async fn film(&self, seconds: u32) -> String {
        let fields = [("visibility", "public")];
        let made = self.client.upload_with(&fixtures::compliant(seconds), &fields).await;
        made.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    async fn ready(&self, seconds: u32) -> String {
        let id = self.film(seconds).await;
        self.client.wait_for(&id, &["ready"]).await;
        id
    }

    /// The next workers make these rungs.
    fn change(&mut self, preset: &str, rungs: &[u32]) {
        self.stack.workers.drain(..).for_each(|mut worker| worker.stop());
        write(&self.settings, preset, rungs);
    }

    /// What the command says: each film, and the numbers.
    fn reencode(&self, options: &[&str]) -> (Vec<Value>, Value) {
        let (status, out, said) = self.stack.run_command(&[], &[&["reencode", "--json"], options].concat());
        assert_eq!(status, 0, "{said}");
        let mut lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let last = lines.pop().unwrap();
        (lines, last)
    }

    fn status(&self) -> Value {
        self.reencode(&["--status"]).1
    }

    fn gc(&self, options: &[&str]) -> Value {
        let (status, out, said) = self.stack.run_command(&[], &[&["gc", "--json"], options].concat());
        assert_eq!(status, 0, "{said}");
        serde_json::from_str(&out).unwrap()
    }

    async fn package(&self, id: &str) -> PackageId {
        let db = self.stack.database().await;
        db.media().find(id.parse().unwrap()).await.unwrap().unwrap().package_id
    }

    async fn top(&self, id: &str) -> String {
        self.client.text(&format!("/hls/{id}/index.m3u8")).await
    }

    /// The heights that its multivariant playlist names.
    async fn heights(&self, id: &str) -> Vec<u32> {
        let top = self.top(id).await;
        let sizes =
            top.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF:")).filter_map(|l| l.split("RESOLUTION=").nth(1));
        let mut heights: Vec<u32> = sizes.map(|s| s.split(['x', ',']).nth(1).unwrap().parse().unwrap()).collect();
        heights.sort_unstable();
        heights.dedup();
        heights
    }

    /// The playlists and segments of a film.
    async fn files(&self, id: &str) -> Vec<String> {
        let mut files = Vec::new();
        for list in self.top(id).await.lines().filter(|l| l.ends_with(".m3u8") && !l.starts_with('#')) {
            let path = format!("/hls/{id}/{list}");
            let folder = path.rsplit_once('/').unwrap().0.to_owned();
            let listed = self.client.text(&path).await;
            files.extend(listed.lines().filter(|l| l.ends_with(".m4s")).map(|l| format!("{folder}/{l}")));
            files.push(path);
        }
        files
    }

    async fn assert_all(&self, files: &[String], status: u16) {
        for file in files {
            assert_eq!(self.client.get(file).await.status(), status, "{file}");
        }
    }

    /// What is being made, or could not be.
    async fn replacements(&self) -> Vec<ReplacementRow> {
        self.stack.database().await.reencodes().replacements().await.unwrap()
    }
}

fn write(file: &PathBuf, preset: &str, rungs: &[u32]) {
    let rung = |side: &u32| format!("{{ short_side = {side}, crf = 30, max_kbps = 300 }}");
    let rungs: Vec<String> = rungs.iter().map(rung).collect();
    fs::write(file, format!("[encode]\n{preset}ladder = [{}]\n", rungs.join(", "))).unwrap();
}

/// An endpoint of the owner of a film, which is told when something is ready.
async fn endpoint(library: &Library, id: &str) -> WebhookId {
    let db = library.stack.database().await;
    let owner_id = db.media().find(id.parse().unwrap()).await.unwrap().unwrap().owner_id;
    let (url, secret) = ("https://hooks.invalid/".to_owned(), "x".to_owned());
    let events = "media.playable media.ready media.failed media.purge".to_owned();
    let row =
        WebhookRow { id: WebhookId::new(), owner_id, url, secret, events, active: true, created_at: clock::now() };
    db.webhooks().insert(&row).await.unwrap();
    row.id
}

async fn a_library_gets_a_new_ladder_while_it_is_used(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut library = Library::start(pair, &[90]).await;
    let (first, second) = (library.ready(6).await, library.ready(4).await);
    let before = [library.package(&first).await, library.package(&second).await];
    let watched = library.files(&first).await;
    assert!(watched.len() > 3 && library.heights(&first).await == [90], "{watched:?}");
    let webhook = endpoint(&library, &first).await;
    library.change(QUICK, &[180, 120]);

    let (films, said) = library.reencode(&["--all", "--dry-run"]);
    assert_eq!((films.len(), &said["summary"]["films"], &said["summary"]["dry_run"]), (2, &json!(2), &json!(true)));
    assert!(said["summary"]["bytes"].as_i64().unwrap() > 10_000 && said["summary"]["duration_ms"] == 10_000, "{said}");
    let (status, text, _) = library.stack.run_command(&[], &["reencode", "--all"]);
    assert!(status == 0 && text.contains("2 films of 0.2 minutes will be encoded again, 0 are skipped"), "{text}");
    let (_, said) = library.reencode(&["--all"]);
    assert_eq!(said["summary"]["skipped"], json!({ "under_way": 2 }), "said twice, done once");

    // What is uploaded now does not wait for all of it.
    let upload = library.film(2).await;
    library.stack.add_worker();
    eventually("both are encoded again", PATIENCE, || async {
        for id in [&first, &second] {
            assert_eq!(library.client.media(id).await["status"], "ready");
            library.top(id).await;
        }
        library.assert_all(&watched[..1], 200).await;
        let now = [library.package(&first).await, library.package(&second).await];
        (now[0] != before[0] && now[1] != before[1]).then_some(())
    })
    .await;
    let log = library.stack.logs();
    let line = |message: &str, id: PackageId| {
        let (message, id) = (format!("\"message\":\"{message}\""), id.to_string());
        log.lines()
            .position(|l| l.contains(&message) && l.contains(&id))
            .unwrap_or_else(|| panic!("{message} {id}: {log}"))
    };
    assert!(line("ready", library.package(&upload).await) < line("encoded again", before[1]), "{log}");
    for id in [&first, &second] {
        let ladder = eventually("caches know it within a second", PATIENCE, || async {
            let heights = library.heights(id).await;
            (heights != [90]).then_some(heights)
        })
        .await;
        assert_eq!(ladder, [120, 180]);
    }
    let (compliant, report) = media::verify(&format!("{}/hls/{first}/index.m3u8", library.client.url));
    assert!(compliant, "{report}");
    library.assert_all(&watched, 200).await;
    let told = library.stack.database().await.webhooks().deliveries(webhook, None, 50).await.unwrap();
    let told_of = |event: &str, id: &str| told.iter().filter(|d| d.event == event && d.payload.contains(id)).count();
    assert_eq!(
        (told_of("media.ready", &first), told_of("media.playable", &first)),
        (0, 0),
        "it was ready all the time"
    );
    assert_eq!(
        (told_of("media.purge", &first), told_of("media.ready", &upload)),
        (1, 1),
        "a CDN throws playlists away"
    );
    assert_clean(&library.stack);

    // Made with these settings they are not made once more.
    library.reencode(&["--all"]);
    let db = library.stack.database().await;
    eventually("all three stay as they are", PATIENCE, || async {
        (db.reencodes().left().await.unwrap() == [(LeftAs::SameSettings, 3)]).then_some(())
    })
    .await;
    library.stack.workers.drain(..).for_each(|mut worker| worker.stop());
    library.stack.pass(Duration::from_secs(2 * 86_400));
    let would = library.gc(&["--dry-run"]);
    assert!(would["swept"]["replaced"]["objects"].as_u64().unwrap() > 5, "{would}");
    assert_eq!(library.gc(&[])["swept"]["replaced"], would["swept"]["replaced"]);
    library.assert_all(&watched[..1], 404).await;
    library.assert_all(&library.files(&first).await, 200).await;
    assert_clean(&library.stack);
}

async fn what_ends_halfway_goes_on_or_leaves_the_film_as_it_was(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut library = Library::start(pair, &[90]).await;
    let (first, second) = (library.ready(6).await, library.ready(4).await);
    let (before, kept) = (library.package(&first).await, library.package(&second).await);
    let slow = QUICK.replace("ultrafast", "medium");
    library.change(&slow, &[360]);
    assert_eq!(library.reencode(&["--all"]).1["summary"]["films"], 2);
    let worker = library.stack.add_worker();
    eventually("an encoder makes something", PATIENCE, || async {
        let any = library.replacements().await.iter().any(|r| r.planned > 0);
        (any && !library.stack.workers[worker].encoders().is_empty()).then_some(())
    })
    .await;
    library.stack.workers[worker].kill();
    assert_eq!(library.client.media(&first).await["status"], "ready");
    let (films, said) = library.reencode(&["--cancel", "--media", &second]);
    assert_eq!((films[0]["film"].as_str(), &said["summary"]["cancelled"]), (Some("cancelled"), &json!(1)));
    library.stack.add_worker();
    eventually("another worker goes on", PATIENCE, || async {
        (library.package(&first).await != before).then_some(())
    })
    .await;
    assert_eq!(library.package(&second).await, kept);
    let status = library.status();
    assert_eq!((&status["being_made"], &status["replaced"]["films"]), (&json!([]), &json!(1)), "{status}");
    assert_eq!(status["failed"][0]["error"]["code"], "cancelled", "{status}");

    // Whose media is deleted is not made.
    assert_eq!(library.reencode(&["--media", &second]).1["summary"]["films"], 1);
    eventually("it is being made", PATIENCE, || async {
        library.replacements().await.iter().any(|r| r.planned > 0).then_some(())
    })
    .await;
    library.client.json(Method::DELETE, &format!("/api/v1/media/{second}"), &Value::Null, 204).await;
    let db = library.stack.database().await;
    eventually("nothing is left to do", PATIENCE, || async {
        db.tasks().counts().await.unwrap().is_empty().then_some(())
    })
    .await;
    library.stack.workers.drain(..).for_each(|mut worker| worker.stop());
    library.stack.pass(Duration::from_secs(2 * 86_400));
    let swept = library.gc(&[]);
    assert!(swept["swept"]["replaced"]["objects"].as_u64().unwrap() > 2, "{swept}");
    assert_eq!(library.heights(&first).await, [360]);
    library.assert_all(&library.files(&first).await, 200).await;
    assert_clean(&library.stack);
    let (status, said, error) = library.stack.run_command(&[], &["reencode", "--media", &second]);
    assert!(status == 2 && error.contains("there is no such media"), "{said}{error}");
}
