//! Reads single settings and collects what is wrong with them.

use crate::{
    FirstAdmin, Limit, StoreUrl,
    settings::{self, Described, Optional, SETTINGS, Setting},
};
use secrecy::SecretString;
use sluice_model::{RateLimit, Role};
use std::{
    collections::BTreeMap,
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
};
use url::Url;

/// What a quota may be of.
const QUOTAS: [&str; 5] = ["stored", "day", "uploads", "media", "encode"];

/// Words joined by commas.
fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|w| !w.is_empty()).map(ToOwned::to_owned).collect()
}

pub(super) struct Reader<'a> {
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) file: &'a toml::Table,
    pub(super) faults: Vec<String>,
}

impl Reader<'_> {
    pub(super) fn fault(&mut self, setting: &dyn Described, what: &str) {
        self.faults.push(format!("{}: {what}", setting.env()));
    }

    /// A misspelt setting is a fault: silently ignoring it costs people hours.
    pub(super) fn check_names(&mut self) {
        let known: Vec<&str> = SETTINGS.iter().map(|s| s.env()).collect();
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

    /// What was typed for a setting, or its default.
    pub(super) fn text(&self, setting: &dyn Described) -> String {
        let key = setting.env().trim_start_matches("SLUICE_").to_lowercase();
        match (self.env.get(setting.env()), self.file.get(&key)) {
            (Some(v), _) => v.trim().to_owned(),
            (None, Some(toml::Value::String(s))) => s.clone(),
            (None, Some(v)) => v.to_string(),
            (None, None) => setting.default_text(),
        }
    }

    /// `None` for what is unset or empty.
    pub(super) fn optional(&self, setting: &Optional) -> Option<String> {
        Some(self.text(setting)).filter(|s| !s.is_empty())
    }

    pub(super) fn parsed<T: FromStr + Display + Copy + Sync>(&mut self, setting: &Setting<T>) -> T {
        self.parsed_or(setting, setting.default)
    }

    /// A setting whose default follows from something else.
    pub(super) fn derived<T: FromStr>(&mut self, setting: &Optional, default: T) -> T {
        self.parsed_or(setting, default)
    }

    /// A setting that may be unset.
    pub(super) fn number(&mut self, setting: &Optional) -> Option<usize> {
        self.optional(setting)?;
        Some(self.derived(setting, 0))
    }

    fn parsed_or<T: FromStr>(&mut self, setting: &dyn Described, default: T) -> T {
        let text = self.text(setting);
        if text.is_empty() {
            return default;
        }
        text.parse().unwrap_or_else(|_| {
            self.fault(setting, &format!("{text:?} does not fit"));
            default
        })
    }

    pub(super) fn database_url(&mut self, data_dir: &Path) -> String {
        let embedded = || format!("sqlite://{}", data_dir.join("sluice.db").display());
        let url = self.optional(&settings::DATABASE_URL).unwrap_or_else(embedded);
        if !["sqlite:", "postgres:", "postgresql:"].iter().any(|p| url.starts_with(p)) {
            self.fault(&settings::DATABASE_URL, "must begin with sqlite:// or postgres://");
        }
        url
    }

    pub(super) fn store(&mut self, data_dir: &Path) -> StoreUrl {
        let Some(url) = self.optional(&settings::STORE_URL) else { return StoreUrl::Local(data_dir.join("store")) };
        StoreUrl::parse(&url, self.env).unwrap_or_else(|e| {
            self.fault(&settings::STORE_URL, &e);
            StoreUrl::Local(PathBuf::new())
        })
    }

    pub(super) fn public_url(&mut self) -> Option<String> {
        let url = self.optional(&settings::PUBLIC_URL).map(|u| u.trim_end_matches('/').to_owned())?;
        if !url.starts_with("http://") && !url.starts_with("https://") {
            self.fault(&settings::PUBLIC_URL, "must begin with http:// or https://");
        }
        Some(url)
    }

    /// Words joined by commas.
    fn words(&self, setting: &Optional) -> Vec<String> {
        words(&self.text(setting))
    }

    pub(super) fn list<T: FromStr>(&mut self, setting: &Optional) -> Vec<T> {
        let parsed: Vec<_> = self.words(setting).into_iter().map(|w| w.parse().map_err(|_| w)).collect();
        parsed
            .into_iter()
            .filter_map(|p| p.map_err(|w| self.fault(setting, &format!("{w:?} does not fit"))).ok())
            .collect()
    }

    pub(super) fn secret(&mut self, setting: &Optional) -> Option<SecretString> {
        match self.text(setting) {
            s if s.is_empty() => None,
            s if s.len() < 32 => {
                self.fault(setting, "needs at least 32 characters");
                None
            }
            s => Some(SecretString::from(s)),
        }
    }

    pub(super) fn limits(&mut self) -> BTreeMap<RateLimit, Limit> {
        let mut limits = BTreeMap::new();
        for word in self.words(&settings::LIMITS) {
            let parsed = word.split_once('=').and_then(|(name, limit)| Some((name.trim(), limit.parse().ok()?)));
            match parsed {
                Some((name, limit)) => match name.parse::<RateLimit>() {
                    Ok(name) => drop(limits.insert(name, limit)),
                    Err(_) => self.fault(&settings::LIMITS, &format!("there is no limit {name:?}")),
                },
                None => self.fault(&settings::LIMITS, &format!("{word:?} is not NAME=COUNT/SECONDS")),
            }
        }
        limits
    }

    pub(super) fn quotas(&mut self) -> BTreeMap<String, i64> {
        let mut quotas = BTreeMap::new();
        // What is not named keeps its default.
        for word in words(settings::QUOTAS.default).into_iter().chain(words(&self.text(&settings::QUOTAS))) {
            let parsed = word.split_once('=').and_then(|(name, n)| {
                let (role, what) = name.trim().split_once('.')?;
                let known = role.parse::<Role>().is_ok() && QUOTAS.contains(&what);
                let number = match n.trim() {
                    "unlimited" => None,
                    n => Some(n.parse::<i64>().ok().filter(|n| *n >= 0)?),
                };
                known.then(|| (name.trim().to_owned(), number))
            });
            match parsed {
                Some((name, Some(number))) => drop(quotas.insert(name, number)),
                Some((name, None)) => drop(quotas.remove(&name)),
                None => self.fault(&settings::QUOTAS, &format!("{word:?} is not like creator.uploads=10")),
            }
        }
        quotas
    }

    /// Origins as browsers send them: scheme, host, port, nothing else.
    pub(super) fn origins(&mut self, setting: &Optional) -> Vec<String> {
        let words = self.words(setting);
        for word in &words {
            let origin = Url::parse(word).ok().map(|u| u.origin()).filter(url::Origin::is_tuple);
            if origin.is_none_or(|o| o.ascii_serialization() != *word) {
                self.fault(setting, &format!("{word:?} is no origin like https://app.example.org"));
            }
        }
        words
    }

    pub(super) fn admin(&mut self) -> Option<FirstAdmin> {
        let parts = [&settings::ADMIN_USERNAME, &settings::ADMIN_EMAIL, &settings::ADMIN_PASSWORD];
        let parts = parts.map(|s| (s, self.text(s)));
        let missing: Vec<&Optional> = parts.iter().filter(|p| p.1.is_empty()).map(|p| p.0).collect();
        if !missing.is_empty() && missing.len() < parts.len() {
            missing.iter().for_each(|m| self.fault(*m, "is missing beside the other two"));
        }
        let [(_, username), (_, email), (_, password)] = parts;
        missing.is_empty().then(|| FirstAdmin { username, email, password: password.into() })
    }

    pub(super) fn tls(&mut self) -> Option<(PathBuf, PathBuf)> {
        let files = [&settings::TLS_CERT, &settings::TLS_KEY].map(|s| (s, self.text(s)));
        for (setting, file) in files.iter().filter(|f| !f.1.is_empty()) {
            if let Err(e) = std::fs::File::open(file) {
                self.fault(*setting, &format!("{file}: {e}"));
            }
        }
        match files {
            [(_, cert), (_, key)] if !cert.is_empty() && !key.is_empty() => Some((cert.into(), key.into())),
            [(_, cert), (_, key)] if cert.is_empty() && key.is_empty() => None,
            _ => {
                self.fault(&settings::TLS_CERT, "certificate and key go together");
                None
            }
        }
    }
}
