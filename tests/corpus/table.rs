//! What became of each file, a line each: `make test-corpus` prints it.

use super::run::Run;
use std::{fmt::Write, path::Path};

/// Lines of a table, as Markdown.
#[derive(Debug)]
pub struct Table {
    title: String,
    lines: Vec<String>,
    refused: Vec<String>,
}

impl Table {
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), lines: Vec::new(), refused: Vec::new() }
    }

    /// Adds what a run made of `file` in the folder `output`.
    pub fn add(&mut self, file: &Path, output: &Path, run: &Run) {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let list = std::fs::read_to_string(output.join("index.m3u8")).unwrap_or_default();
        let played = run.status == Some(0);
        let what = if played { rungs(&list) } else { run.last_line().chars().take(120).collect() };
        let length = if played { format!("{:.2}", length_s(output, &list)) } else { String::new() };
        let warnings: Vec<&str> = run.said.lines().filter_map(|l| l.strip_prefix("warning: ")).collect();
        let codes: Vec<&str> = warnings.iter().filter_map(|w| w.split(':').next()).collect();
        let (took, cpu) = (run.took.as_secs_f64(), run.worked.as_secs_f64());
        self.lines.push(format!("| {name} | {took:.1} | {cpu:.1} | {length} | {what} | {} |", codes.join(", ")));
        if !played {
            self.refused.push(format!("{name}: {}", run.last_line()));
        }
    }

    /// Prints the table, and how many files were refused, each with its reason.
    pub fn print(&self) {
        let mut text =
            format!("\n## {}\n\n| file | s | core s | length s | rungs, or why not | left out |\n", self.title);
        text.push_str("|---|---|---|---|---|---|\n");
        for line in &self.lines {
            writeln!(text, "{line}").unwrap();
        }
        writeln!(text, "\n{} of {} refused:\n{}", self.refused.len(), self.lines.len(), self.refused.join("\n"))
            .unwrap();
        println!("{text}");
    }
}

/// Sizes of the variants of a multivariant playlist, or their number where they have no picture.
fn rungs(list: &str) -> String {
    let variants = list.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF"));
    let size = |l: &str| l.split("RESOLUTION=").nth(1).map(|r| r.split(',').next().unwrap_or_default().to_owned());
    variants.map(|l| size(l).unwrap_or_else(|| "sound".to_owned())).collect::<Vec<_>>().join(" ")
}

/// Sum of the segments of the first variant, seconds.
fn length_s(output: &Path, list: &str) -> f64 {
    let first = list.lines().find(|l| !l.starts_with('#') && !l.is_empty()).unwrap_or_default();
    let text = std::fs::read_to_string(output.join(first)).unwrap_or_default();
    let lengths = text.lines().filter_map(|l| l.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse::<f64>().ok());
    lengths.sum()
}
