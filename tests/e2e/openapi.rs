//! Schemathesis reads the API document and tries what nobody thought of.

use harness::{Client, NO_QUOTAS, Pair, Stack, fixtures, proof};
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

harness::on_both!(schemathesis_finds_no_undocumented_answer);

/// How it writes the bytes of an upload and the reports of players: as they are.
const CHUNKS: &str = r#"
import schemathesis

def as_it_is(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")

@schemathesis.serializer("application/offset+octet-stream")
def chunk(ctx, value):
    return as_it_is(ctx, value)

@schemathesis.serializer("application/cmcd")
def events(ctx, value):
    return as_it_is(ctx, value)
"#;

async fn schemathesis_finds_no_undocumented_answer(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let lifted = "login=0/1,login_account=0/1,register=0/1,reset=0/1,reset_account=0/1,upload=0/1,upload_account=0/1";
    let mut stack = Stack::start_with(pair, &[("SLUICE_LIMITS", lifted), NO_QUOTAS]).await;
    stack.add_worker();
    let root = stack.admin().await;
    let creator = stack.creator().await;
    let film = creator.upload(&fixtures::compliant(10)).await["id"].as_str().unwrap().to_owned();
    let other = creator.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    creator.wait_for(&film, &["ready"]).await;
    let link = creator
        .json(Method::POST, &format!("/api/v1/media/{film}/playback-tokens"), &json!({ "expires_in": 3600 }), 201)
        .await;
    let top = creator.text(&format!("/hls/{film}/index.m3u8")).await;
    let parts: Vec<&str> = top.lines().find(|l| l.ends_with(".m3u8")).unwrap().split('/').collect();
    // What exists, so that not all answers are 404.
    let known = [
        ("id", other.as_str()),
        ("media", &film),
        ("username", &root.username),
        ("package", parts[0]),
        ("rendition", parts[1]),
    ];
    let known = known.into_iter().chain([("file", "index.m3u8"), ("token", link["token"].as_str().unwrap())]);
    let known: String = known.map(|(name, value)| format!("{name} = \"{value}\"\n")).collect();
    std::fs::write(stack.folder().join("schemathesis.toml"), format!("hooks = \"hooks.py\"\n[parameters]\n{known}"))
        .unwrap();
    std::fs::write(stack.folder().join("hooks.py"), CHUNKS).unwrap();
    let machine = root.api_token(&["admin"]).await;
    let person = Client::login(&stack.url, &root.username).await;
    let program =
        std::path::PathBuf::from(std::env::var("SLUICE_TEST_PYTHON").expect("run the tests with `make test`"))
            .with_file_name("schemathesis");
    let folder = stack.folder();
    let callers = [
        ("anonymous", None, "1"),
        ("an administrator", Some(&person.token), "4"),
        ("a creator", Some(&creator.token), "2"),
        ("a machine", Some(&machine), "3"),
    ];
    // A sample has every caller on one of the pairs.
    let sample = if pair == Pair::Embedded { 0..2 } else { 2..4 };
    for (who, token, seed) in &callers[proof(sample, 0..4)] {
        let mut run = Command::new(&program);
        run.current_dir(&folder).env("HOME", &folder).args(["run", &format!("{}/api/v1/openapi.json", stack.url)]);
        run.args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ]);
        run.args([
            "--phases",
            proof("examples,fuzzing", "examples,coverage,fuzzing"),
            "--max-examples",
            proof("1", "12"),
            "--seed",
            *seed,
            "--no-color",
        ]);
        // Ending one's own session or account would end the run: the matrix asks for these.
        for path in ["/api/v1/auth/logout", "/api/v1/auth/logout-everywhere", "/api/v1/me/delete"] {
            run.args(["--exclude-path", path]);
        }
        run.args(["--exclude-path-regex", "/me/sessions/|/admin/users/"]);
        if let Some(token) = token {
            run.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        let output = run.output().await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{who}: {text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let alive = root.send(Method::POST, "/api/v1/auth/login", &json!({ "login": "x", "password": "y" })).await;
    assert_eq!(alive.status(), 401);
}
