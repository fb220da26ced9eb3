//! The same bytes again cost no encode, and nothing is left of uploads that nobody needs.

use harness::{Pair, Stack, client::PATIENCE, eventually, fixtures};
use reqwest::Method;
use std::time::Duration;

crate::on_both!(the_same_film_twice);

async fn the_same_film_twice(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_GC_SECONDS", "3")]).await;
    stack.add_worker();
    let (ada, bob) = (stack.creator().await, stack.creator().await);
    let film = fixtures::foreign(14);
    let first = ada.upload(&film).await["id"].as_str().unwrap().to_owned();
    let ready = ada.wait_for(&first, &["ready"]).await;
    let second = bob.upload(&film).await["id"].as_str().unwrap().to_owned();
    bob.wait_for(&second, &["ready"]).await;
    let variant = |text: String| text.lines().last().unwrap().to_owned();
    let one = variant(ada.text(&format!("/hls/{first}/index.m3u8")).await);
    let two = eventually("the package is shared", PATIENCE, || async {
        let two = variant(bob.text(&format!("/hls/{second}/index.m3u8")).await);
        (two == one).then_some(two)
    })
    .await;
    // The first owner leaves; the second still has the film.
    assert_eq!(ada.request(Method::DELETE, &format!("/api/v1/media/{first}")).send().await.unwrap().status(), 204);
    eventually("the spare bytes are swept", Duration::from_secs(60), || async {
        stack.logs().contains("\"deleted\"").then_some(())
    })
    .await;
    assert_eq!(bob.get(&format!("/hls/{second}/{two}")).await.status(), 200);
    let raw = bob.get(&format!("/raw/{second}")).await.bytes().await.unwrap();
    assert!(raw == std::fs::read(&film).unwrap());
    assert_eq!(ready["status"], "ready");
}
