//! Reads single settings and collects what is wrong with them.

use super::{FirstAdmin, Limit, SETTINGS};
use secrecy::SecretString;
use sluice_model::{RateLimit, Role};
use std::{collections::BTreeMap, path::PathBuf, str::FromStr};
use url::Url;

pub(super) struct Reader<'a> {
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) file: &'a toml::Table,
    pub(super) faults: Vec<String>,
}

impl Reader<'_> {
    pub(super) fn fault(&mut self, name: &str, what: &str) {
        self.faults.push(format!("{name}: {what}"));
    }

    /// A misspelt setting is a fault: silently ignoring it costs people hours.
    pub(super) fn check_names(&mut self) {
        let known: Vec<&str> = SETTINGS.iter().map(|s| s.env).collect();
        for name in self.env.keys().filter(|n| n.starts_with("SLUICE_")) {
            // Names used by tests and tools that are not settings of a process.
            let tool = name == "SLUICE_CONFIG" || name.starts_with("SLUICE_TEST_");
            if !tool && !known.contains(&name.as_str()) {
                self.faults.push(format!("{name}: no such setting"));
            }
        }
        for (key, value) in self.file {
            let env = format!("SLUICE_{}", key.to_uppercase());
            if !value.is_table() && !known.contains(&env.as_str()) {
                self.faults.push(format!("{key}: no such setting (file)"));
            }
        }
    }

    pub(super) fn text(&self, name: &str) -> String {
        let key = name.trim_start_matches("SLUICE_").to_lowercase();
        let default = SETTINGS.iter().find(|s| s.env == name).map_or("", |s| s.default);
        match (self.env.get(name), self.file.get(&key)) {
            (Some(v), _) => v.trim().to_owned(),
            (None, Some(toml::Value::String(s))) => s.clone(),
            (None, Some(v)) => v.to_string(),
            (None, None) => default.to_owned(),
        }
    }

    pub(super) fn parsed<T: std::str::FromStr>(&mut self, name: &str, fallback: T) -> T {
        let text = self.text(name);
        if text.is_empty() {
            return fallback;
        }
        text.parse().unwrap_or_else(|_| {
            self.fault(name, &format!("{text:?} does not fit"));
            fallback
        })
    }

    /// Words joined by commas.
    fn words(&self, name: &str) -> Vec<String> {
        self.text(name).split(',').map(str::trim).filter(|w| !w.is_empty()).map(ToOwned::to_owned).collect()
    }

    pub(super) fn list<T: FromStr>(&mut self, name: &str) -> Vec<T> {
        let parsed: Vec<_> = self.words(name).into_iter().map(|w| w.parse().map_err(|_| w)).collect();
        parsed
            .into_iter()
            .filter_map(|p| p.map_err(|w| self.fault(name, &format!("{w:?} does not fit"))).ok())
            .collect()
    }

    pub(super) fn secret(&mut self, name: &str) -> Option<SecretString> {
        match self.text(name) {
            s if s.is_empty() => None,
            s if s.len() < 32 => {
                self.fault(name, "needs at least 32 characters");
                None
            }
            s => Some(SecretString::from(s)),
        }
    }

    pub(super) fn limits(&mut self) -> BTreeMap<RateLimit, Limit> {
        let mut limits = BTreeMap::new();
        for word in self.words("SLUICE_LIMITS") {
            let parsed = word.split_once('=').and_then(|(name, limit)| Some((name.trim(), limit.parse().ok()?)));
            match parsed {
                Some((name, limit)) => match name.parse::<RateLimit>() {
                    Ok(name) => drop(limits.insert(name, limit)),
                    Err(_) => self.fault("SLUICE_LIMITS", &format!("there is no limit {name:?}")),
                },
                None => self.fault("SLUICE_LIMITS", &format!("{word:?} is not NAME=COUNT/SECONDS")),
            }
        }
        limits
    }

    pub(super) fn quotas(&mut self) -> BTreeMap<String, i64> {
        let mut quotas = BTreeMap::new();
        for word in self.words("SLUICE_QUOTAS") {
            let parsed = word.split_once('=').and_then(|(name, n)| {
                let (role, what) = name.trim().split_once('.')?;
                let known = role.parse::<Role>().is_ok() && ["stored", "day", "uploads", "media"].contains(&what);
                let number = n.trim().parse::<i64>().ok().filter(|n| *n >= 0)?;
                known.then(|| (name.trim().to_owned(), number))
            });
            match parsed {
                Some((name, number)) => drop(quotas.insert(name, number)),
                None => self.fault("SLUICE_QUOTAS", &format!("{word:?} is not like creator.uploads=10")),
            }
        }
        quotas
    }

    /// Origins as browsers send them: scheme, host, port, nothing else.
    pub(super) fn origins(&mut self, name: &str) -> Vec<String> {
        let words = self.words(name);
        for word in &words {
            let origin = Url::parse(word).ok().map(|u| u.origin()).filter(url::Origin::is_tuple);
            if origin.is_none_or(|o| o.ascii_serialization() != *word) {
                self.fault(name, &format!("{word:?} is no origin like https://app.example.org"));
            }
        }
        words
    }

    pub(super) fn admin(&mut self) -> Option<FirstAdmin> {
        let parts = ["SLUICE_ADMIN_USERNAME", "SLUICE_ADMIN_EMAIL", "SLUICE_ADMIN_PASSWORD"].map(|n| (n, self.text(n)));
        let missing: Vec<&str> = parts.iter().filter(|p| p.1.is_empty()).map(|p| p.0).collect();
        if !missing.is_empty() && missing.len() < parts.len() {
            missing.iter().for_each(|m| self.fault(m, "is missing beside the other two"));
        }
        let [(_, username), (_, email), (_, password)] = parts;
        missing.is_empty().then(|| FirstAdmin { username, email, password: password.into() })
    }

    pub(super) fn tls(&mut self) -> Option<(PathBuf, PathBuf)> {
        let files = ["SLUICE_TLS_CERT", "SLUICE_TLS_KEY"].map(|n| (n, self.text(n)));
        for (name, file) in files.iter().filter(|f| !f.1.is_empty()) {
            if let Err(e) = std::fs::File::open(file) {
                self.fault(name, &format!("{file}: {e}"));
            }
        }
        match files {
            [(_, cert), (_, key)] if !cert.is_empty() && !key.is_empty() => Some((cert.into(), key.into())),
            [(_, cert), (_, key)] if cert.is_empty() && key.is_empty() => None,
            _ => {
                self.fault("SLUICE_TLS_CERT", "certificate and key go together");
                None
            }
        }
    }
}
