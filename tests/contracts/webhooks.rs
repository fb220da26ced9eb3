//! Deliveries of webhooks: accounts take turns.

use crate::world::{Fresh, World, at, fresh, user};
use sluice_db::{WebhookChange, WebhookRow};
use sluice_model::{DeliveryStatus, Timestamp, UserId, WebhookId};

harness::on_both!(fresh => webhook_accounts_take_turns);

async fn webhook_accounts_take_turns(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let other = UserId::new();
    world.db.users().insert(&user(other, "Bea", "bea@example.org")).await.unwrap();
    let hook = async |owner_id: UserId, told: i64, since: i64| {
        let id = WebhookId::new();
        let (url, secret, events) = ("https://example.org/".to_owned(), "x".to_owned(), "media.ready".to_owned());
        let row = WebhookRow { id, owner_id, url, secret, events, active: true, created_at: Timestamp::EPOCH };
        world.db.webhooks().insert(&row).await.unwrap();
        let mut tx = world.db.begin().await.unwrap();
        for i in 0..told {
            tx.webhooks().queue_delivery(id, "test", None, at(since + i)).await.unwrap();
        }
        tx.commit().await.unwrap();
        id
    };
    let mut many = Vec::new();
    for i in 0..20 {
        many.push(hook(world.owner, 10, i).await);
    }
    let late = hook(other, 2, 1000).await;
    // Sixteen at a look: one of each endpoint, and nobody waits for another account's.
    let taken = world.db.webhooks().claim_deliveries(at(2000), at(9000), 16).await.unwrap();
    let mut hooks: Vec<WebhookId> = taken.iter().map(|d| d.webhook_id).collect();
    hooks.sort_unstable();
    hooks.dedup();
    assert_eq!((taken.len(), hooks.len()), (16, 16));
    assert!(hooks.contains(&late));
    // Taken is taken; those of the others have their turn at the next look.
    let next = world.db.webhooks().claim_deliveries(at(2000), at(9000), 16).await.unwrap();
    assert!(next.iter().all(|d| !taken.iter().any(|t| t.id == d.id)));
    assert!(next.iter().any(|d| d.webhook_id == late));
    assert!(many.iter().filter(|h| taken.iter().chain(&next).any(|d| d.webhook_id == **h)).count() >= 15);
    // Switched off, it is told nothing, nor later.
    let off = WebhookChange { active: Some(false), ..Default::default() };
    world.db.webhooks().change(many[0], &off, at(2000)).await.unwrap();
    let log = world.db.webhooks().deliveries(many[0], None, 100).await.unwrap();
    assert!(log.len() == 10 && log.iter().all(|d| d.status == DeliveryStatus::Failed));
}
