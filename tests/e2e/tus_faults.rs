//! Resumable uploads over bad networks: cut, stalled, corrupted, killed; what was acknowledged is there.

use base64::{Engine, prelude::BASE64_STANDARD};
use harness::{
    Client, NO_QUOTAS, Pair, Stack,
    client::{PATIENCE, problem},
    eventually, fixtures, proof,
    tus::{CHUNK, begin, media_of, offset, patch, stored, tus},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_storage::{Key, Prefix};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

harness::on_both!(
    every_cut_resumes_from_stored_offset,
    stalled_patch_ends_with_503,
    newer_patch_takes_over,
    late_patch_is_told_where_the_upload_is,
    corrupted_chunk_can_be_sent_again,
    recorded_bytes_survive_database_error,
    oversized_checksummed_patch_leaves_no_extent,
    unrecorded_extents_are_swept
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

/// How a connection ends.
#[derive(Clone, Copy)]
enum Cut {
    Closed,
    Reset,
    /// Left open; the API is killed.
    Open,
}

/// Sends some of the bytes of a PATCH that announces all of them.
async fn send_some(
    client: &Client,
    path: &str,
    offset: usize,
    data: &[u8],
    some: usize,
    cut: Cut,
) -> Option<TcpStream> {
    let host = client.url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nTus-Resumable: 1.0.0\r\nContent-Type: {CHUNK}\r\n\
         Upload-Offset: {offset}\r\nContent-Length: {}\r\n\r\n",
        client.token,
        data.len() - offset
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&data[offset..offset + some]).await.unwrap();
    connection.flush().await.unwrap();
    match cut {
        Cut::Open => return Some(connection),
        Cut::Reset => connection.set_zero_linger().unwrap(),
        Cut::Closed => {}
    }
    None
}

/// Many uploads, each cut by a client that dies, a connection that is reset and an API that is killed.
async fn every_cut_resumes_from_stored_offset(pair: Pair) {
    const EACH: usize = 10;
    let lifted = "login=0/1,login_account=0/1,register=0/1,upload=0/1,upload_account=0/1";
    let mut stack = Stack::start_with(pair, &[("SLUICE_LIMITS", lifted), NO_QUOTAS]).await;
    let mut client = stack.creator().await;
    let mut random = StdRng::seed_from_u64(7);
    let mut head = std::fs::read(fixtures::silent()).unwrap();
    head.truncate(20_000);
    let mut kept = 0;
    let batches = proof(3, 20);
    for batch in 0..batches {
        let films: Vec<Vec<u8>> = (0..EACH)
            .map(|_| {
                let mut film = head.clone();
                // In one batch larger than the extents of ten uploads at once.
                let large = if batch == 1 { 8_000_000 } else { 0 };
                film.resize(large + random.random_range(200_000..900_000), 0);
                random.fill(&mut film[20_000..]);
                film
            })
            .collect();
        let mut paths = Vec::new();
        for film in &films {
            paths.push(begin(&client, film.len()).await);
        }
        let mut at = [0; EACH];
        for cut in [Cut::Closed, Cut::Reset, Cut::Open] {
            let mut open = Vec::new();
            for i in 0..EACH {
                let some = random.random_range(1..(films[i].len() - at[i]) / 2);
                open.extend(send_some(&client, &paths[i], at[i], &films[i], some, cut).await);
            }
            if matches!(cut, Cut::Open) {
                if batch == 1 {
                    // Killed between extents, not before the first. Asking by GET disturbs nobody.
                    eventually("something is stored", PATIENCE, || async {
                        for i in 0..EACH {
                            let seen = client.json(Method::GET, &paths[i], &Value::Null, 200).await;
                            if seen["offset_bytes"].as_u64() > Some(at[i] as u64) {
                                return Some(());
                            }
                        }
                        None
                    })
                    .await;
                }
                stack.restart_api();
                client.url = stack.url.clone();
            }
            drop(open);
            for i in 0..EACH {
                let now = offset(&client, &paths[i]).await;
                assert!(
                    now >= at[i] && now < films[i].len(),
                    "what was acknowledged is there, and no more than was sent"
                );
                if matches!(cut, Cut::Open) {
                    kept += now - at[i];
                }
                at[i] = now;
            }
        }
        for i in 0..EACH {
            let done = patch(&client, &paths[i], at[i], &films[i][at[i]..]).await;
            assert_eq!(done.status(), 204, "batch {batch}");
            assert!(stored(&client, &media_of(&done)).await == films[i], "batch {batch}, upload {i}: other bytes");
        }
    }
    assert!(kept > 0, "what was stored before a kill -9 is there");
}

async fn stalled_patch_ends_with_503(pair: Pair) {
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

async fn newer_patch_takes_over(pair: Pair) {
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

/// A client that gave a request up and asked where to go on: what it gave up is taken in while it goes on, and ends the upload.
async fn late_patch_is_told_where_the_upload_is(pair: Pair) {
    let lifted = ("SLUICE_LIMITS", "upload=0/1,upload_account=0/1");
    let stack = Stack::start_with(pair, &[lifted, NO_QUOTAS]).await;
    let client = stack.creator().await;
    let mut film = std::fs::read(fixtures::silent()).unwrap();
    film.truncate(20_000);
    let mut seen = BTreeMap::new();
    for _ in 0..proof(40, 400) {
        let path = begin(&client, film.len()).await;
        assert_eq!(patch(&client, &path, 0, &film[..9000]).await.status(), 204);
        let all = futures::future::join_all((0..4).map(|_| patch(&client, &path, 9000, &film[9000..]))).await;
        for answer in all {
            *seen.entry(answer.status().as_u16()).or_insert(0) += 1;
        }
        // Whoever is told anything but that it is done asks, and is told that it is.
        assert_eq!(offset(&client, &path).await, film.len());
    }
    assert!(seen.contains_key(&204) && seen.keys().all(|status| [204, 409, 423].contains(status)), "{seen:?}");
}

async fn corrupted_chunk_can_be_sent_again(pair: Pair) {
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

/// The database fails just after bytes were recorded: they stay.
async fn recorded_bytes_survive_database_error(pair: Pair) {
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
    stack.run_sql(break_tasks);
    let half = film.len() / 2;
    patch(&client, &path, 0, &film[..half]).await;
    let at = offset(&client, &path).await;
    assert_eq!(at, half, "what was recorded is promised");
    stack.run_sql(if pair == Pair::Embedded { "DROP TRIGGER broken;" } else { "DROP TRIGGER broken ON tasks" });
    let done = patch(&client, &path, at, &film[at..]).await;
    assert_eq!(done.status(), 204);
    assert!(stored(&client, &media_of(&done)).await == film, "and what is promised is there");
}

/// Bytes under a checksum that are more than announced: none of them stays.
async fn oversized_checksummed_patch_leaves_no_extent(pair: Pair) {
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
    let source = stack.database().await.uploads().find(id).await.unwrap().unwrap().source_id;
    assert_eq!(stack.store().await.list(&Prefix::Source(source)).await.unwrap(), []);
}

/// What an API stored and died before recording goes once the upload is complete and the window is over.
async fn unrecorded_extents_are_swept(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let path = begin(&client, film.len()).await;
    let done = patch(&client, &path, 0, &film).await;
    let media = media_of(&done);
    client.wait_for(&media, &["ready"]).await;
    let source = stack.database().await.media().find(media.parse().unwrap()).await.unwrap().unwrap().source_id;
    let (store, lost) = (stack.store().await, Key::Extent { source, number: 7 });
    store.put(&lost, vec![0; 1000].into()).await.unwrap();
    stack.sweep().await;
    assert!(store.size(&lost).await.unwrap().is_some(), "whoever stored it may be about to record it");
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    assert_eq!(store.size(&lost).await.unwrap(), None);
    assert!(stored(&client, &media).await == film);
}
