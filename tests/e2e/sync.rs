//! Picture and sound stay together: a flash and a beep that were simultaneous still are.

use harness::{Pair, Stack, fixtures, media};

crate::on_both!(passed_through, encoded);

async fn in_sync(pair: Pair, compliant: bool) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let file = fixtures::flash(compliant);
    let source = file.to_str().unwrap();
    let (flash, source_beep) = media::flash_and_beep(source, source);
    // Matroska moves everything later by the sound's priming; what counts is the distance to the picture.
    let source_beep = source_beep - media::video_start(source);
    assert_eq!(flash, 100, "the fixture");
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    let url = ready["playback"]["hls_url"].as_str().unwrap();
    let (compliant, report) = media::verify(url);
    assert!(compliant, "times on boxes: {report}");
    let (flash, beep) = media::flash_and_beep(url, url);
    assert_eq!(flash, 100, "picture 100 is shown at 4 s");
    // One audio frame at 48 kHz.
    assert!((beep - source_beep).abs() <= 1024.0 / 48_000.0, "the beep moved from {source_beep} to {beep}");
    assert!((beep - 4.0).abs() <= 1024.0 / 48_000.0, "the beep is at {beep}");
}

async fn passed_through(pair: Pair) {
    in_sync(pair, true).await;
}

async fn encoded(pair: Pair) {
    in_sync(pair, false).await;
}
