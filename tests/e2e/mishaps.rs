//! Uploads that go wrong: nothing is lost, nothing is leaked.

use crate::{
    scale::run_sql,
    uploads::{CHUNK, begin, media_of, number, offset, patch, stored, tus},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use harness::{Client, Pair, Stack, client::problem, eventually, fixtures};
use reqwest::{Method, Response, multipart};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_storage::Prefix;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

crate::on_both!(
    who_stands_still_is_let_go,
    the_newer_request_goes_on,
    corrupted_on_the_way,
    no_film_in_small_pieces,
    what_is_refused_takes_no_place,
    unknown_lengths_have_limits,
    networks_that_know_no_patch,
    what_has_expired_says_so,
    recorded_is_kept,
    what_does_not_count_is_not_kept,
    too_much_is_said_at_once,
    at_the_end_of_all_parts,
);

/// A PATCH whose body stops after some bytes, which the server has begun to read.
async fn stalled(client: &Client, path: &str, length: usize, data: &[u8]) -> TcpStream {
    let mut socket = TcpStream::connect(client.url.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\n\
         content-type: {CHUNK}\r\ncontent-length: {length}\r\n\
         expect: 100-continue\r\n\r\n",
        client.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    socket.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(data).await.unwrap();
    socket
}

async fn usage(client: &Client) -> Value {
    client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await
}

async fn who_stands_still_is_let_go(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_IDLE_SECONDS", "2")]).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let path = begin(&client, film.len()).await;
    let half = film.len() / 2;
    let (began, mut answer) = (Instant::now(), Vec::new());
    let mut socket = stalled(&client, &path, film.len(), &film[..half]).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut answer)).await;
    drop(ended.expect("the request is held for ever"));
    assert!(began.elapsed() >= Duration::from_millis(1900), "not at once");
    // A client of tus tries again after 5xx, not after 4xx.
    assert!(answer.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(&answer));
    // What came is there; asking does not take it from anybody.
    let seen = client.json(Method::GET, &path, &Value::Null, 200).await;
    assert_eq!(seen["offset_bytes"], half, "{seen}");
    let done = patch(&client, &path, half, &film[half..]).await;
    assert_eq!(done.status(), 204);
    assert!(stored(&client, &media_of(&done)).await == film);
}

async fn the_newer_request_goes_on(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let path = begin(&client, film.len()).await;
    // The first request is alive, and its network is not.
    let _stale = stalled(&client, &path, film.len(), &film[..1000]).await;
    let at = offset(&client, &path).await;
    let done = patch(&client, &path, at, &film[at..]).await;
    assert_eq!(done.status(), 204, "no lock of the older one is in the way");
    assert!(stored(&client, &media_of(&done)).await == film);
}

async fn corrupted_on_the_way(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let path = begin(&client, film.len()).await;
    let send = async |body: Vec<u8>| {
        let sum = format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&film)));
        let request = tus(&client, Method::PATCH, &path).header("upload-offset", 0).header("content-type", CHUNK);
        request.header("upload-checksum", sum).body(body).send().await.unwrap()
    };
    // Not even recognisable as a film any more: still not the film's fault.
    assert_eq!(problem(send(vec![b'x'; film.len()]).await).await, (460, "checksum_mismatch".into()));
    let done = send(film.clone()).await;
    assert_eq!(done.status(), 204);
    assert!(stored(&client, &media_of(&done)).await == film);
    // What is no film, and is just that, is refused.
    let text = vec![b'x'; 10_000];
    let path = begin(&client, text.len()).await;
    let sum = format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&text)));
    let request = tus(&client, Method::PATCH, &path).header("upload-offset", 0).header("content-type", CHUNK);
    let answer = request.header("upload-checksum", sum).body(text[..8000].to_vec()).send().await.unwrap();
    assert_eq!(problem(answer).await.0, 460);
    let sum = format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&text[..8000])));
    let request = tus(&client, Method::PATCH, &path).header("upload-offset", 0).header("content-type", CHUNK);
    let answer = request.header("upload-checksum", sum).body(text[..8000].to_vec()).send().await.unwrap();
    assert_eq!(problem(answer).await, (415, "unsupported_type".into()), "before its end");
}

async fn no_film_in_small_pieces(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let path = begin(&client, 1 << 30).await;
    for at in [0, 1500] {
        assert_eq!(patch(&client, &path, at, &[b'x'; 1500]).await.status(), 204);
    }
    let answer = patch(&client, &path, 3000, &[b'x'; 1500]).await;
    assert_eq!(problem(answer).await, (415, "unsupported_type".into()), "a gigabyte before its end");
    assert_eq!(usage(&client).await["uploads"], 0);
    // A film in small pieces is one.
    let film = std::fs::read(fixtures::silent()).unwrap();
    let path = begin(&client, film.len()).await;
    for at in [0, 1500, 3000] {
        assert_eq!(patch(&client, &path, at, &film[at..at + 1500]).await.status(), 204);
    }
    let done = patch(&client, &path, 4500, &film[4500..]).await;
    assert!(stored(&client, &media_of(&done)).await == film);
}

async fn what_is_refused_takes_no_place(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", film.len());
    let request = request.header("content-type", CHUNK).header("upload-checksum", "sha256 AAAA");
    assert_eq!(problem(request.body(film).send().await.unwrap()).await, (460, "checksum_mismatch".into()));
    let now = usage(&client).await;
    assert_eq!((&now["uploads"], &now["media"], &now["stored_bytes"]), (&0.into(), &0.into(), &0.into()), "{now}");
}

async fn unknown_lengths_have_limits(pair: Pair) {
    let film = fixtures::compliant(10);
    let size = std::fs::metadata(&film).unwrap().len();
    let quotas = format!("creator.stored={}", size * 3 / 2);
    let stack = Stack::start_with(pair, &[("SLUICE_QUOTAS", &quotas)]).await;
    let client = stack.creator().await;
    let mut data = std::fs::read(&film).unwrap();
    data.resize(size as usize * 2, 0);
    let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-defer-length", "1");
    let begun = request.send().await.unwrap();
    let path = begun.headers()["location"].to_str().unwrap().strip_prefix(&client.url).unwrap().to_owned();
    let answer = patch(&client, &path, 0, &data).await;
    assert_eq!(problem(answer).await, (413, "too_large".into()), "more than there is room for");
    assert_eq!(number(&tus(&client, Method::HEAD, &path).send().await.unwrap(), "upload-offset"), 0);
    // Of two forms at once there is room for one; the other learns it at its beginning, not at its end.
    assert_eq!(tus(&client, Method::DELETE, &path).send().await.unwrap().status(), 204);
    let form = || {
        let file = multipart::Part::bytes(std::fs::read(&film).unwrap()).file_name("film.mp4");
        client.request(Method::POST, "/api/v1/media").multipart(multipart::Form::new().part("file", file)).send()
    };
    let both: Vec<Response> = futures::future::try_join_all([form(), form()]).await.unwrap();
    let mut codes: Vec<u16> = both.iter().map(|r| r.status().as_u16()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [201, 403]);
    assert_eq!(usage(&client).await["stored_bytes"], size);
}

async fn networks_that_know_no_patch(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let path = begin(&client, film.len()).await;
    let request = tus(&client, Method::POST, &path).header("x-http-method-override", "PATCH");
    let request = request.header("upload-offset", 0).header("content-type", CHUNK).body(film.clone());
    let done = request.send().await.unwrap();
    assert_eq!(done.status(), 204);
    assert!(stored(&client, &media_of(&done)).await == film);
    // Nowhere else.
    let media = format!("/api/v1/media/{}", media_of(&done));
    let request = client.request(Method::POST, &media).header("x-http-method-override", "DELETE");
    assert_eq!(request.send().await.unwrap().status(), 405);
}

async fn what_has_expired_says_so(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_GC_SECONDS", "1")]).await;
    let client = stack.creator().await;
    let path = begin(&client, 10_000).await;
    // Gone when the sweep comes by; until then it says why.
    let said = eventually("it expires", Duration::from_secs(20), || async {
        let answer = patch(&client, &path, 1, b"x").await;
        (answer.status() != 409).then_some(answer.status().as_u16())
    })
    .await;
    assert!([404, 410].contains(&said), "{said}");
    let now = usage(&client).await;
    assert_eq!((&now["uploads"], &now["media"]), (&0.into(), &0.into()), "{now}");
}

/// The database fails just after bytes were recorded: they stay.
async fn recorded_is_kept(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::fast_start(10)).unwrap();
    let path = begin(&client, film.len()).await;
    let break_tasks = match pair {
        Pair::Embedded => "CREATE TRIGGER broken BEFORE INSERT ON tasks BEGIN SELECT RAISE(ABORT, 'broken'); END;",
        Pair::Servers => {
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$; \
             CREATE TRIGGER broken BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION broken()"
        }
    };
    run_sql(&stack, pair, break_tasks);
    let half = film.len() / 2;
    patch(&client, &path, 0, &film[..half]).await;
    let at = offset(&client, &path).await;
    assert_eq!(at, half, "what was recorded is promised");
    run_sql(&stack, pair, if pair == Pair::Embedded { "DROP TRIGGER broken;" } else { "DROP TRIGGER broken ON tasks" });
    let done = patch(&client, &path, at, &film[at..]).await;
    assert_eq!(done.status(), 204);
    assert!(stored(&client, &media_of(&done)).await == film, "and what is promised is there");
}

/// Bytes under a checksum that are more than announced: none of them stays.
async fn what_does_not_count_is_not_kept(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let data = vec![b'x'; (40 << 20) + 1];
    let path = begin(&client, data.len() - 1).await;
    let body =
        futures::stream::iter(data.chunks(1 << 20).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect::<Vec<_>>());
    let request = tus(&client, Method::PATCH, &path).header("upload-offset", 0).header("content-type", CHUNK);
    let request =
        request.header("upload-checksum", format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(&data))));
    let answer = request.body(reqwest::Body::wrap_stream(body)).send().await.unwrap();
    assert_eq!(problem(answer).await, (413, "too_large".into()));
    assert_eq!(offset(&client, &path).await, 0);
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let source = stack.database().await.upload(id).await.unwrap().unwrap().source_id;
    assert_eq!(stack.store().await.list(&Prefix::Source(source)).await.unwrap(), []);
}

/// A form that is larger than any may be is refused before its bytes come.
async fn too_much_is_said_at_once(pair: Pair) {
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

/// Parts have their place in quotas and limits from their beginning: at the end of their bytes nothing is in the way.
async fn at_the_end_of_all_parts(pair: Pair) {
    let settings = [
        ("SLUICE_LIMITS", "upload=2/3600,upload_account=2/3600"),
        ("SLUICE_QUOTAS", "creator.media=1,creator.uploads=1"),
    ];
    let stack = Stack::start_with(pair, &settings).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let mut urls = Vec::new();
    for data in film.chunks(film.len().div_ceil(2)) {
        let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-concat", "partial");
        let request = request.header("upload-length", data.len()).header("content-type", CHUNK);
        let made = request.body(data.to_vec()).send().await.unwrap();
        assert_eq!(made.status(), 201);
        urls.push(made.headers()["location"].to_str().unwrap().to_owned());
    }
    let now = usage(&client).await;
    assert_eq!((&now["uploads"], &now["media"]), (&1.into(), &1.into()), "they will be one: {now}");
    let third = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 9).send().await.unwrap();
    assert_eq!(problem(third).await, (429, "rate_limited".into()));
    let list = format!("final;{}", urls.join(" "));
    let whole = tus(&client, Method::POST, "/api/v1/uploads").header("upload-concat", list).send().await.unwrap();
    assert_eq!(whole.status(), 201);
    assert!(stored(&client, &media_of(&whole)).await == film);
}
