//! Reads single settings and collects what is wrong with them.

use crate::{
    FirstAdmin, Limit, MovingStore, StoreUrl, checks,
    settings::{self, Described, Optional, SETTINGS, Setting, Value},
};
use secrecy::SecretString;
use sluice_model::{RateLimit, Role, TaskKind, TaskKinds};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::RangeInclusive,
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

    /// A value that is not secret, and what would fit.
    pub(super) fn misfit(&mut self, setting: &dyn Described, value: &str, expected: &str) {
        self.fault(setting, &format!("{value:?} does not fit; needed is {expected}"));
    }

    /// The same for what may hold a password: it is not repeated.
    fn secret_misfit(&mut self, setting: &dyn Described, expected: &str) {
        self.fault(setting, &format!("what is set does not fit; needed is {expected}"));
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
            // The section of the encoder is read by itself.
            if key != "encode" && !known.contains(&env.as_str()) {
                self.faults.push(format!("{key}: no such setting (file)"));
            } else if key != "encode" && (value.is_table() || value.is_array()) {
                self.faults.push(format!("{key}: {value} does not fit; needed is a single value (file)"));
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

    pub(super) fn parsed<T: Value>(&mut self, setting: &Setting<T>) -> T {
        self.within(setting, setting.default, setting.range.as_ref())
    }

    /// A setting whose default follows from something else.
    pub(super) fn derived<T: Value>(&mut self, setting: &Optional, default: T, range: RangeInclusive<T>) -> T {
        self.within(setting, default, Some(&range))
    }

    /// A setting that may be unset.
    pub(super) fn number(&mut self, setting: &Optional, range: RangeInclusive<usize>) -> Option<usize> {
        self.optional(setting)?;
        let least = *range.start();
        Some(self.derived(setting, least, range))
    }

    /// An address to listen on, if there is one.
    pub(super) fn address(&mut self, setting: &Optional) -> Option<SocketAddr> {
        self.optional(setting)?;
        let default = settings::LISTEN.default;
        Some(self.within(setting, default, None))
    }

    fn within<T: Value>(&mut self, setting: &dyn Described, default: T, range: Option<&RangeInclusive<T>>) -> T {
        let text = self.text(setting);
        if text.is_empty() {
            return default;
        }
        match text.parse::<T>() {
            Ok(value) if range.is_none_or(|r| r.contains(&value)) => value,
            _ => {
                self.misfit(setting, &text, &T::expected(range));
                default
            }
        }
    }

    /// Kinds of task; all where none are named.
    pub(super) fn task_kinds(&mut self) -> TaskKinds {
        let text = self.text(&settings::WORKER_TASKS);
        text.parse().unwrap_or_else(|word| {
            let words: Vec<&str> = TaskKind::ALL.iter().map(|k| k.as_str()).collect();
            let expected = format!("kinds of task joined by commas, of {}; {word:?} is none", words.join(", "));
            self.misfit(&settings::WORKER_TASKS, &text, &expected);
            TaskKinds::ALL
        })
    }

    /// A text that is checked as a whole.
    pub(super) fn checked(&mut self, setting: &dyn Described, check: fn(&str) -> Result<(), String>) -> String {
        let text = self.text(setting);
        if let Err(expected) = check(&text) {
            self.misfit(setting, &text, &expected);
        }
        text
    }

    pub(super) fn data_dir(&mut self) -> PathBuf {
        let text = self.text(&settings::DATA_DIR);
        let folder = PathBuf::from(&text);
        if text.is_empty() || (folder.exists() && !folder.is_dir()) {
            self.misfit(&settings::DATA_DIR, &text, "a folder, which may be made");
        }
        folder
    }

    /// `None` where the default is to be taken, which depends on the disk; 0 asks for no free space.
    pub(super) fn min_free_bytes(&mut self) -> Option<u64> {
        self.optional(&settings::MIN_FREE_BYTES)?;
        Some(self.derived(&settings::MIN_FREE_BYTES, 0, 0..=1 << 50))
    }

    pub(super) fn smtp_url(&mut self) -> Option<SecretString> {
        let url = self.optional(&settings::SMTP_URL)?;
        if let Err(expected) = checks::smtp_url(&url) {
            self.secret_misfit(&settings::SMTP_URL, &expected);
        }
        Some(url.into())
    }

    pub(super) fn authorities(&mut self) -> Option<PathBuf> {
        let file = self.optional(&settings::OUTBOUND_CA)?;
        if let Err(expected) = checks::pem(&file, "CERTIFICATE") {
            self.misfit(&settings::OUTBOUND_CA, &file, &expected);
        }
        Some(file.into())
    }

    pub(super) fn database_url(&mut self, data_dir: &Path) -> String {
        let embedded = || format!("sqlite://{}", data_dir.join("sluice.db").display());
        let url = self.optional(&settings::DATABASE_URL).unwrap_or_else(embedded);
        if let Err(expected) = checks::database_url(&url) {
            self.secret_misfit(&settings::DATABASE_URL, &expected);
        }
        url
    }

    pub(super) fn store(&mut self, data_dir: &Path) -> StoreUrl {
        let embedded = format!("file://{}", data_dir.join("store").display());
        let url = self.optional(&settings::STORE_URL);
        let from = self.optional(&settings::STORE_MOVES_FROM);
        if from.is_some() && from == url.clone().or(Some(embedded)) {
            self.fault(&settings::STORE_MOVES_FROM, "is the store itself: needed is the one before");
        }
        let to = match url {
            Some(url) => self.store_at(&settings::STORE_URL, &url),
            None => StoreUrl::Local(data_dir.join("store")),
        };
        match from {
            Some(from) => {
                let from = self.store_at(&settings::STORE_MOVES_FROM, &from);
                StoreUrl::Moving(Box::new(MovingStore { from, to }))
            }
            None => to,
        }
    }

    fn store_at(&mut self, setting: &Optional, url: &str) -> StoreUrl {
        StoreUrl::parse(url, self.env).unwrap_or_else(|e| {
            self.fault(setting, &e);
            StoreUrl::Local(PathBuf::new())
        })
    }

    /// A URL on the web, without a trailing slash.
    pub(super) fn web_url(&mut self, setting: &Optional) -> Option<String> {
        let url = self.optional(setting).map(|u| u.trim_end_matches('/').to_owned())?;
        if let Err(expected) = checks::web_url(&url) {
            self.misfit(setting, &url, &expected);
        }
        Some(url)
    }

    /// Words joined by commas.
    fn words(&self, setting: &Optional) -> Vec<String> {
        words(&self.text(setting))
    }

    /// `expected` says of a single word what would fit.
    pub(super) fn list<T: FromStr>(&mut self, setting: &Optional, expected: &str) -> Vec<T> {
        let parsed: Vec<_> = self.words(setting).into_iter().map(|w| w.parse().map_err(|_| w)).collect();
        parsed.into_iter().filter_map(|p| p.map_err(|w| self.misfit(setting, &w, expected)).ok()).collect()
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
                    Err(_) => {
                        let names: Vec<&str> = RateLimit::ALL.iter().map(|l| l.as_str()).collect();
                        self.misfit(&settings::LIMITS, name, &format!("one of {}", names.join(", ")));
                    }
                },
                None => self.misfit(
                    &settings::LIMITS,
                    &word,
                    "NAME=COUNT/SECONDS with a COUNT up to 1000000 and 1 to 31536000 SECONDS",
                ),
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
                None => self.misfit(
                    &settings::QUOTAS,
                    &word,
                    "ROLE.WHAT=NUMBER like creator.uploads=10 or ROLE.WHAT=unlimited, of viewer, creator or admin and \
                     stored, day, uploads, media or encode",
                ),
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
                self.misfit(setting, word, "an origin like https://app.example.org, without a path");
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
        for ((setting, file), label) in files.iter().zip(["CERTIFICATE", "PRIVATE KEY"]).filter(|f| !f.0.1.is_empty()) {
            if let Err(expected) = checks::pem(file, label) {
                self.misfit(*setting, file, &expected);
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
