//! Resumable uploads: the protocol, the official client, broken connections, quotas.

use base64::{Engine, prelude::BASE64_STANDARD};
use harness::{
    Client, Pair, Stack,
    client::{PATIENCE, problem},
    eventually, fixtures,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::{Method, RequestBuilder, Response, multipart};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{path::Path, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream, process::Command};

crate::on_both!(
    the_protocol,
    checksums,
    parts_become_one,
    the_official_client,
    cut_three_times_each,
    ten_slots_for_a_hundred,
    quotas_in_bytes,
    no_film,
    what_head_and_termination_owe,
);

pub const CHUNK: &str = "application/offset+octet-stream";

pub fn tus(client: &Client, method: Method, path: &str) -> RequestBuilder {
    client.request(method, path).header("tus-resumable", "1.0.0")
}

pub fn number(response: &Response, name: &str) -> i64 {
    response.headers()[name].to_str().unwrap().parse().unwrap()
}

/// Begins an upload; its path.
pub async fn begin(client: &Client, length: usize) -> String {
    let title = BASE64_STANDARD.encode("A resumed film");
    let request = tus(client, Method::POST, "/api/v1/uploads").header("upload-length", length);
    let answer =
        request.header("upload-metadata", format!("title {title},filename ZmlsbS5tcDQ=")).send().await.unwrap();
    assert_eq!(answer.status(), 201, "{answer:?}");
    let location = answer.headers()["location"].to_str().unwrap();
    location.strip_prefix(&client.url).unwrap().to_owned()
}

pub async fn patch(client: &Client, path: &str, offset: usize, data: &[u8]) -> Response {
    let request = tus(client, Method::PATCH, path).header("upload-offset", offset).header("content-type", CHUNK);
    request.body(data.to_vec()).send().await.unwrap()
}

pub async fn offset(client: &Client, path: &str) -> usize {
    let answer = tus(client, Method::HEAD, path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    number(&answer, "upload-offset") as usize
}

pub fn media_of(answer: &Response) -> String {
    answer.headers()["sluice-media-id"].to_str().unwrap().to_owned()
}

pub async fn stored(client: &Client, media: &str) -> Vec<u8> {
    client.get(&format!("/raw/{media}")).await.bytes().await.unwrap().to_vec()
}

async fn the_protocol(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_MAX_UPLOAD_BYTES", "50000000")]).await;
    stack.add_worker();
    let (client, stranger) = (stack.creator().await, stack.creator().await);
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let (a, b) = (film.len() / 3, film.len() / 2);
    let options = client.request(Method::OPTIONS, "/api/v1/uploads").send().await.unwrap();
    assert!(options.status().is_success());
    assert_eq!(options.headers()["tus-version"], "1.0.0");
    assert_eq!(options.headers()["tus-max-size"], "50000000");
    for extension in [
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "termination",
        "checksum",
        "expiration",
        "concatenation",
    ] {
        assert!(options.headers()["tus-extension"].to_str().unwrap().split(',').any(|e| e == extension), "{extension}");
    }
    let path = begin(&client, film.len()).await;
    assert_eq!(offset(&client, &path).await, 0);
    assert_eq!(patch(&client, &path, 0, &film[..a]).await.status(), 204);
    let wrong = patch(&client, &path, 0, &film[..a]).await;
    assert_eq!(problem(wrong).await, (409, "offset_mismatch".into()));
    let ahead = patch(&client, &path, b, &film[b..]).await;
    assert_eq!(problem(ahead).await.0, 409);
    let type_ = tus(&client, Method::PATCH, &path).header("upload-offset", a).body("x").send().await.unwrap();
    assert_eq!(problem(type_).await, (415, "not_a_chunk".into()));
    let version = client.request(Method::PATCH, &path).header("upload-offset", a).header("content-type", CHUNK);
    let version = version.header("tus-resumable", "0.2.2").body("x").send().await.unwrap();
    assert_eq!(version.headers()["tus-version"], "1.0.0");
    assert_eq!(problem(version).await, (412, "tus_version".into()));
    let more = patch(&client, &path, a, &[&film[a..], b"more"].concat()).await;
    assert_eq!(problem(more).await, (413, "too_large".into()));
    assert_eq!(tus(&stranger, Method::HEAD, &path).send().await.unwrap().status(), 404);
    assert_eq!(problem(patch(&stranger, &path, a, &film[a..]).await).await.0, 404);
    assert_eq!(offset(&client, &path).await, a, "nothing of all this counted");
    // On another instance.
    let (_other, url) = stack.another_api();
    let elsewhere = Client { url, ..client.clone() };
    let done = patch(&elsewhere, &path, a, &film[a..]).await;
    assert_eq!((done.status().as_u16(), number(&done, "upload-offset")), (204, film.len() as i64));
    let media = media_of(&done);
    assert_eq!(stored(&client, &media).await, film);
    assert_eq!(client.wait_for(&media, &["ready"]).await["title"], "A resumed film");
    assert_eq!(offset(&client, &path).await, film.len(), "asked again, it is complete");
    assert_eq!(problem(patch(&client, &path, film.len(), b"x").await).await.0, 409);

    // creation-with-upload, and a length that is known later.
    let request =
        tus(&client, Method::POST, "/api/v1/uploads").header("upload-defer-length", "1").header("content-type", CHUNK);
    let begun = request.body(film[..a].to_vec()).send().await.unwrap();
    assert_eq!((begun.status().as_u16(), number(&begun, "upload-offset")), (201, a as i64));
    let path = begun.headers()["location"].to_str().unwrap().strip_prefix(&client.url).unwrap().to_owned();
    let head = tus(&client, Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.headers()["upload-defer-length"], "1");
    assert!(head.headers().contains_key("upload-expires"));
    let request = tus(&client, Method::PATCH, &path).header("upload-offset", a).header("content-type", CHUNK);
    let last = request.header("upload-length", film.len()).body(film[a..].to_vec()).send().await.unwrap();
    assert_eq!(last.status(), 204);
    assert_eq!(stored(&client, &media_of(&last)).await, film);

    let path = begin(&client, film.len()).await;
    assert_eq!(patch(&client, &path, 0, &film[..a]).await.status(), 204);
    assert_eq!(tus(&client, Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(problem(patch(&client, &path, a, &film[a..]).await).await.0, 404);
    for bad in ["x", "-1", "18446744073709551616", "1e3"] {
        let answer = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", bad).send().await.unwrap();
        assert_eq!(problem(answer).await, (400, "bad_request".into()), "{bad}");
    }
    let large = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", "50000001").send().await.unwrap();
    assert_eq!(problem(large).await, (413, "too_large".into()));
    let odd = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 9);
    let odd = odd
        .header("upload-metadata", format!("visibility {}", BASE64_STANDARD.encode("everyone")))
        .send()
        .await
        .unwrap();
    assert_eq!(problem(odd).await, (422, "invalid".into()), "before gigabytes are sent");
}

async fn checksums(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let path = begin(&client, film.len()).await;
    let half = film.len() / 2;
    let send = |at: usize, data: &[u8], sum: String| {
        let request = tus(&client, Method::PATCH, &path).header("upload-offset", at).header("content-type", CHUNK);
        request.header("upload-checksum", sum).body(data.to_vec()).send()
    };
    let sha256 = |data: &[u8]| format!("sha256 {}", BASE64_STANDARD.encode(Sha256::digest(data)));
    let wrong = send(0, &film[..half], sha256(b"something else")).await.unwrap();
    assert_eq!(problem(wrong).await, (460, "checksum_mismatch".into()));
    assert_eq!(offset(&client, &path).await, 0, "nothing of it was kept");
    let unknown = send(0, &film[..half], "md5 AAAA".to_owned()).await.unwrap();
    assert_eq!(problem(unknown).await, (400, "bad_request".into()));
    assert_eq!(send(0, &film[..half], sha256(&film[..half])).await.unwrap().status(), 204);
    let crc = format!("crc32 {}", BASE64_STANDARD.encode(crc32fast::hash(&film[half..]).to_be_bytes()));
    let done = send(half, &film[half..], crc).await.unwrap();
    assert_eq!(done.status(), 204);
    assert_eq!(stored(&client, &media_of(&done)).await, film);
}

async fn parts_become_one(pair: Pair) {
    // Three parts are one upload.
    let settings = [("SLUICE_GC_SECONDS", "4"), ("SLUICE_QUOTAS", "creator.uploads=1,creator.media=1")];
    let mut stack = Stack::start_with(pair, &settings).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let cuts = [0, 1000, film.len() / 2, film.len()];
    let mut urls = Vec::new();
    for part in cuts.windows(2) {
        let data = &film[part[0]..part[1]];
        let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-concat", "partial");
        let made = request.header("upload-length", data.len()).send().await.unwrap();
        let url = made.headers()["location"].to_str().unwrap().to_owned();
        let path = url.strip_prefix(&client.url).unwrap().to_owned();
        if part[0] > 0 {
            assert_eq!(patch(&client, &path, 0, data).await.status(), 204);
        }
        urls.push(url);
    }
    let join = |urls: &[String]| {
        let list = format!("final;{}", urls.join(" "));
        tus(&client, Method::POST, "/api/v1/uploads").header("upload-concat", list).send()
    };
    assert_eq!(problem(join(&urls).await.unwrap()).await, (400, "bad_request".into()), "a part is missing");
    let first = urls[0].strip_prefix(&client.url).unwrap();
    assert_eq!(patch(&client, first, 0, &film[..1000]).await.status(), 204);
    let whole = join(&urls).await.unwrap();
    assert_eq!((whole.status().as_u16(), number(&whole, "upload-length")), (201, film.len() as i64));
    let media = media_of(&whole);
    // Whoever lost the answer asks for the parts, finds them complete, and joins them again.
    assert_eq!(offset(&client, first).await, 1000);
    let again = join(&urls).await.unwrap();
    assert_eq!(
        (again.status().as_u16(), media_of(&again), &again.headers()["location"]),
        (201, media.clone(), &whole.headers()["location"])
    );
    let other: Vec<String> = urls.iter().rev().cloned().collect();
    assert_eq!(problem(join(&other).await.unwrap()).await.0, 403, "there is one media, and room for no more");
    let written = whole.headers()["location"].to_str().unwrap().strip_prefix(&client.url).unwrap();
    assert_eq!(problem(patch(&client, written, film.len(), b"x").await).await, (403, "forbidden".into()));
    let more = tus(&client, Method::POST, "/api/v1/uploads").header("upload-concat", "partial");
    let more = more.header("upload-length", 9).send().await.unwrap();
    assert_eq!(problem(more).await, (403, "quota_exceeded".into()), "said before its bytes are sent");
    assert_eq!(stored(&client, &media).await, film);
    client.wait_for(&media, &["ready"]).await;
    // The sweep leaves the parts' bytes alone, until the whole goes.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(stored(&client, &media).await, film);
    client.json(Method::DELETE, &format!("/api/v1/media/{media}"), &Value::Null, 204).await;
    if pair == Pair::Embedded {
        let folder = stack.folder().join("store/sources");
        eventually("all bytes are gone", Duration::from_secs(60), || async { (files(&folder) == 0).then_some(()) })
            .await;
    }
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|e| if e.path().is_dir() { files(&e.path()) } else { 1 }).sum()
}

/// tus-js-client from npm, unchanged.
async fn the_official_client(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = stack.folder().join("film.mp4");
    let mut data = std::fs::read(fixtures::compliant(10)).unwrap();
    // Large enough to be cut: an MP4 may end in a free box.
    let free = 12_u32 << 20;
    data.extend(free.to_be_bytes());
    data.extend(b"free");
    data.resize(data.len() + free as usize - 8, 7);
    std::fs::write(&film, &data).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    for (parallel, chunk, mode) in
        [("1", "0", ""), ("1", "1000000", ""), ("1", "700000", "cut"), ("3", "0", ""), ("4", "500000", "")]
    {
        let run = Command::new("node")
            .current_dir(&folder)
            .arg("tus.mjs")
            .args([
                &format!("{}/api/v1/uploads", stack.url),
                &client.token,
                film.to_str().unwrap(),
                parallel,
                chunk,
                mode,
            ])
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(60), run).await.expect("the client hangs").unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{parallel} {chunk} {mode}: {said}");
        let result: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(result["most"].as_u64().unwrap(), data.len() as u64);
        assert!(mode.is_empty() || result["resumed"] == true, "{said}");
        let media = result["media"].as_str().unwrap_or_else(|| panic!("no media: {said}"));
        assert!(stored(&client, media).await == data, "{parallel} {chunk} {mode}: other bytes");
        assert_eq!(client.media(media).await["title"], "Ein Film – mit Umlaut");
    }
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

/// Two hundred uploads, each cut by a client that dies, a connection that is reset and an API that is killed.
async fn cut_three_times_each(pair: Pair) {
    const BATCHES: usize = 20;
    const EACH: usize = 10;
    let lifted = "login=0/1,login_account=0/1,register=0/1,upload=0/1,upload_account=0/1";
    let mut stack = Stack::start_with(pair, &[("SLUICE_LIMITS", lifted)]).await;
    let mut client = stack.creator().await;
    let mut random = StdRng::seed_from_u64(7);
    let mut head = std::fs::read(fixtures::silent()).unwrap();
    head.truncate(20_000);
    let mut kept = 0;
    for batch in 0..BATCHES {
        let films: Vec<Vec<u8>> = (0..EACH)
            .map(|_| {
                let mut film = head.clone();
                // In one batch larger than the extents of ten uploads at once.
                let large = if batch == 7 { 8_000_000 } else { 0 };
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
                if batch == 7 {
                    // Killed between extents, not before the first. Asking by GET disturbs nobody.
                    eventually("something is stored", PATIENCE, || async {
                        let seen = client.json(Method::GET, &paths[0], &Value::Null, 200).await;
                        (seen["offset_bytes"].as_u64() > Some(at[0] as u64)).then_some(())
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

async fn ten_slots_for_a_hundred(pair: Pair) {
    let settings = [("SLUICE_QUOTAS", "creator.uploads=10"), ("SLUICE_LIMITS", "upload=0/1,upload_account=0/1")];
    let stack = Stack::start_with(pair, &settings).await;
    let client = stack.creator().await;
    let (_other, url) = stack.another_api();
    let tries: Vec<_> = (0..100)
        .map(|i| {
            let client = if i % 2 == 0 { client.clone() } else { Client { url: url.clone(), ..client.clone() } };
            tokio::spawn(async move {
                let answer =
                    tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 9).send().await.unwrap();
                (answer.status().as_u16(), answer.headers().get("location").map(|l| l.to_str().unwrap().to_owned()))
            })
        })
        .collect();
    let mut paths = Vec::new();
    for t in tries {
        match t.await.unwrap() {
            (201, Some(location)) => paths.push(url::Url::parse(&location).unwrap().path().to_owned()),
            (status, _) => assert_eq!(status, 403),
        }
    }
    assert_eq!(paths.len(), 10);
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!(
        (usage["uploads"].as_i64(), usage["uploads_limit"].as_i64(), usage["media"].as_i64()),
        (Some(10), Some(10), Some(10))
    );
    let full = client.try_upload(&fixtures::silent()).await;
    assert_eq!(problem(full).await, (403, "quota_exceeded".into()), "forms count alike");
    assert_eq!(tus(&client, Method::DELETE, &paths[0]).send().await.unwrap().status(), 204);
    assert_eq!(client.try_upload(&fixtures::silent()).await.status(), 201, "a slot is free again");
    begin(&client, 9).await;
}

async fn quotas_in_bytes(pair: Pair) {
    let film = fixtures::silent();
    let size = std::fs::metadata(&film).unwrap().len() as i64;
    let quotas = format!("creator.stored={},creator.day={},creator.media=2", size * 5 / 2, size * 6);
    let stack = Stack::start_with(pair, &[("SLUICE_QUOTAS", &quotas)]).await;
    let client = stack.creator().await;
    let first = client.upload(&film).await;
    client.upload(&film).await;
    let third = client.try_upload(&film).await;
    assert_eq!(problem(third).await, (403, "quota_exceeded".into()));
    let id = first["id"].as_str().unwrap();
    client.json(Method::DELETE, &format!("/api/v1/media/{id}"), &Value::Null, 204).await;
    let large = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", size * 2).send().await.unwrap();
    assert_eq!(problem(large).await, (403, "quota_exceeded".into()), "announced bytes are reserved");
    client.upload(&film).await;
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((usage["media"].as_i64(), usage["stored_bytes"].as_i64()), (Some(2), Some(size * 2)));
    assert!(usage["day_bytes"].as_i64().unwrap() >= size * 3, "a deletion gives no day back: {usage}");
    assert_eq!(usage["stored_bytes_limit"], json!(size * 5 / 2));
}

/// What is no film is refused after its first kilobytes, however it comes.
/// What a client wrote of an upload it reads again; and a complete one can be terminated too, with its media.
async fn what_head_and_termination_owe(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (client, stranger) = (stack.creator().await, stack.creator().await);
    let film = std::fs::read(fixtures::silent()).unwrap();
    let sent = "nonlatin c8WCb8WEY2U=,number MTAw,filename aGVsbG8ubXA0,empty";
    let begun = async |concat: &str, length: usize| {
        let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-metadata", sent);
        let request = if concat.is_empty() { request } else { request.header("upload-concat", concat) };
        let request = if concat.starts_with("final") { request } else { request.header("upload-length", length) };
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201, "{answer:?}");
        answer.headers()["location"].to_str().unwrap().strip_prefix(&client.url).unwrap().to_owned()
    };
    let head = async |path: &str| tus(&client, Method::HEAD, path).send().await.unwrap();
    let path = begun("", film.len()).await;
    for done in [0, film.len()] {
        let seen = head(&path).await;
        assert_eq!((seen.status().as_u16(), seen.headers()["upload-metadata"].to_str().unwrap()), (200, sent));
        assert_eq!(number(&seen, "upload-offset"), done as i64);
        if done == 0 {
            assert_eq!(patch(&client, &path, 0, &film).await.status(), 204);
        }
    }
    let media = head(&path).await.headers()["sluice-media-id"].to_str().unwrap().to_owned();
    assert_eq!(tus(&stranger, Method::DELETE, &path).send().await.unwrap().status(), 404);
    assert_eq!(tus(&client, Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(head(&path).await.status(), 404);
    assert_eq!(client.get(&format!("/api/v1/media/{media}")).await.status(), 404);
    // A whole knows what it was put together from.
    let (one, two) = film.split_at(film.len() / 2);
    let parts = [begun("partial", one.len()).await, begun("partial", two.len()).await];
    for (path, bytes) in parts.iter().zip([one, two]) {
        assert_eq!(patch(&client, path, 0, bytes).await.status(), 204);
        assert_eq!(head(path).await.headers()["upload-concat"], "partial");
    }
    let concat = format!("final;{} {}", parts[0], parts[1]);
    let whole = begun(&concat, 0).await;
    assert_eq!(head(&whole).await.headers()["upload-concat"].to_str().unwrap(), concat);
}

async fn no_film(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let text = std::fs::read(fixtures::text()).unwrap();
    let path = begin(&client, 50_000_000).await;
    let refused = patch(&client, &path, 0, &text).await;
    assert_eq!(problem(refused).await, (415, "unsupported_type".into()));
    assert_eq!(problem(patch(&client, &path, 0, &text).await).await.0, 404, "and it is gone");
    let brief = begin(&client, 6).await;
    assert_eq!(problem(patch(&client, &brief, 0, b"hello!").await).await, (415, "unsupported_type".into()));
    // Declared as something that no film is: refused before the bytes.
    let declared = format!("filetype {}", BASE64_STANDARD.encode("application/pdf"));
    let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 50_000_000);
    let refused = request.header("upload-metadata", declared).send().await.unwrap();
    assert_eq!(problem(refused).await, (415, "unsupported_type".into()));
    for (kind, status) in [("text/html", 415), ("text/vnd.trolltech.linguist", 201)] {
        let film = std::fs::read(fixtures::silent()).unwrap();
        let part = multipart::Part::bytes(film).file_name("film.ts").mime_str(kind).unwrap();
        let form = multipart::Form::new().part("file", part);
        let answer = client.request(Method::POST, "/api/v1/media").multipart(form).send().await.unwrap();
        assert_eq!(answer.status(), status, "{kind}");
    }
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((usage["uploads"].as_i64(), usage["media"].as_i64()), (Some(0), Some(1)));
}
