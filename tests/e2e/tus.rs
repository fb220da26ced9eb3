//! The protocol of resumable uploads (tus 1.0): each verb, then each extension, then the official client.

use base64::{Engine, prelude::BASE64_STANDARD};
use harness::{
    Client, Pair, Stack,
    client::problem,
    eventually, fixtures,
    tus::{CHUNK, begin, files, location, media_of, number, offset, patch, stored, tus, usage},
};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{path::Path, time::Duration};
use tokio::process::Command;

harness::on_both!(
    options_lists_version_size_and_extensions,
    post_creates_or_refuses_by_its_headers,
    post_with_bytes_and_deferred_length,
    post_with_method_override_patches,
    head_returns_offset_metadata_and_parts,
    patch_refuses_what_does_not_continue,
    patch_continues_on_another_instance,
    delete_ends_unfinished_and_complete_uploads,
    bad_checksum_stores_nothing,
    concatenation_joins_parts_once,
    expired_upload_is_gone,
    official_client_uploads_whole_cut_and_in_parts,
);

const MOST_BYTES: (&str, &str) = ("SLUICE_MAX_UPLOAD_BYTES", "50000000");

async fn options_lists_version_size_and_extensions(pair: Pair) {
    let stack = Stack::start_with(pair, &[MOST_BYTES]).await;
    let options = stack.creator().await.request(Method::OPTIONS, "/api/v1/uploads").send().await.unwrap();
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
}

async fn post_creates_or_refuses_by_its_headers(pair: Pair) {
    let stack = Stack::start_with(pair, &[MOST_BYTES]).await;
    let client = stack.creator().await;
    let path = begin(&client, 1000).await;
    assert_eq!(offset(&client, &path).await, 0);
    let create = async |length: &str| {
        tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", length).send().await.unwrap()
    };
    for bad in ["x", "-1", "18446744073709551616", "1e3"] {
        assert_eq!(problem(create(bad).await).await, (400, "bad_request".into()), "{bad}");
    }
    assert_eq!(problem(create("50000001").await).await, (413, "too_large".into()));
    let odd = format!("visibility {}", BASE64_STANDARD.encode("everyone"));
    let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 9);
    let odd = request.header("upload-metadata", odd).send().await.unwrap();
    assert_eq!(problem(odd).await, (422, "invalid".into()), "before gigabytes are sent");
}

/// The extensions creation-with-upload and creation-defer-length.
async fn post_with_bytes_and_deferred_length(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let a = film.len() / 3;
    let request =
        tus(&client, Method::POST, "/api/v1/uploads").header("upload-defer-length", "1").header("content-type", CHUNK);
    let begun = request.body(film[..a].to_vec()).send().await.unwrap();
    assert_eq!((begun.status().as_u16(), number(&begun, "upload-offset")), (201, a as i64));
    let path = location(&client, &begun);
    let head = tus(&client, Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.headers()["upload-defer-length"], "1");
    assert!(head.headers().contains_key("upload-expires"));
    let request = tus(&client, Method::PATCH, &path).header("upload-offset", a).header("content-type", CHUNK);
    let last = request.header("upload-length", film.len()).body(film[a..].to_vec()).send().await.unwrap();
    assert_eq!(last.status(), 204);
    assert!(stored(&client, &media_of(&last)).await == film);
}

/// Creates an upload with metadata that are worth reading again, of one of the kinds of concatenation; its path.
async fn begun(client: &Client, concat: &str, length: usize) -> String {
    let request = tus(client, Method::POST, "/api/v1/uploads").header("upload-metadata", METADATA);
    let request = if concat.is_empty() { request } else { request.header("upload-concat", concat) };
    let request = if concat.starts_with("final") { request } else { request.header("upload-length", length) };
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 201, "{answer:?}");
    location(client, &answer)
}

const METADATA: &str = "nonlatin c8WCb8WEY2U=,number MTAw,filename aGVsbG8ubXA0,empty";

/// What a client wrote of an upload it reads again.
async fn head_returns_offset_metadata_and_parts(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let head = async |path: &str| tus(&client, Method::HEAD, path).send().await.unwrap();
    let path = begun(&client, "", film.len()).await;
    for done in [0, film.len()] {
        let seen = head(&path).await;
        assert_eq!((seen.status().as_u16(), seen.headers()["upload-metadata"].to_str().unwrap()), (200, METADATA));
        assert_eq!(number(&seen, "upload-offset"), done as i64);
        if done == 0 {
            assert_eq!(patch(&client, &path, 0, &film).await.status(), 204);
        }
    }
    // A whole knows what it was put together from.
    let (one, two) = film.split_at(film.len() / 2);
    let parts = [begun(&client, "partial", one.len()).await, begun(&client, "partial", two.len()).await];
    for (path, bytes) in parts.iter().zip([one, two]) {
        assert_eq!(patch(&client, path, 0, bytes).await.status(), 204);
        assert_eq!(head(path).await.headers()["upload-concat"], "partial");
    }
    let concat = format!("final;{} {}", parts[0], parts[1]);
    let whole = begun(&client, &concat, 0).await;
    assert_eq!(head(&whole).await.headers()["upload-concat"].to_str().unwrap(), concat);
}

async fn patch_refuses_what_does_not_continue(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (client, stranger) = (stack.creator().await, stack.creator().await);
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let (a, b) = (film.len() / 3, film.len() / 2);
    let path = begin(&client, film.len()).await;
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
}

async fn patch_continues_on_another_instance(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let a = film.len() / 3;
    let path = begin(&client, film.len()).await;
    assert_eq!(patch(&client, &path, 0, &film[..a]).await.status(), 204);
    let (_other, url) = stack.another_api();
    let elsewhere = Client { url, ..client.clone() };
    let done = patch(&elsewhere, &path, a, &film[a..]).await;
    assert_eq!((done.status().as_u16(), number(&done, "upload-offset")), (204, film.len() as i64));
    let media = media_of(&done);
    assert!(stored(&client, &media).await == film);
    assert_eq!(client.wait_for(&media, &["ready"]).await["title"], "A resumed film");
    assert_eq!(offset(&client, &path).await, film.len(), "asked again, it is complete");
    assert_eq!(problem(patch(&client, &path, film.len(), b"x").await).await.0, 409);
}

/// The extension termination; a complete upload goes with its media.
async fn delete_ends_unfinished_and_complete_uploads(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (client, stranger) = (stack.creator().await, stack.creator().await);
    let film = std::fs::read(fixtures::silent()).unwrap();
    let a = film.len() / 3;
    let path = begin(&client, film.len()).await;
    assert_eq!(patch(&client, &path, 0, &film[..a]).await.status(), 204);
    assert_eq!(tus(&client, Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(problem(patch(&client, &path, a, &film[a..]).await).await.0, 404);
    let path = begin(&client, film.len()).await;
    let media = media_of(&patch(&client, &path, 0, &film).await);
    assert_eq!(tus(&stranger, Method::DELETE, &path).send().await.unwrap().status(), 404);
    assert_eq!(tus(&client, Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(tus(&client, Method::HEAD, &path).send().await.unwrap().status(), 404);
    assert_eq!(client.get(&format!("/api/v1/media/{media}")).await.status(), 404);
}

async fn post_with_method_override_patches(pair: Pair) {
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

async fn bad_checksum_stores_nothing(pair: Pair) {
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

async fn concatenation_joins_parts_once(pair: Pair) {
    // Three parts are one upload.
    let settings = [("SLUICE_QUOTAS", "creator.uploads=1,creator.media=1")];
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
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    assert_eq!(stored(&client, &media).await, film);
    client.json(Method::DELETE, &format!("/api/v1/media/{media}"), &Value::Null, 204).await;
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    if pair == Pair::Embedded {
        assert_eq!(files(&stack.folder().join("store/sources")), 0, "all bytes are gone");
    }
}

async fn expired_upload_is_gone(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let path = begin(&client, 10_000).await;
    stack.pass(Duration::from_secs(2 * 86_400));
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

/// tus-js-client from npm, unchanged.
async fn official_client_uploads_whole_cut_and_in_parts(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = stack.folder().join("film.mp4");
    let data = fixtures::padded(&fixtures::compliant(10), 12 << 20);
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
