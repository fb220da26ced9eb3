//! Picture and sound together, as hls.js presents them in Chromium: by light and by sound, not by what boxes say.

use crate::node;
use harness::{NO_QUOTAS, Pair, Stack, fixtures, in_sample, proof};
use serde_json::{Value, json};
use std::path::PathBuf;

harness::on_both!(hls_js_shows_flashes_with_their_beeps);

/// A picture is late or early for people from about here on, seconds.
const TOLERANCE_S: f64 = 0.022;
const SECONDS: u32 = 6;

/// A film with a flash and a beep at its beginning, middle and end, and when.
fn film(rate: (u32, u32), container: &str, kept: bool) -> (PathBuf, Vec<f64>) {
    let second = rate.0 / rate.1 + 1;
    let pictures = [second, second * 5 / 2, second * 9 / 2];
    let group = second.to_string();
    let picture: &[&str] = match kept {
        true => &["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", &group],
        false => &["-c:v", "mpeg4", "-q:v", "3", "-bf", "2", "-g", &group],
    };
    let sound: &[&str] = if container == "avi" { &["-c:a", "pcm_s16le"] } else { &["-c:a", "aac"] };
    let name = format!("beeps-{}-{kept}.{container}", rate.0);
    let file = fixtures::flashes(&name, rate, SECONDS, &pictures, &[picture, sound].concat());
    (file, pictures.iter().map(|n| f64::from(*n) * f64::from(rate.1) / f64::from(rate.0)).collect())
}

fn numbers(seen: &Value, what: &str) -> Vec<f64> {
    seen[what].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
}

/// How much later than its flash each beep is heard, seconds; what the way of measuring adds is in it.
fn offsets(seen: &Value, count: usize) -> Vec<f64> {
    let (flashes, beeps) = (numbers(seen, "flashes"), numbers(seen, "beeps"));
    assert_eq!((flashes.len(), beeps.len(), &seen["errors"]), (count, count, &json!([])), "{seen}");
    beeps.iter().zip(&flashes).map(|(b, f)| b - f).collect()
}

/// Every rate and container, kept and encoded, as a proof; else one of each way.
async fn hls_js_shows_flashes_with_their_beeps(pair: Pair) {
    if !in_sample(pair, 0) {
        return;
    }
    let rates = [(24, 1), (30_000, 1001), (60, 1)];
    let all = rates.into_iter().flat_map(|r| ["mp4", "mkv", "ts", "avi"].map(|c| (r, c)));
    let all: Vec<_> = all.flat_map(|(r, c)| [(r, c, true), (r, c, false)]).collect();
    let kinds = proof(vec![(rates[0], "mp4", true), (rates[1], "mkv", false)], all);
    let mut stack = Stack::start_with(pair, &[NO_QUOTAS]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let (mut urls, mut wanted, mut own) = (Vec::new(), Vec::new(), None);
    for (rate, container, kept) in &kinds {
        let (file, at) = film(*rate, container, *kept);
        let answer = client.upload_with(&file, &[("visibility", "public")]).await;
        let id = answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
        let ready = client.wait_for(&id, &["ready"]).await;
        urls.push(ready["playback"]["hls_url"].clone());
        own = own.or(ready["playback"]["raw_url"].as_str().map(ToOwned::to_owned));
        wanted.push(at);
    }
    let seen = node("sync.mjs", &[&own.unwrap(), &Value::from(urls).to_string()]).await;
    let mut of_file = offsets(&seen["own"], 3);
    of_file.sort_by(f64::total_cmp);
    for ((kind, want), film) in kinds.iter().zip(&wanted).zip(seen["films"].as_array().unwrap()) {
        let late: Vec<f64> = offsets(film, 3).iter().map(|o| o - of_file[1]).collect();
        println!("{kind:?}: beeps after flashes by {:.1?} ms", late.iter().map(|s| s * 1000.0).collect::<Vec<_>>());
        assert!(late.iter().all(|s| s.abs() <= TOLERANCE_S), "{kind:?}: {late:.4?} {film}");
        // The whole timeline begins at the reorder delay, which is at most a few pictures.
        let begins: Vec<f64> = numbers(film, "flashes").iter().zip(want).map(|(f, w)| f - w).collect();
        assert!(
            begins.iter().all(|b| (b - begins[0]).abs() < 0.002 && (-0.001..0.2).contains(b)),
            "{kind:?}: {begins:.4?}"
        );
    }
}
