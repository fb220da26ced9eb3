//! The same bytes again cost no encode, and nothing is left of uploads that nobody needs.

use harness::{
    Pair, Stack,
    client::PATIENCE,
    eventually, fixtures,
    tus::{begin_media, patch, stored},
};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

harness::on_both!(same_bytes_share_one_package, reupload_during_deletion_stays_playable);

async fn same_bytes_share_one_package(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (ada, bob) = (stack.creator().await, stack.creator().await);
    let film = fixtures::foreign(14);
    let first = ada.upload(&film).await["id"].as_str().unwrap().to_owned();
    let ready = ada.wait_for(&first, &["ready"]).await;
    let second = bob.upload(&film).await["id"].as_str().unwrap().to_owned();
    bob.wait_for(&second, &["ready"]).await;
    let variant = |text: String| text.lines().find(|l| l.ends_with(".m3u8")).unwrap().to_owned();
    let one = variant(ada.text(&format!("/hls/{first}/index.m3u8")).await);
    let two = eventually("the package is shared", PATIENCE, || async {
        let two = variant(bob.text(&format!("/hls/{second}/index.m3u8")).await);
        (two == one).then_some(two)
    })
    .await;
    // The first owner leaves; the second still has the film.
    assert_eq!(ada.request(Method::DELETE, &format!("/api/v1/media/{first}")).send().await.unwrap().status(), 204);
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    assert_eq!(bob.get(&format!("/hls/{second}/{two}")).await.status(), 200);
    let raw = bob.get(&format!("/raw/{second}")).await.bytes().await.unwrap();
    assert!(raw == std::fs::read(&film).unwrap());
    assert_eq!(ready["status"], "ready");
}

/// The last media of some bytes is deleted while the same bytes are uploaded again: whatever the order, what
/// is uploaded plays, and stays when the window is over.
async fn reupload_during_deletion_stays_playable(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (first, second) = (stack.creator().await, stack.creator().await);
    let film = std::fs::read(fixtures::silent()).unwrap();
    let before = first.upload(fixtures::silent().as_path()).await["id"].as_str().unwrap().to_owned();
    first.wait_for(&before, &["ready"]).await;
    let mut old = before;
    for round in 0..6 {
        let (path, media) = begin_media(&second, film.len()).await;
        let half = film.len() / 2;
        assert_eq!(patch(&second, &path, 0, &film[..half]).await.status(), 204);
        let owner = if round == 0 { &first } else { &second };
        stack.pass(Duration::from_secs(86_000));
        let gone = format!("/api/v1/media/{old}");
        let delete = async {
            tokio::time::sleep(Duration::from_millis(round * 60)).await;
            owner.json(Method::DELETE, &gone, &Value::Null, 204).await;
        };
        let finish = patch(&second, &path, half, &film[half..]);
        let ((), status) = tokio::join!(delete, finish);
        assert_eq!(status.status(), 204);
        second.wait_for(&media, &["ready"]).await;
        old = media;
    }
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    assert!(stored(&second, &old).await == film);
    let list = second.text(&format!("/hls/{old}/index.m3u8")).await;
    let variant = list.lines().find(|l| !l.starts_with('#')).unwrap().to_owned();
    let names = second.text(&format!("/hls/{old}/{variant}")).await;
    let folder = variant.rsplit_once('/').unwrap().0;
    for name in names.lines().filter(|l| !l.starts_with('#')) {
        assert_eq!(second.get(&format!("/hls/{old}/{folder}/{name}")).await.status(), 200, "{name}");
    }
}
