//! What Prometheus reads: every metric with its values, no series by what clients send, rules and dashboard that a real
//! Prometheus understands and has answers for.

use harness::{Client, Pair, Stack, client::PATIENCE, eventually, fixtures, process::Process};
use serde_json::Value;
use sluice_metrics::METRICS;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::UNIX_EPOCH,
};

harness::on_both!(both_processes_are_measured);

fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A service that is measured, with the addresses of API and worker.
async fn measured(pair: Pair) -> (Stack, [String; 2]) {
    let addresses = [free_address(), free_address()];
    let settings = [("SLUICE_METRICS_LISTEN", &*addresses[0]), ("SLUICE_WORKER_METRICS_LISTEN", &*addresses[1])];
    let mut stack = Stack::start_with(pair, &settings).await;
    stack.add_worker();
    (stack, addresses)
}

async fn scrape(address: &str) -> String {
    let answer = reqwest::get(format!("http://{address}/metrics")).await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.text().await.unwrap()
}

/// The value of the series whose line begins so, added up where there are several.
fn value(text: &str, name: &str, labels: &[&str]) -> f64 {
    let lines = text.lines().filter(|l| !l.starts_with('#'));
    let of = lines.filter(|l| l.split(['{', ' ']).next() == Some(name) && labels.iter().all(|label| l.contains(label)));
    of.map(|l| l.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Everything but the values.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    lines.map(|l| l.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

async fn both_processes_are_measured(pair: Pair) {
    let (stack, [api, worker]) = measured(pair).await;
    let client = stack.creator().await;
    let film = fixtures::foreign(14);
    let id = client.upload(&film).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    client.text(&format!("/hls/{id}/index.m3u8")).await;
    let text = client.upload_with(&fixtures::text(), &[]).await;
    assert!(text.status().is_client_error());
    eventually("the queue is counted", PATIENCE, || async {
        let said = scrape(&api).await;
        let counted = said.contains("sluice_queue_tasks") && value(&said, "sluice_queue_tasks", &["queued"]) == 0.0;
        counted.then_some(())
    })
    .await;
    // A task is measured when it has ended, a moment after what it did is seen.
    let of_worker = eventually("the last task is measured", PATIENCE, || async {
        let said = scrape(&worker).await;
        let done = value(&said, "sluice_task_duration_seconds_count", &["\"finalize\"", "done"]);
        (done >= 1.0).then_some(said)
    })
    .await;
    let of_api = scrape(&api).await;
    let size = std::fs::metadata(&film).unwrap().len() as f64;
    assert!(value(&of_api, "sluice_upload_bytes_total", &[]) >= size, "{of_api}");
    let lists = value(&of_api, "sluice_http_request_duration_seconds_count", &["/index.m3u8", "GET", "2xx"]);
    assert!(lists >= 1.0, "{of_api}");
    assert!(value(&of_api, "sluice_http_request_duration_seconds_count", &["/api/v1/media\"", "POST", "4xx"]) >= 1.0);
    for what in ["playable", "ready"] {
        assert_eq!(value(&of_worker, &format!("sluice_media_{what}_seconds_count"), &[]), 1.0, "{of_worker}");
    }
    let took = value(&of_worker, "sluice_media_ready_seconds_sum", &[]);
    assert!(took > 0.0 && took < PATIENCE.as_secs_f64(), "{took}");
    for kind in ["plan", "chunk", "audio", "finalize"] {
        let done = value(&of_worker, "sluice_task_duration_seconds_count", &[&format!("\"{kind}\""), "done"]);
        assert!(done >= 1.0, "{kind}: {of_worker}");
    }
    assert!(value(&of_worker, "sluice_encode_speed_ratio_sum", &[]) > 0.0, "{of_worker}");
    for (of, program) in [(&of_api, "sluice-api"), (&of_worker, "sluice-worker")] {
        assert_eq!(value(of, "sluice_build_info", &[program]), 1.0);
        for operation in ["begin", "commit"] {
            assert!(value(of, "sluice_database_wait_seconds_count", &[operation]) > 0.0, "{program} {operation}");
        }
        assert!(value(of, "sluice_store_duration_seconds_count", &["put", "ok"]) > 0.0, "{program}");
    }
    nothing_grows_with_what_is_asked(&client, &api).await;
}

/// Nobody makes a series by asking for something, and nobody reads what is measured at the public port.
async fn nothing_grows_with_what_is_asked(client: &Client, metrics: &str) {
    assert_eq!(client.get("/metrics").await.status(), 404);
    let ask = async |n: usize| {
        let paths = [format!("/api/v1/x{n}"), format!("/hls/x{n}/index.m3u8"), format!("/nothing-{n}.png")];
        for path in paths {
            client.get(&path).await;
        }
        let odd = reqwest::Method::from_bytes(format!("ODD{n}").as_bytes()).unwrap();
        client.request(odd, "/api/v1/media").send().await.unwrap();
    };
    ask(0).await;
    let before = series(&scrape(metrics).await);
    for n in 1..50 {
        ask(n).await;
    }
    let after = series(&scrape(metrics).await);
    // What sweeps meet for the first time in between is measured too.
    let of_requests =
        |all: &BTreeSet<String>| all.iter().filter(|s| s.starts_with("sluice_http")).cloned().collect::<Vec<_>>();
    assert_eq!(of_requests(&before), of_requests(&after), "more is measured than before");
    assert!(after.len() < before.len() + 10, "{:?}", after.difference(&before));
    assert!(!after.iter().any(|s| s.contains("x1") || s.contains("ODD")), "{after:?}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/monitoring")
}

/// The queries of the dashboard's panels: title and expression.
fn panels() -> Vec<(String, String)> {
    let board: Value = serde_json::from_slice(&std::fs::read(folder().join("dashboard.json")).unwrap()).unwrap();
    let of = |p: &Value| {
        let title = p["title"].as_str().unwrap().to_owned();
        let targets = p["targets"].as_array().unwrap();
        targets.iter().map(|t| (title.clone(), t["expr"].as_str().unwrap().to_owned())).collect::<Vec<_>>()
    };
    board["panels"].as_array().unwrap().iter().flat_map(of).collect()
}

#[test]
fn rules_are_understood_and_name_what_exists() {
    let check = Command::new("promtool").arg("check").arg("rules").arg(folder().join("alerts.yaml")).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let rules = std::fs::read_to_string(folder().join("alerts.yaml")).unwrap();
    let queries: String = panels().into_iter().map(|p| p.1 + "\n").collect::<String>() + &rules;
    let word = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    for name in queries.split(word).filter(|w| w.starts_with("sluice_")) {
        let known = METRICS.iter().any(|m| {
            let rest = name.strip_prefix(m.name);
            rest.is_some_and(|r| ["", "_bucket", "_count", "_sum"].contains(&r))
        });
        assert!(known, "{name} does not exist");
    }
    for metric in METRICS {
        assert!(queries.contains(metric.name), "{} is shown nowhere", metric.name);
    }
}

/// A real Prometheus reads both processes and has an answer for every panel.
#[tokio::test]
async fn every_panel_has_data() {
    let (stack, addresses) = measured(Pair::Embedded).await;
    let at = free_address();
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nrule_files: [{}]\nscrape_configs:\n  - job_name: sluice\n    static_configs: [{{ targets: ['{}', '{}'] }}]\n",
        folder().join("alerts.yaml").display(),
        addresses[0],
        addresses[1]
    );
    let file = stack.folder().join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let arguments = [
        format!("--config.file={}", file.display()),
        format!("--storage.tsdb.path={}", stack.folder().join("prometheus").display()),
        format!("--web.listen-address={at}"),
    ];
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let program = Path::new("/usr/bin/prometheus");
    let _prometheus = Process::program(program, &arguments, &[], &stack.folder().join("prometheus.log"));
    let client = stack.creator().await;
    let http = reqwest::Client::new();
    let answer = async |query: &str| {
        let url = url::Url::parse_with_params(&format!("http://{at}/api/v1/query"), [("query", query)]).unwrap();
        let said: Value = http.get(url).send().await.ok()?.json().await.ok()?;
        assert_ne!(said["status"], "error", "{query}: {said}");
        let number = |r: &Value| r["value"][1].as_str().and_then(|v| v.parse::<f64>().ok());
        Some(said["data"]["result"].as_array()?.iter().filter_map(number).collect::<Vec<f64>>())
    };
    // Rates need a value before and one after: the next film begins when Prometheus has seen what the one before left.
    for n in 0..2 {
        let film = if n == 0 { fixtures::foreign(14) } else { fixtures::compliant(10) };
        let id = client.upload(&film).await["id"].as_str().unwrap().to_owned();
        client.wait_for(&id, &["ready"]).await;
        client.text(&format!("/hls/{id}/index.m3u8")).await;
        let url = format!("{}/hls/{id}/cmcd", stack.url);
        let told = "e=ps,sid=\"7\",sn=0,sta=s,ts=1000,v=2\ne=ps,sid=\"7\",sn=1,sta=p,ts=1900,v=2\n\
                    e=ps,sid=\"7\",sn=2,sta=r,ts=9000,v=2\ne=ps,sid=\"7\",sn=3,sta=p,ts=9500,v=2\n";
        assert_eq!(http.post(url).body(told).send().await.unwrap().status(), 204);
        let ended = UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        eventually("both are scraped", PATIENCE, || async {
            let seen = answer("min(timestamp(up))").await?;
            seen.first().is_some_and(|at| *at > ended).then_some(())
        })
        .await;
    }
    for (title, query) in panels() {
        let query = query.replace("$__rate_interval", "30m").replace("$__range", "30m");
        eventually(&format!("{title}: {query}"), PATIENCE, || async {
            client.get("/health").await;
            answer(&query).await?.iter().any(|v| !v.is_nan()).then_some(())
        })
        .await;
    }
}
