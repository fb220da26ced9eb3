//! The settings as they count, for operators to look at: what holds a secret says only that it is set.

use crate::settings::{Described, SETTINGS};

/// A setting as it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingInForce {
    /// Environment variable.
    pub name: &'static str,
    /// What is set or the default, without secrets; nothing where there is neither.
    pub value: Option<String>,
    /// Whether it is as it would be if nobody had set it.
    pub is_default: bool,
    /// For people.
    pub help: &'static str,
}

/// Names that end so are of secrets.
const SECRET_ENDS: [&str; 3] = ["_SECRET", "_SECRET_PREVIOUS", "_PASSWORD"];
/// What is shown instead.
const HIDDEN: &str = "(set)";

/// All settings, each as `typed` has it.
pub(crate) fn all(typed: impl Fn(&dyn Described) -> String) -> Vec<SettingInForce> {
    let one = |setting: &&'static dyn Described| {
        let text = typed(*setting);
        let is_default = text == setting.default_text();
        let value = (!text.is_empty()).then(|| shown(setting.env(), &text));
        SettingInForce { name: setting.env(), value, is_default, help: setting.help() }
    };
    SETTINGS.iter().map(one).collect()
}

fn shown(name: &str, text: &str) -> String {
    if SECRET_ENDS.iter().any(|end| name.ends_with(end)) { HIDDEN.to_owned() } else { without_credentials(text) }
}

/// A URL without user and password, and without what follows a `?`: both may be secrets (RFC 3986 section 3.2.1). Of the
/// query of a store only endpoint and region are shown.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let authority_end = place.find('/').unwrap_or(place.len());
    let (authority, path) = place.split_at(authority_end);
    let host = authority.rsplit_once('@').map_or(authority.to_owned(), |(_, host)| format!("...@{host}"));
    let open = |pair: &&str| ["endpoint=", "region=", "mode=", "sslmode=", "tls="].iter().any(|k| pair.starts_with(k));
    let kept: Vec<&str> = query.unwrap_or_default().split('&').filter(open).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    format!("{scheme}://{host}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out() {
        for (name, text, expected) in [
            ("SLUICE_SECRET", "a very long secret of this service", HIDDEN),
            ("SLUICE_ADMIN_PASSWORD", "hush", HIDDEN),
            (
                "SLUICE_DATABASE_URL",
                "postgres://sluice:hu@sh@db:5432/sluice?password=hush&sslmode=require",
                "postgres://...@db:5432/sluice?sslmode=require",
            ),
            ("SLUICE_SMTP_URL", "smtps://films:hush@mail.example.org", "smtps://...@mail.example.org"),
            (
                "SLUICE_STORE_URL",
                "s3://films/media?endpoint=http://s3:8333&region=r",
                "s3://films/media?endpoint=http://s3:8333&region=r",
            ),
            ("SLUICE_LISTEN", "127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(shown(name, text), expected, "{name}");
        }
    }

    #[test]
    fn what_nobody_set_is_a_default() {
        let settings = all(|s| if s.env() == "SLUICE_LISTEN" { "0.0.0.0:80".to_owned() } else { s.default_text() });
        let changed: Vec<_> = settings.iter().filter(|s| !s.is_default).map(|s| s.name).collect();
        assert_eq!(changed, ["SLUICE_LISTEN"]);
        assert!(settings.iter().any(|s| s.value.is_none()), "some have no default");
    }
}
