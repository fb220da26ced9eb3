//! `sluice-api check` finds what is missing before anybody else does, and gives no secret away.

use harness::{Pair, Stack};

harness::on_both!(check_names_what_is_wrong);

/// The first word of the line about `what`.
fn outcome<'a>(said: &'a str, what: &str) -> &'a str {
    let line = said
        .lines()
        .find(|l| l.get(8..).is_some_and(|rest| rest.starts_with(what)))
        .unwrap_or_else(|| panic!("{what}: {said}"));
    line.split_whitespace().next().unwrap()
}

async fn check_names_what_is_wrong(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (good, said) = stack.command(&["check"], "");
    assert!(good, "{said}");
    for what in ["settings", "data directory", "signing secret", "free space", "database", "clock", "object store"] {
        assert_eq!(outcome(&said, what), "ok", "{said}");
    }
    assert_eq!((outcome(&said, "e-mail"), outcome(&said, "links")), ("note", "note"), "both are done without: {said}");
    let faults = [
        ("SLUICE_SMTP_URL", "smtp://someone:canary-of-mail@127.0.0.1:1", "e-mail"),
        ("SLUICE_STORE_URL", "s3://bucket/media?endpoint=http://127.0.0.1:1&region=x", "object store"),
        ("SLUICE_DATABASE_URL", "postgres://someone:canary-of-data@127.0.0.1:1/sluice", "database"),
        ("SLUICE_MIN_FREE_BYTES", "562949953421312", "free space"),
    ];
    for (setting, value, what) in faults {
        let keys = [("AWS_ACCESS_KEY_ID", "someone"), ("AWS_SECRET_ACCESS_KEY", "canary-of-store")];
        // Only what writes to a disk of this machine looks at its free space.
        if what == "free space" && pair == Pair::Servers {
            continue;
        }
        let keys = if what == "object store" { &keys[..] } else { &[] };
        let (good, said) = stack.command_with(&[&[(setting, value)], keys].concat(), &["check"], "");
        assert!(!good && !said.contains("canary"), "{said}");
        assert_eq!(outcome(&said, what), "FAILED", "{said}");
        let failed = said.lines().filter(|l| l.starts_with("FAILED")).count();
        assert_eq!(failed, 1, "the others are as they were: {said}");
    }
}
