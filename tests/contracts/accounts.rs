//! Accounts, sessions, rate limits, views, the last administrator.

use crate::world::{Fresh, World, at, fresh, used, user};
use sluice_db::{Db, DbError, PlaybackTokenRow};
use sluice_model::{PlaybackTokenId, RefreshTokenStatus, Role, SessionId, UserId};

harness::on_both!(fresh => names_are_taken_and_addresses_are_claimed, session_has_one_live_refresh_token, rate_limit_is_taken_exactly, views_are_counted_exactly, last_administrator_stays);

async fn names_are_taken_and_addresses_are_claimed(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let taken = world.db.users().insert(&user(UserId::new(), "ADA", "other@example.org")).await;
    assert!(matches!(taken, Err(DbError::Duplicate)), "whatever its case");
    let second = UserId::new();
    world.db.users().insert(&user(second, "other", "Ada@Example.org")).await.unwrap();
    let found = |login: &'static str| {
        let db = world.db.clone();
        async move { db.users().by_login(login).await.unwrap().map(|u| u.id) }
    };
    assert_eq!(found("aDa").await, Some(world.owner));
    assert_eq!(found("ADA@example.org").await, None, "a claim logs nobody in");
    let oldest = world.db.users().by_email("ADA@example.org").await.unwrap().unwrap();
    assert_eq!(oldest.id, world.owner, "but it may be recovered: the oldest");
    let mut tx = world.db.begin().await.unwrap();
    assert!(!tx.users().verify_email(second, "else@example.org", at(1)).await.unwrap(), "another address");
    assert!(tx.users().verify_email(second, "ada@example.org", at(1)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(found("ada@example.org").await, Some(second), "who proved it has it");
    let first = world.db.users().find(world.owner).await.unwrap().unwrap();
    assert_eq!((first.email.as_str(), first.email_verified_at), ("ada@example.org", None), "it is not told");
    let mut tx = world.db.begin().await.unwrap();
    assert!(!tx.users().verify_email(world.owner, "ada@example.org", at(2)).await.unwrap(), "its claim is over");
    drop(tx);
    let third = UserId::new();
    world.db.users().insert(&user(third, "third", "ada@example.org")).await.unwrap();
    assert!(!tx_verify(&world.db, third).await, "somebody has proved it");
    assert_eq!(world.db.users().find(second).await.unwrap().unwrap().email_verified_at, Some(at(1)));
}

async fn tx_verify(db: &Db, user: UserId) -> bool {
    let mut tx = db.begin().await.unwrap();
    tx.users().verify_email(user, "ada@example.org", at(3)).await.unwrap()
}

async fn session_has_one_live_refresh_token(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let session = SessionId::new();
    let mut tx = world.db.begin().await.unwrap();
    tx.sessions().insert(session, world.owner, b"a", &used(1, 100)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let row = tx.sessions().touch(session, &used(2, 200), 150).await.unwrap().unwrap();
    assert_eq!((row.expires_at, row.last_used_at), (at(151), at(2)), "it lives no longer than a session may");
    tx.sessions().spend_refresh_token(b"a", b"b", at(2)).await.unwrap();
    tx.sessions().insert_refresh_token(session, b"b", at(2)).await.unwrap();
    tx.sessions().supersede_refresh_token(b"a", b"b", b"c", at(3)).await.unwrap();
    tx.sessions().insert_refresh_token(session, b"c", at(3)).await.unwrap();
    tx.commit().await.unwrap();
    let mut states = Vec::new();
    for hash in [b"a", b"b", b"c"] {
        states.push(world.db.sessions().refresh_token(hash).await.unwrap().unwrap().status);
    }
    assert_eq!(states, [RefreshTokenStatus::Spent, RefreshTokenStatus::Superseded, RefreshTokenStatus::Live]);
    assert!(world.db.sessions().user_of(session, at(3)).await.unwrap().is_some());
    assert!(world.db.sessions().user_of(session, at(151)).await.unwrap().is_none(), "expired");
    assert!(!world.db.sessions().revoke(UserId::new(), session, at(4)).await.unwrap(), "somebody else's");
    assert!(world.db.sessions().revoke(world.owner, session, at(4)).await.unwrap());
    assert!(world.db.sessions().user_of(session, at(5)).await.unwrap().is_none());
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.sessions().touch(session, &used(5, 200), 150).await.unwrap().is_none());
}

async fn rate_limit_is_taken_exactly(Fresh { db, _folder }: Fresh) {
    let take = |now: i64| {
        let db = db.clone();
        tokio::spawn(async move { db.rate_limits().take("x", 1000, 5, at(now)).await.unwrap().1 })
    };
    let mut taken = 0;
    for t in (0..40).map(|_| take(1_000_000)).collect::<Vec<_>>() {
        taken += usize::from(t.await.unwrap());
    }
    assert_eq!(taken, 5, "of forty at once");
    assert!(!take(1_000_899).await.unwrap());
    assert!(take(1_001_000).await.unwrap(), "one comes back");
    assert!(!take(1_001_000).await.unwrap());
    db.rate_limits().give_back("x", 1000).await.unwrap();
    assert!(take(1_001_000).await.unwrap());
    assert!(db.rate_limits().take("y", 1000, 5, at(1_001_000)).await.unwrap().1, "another subject");
    // Requests do not reach the database in the order of their instants: the latest may come first.
    for (n, now) in [1_000_050, 1_000_000, 1_000_020, 1_000_000, 1_000_030].into_iter().enumerate() {
        assert!(db.rate_limits().take("z", 1000, 5, at(now)).await.unwrap().1, "{n} of five");
    }
    assert!(!db.rate_limits().take("z", 1000, 5, at(1_000_050)).await.unwrap().1, "and no sixth");
}

async fn views_are_counted_exactly(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, _, media) = world.film(1).await;
    let token = PlaybackTokenRow {
        id: PlaybackTokenId::new(),
        media_id: media,
        viewer: None,
        max_views: Some(3),
        views: 0,
        allowed_origins: String::new(),
        created_at: at(1),
        expires_at: at(100),
    };
    world.db.access().insert_playback_token(&token).await.unwrap();
    let tries = (0..20).map(|_| {
        let (db, id) = (world.db.clone(), token.id);
        tokio::spawn(async move { db.access().count_view(id).await.unwrap() })
    });
    let mut counted = 0;
    for t in tries.collect::<Vec<_>>() {
        counted += usize::from(t.await.unwrap());
    }
    assert_eq!(counted, 3);
    assert_eq!(world.db.access().playback_token(token.id, at(2)).await.unwrap().unwrap().views, 3);
    assert!(world.db.access().playback_token(token.id, at(100)).await.unwrap().is_none(), "expired");
    assert!(world.db.access().revoke_playback_token(media, token.id, at(3)).await.unwrap());
    assert!(world.db.access().playback_token(token.id, at(2)).await.unwrap().is_none(), "revoked");
}

async fn last_administrator_stays(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let other = UserId::new();
    world.db.users().insert(&user(other, "other", "o@example.org")).await.unwrap();
    let set = |id: UserId, role: Role| {
        let db = world.db.clone();
        async move {
            let mut tx = db.begin().await.unwrap();
            tx.users().lock(id).await.unwrap();
            let done = tx.users().set_role(id, role).await.unwrap();
            tx.commit().await.unwrap();
            done
        }
    };
    assert!(set(world.owner, Role::Admin).await);
    assert!(!set(world.owner, Role::Viewer).await, "the last one");
    assert!(set(other, Role::Admin).await);
    let (a, b) = tokio::join!(set(world.owner, Role::Viewer), set(other, Role::Viewer));
    assert!(a != b, "of two at once one stays");
    assert!(world.db.users().has_admin().await.unwrap());
}
