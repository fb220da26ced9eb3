//! The code as text, and lines of it that hold what they must not.

use std::path::{Path, PathBuf};

/// A file of the repository, its name from the root.
#[derive(Debug, Clone)]
pub struct File {
    pub name: String,
    pub text: String,
}

/// Modules that are tests as a whole.
const TEST_FILES: &[&str] = &["api/src/surface.rs"];

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust code below these folders, but for tests.
pub fn read(folders: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    for folder in folders {
        let (before, mut open) = (found.len(), vec![root().join(folder)]);
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(&dir).unwrap().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let name = path.strip_prefix(root()).unwrap().display().to_string();
                    found.push(File { name, text: std::fs::read_to_string(&path).unwrap() });
                }
            }
        }
        assert!(found.len() > before, "{folder} holds no code");
    }
    found.retain(|f| !TEST_FILES.contains(&f.name.as_str()) && !f.name.contains("/tests/"));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The API, the worker, and what both need.
pub fn all() -> Vec<File> {
    read(&["api/src", "worker/src", "common"])
}

/// One planted file.
pub fn planted(name: &str, text: &str) -> Vec<File> {
    vec![File { name: name.to_owned(), text: format!("//! Planted.\n{text}\n") }]
}

impl File {
    /// What runs: without the tests at its end.
    pub fn running(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or(&self.text)
    }

    /// Its lines without comments, numbered from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.running().lines().enumerate().map(|(i, line)| (i + 1, line.split("//").next().unwrap_or(line)))
    }

    /// A line of it for people.
    pub fn at(&self, line: usize, text: &str) -> String {
        format!("{}:{line}: {}", self.name, text.trim())
    }
}

/// Every line of code that holds one of `words`, outside files whose names begin with one of `allowed`.
pub fn offenders(files: &[File], words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut bad = Vec::new();
    for file in files.iter().filter(|f| !allowed.iter().any(|a| f.name.starts_with(a))) {
        let lines = file.lines().filter(|(_, code)| words.iter().any(|w| code.contains(w)));
        bad.extend(lines.map(|(i, code)| file.at(i, code)));
    }
    bad
}
