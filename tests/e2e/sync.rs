//! Picture and sound stay together: a flash and a beep that were simultaneous still are.

use harness::{Pair, Stack, fixtures, media};

crate::on_both!(passed_through, encoded);

async fn in_sync(pair: Pair, compliant: bool) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let file = fixtures::flash(compliant);
    let (white, beep) = media::flash_and_beep(file.to_str().unwrap(), file.to_str().unwrap());
    let source_offset = beep - white;
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    let url = ready["playback"]["hls_url"].as_str().unwrap();
    // One command reads both tracks of the presentation on one clock.
    let (white, beep) = media::flash_and_beep(url, url);
    // ffprobe and ffmpeg 5.1 show pictures of signed-offset fragments late by up to two frames at
    // 25 a second; the boxes, which `verify` reads, say the exact time. One audio frame beside that.
    let error = (beep - white) - source_offset;
    assert!((-2.0 / 25.0 - 0.024..=0.024).contains(&error), "offset {error:.4} s; white {white}, beep {beep}");
    assert!((beep - 4.0).abs() <= 0.024, "the beep is at {beep}");
}

async fn passed_through(pair: Pair) {
    in_sync(pair, true).await;
}

async fn encoded(pair: Pair) {
    in_sync(pair, false).await;
}
