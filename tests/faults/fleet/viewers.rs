//! Players that watch all the while: hls.js in Chromium.

use serde_json::Value;
use std::{path::Path, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout},
};

/// A browser with some players.
pub struct Viewers {
    browser: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Viewers {
    /// Begins to watch a film with so many players, and waits until all of them play; one that has seen its end begins again.
    pub async fn start(url: &str, players: usize) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        let mut command = tokio::process::Command::new("node");
        command.current_dir(folder).args(["viewers.mjs", url, &players.to_string()]).kill_on_drop(true);
        let mut browser = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(browser.stdout.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().as_deref(), Some("playing"), "no player plays");
        Self { browser, said }
    }

    /// Ends it: how long each player waited in all after it had begun, seconds.
    ///
    /// # Panics
    /// When one has given up or has played nothing.
    pub async fn end(mut self) -> Vec<f64> {
        drop(self.browser.stdin.take());
        let text = self.said.next_line().await.unwrap().expect("the browser has ended");
        assert!(self.browser.wait().await.unwrap().success(), "{text}");
        let said: Value = serde_json::from_str(&text).unwrap();
        let players = said.as_array().unwrap();
        for player in players {
            assert_eq!(player["gave_up"], Value::Null, "{said}");
            assert!(player["played"].as_f64().unwrap() > 5.0, "{said}");
        }
        players.iter().map(|p| p["stalled"].as_f64().unwrap()).collect()
    }
}
