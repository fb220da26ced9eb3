//! Which module of a crate names which, read from `use` and from paths in the code.

use crate::code::File;
use std::collections::{BTreeMap, BTreeSet};

/// Modules and what they import, as paths without `crate`: `identity::auth::service`. A `mod.rs` is its folder.
#[derive(Debug, Default)]
pub struct Imports {
    pub edges: BTreeMap<String, BTreeSet<String>>,
}

/// The path of a file's module below the folder of its crate; `main.rs` and `lib.rs` have none.
fn module(name: &str) -> Option<Vec<String>> {
    let path = name.split_once("src/")?.1.strip_suffix(".rs")?;
    let mut parts: Vec<String> = path.split('/').map(ToOwned::to_owned).collect();
    match parts.last().map(String::as_str) {
        Some("mod") => drop(parts.pop()),
        Some("main" | "lib") if parts.len() == 1 => return None,
        _ => {}
    }
    Some(parts)
}

impl Imports {
    /// The imports of one crate.
    pub fn of(files: &[File]) -> Self {
        let modules: BTreeSet<Vec<String>> = files.iter().filter_map(|f| module(&f.name)).collect();
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for file in files {
            let Some(own) = module(&file.name) else { continue };
            let is_folder = file.name.ends_with("/mod.rs");
            let to = edges.entry(own.join("::")).or_default();
            for path in paths(file) {
                if let Some(found) = resolve(&modules, &own, is_folder, &path)
                    && found != own
                {
                    to.insert(found.join("::"));
                }
            }
        }
        Self { edges }
    }

    /// The same between modules of at most so many segments.
    pub fn folded(&self, depth: usize) -> Self {
        let fold = |path: &str| path.split("::").take(depth).collect::<Vec<_>>().join("::");
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in &self.edges {
            let from = fold(from);
            let to: Vec<String> = to.iter().map(|t| fold(t)).filter(|t| *t != from).collect();
            edges.entry(from).or_default().extend(to);
        }
        Self { edges }
    }

    fn reaches(&self, from: &str) -> BTreeSet<&str> {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(next) = open.pop() {
            for to in self.edges.get(next).into_iter().flatten() {
                if seen.insert(to.as_str()) {
                    open.push(to);
                }
            }
        }
        seen
    }

    /// Edges that lie on a cycle.
    pub fn cycles(&self) -> Vec<String> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.edges.keys().map(|m| (m.as_str(), self.reaches(m))).collect();
        let back = |from: &str, to: &str| reached.get(to).is_some_and(|r| r.contains(from));
        let edges = self.edges.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)));
        edges.filter(|(from, to)| back(from, to)).map(|(from, to)| format!("{from} -> {to}")).collect()
    }
}

/// The module that a path leads into.
fn resolve(modules: &BTreeSet<Vec<String>>, own: &[String], is_folder: bool, path: &[String]) -> Option<Vec<String>> {
    let (mut full, mut rest) = (own.to_vec(), path);
    match rest.first().map(String::as_str) {
        Some("crate") => {
            full.clear();
            rest = &rest[1..];
        }
        Some("super") => {
            while rest.first().is_some_and(|s| s == "super") {
                full.pop()?;
                rest = &rest[1..];
            }
        }
        // What a folder gives on of its modules.
        Some(first) if is_folder && modules.contains(&[own, &[first.to_owned()]].concat()) => {}
        _ => return None,
    }
    full.extend(rest.iter().cloned());
    while !full.is_empty() && !modules.contains(&full) {
        full.pop();
    }
    (!full.is_empty()).then_some(full)
}

/// Every path of a file that may lead to a module.
pub fn paths(file: &File) -> Vec<Vec<String>> {
    let code: String = file.lines().map(|(_, line)| format!("{line}\n")).collect();
    let (mut found, mut outside) = (Vec::new(), String::new());
    let mut rest = code.as_str();
    while let Some(at) = next_use(rest) {
        outside.push_str(&rest[..at]);
        let tree = &rest[at + "use ".len()..];
        let end = tree.find(';').unwrap_or(tree.len());
        flatten(&tree[..end], &[], &mut found);
        rest = &tree[end..];
    }
    outside.push_str(rest);
    for start in ["crate::", "super::"] {
        for (at, _) in outside.match_indices(start) {
            let before = outside[..at].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':') {
                let text: String =
                    outside[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
                found.push(text.split("::").filter(|s| !s.is_empty()).map(ToOwned::to_owned).collect());
            }
        }
    }
    found
}

/// Where the next `use` begins: first on its line, but for a visibility.
fn next_use(code: &str) -> Option<usize> {
    code.match_indices("use ").map(|(at, _)| at).find(|at| {
        let line = code[..*at].rsplit('\n').next().unwrap_or_default().trim();
        line.is_empty() || line.starts_with("pub")
    })
}

/// The paths of a `use` tree.
fn flatten(tree: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    let (mut depth, mut item) = (0, String::new());
    for c in tree.chars().chain([',']) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c != ',' || depth > 0 {
            item.push(c);
            continue;
        }
        let text = std::mem::take(&mut item);
        let (head, group) = text.split_once('{').map_or((text.as_str(), None), |(h, g)| (h, Some(g)));
        let head = head.split(" as ").next().unwrap_or(head);
        let segments = head.split("::").map(str::trim).filter(|s| !s.is_empty() && *s != "self");
        let path: Vec<String> = before.iter().cloned().chain(segments.map(ToOwned::to_owned)).collect();
        match group {
            Some(group) => flatten(group.trim_end().trim_end_matches('}'), &path, found),
            None if path.len() > before.len() || text.trim() == "self" => found.push(path),
            None => {}
        }
    }
}
