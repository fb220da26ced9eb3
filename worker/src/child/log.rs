//! What a child writes to its standard error: FFmpeg's complaints, which may quote the file, or an attacker's words.
//!
//! Invariant: it costs the worker a few kilobytes, whatever a child writes.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Lines that reach the log.
const MOST_LINES: usize = 50;
/// Characters of a line that reach it.
const MOST_CHARACTERS: usize = 300;
/// Bytes after which nobody listens any more.
const MOST_BYTES: usize = 256 << 10;

/// Passes what the child `pid` says to the log.
pub fn pass_on(pid: i32, stderr: impl AsyncRead + Unpin + Send + 'static) {
    tokio::spawn(read(stderr, move |text| tracing::debug!(pid, text, "encoder")));
}

/// Hands over lines until there are enough of them. Then the pipe closes, and writing more fails in the child.
async fn read(mut from: impl AsyncRead + Unpin, mut take: impl FnMut(&str)) {
    let (mut buffer, mut line, mut lines, mut bytes) = ([0; 4096], Vec::new(), 0, 0);
    while lines < MOST_LINES && bytes < MOST_BYTES {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        bytes += read;
        for byte in &buffer[..read] {
            if *byte != b'\n' {
                // No character has more than four bytes.
                if line.len() < 4 * MOST_CHARACTERS {
                    line.push(*byte);
                }
            } else if lines < MOST_LINES {
                lines += 1;
                take(&clean(&line));
                line.clear();
            }
        }
        if read == 0 {
            break;
        }
    }
    if !line.is_empty() && lines < MOST_LINES {
        take(&clean(&line));
    }
}

/// Text for the log: of one line, without control characters, not long.
pub fn clean(line: &[u8]) -> String {
    String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn passed_on(text: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        read(text, |line| lines.push(line.to_owned())).await;
        lines
    }

    #[tokio::test]
    async fn lines_are_bounded_in_number_and_length() {
        assert_eq!(passed_on(b"one\ntwo \x1b[31mred\x07\nlast").await, ["one", "two [31mred", "last"]);
        assert_eq!(passed_on("x\n".repeat(10_000).as_bytes()).await.len(), MOST_LINES);
        let endless = passed_on(&vec![b'x'; 4 << 20]).await;
        assert!(endless.len() == 1 && endless[0].len() == MOST_CHARACTERS);
    }
}
