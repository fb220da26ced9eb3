//! A database as a file: what is written is read back, and nothing is overwritten.

use sluice_db::{Db, backup};
use sluice_model::Timestamp;
use std::{fs, os::unix::fs::PermissionsExt};

/// Longer than the test, microseconds.
const ALLOWANCE_US: i64 = 3_600_000_000;

#[tokio::test]
async fn what_is_written_is_read_back_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("sqlite://{}", dir.path().join(name).display());
    let at = Timestamp::from_micros;
    let missing = backup::write(&url("a.db"), dir.path()).await.unwrap_err().to_string();
    assert!(missing.contains("no database of this service") && !dir.path().join("a.db").exists(), "{missing}");
    let db = Db::open(&url("a.db")).await.unwrap();
    assert!(db.rate_limits().take("x", ALLOWANCE_US, 1, at(1)).await.unwrap().1);
    let written = backup::write(&url("a.db"), dir.path()).await.unwrap();
    assert_eq!(written.description.schema, backup::schema_version());
    let file = dir.path().join(written.description.file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let refused = backup::restore(&url("a.db"), &file, None).await.unwrap_err().to_string();
    assert!(refused.contains("already"), "{refused}");
    fs::write(dir.path().join("b.db.restoring"), "of a restore that was killed").unwrap();
    backup::restore(&url("b.db"), &file, None).await.unwrap();
    let restored = Db::open(&url("b.db")).await.unwrap();
    let (_, again) = restored.rate_limits().take("x", ALLOWANCE_US, 1, at(2)).await.unwrap();
    assert!(!again, "what was used up is used up there too");
    restored.close().await;
    db.close().await;
}
