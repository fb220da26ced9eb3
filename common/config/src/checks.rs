//! What values must look like that are handed to other programs and libraries: a wrong one is named at start, not when
//! it is first needed. Each answers with what would fit.

use tracing_subscriber::EnvFilter;
use url::Url;

/// Names of levels in a log filter.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// A filter for logs. A lone word that is no level would be taken for the name of a module, and nothing else be logged.
pub(crate) fn log_filter(text: &str) -> Result<(), String> {
    let expected = "off, error, warn, info, debug or trace, or pairs like sluice_worker=debug joined by commas";
    let lone = |d: &&str| !d.contains(['=', '[', '{']) && !LEVELS.contains(&d.to_lowercase().as_str());
    if text.split(',').map(str::trim).find(lone).is_some() || EnvFilter::builder().parse(text).is_err() {
        return Err(expected.to_owned());
    }
    Ok(())
}

/// A file of SQLite, or a PostgreSQL server.
pub(crate) fn database_url(text: &str) -> Result<(), String> {
    let expected = "sqlite://PATH or postgres://USER:PASSWORD@HOST:PORT/NAME";
    if let Some(rest) = text.strip_prefix("sqlite:") {
        let file = rest.trim_start_matches("//").split('?').next().unwrap_or_default();
        if file.is_empty() || file.contains(":memory:") || rest.contains("mode=memory") {
            return Err(format!("{expected}; several processes share it, so it must be a file"));
        }
        return Ok(());
    }
    let url = Url::parse(text).map_err(|e| format!("{expected} ({e})"))?;
    if ["postgres", "postgresql"].contains(&url.scheme()) { Ok(()) } else { Err(expected.to_owned()) }
}

/// A base of URLs: scheme, host, perhaps port and path, nothing else.
pub(crate) fn web_url(text: &str) -> Result<(), String> {
    let url = Url::parse(text).ok().filter(|u| ["http", "https"].contains(&u.scheme()) && u.has_host());
    match url {
        Some(u) if u.query().is_none() && u.fragment().is_none() => Ok(()),
        _ => Err("a URL like https://video.example.org, without ? and #".to_owned()),
    }
}

/// A mail server.
pub(crate) fn smtp_url(text: &str) -> Result<(), String> {
    let expected = "smtps://USER:PASSWORD@HOST:PORT, or smtp://HOST with ?tls=required or ?tls=opportunistic";
    let fits = |u: &Url| {
        let tls = |(k, v): (_, _)| k == "tls" && (v == "required" || v == "opportunistic");
        ["smtp", "smtps"].contains(&u.scheme())
            && u.host_str().is_some_and(|h| !h.is_empty())
            && u.query_pairs().all(tls)
    };
    if Url::parse(text).is_ok_and(|u| fits(&u)) { Ok(()) } else { Err(expected.to_owned()) }
}

/// Somebody's e-mail address, perhaps after a name.
pub(crate) fn mailbox(text: &str) -> Result<(), String> {
    let expected = || "an address like noreply@example.org, or with a name: Films <noreply@example.org>".to_owned();
    let address = match text.rsplit_once('<') {
        Some((_, rest)) => rest.trim_end().strip_suffix('>').ok_or_else(expected)?,
        None => text,
    };
    let (local, domain) = address.trim().rsplit_once('@').ok_or_else(expected)?;
    let odd = |t: &str| t.is_empty() || t.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;".contains(c));
    if odd(local) || odd(domain) { Err(expected()) } else { Ok(()) }
}

/// A PEM file that can be read and has a block whose label ends like this.
pub(crate) fn pem(file: &str, label: &str) -> Result<(), String> {
    let text = std::fs::read(file).map_err(|e| format!("a PEM file that can be read ({e})"))?;
    let text = String::from_utf8_lossy(&text);
    let found = text.lines().any(|l| l.starts_with("-----BEGIN ") && l.trim_end().ends_with(&format!("{label}-----")));
    if found { Ok(()) } else { Err(format!("a PEM file with a {label}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_filters_are_levels_or_pairs() {
        for good in ["info", "WARN", "info,sqlx::postgres::notice=info", "sluice_worker=debug", "trace,hyper=debug"] {
            assert_eq!(log_filter(good), Ok(()), "{good}");
        }
        for bad in ["inof", "info,warm", "info=loud", "a=b=c", ""] {
            assert!(log_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_are_of_what_they_should_be() {
        for good in ["sqlite://./data/a.db", "sqlite:/a.db", "postgres://u:p@h:1/d", "postgresql:///d?host=/run"] {
            assert_eq!(database_url(good), Ok(()), "{good}");
        }
        for bad in ["sqlite://", "sqlite::memory:", "mysql://h/d", "postgres://h:port/d", "file"] {
            assert!(database_url(bad).is_err(), "{bad}");
        }
        for good in ["smtp://h", "smtps://u:p@h:465", "smtp://h:25?tls=required"] {
            assert_eq!(smtp_url(good), Ok(()), "{good}");
        }
        for bad in ["h:25", "http://h", "smtp://", "smtp://h?tls=no", "smtp://h?x=y"] {
            assert!(smtp_url(bad).is_err(), "{bad}");
        }
        assert!(web_url("https://video.example.org/base").is_ok());
        for bad in ["https://", "ftp://h", "https://h?x", "video.example.org", "https://h/#a"] {
            assert!(web_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mailboxes_have_an_address() {
        for good in ["Sluice <noreply@localhost>", "a@b.c", "\"A, B\" <a@b.c>"] {
            assert_eq!(mailbox(good), Ok(()), "{good}");
        }
        for bad in ["", "Films", "a@", "@b", "Films <a@b", "a b@c", "a@b, c@d"] {
            assert!(mailbox(bad).is_err(), "{bad}");
        }
    }
}
