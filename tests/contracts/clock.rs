//! What a clock that was set does: rows with instants that lie far ahead, as one leaves them that was set back since.
//! And claims on a full disk, which are committed or an error.

use crate::world::{Fresh, ROOM, World, at, fresh, task};
use harness::disk::SmallDisk;
use sluice_db::{Db, NewTask, WebhookRow};
use sluice_model::{ClaimToken, TaskKind, TaskStatus, WebhookId};

harness::on_both!(fresh => limits_forget_what_a_clock_ahead_counted, tasks_wait_no_longer_than_a_pause, deliveries_wait_no_longer_than_a_pause, running_claims_ask_no_clock);

const S: i64 = 1_000_000;
/// By how much the clock was set: an hour, a day, a year.
const JUMPS_S: [i64; 3] = [3600, 86_400, 365 * 86_400];

async fn limits_forget_what_a_clock_ahead_counted(Fresh { db, _folder }: Fresh) {
    let (every, burst) = (30 * S, 20);
    let take = async |subject: &str, now: i64| db.rate_limits().take(subject, every, burst, at(now)).await.unwrap();
    for jump in JUMPS_S {
        let (subject, now) = (format!("back {jump}"), 1_000_000 * S);
        for _ in 0..burst {
            assert!(take(&subject, now + jump * S).await.1);
        }
        assert!(!take(&subject, now + jump * S).await.1, "used up");
        for left in (0..burst).rev() {
            let (whole, taken) = take(&subject, now).await;
            assert!(taken && whole == at(now + (burst - left) * every), "after {jump} s back: {left} left");
        }
        assert!(!take(&subject, now).await.1, "and used up again: the limit still is one");
        // Forward: all is there again, as if the time had passed.
        assert!(take(&subject, now + jump * S).await.1, "{jump} s ahead");
    }
    // Instances whose clocks differ by minutes lift no limit.
    for _ in 0..burst {
        assert!(take("two clocks", 5_000_000 * S).await.1);
    }
    assert!(!take("two clocks", 5_000_000 * S - 240 * S).await.1);
}

async fn tasks_wait_no_longer_than_a_pause(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    let now = world.db.now().await.unwrap().as_micros();
    let queue = async |kind: TaskKind, name: &str, not_before: i64| {
        world.enqueue_task(NewTask { not_before: at(not_before), ..task(source, package, kind, name) }).await;
    };
    queue(TaskKind::Chunk, "pauses", now + 60 * S).await;
    // A hash waits for signed URLs to end, up to a week.
    queue(TaskKind::Hash, "closes", now + 86_400 * S).await;
    assert!(world.claim().await.is_none(), "both wait with reason");
    for jump in JUMPS_S {
        queue(TaskKind::Chunk, &format!("back {jump}"), now + jump * S).await;
        let claimed = world.claim().await.expect("nothing waits for a clock that was wrong");
        assert_eq!(claimed.name, format!("back {jump}"));
        // A year ahead, or back: what runs is nobody else's.
        assert!(world.claim().await.is_none());
        let mut tx = world.db.begin().await.unwrap();
        tx.tasks().hold_claim(claimed.id, claimed.token, 1.0).await.unwrap();
        tx.tasks().complete(claimed.id, at(1)).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn deliveries_wait_no_longer_than_a_pause(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let id = WebhookId::new();
    let (url, secret, events) = ("https://example.org/".to_owned(), "x".to_owned(), "media.ready".to_owned());
    let hook = WebhookRow { id, owner_id: world.owner, url, secret, events, active: true, created_at: at(0) };
    world.db.webhooks().insert(&hook).await.unwrap();
    for jump in JUMPS_S {
        let now = 1_000_000 * S;
        let mut tx = world.db.begin().await.unwrap();
        tx.webhooks().queue_delivery(id, "test", None, at(now + jump * S)).await.unwrap();
        tx.commit().await.unwrap();
        world.db.webhooks().mend_pauses(at(now)).await.unwrap();
        let due = world.db.webhooks().claim_deliveries(at(now), at(now + S), 9).await.unwrap().len();
        // An hour is no more than a pause may be: it passes.
        assert_eq!(due, usize::from(jump > 3600), "{jump}");
        let (from, until) = (at(now + jump * S + S), at(now + jump * S + 2 * S));
        let later = world.db.webhooks().claim_deliveries(from, until, 9).await.unwrap();
        assert_eq!(later.len(), 1);
    }
}

async fn running_claims_ask_no_clock(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    world.enqueue(source, package, "t", i64::MAX).await;
    let task = world.claim().await.expect("due in the far future is only the last");
    world.db.tasks().heartbeat(task.id, task.token).await.unwrap();
    let running = world.db.tasks().running().await.unwrap();
    assert_eq!((running[0].status, running[0].beat), (TaskStatus::Running, 1), "a count, no instant");
}

#[tokio::test]
async fn a_claim_on_a_full_disk_is_committed_or_an_error() {
    let Some(disk) = SmallDisk::mount(32) else { return };
    let url = format!("sqlite://{}/a.db", disk.path().display());
    let mut world = World::new(Db::open(&url).await.unwrap()).await;
    let (source, package, _) = world.film(1).await;
    for i in 0..200 {
        world.enqueue(source, package, &format!("t{i}"), i).await;
    }
    // Closed and opened, its log of changes has no room of before.
    world.db.close().await;
    world.db = Db::open(&url).await.unwrap();
    disk.fill_but(0);
    let (mut claimed, mut refused) = (0, 0);
    for _ in 0..200 {
        let token = ClaimToken::random();
        match world.db.tasks().claim("w", token, ROOM).await {
            Ok(Some(task)) => {
                let running = world.db.tasks().running().await.unwrap();
                assert!(running.iter().any(|t| t.id == task.id && t.token == Some(token)), "claimed and not committed");
                claimed += 1;
            }
            Ok(None) => panic!("there are tasks"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 0, "the disk was not full: {claimed} were claimed");
    disk.make_room();
    assert!(world.claim().await.is_some(), "and goes on by itself");
}
