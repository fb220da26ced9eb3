//! What README tells a newcomer to type works as it stands there.

use harness::{Pair, Stack, fixtures};
use std::path::Path;
use tokio::process::Command;

harness::on_both!(five_lines_of_curl_work);

async fn five_lines_of_curl_work(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let section = readme.split("## A film in five lines").nth(1).unwrap();
    let lines = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(lines.contains("http://127.0.0.1:8080/"));
    let script: Vec<String> = lines
        .lines()
        .filter(|l| !l.starts_with("ffplay"))
        .map(|l| l.replace("http://127.0.0.1:8080", &stack.url))
        .chain(["echo; echo ID=$ID TOKEN=$TOKEN".to_owned()])
        .collect();
    let folder = stack.folder();
    std::fs::copy(fixtures::compliant(10), folder.join("film.mp4")).unwrap();
    let output = Command::new("bash").args(["-euc", &script.join("\n")]).current_dir(folder).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let last = text.lines().last().unwrap();
    let (id, token) = last.strip_prefix("ID=").unwrap().split_once(" TOKEN=").unwrap();
    let client = stack.creator().await.with_token(token);
    client.wait_for(id, &["ready"]).await;
    // Unlisted: any player, without a token.
    let list = harness::client::http().get(format!("{}/hls/{id}/index.m3u8", stack.url)).send().await.unwrap();
    assert_eq!(list.status(), 200);
}
