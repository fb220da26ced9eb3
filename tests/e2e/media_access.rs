//! Who may see what.

use harness::{Pair, Stack, client::problem, fixtures};
use reqwest::{Method, multipart};

harness::on_both!(private_media_is_404_for_others);

async fn private_media_is_404_for_others(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (owner, other) = (stack.creator().await, stack.creator().await);
    let part = multipart::Part::bytes(std::fs::read(fixtures::silent()).unwrap()).file_name("x.mp4");
    let form = multipart::Form::new().text("title", "Mine").part("file", part);
    let media: serde_json::Value =
        owner.request(Method::POST, "/api/v1/media").multipart(form).send().await.unwrap().json().await.unwrap();
    assert_eq!(media["visibility"], "private", "unless said otherwise");
    let id = media["id"].as_str().unwrap();
    owner.wait_for(id, &["ready"]).await;

    let top = owner.text(&format!("/hls/{id}/index.m3u8")).await;
    let list = format!("/hls/{id}/{}", top.lines().find(|l| l.ends_with(".m3u8")).unwrap());
    let text = owner.text(&list).await;
    let segment =
        format!("{}/{}", list.rsplit_once('/').unwrap().0, text.lines().find(|l| l.ends_with(".m4s")).unwrap());
    let paths =
        [format!("/api/v1/media/{id}"), format!("/hls/{id}/index.m3u8"), list, segment.clone(), format!("/raw/{id}")];
    for path in &paths {
        assert_eq!(owner.get(path).await.status(), 200, "{path}");
        assert_eq!(problem(other.get(path).await).await, (404, "not_found".into()), "{path}");
        let anonymous = other.http.get(format!("{}{path}", stack.url)).send().await.unwrap();
        assert_eq!(problem(anonymous).await, (404, "not_found".into()), "{path}");
    }
    // One's own media is no key to somebody else's package.
    let own = other.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    other.wait_for(&own, &["ready"]).await;
    let foreign = other.upload(&fixtures::compliant(10)).await["id"].as_str().unwrap().to_owned();
    let through = segment.replacen(id, &foreign, 1);
    assert_eq!(problem(other.get(&through).await).await.0, 404);
    for odd in ["..%2f..%2fetc%2fpasswd", "%2e%2e", "init.mp4%00", "x".repeat(5000).as_str()] {
        let path = format!("{}/{odd}", segment.rsplit_once('/').unwrap().0);
        assert!(owner.get(&path).await.status().is_client_error(), "{odd}");
    }
    assert_eq!(
        problem(other.request(Method::DELETE, &format!("/api/v1/media/{id}")).send().await.unwrap()).await.0,
        404
    );
    assert_eq!(owner.request(Method::DELETE, &format!("/api/v1/media/{id}")).send().await.unwrap().status(), 204);
    assert_eq!(problem(owner.get(&segment).await).await.0, 404, "gone at once");

    // Headers: a shared cache must not keep what is private; playlists are compressed on request.
    let gzip = other.get(&format!("/hls/{own}/index.m3u8")).await;
    assert_eq!(gzip.headers()["content-type"], "application/vnd.apple.mpegurl");
    let plain = harness::client::http();
    let packed = plain
        .get(format!("{}/hls/{own}/index.m3u8", stack.url))
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["access-control-allow-origin"], "*");
    assert_eq!(packed.headers()["x-content-type-options"], "nosniff");
    let etag = packed.headers()["etag"].to_str().unwrap().to_owned();
    let again =
        plain.get(format!("{}/hls/{own}/index.m3u8", stack.url)).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
}
