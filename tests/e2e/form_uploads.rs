//! Uploads by form that are refused: the right status, a stable code, and nothing kept.

use harness::{Client, Pair, Stack, client::problem, fixtures, proof};
use reqwest::{Method, multipart};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

harness::on_both!(
    bad_forms_have_stable_codes,
    form_over_size_limit_is_413,
    fields_after_the_file_count,
    announced_excess_is_refused_before_the_body,
    floods_around_the_file_take_no_memory
);

async fn bad_forms_have_stable_codes(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let post = || client.request(Method::POST, "/api/v1/media");
    let file = |data: Vec<u8>| multipart::Part::bytes(data).file_name("film.mp4");

    let not_multipart = post().body("hello").send().await.unwrap();
    assert_eq!(problem(not_multipart).await, (415, "not_multipart".into()));
    let no_file = post().multipart(multipart::Form::new().text("title", "x")).send().await.unwrap();
    assert_eq!(problem(no_file).await, (422, "missing_file".into()));
    let empty = post().multipart(multipart::Form::new().part("file", file(vec![]))).send().await.unwrap();
    assert_eq!(problem(empty).await, (422, "empty_file".into()));
    assert_eq!(problem(client.try_upload(&fixtures::text()).await).await, (415, "unsupported_type".into()));
    let long = multipart::Form::new()
        .text("title", "x".repeat(201))
        .text("visibility", "everyone")
        .part("file", file(vec![0; 9]));
    let response = post().multipart(long).send().await.unwrap();
    assert_eq!(response.status(), 422);
    let body: serde_json::Value = response.json().await.unwrap();
    let fields: Vec<&str> = body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!((body["code"].as_str().unwrap(), fields), ("invalid", vec!["title", "visibility"]));
    let truncated =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n\0\0\0\x18ftypisom....";
    let cut = post().header("content-type", "multipart/form-data; boundary=b").body(truncated).send().await.unwrap();
    assert_eq!(problem(cut).await, (400, "upload_cut".into()));

    // A refusal arrives although the client is still sending.
    for _ in 0..proof(4, 20) {
        let large = multipart::Form::new().part("file", file(vec![b'x'; 8 << 20]));
        let refused = post().multipart(large).send().await.expect("the answer is lost");
        assert_eq!(problem(refused).await, (415, "unsupported_type".into()));
        let anonymous = client.http.post(format!("{}/api/v1/media", stack.url)).body(vec![0; 8 << 20]).send().await;
        assert_eq!(problem(anonymous.expect("the answer is lost")).await.0, 401);
    }

    let list: serde_json::Value = client.get("/api/v1/media").await.json().await.unwrap();
    assert_eq!(list["items"], json!([]), "nothing of all this became a media");
}

/// Browsers send the fields of a form in the order of the page.
async fn fields_after_the_file_count(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let bytes = std::fs::read(fixtures::silent()).unwrap();
    let form = || multipart::Form::new().part("file", multipart::Part::bytes(bytes.clone()).file_name("film.mp4"));
    let send = |form| client.request(Method::POST, "/api/v1/media").multipart(form).send();
    let late = send(form().text("title", "After the file").text("visibility", "unlisted")).await.unwrap();
    assert_eq!(late.status(), 201);
    let media: serde_json::Value = late.json().await.unwrap();
    assert_eq!((&media["title"], &media["visibility"]), (&json!("After the file"), &json!("unlisted")));
    let odd = send(form().text("visibility", "everyone")).await.unwrap();
    assert_eq!(problem(odd).await, (422, "invalid".into()));
    let second = multipart::Part::bytes(bytes.clone()).file_name("another.mp4");
    assert_eq!(problem(send(form().part("file", second)).await.unwrap()).await, (400, "bad_request".into()));
    let list: serde_json::Value = client.get("/api/v1/media").await.json().await.unwrap();
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "of what was refused nothing is left");
}

/// The limit of an upload is kept while it streams.
async fn form_over_size_limit_is_413(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_MAX_UPLOAD_BYTES", "10000")]).await;
    let client = stack.creator().await;
    let refused = client.try_upload(&fixtures::compliant(10)).await;
    assert_eq!(problem(refused).await, (413, "too_large".into()));
}

/// A form that is larger than any may be is refused before its bytes come.
async fn announced_excess_is_refused_before_the_body(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let mut socket = TcpStream::connect(client.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST /api/v1/media HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
        client.token,
        1_u64 << 50
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    let read = tokio::time::timeout(Duration::from_secs(20), socket.read_exact(&mut answer)).await;
    read.expect("it waits for a petabyte").unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
}

/// Sends what `make` gives until the service has had enough; what it said, and its memory at most.
async fn flood(stack: &Stack, client: &Client, length: u64, make: impl Iterator<Item = Vec<u8>>) -> (String, u64) {
    let mut socket = TcpStream::connect(client.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST /api/v1/media HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: {length}\r\n\r\n",
        client.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = socket.into_split();
    let answer = tokio::spawn(async move {
        let mut bytes = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(40), reader.read_to_end(&mut bytes)).await;
        assert!(ended.is_ok(), "the flood is listened to for ever");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let mut most = 0;
    for (n, piece) in make.enumerate() {
        if n % 64 == 0 {
            most = most.max(stack.api.resident_bytes());
        }
        if writer.write_all(&piece).await.is_err() {
            break;
        }
    }
    drop(writer.shutdown().await);
    (answer.await.unwrap(), most)
}

async fn floods_around_the_file_take_no_memory(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    client.upload(&fixtures::silent()).await;
    let before = stack.api.resident_bytes();
    let disposition = |name: &str| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"");
    let file = [
        disposition("file").into_bytes(),
        b"; filename=\"a.mp4\"\r\n\r\n".to_vec(),
        std::fs::read(fixtures::silent()).unwrap(),
        b"\r\n".to_vec(),
    ]
    .concat();
    let mebi = 1_u64 << 20;
    let x = vec![b'x'; 16 << 10];
    let part = format!("{}\r\n\r\nx\r\n", disposition("title")).into_bytes();
    let first =
        |start: Vec<u8>, then: Vec<u8>, times: usize| std::iter::once(start).chain(std::iter::repeat_n(then, times));
    let header = format!("{}\r\nX-Long: ", disposition("title")).into_bytes();
    let text = format!("{}\r\n\r\n", disposition("title")).into_bytes();
    let lines = [header.as_slice(), b"a\r\n"].concat();
    // Each is 16 MiB or a hundred thousand parts long; the last one lies about its length and then is silent.
    let cases = [
        ("one header without end", 400, flood(&stack, &client, 64 * mebi, first(header, x.clone(), 1024)).await),
        (
            "headers without end",
            400,
            flood(&stack, &client, 64 * mebi, first(lines, b"y: z\r\n".repeat(2730), 1024)).await,
        ),
        ("no boundary", 400, flood(&stack, &client, 64 * mebi, first(x.clone(), x.clone(), 1024)).await),
        ("a field without end", 400, flood(&stack, &client, 64 * mebi, first(text, x.clone(), 1024)).await),
        ("parts", 400, flood(&stack, &client, 64 * mebi, first(part.clone(), part.repeat(100), 1000)).await),
        (
            "parts after the file",
            400,
            flood(&stack, &client, 64 * mebi, first(file.clone(), part.repeat(100), 1000)).await,
        ),
        ("a lie", 400, flood(&stack, &client, 64 * mebi, first(file, part, 1)).await),
    ];
    for (what, status, (answer, most)) in cases {
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {answer}");
        assert!(most < before + 24 * mebi, "{what}: {} MiB, before {}", most >> 20, before >> 20);
    }
    // Headers of the request itself, 10 MB of them.
    let (mut socket, line) =
        (TcpStream::connect(client.url.strip_prefix("http://").unwrap()).await.unwrap(), b"x-y: z\r\n".repeat(1024));
    socket.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut sent = 0;
    while sent < 10_000_000 && socket.write_all(&line).await.is_ok() {
        sent += line.len();
    }
    assert!(sent < 10_000_000, "all of it was listened to");
    assert!(stack.api.resident_bytes() < before + 24 * mebi);
}
