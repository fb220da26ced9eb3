//! Films that are made again: every media has a whole package at each moment, and nothing stays that nobody has.

use crate::{
    work::act,
    world::{Fresh, ROOM, World, at, fresh, new_media, plan, planned, task},
};
use sluice_db::{
    Begun, ClaimLimits, ClipOrigin, NewAddedTrack, NewTask, ReencodeChoice, ReencodeRow, Replacement, SourceSpan,
    WebhookRow,
};
use sluice_model::{
    ActionKind, ClaimToken, Encryption, LeftAs, MediaId, PackageId, PackageStatus, Reason, SourceId, TaskKind,
    TaskStatus, Timestamp, TrackRole, WebhookId,
};

harness::on_both!(fresh =>
    a_replacement_takes_its_place_in_one_step,
    a_film_is_begun_once_and_behind_those_before_it,
    what_could_not_be_made_leaves_the_film_as_it_was,
    what_was_before_stays_while_somebody_needs_it,
    work_ends_with_the_last_media,
    some_films_stay_as_they_are,
    what_is_held_back_takes_no_place_that_is_kept,
);

const PROFILE: &str = "new settings";

/// A film that is ready, of its own bytes.
async fn ready(world: &World) -> (SourceId, PackageId, MediaId) {
    let (source, package) = planned(world).await;
    finish(world, package, at(2)).await;
    let media = media_of(world, package).await.remove(0);
    (source, package, media)
}

async fn media_of(world: &World, package: PackageId) -> Vec<MediaId> {
    let mut tx = world.db.begin().await.unwrap();
    tx.media().names_of(package).await.unwrap().into_iter().map(|m| m.id).collect()
}

async fn finish(world: &World, package: PackageId, now: Timestamp) {
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().finish(package, "{}", now).await.unwrap();
    tx.commit().await.unwrap();
}

async fn want(world: &World, package: PackageId) -> bool {
    let mut tx = world.db.begin().await.unwrap();
    let wanted = tx.reencodes().want(package, at(5)).await.unwrap();
    tx.commit().await.unwrap();
    wanted
}

async fn begin(world: &World, package: PackageId) -> Begun {
    let mut tx = world.db.begin().await.unwrap();
    let begun = tx.replacements().begin(package, PROFILE, at(6)).await.unwrap();
    if let Begun::Replacement(new) = begun {
        let plan = task(new.source, new.package, TaskKind::Plan, "plan");
        tx.tasks().enqueue(&[NewTask { due_at: new.due_at, ..plan }], at(6)).await.unwrap();
    }
    tx.commit().await.unwrap();
    begun
}

async fn replacement(world: &World, package: PackageId) -> Replacement {
    assert!(want(world, package).await);
    match begin(world, package).await {
        Begun::Replacement(new) => new,
        other => panic!("{other:?}"),
    }
}

/// Plans a replacement, and ends its tasks.
async fn make(world: &World, new: Replacement) {
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.packages().store_plan(new.package, &plan(), at(7)).await.unwrap());
    tx.packages().set_profile(new.package, PROFILE).await.unwrap();
    tx.commit().await.unwrap();
    while let Some(claimed) = world.claim().await {
        let mut tx = world.db.begin().await.unwrap();
        tx.tasks().complete(claimed.id, at(7)).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn package_of(world: &World, media: MediaId) -> PackageId {
    world.db.media().find(media).await.unwrap().unwrap().package_id
}

async fn status(world: &World, package: PackageId) -> PackageStatus {
    world.db.packages().find(package).await.unwrap().unwrap().status
}

async fn doomed(world: &World, before: i64) -> Vec<PackageId> {
    world.db.replacements().to_delete(at(before), PackageId::nil(), 10).await.unwrap()
}

async fn film(world: &World, package: PackageId) -> ReencodeRow {
    let one = ReencodeChoice { package: Some(package), ..ReencodeChoice::default() };
    world.db.reencodes().films(&one, PackageId::nil(), 10).await.unwrap().remove(0)
}

/// What the endpoint of an account was told.
async fn told(world: &World, webhook: WebhookId) -> Vec<String> {
    let told = world.db.webhooks().deliveries(webhook, None, 20).await.unwrap();
    told.into_iter().map(|d| d.event).collect()
}

async fn a_replacement_takes_its_place_in_one_step(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let webhook = WebhookRow {
        id: WebhookId::new(),
        owner_id: world.owner,
        url: "https://example.org".into(),
        secret: "x".into(),
        events: "media.playable media.ready media.failed".into(),
        active: true,
        created_at: at(1),
    };
    let (source, old, media) = ready(&world).await;
    world.db.webhooks().insert(&webhook).await.unwrap();
    let new = replacement(&world, old).await;
    assert_eq!((package_of(&world, media).await, film(&world, old).await.is_being_made), (old, true));
    assert_eq!(world.db.replacements().under_way().await.unwrap(), 1);

    // The same bytes come once more: they join what is ready, and want what is being made.
    let (twin, own, joined) = world.film(3).await;
    world.enqueue(twin, own, "t", 1).await;
    for source in [source, twin] {
        let mut tx = world.db.begin().await.unwrap();
        let merged = tx.sources().merge_twins(source, b"same", at(10)).await.unwrap();
        assert_eq!(merged, u64::from(source == twin));
        tx.commit().await.unwrap();
    }
    assert_eq!(package_of(&world, joined).await, old);
    let tasks = world.db.tasks().of_package(new.package).await.unwrap();
    assert_eq!(tasks[0].status, TaskStatus::Queued, "its work was not taken for a twin's");
    assert!(world.db.media().package_status(joined, new.package).await.unwrap().is_some());
    let before = told(&world, webhook.id).await;

    make(&world, new).await;
    assert_eq!(package_of(&world, media).await, old, "until it is ready");
    finish(&world, new.package, at(20)).await;
    for id in [media, joined] {
        assert_eq!(package_of(&world, id).await, new.package);
        let played = world.db.media().package_status(id, old).await.unwrap();
        assert_eq!(played, Some(PackageStatus::Ready), "who plays what was before goes on");
    }
    assert_eq!(told(&world, webhook.id).await, before, "it was ready all the time");
    assert_eq!(doomed(&world, 20).await, [] as [PackageId; 0]);
    assert_eq!(doomed(&world, 21).await, [old]);
    assert!(!film(&world, new.package).await.is_being_made);

    // Made with the same settings it stays; with others it is made once more.
    assert!(want(&world, new.package).await);
    assert_eq!(begin(&world, new.package).await, Begun::Left(LeftAs::SameSettings));
    assert_eq!(world.db.reencodes().left().await.unwrap(), [(LeftAs::SameSettings, 1)]);
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().set_profile(new.package, "older settings").await.unwrap();
    tx.commit().await.unwrap();
    let third = replacement(&world, new.package).await;
    make(&world, third).await;
    finish(&world, third.package, at(30)).await;
    assert_eq!(package_of(&world, media).await, third.package);
    assert_eq!(doomed(&world, 31).await, [old, new.package]);
}

async fn a_film_is_begun_once_and_behind_those_before_it(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let ((_, first, _), (_, second, _)) = (ready(&world).await, ready(&world).await);
    for package in [first, second] {
        assert!(want(&world, package).await);
        assert!(!want(&world, package).await, "said twice, wanted once");
    }
    assert_eq!(world.db.reencodes().waiting().await.unwrap().films, 2);
    assert_eq!(world.db.reencodes().next().await.unwrap(), Some(first));
    let Begun::Replacement(one) = begin(&world, first).await else { panic!() };
    assert_eq!(begin(&world, first).await, Begun::Nothing, "by whoever looked at the same moment");
    let Begun::Replacement(other) = begin(&world, second).await else { panic!() };
    assert!(other.due_at > one.due_at, "all of the first comes before the second");
    assert_eq!(world.claim().await.unwrap().package_id, one.package);
    // Wanted again while it is made, it is made once.
    assert!(want(&world, first).await);
    assert_eq!(begin(&world, first).await, Begun::Nothing);
    assert_eq!(world.db.reencodes().next().await.unwrap(), None);
    let all = ReencodeChoice { under_way: true, ..ReencodeChoice::default() };
    assert_eq!(world.db.reencodes().films(&all, PackageId::nil(), 10).await.unwrap().len(), 2);
    assert_eq!(world.db.reencodes().films(&all, first, 10).await.unwrap().len(), 1, "page by page");
}

async fn what_could_not_be_made_leaves_the_film_as_it_was(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, old, media) = ready(&world).await;
    let new = replacement(&world, old).await;
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.replacements().cancel(old, &Reason::new("cancelled", "x"), at(10)).await.unwrap());
    assert!(!tx.replacements().cancel(old, &Reason::new("cancelled", "x"), at(10)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!((package_of(&world, media).await, status(&world, old).await), (old, PackageStatus::Ready));
    assert!(world.claim().await.is_none());
    let failed = world.db.reencodes().replacements().await.unwrap();
    assert_eq!((failed.len(), failed[0].reason().unwrap().code.as_str()), (1, "cancelled"));
    assert_eq!((doomed(&world, 10).await, doomed(&world, 11).await), (vec![], vec![new.package]));

    // Begun anew, the one before takes no place even if somebody retries it.
    let again = replacement(&world, old).await;
    let mut tx = world.db.begin().await.unwrap();
    assert!(!tx.packages().retry(new.package, at(11)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.db.reencodes().replacements().await.unwrap().len(), 1);

    // A track that is added meanwhile lies over what is there.
    make(&world, again).await;
    let track = NewAddedTrack {
        media_id: media,
        source_id: SourceId::new(),
        package_id: PackageId::new(),
        language: None,
        label: "Deutsch",
        role: TrackRole::Dub,
    };
    let mut tx = world.db.begin().await.unwrap();
    tx.sources().insert(track.source_id, Some(1), at(1)).await.unwrap();
    tx.added_tracks().insert(&track, at(12)).await.unwrap();
    tx.commit().await.unwrap();
    finish(&world, again.package, at(13)).await;
    assert_eq!((package_of(&world, media).await, status(&world, again.package).await), (old, PackageStatus::Failed));
    assert_eq!(doomed(&world, 99).await, [new.package, again.package]);
    for package in [new.package, again.package] {
        assert!(world.db.replacements().mark_deleting(package, at(99)).await.unwrap());
        world.db.replacements().purge(package).await.unwrap();
        assert!(world.db.packages().find(package).await.unwrap().is_none());
    }
    assert_eq!(doomed(&world, 99).await, [] as [PackageId; 0]);
    assert_eq!(film(&world, old).await.left_as(Some(PROFILE)), Some(LeftAs::AddedTracks));
}

async fn what_was_before_stays_while_somebody_needs_it(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, old, media) = ready(&world).await;
    let new = replacement(&world, old).await;
    make(&world, new).await;
    let (clip_source, clip) = (SourceId::new(), PackageId::new());
    let origin = ClipOrigin { package: old, source };
    let mut tx = world.db.begin().await.unwrap();
    tx.clips().insert_source(clip_source, 2, at(10)).await.unwrap();
    tx.packages().insert(clip, clip_source, Encryption::None, at(10)).await.unwrap();
    tx.clips().set_origin(clip, origin, at(10)).await.unwrap();
    tx.media().insert(&new_media(MediaId::new(), world.owner, clip_source, clip, at(10))).await.unwrap();
    tx.commit().await.unwrap();
    finish(&world, new.package, at(20)).await;
    assert_eq!(doomed(&world, 99).await, [] as [PackageId; 0], "a clip is cut from it");
    assert!(!world.db.replacements().mark_deleting(old, at(99)).await.unwrap());
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().fail(clip, &Reason::new("x", "x"), at(30)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(world.db.replacements().mark_deleting(old, at(99)).await.unwrap());
    // From here on no row leads to its objects, nobody is given them, and nothing is cut from it.
    assert_eq!(world.db.media().package_status(media, old).await.unwrap(), None);
    let mut tx = world.db.begin().await.unwrap();
    let listed = tx.objects().packages_after(PackageId::nil(), 10).await.unwrap();
    assert!(!listed.contains(&old) && listed.contains(&new.package), "{listed:?}");
    assert!(tx.clips().set_origin(clip, origin, at(40)).await.is_err());
    drop(tx);
    assert_eq!(doomed(&world, 1).await, [old], "whoever died while its objects went is followed");
    world.db.replacements().purge(old).await.unwrap();
    world.db.replacements().purge(new.package).await.unwrap();
    assert!(world.db.packages().find(old).await.unwrap().is_none());
    assert!(world.db.tasks().of_package(old).await.unwrap().is_empty());
    assert_eq!(package_of(&world, media).await, new.package, "what is in place is not purged");
}

async fn work_ends_with_the_last_media(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, old, media) = ready(&world).await;
    let new = replacement(&world, old).await;
    assert!(world.db.media().delete(media, at(10)).await.unwrap());
    let tasks = world.db.tasks().of_package(new.package).await.unwrap();
    assert_eq!(tasks[0].status, TaskStatus::Cancelled);
    assert_eq!(doomed(&world, 99).await, [] as [PackageId; 0], "all of it goes with its source");
    let doomed = world.db.sources().to_delete(at(99), at(99), SourceId::nil(), 10).await.unwrap();
    assert_eq!(doomed, [source]);
    world.db.sources().mark_deleting(at(99), at(99), SourceSpan::all()).await.unwrap();
    world.db.sources().purge(source).await.unwrap();
    assert!(world.db.packages().find(new.package).await.unwrap().is_none());

    // Out of sight it is not worked on either.
    let (_, old, media) = ready(&world).await;
    let new = replacement(&world, old).await;
    act(&world, ActionKind::HideMedia, media).await;
    assert_eq!(status(&world, new.package).await, PackageStatus::Failed);
    assert_eq!((package_of(&world, media).await, status(&world, old).await), (old, PackageStatus::Ready));
    assert_eq!(film(&world, old).await.left_as(None), Some(LeftAs::OutOfSight));
}

async fn some_films_stay_as_they_are(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, unready, _) = world.film(1).await;
    assert_eq!(film(&world, unready).await.left_as(None), Some(LeftAs::NotReady));
    assert!(want(&world, unready).await);
    assert_eq!(begin(&world, unready).await, Begun::Left(LeftAs::NotReady));
    assert_eq!(world.db.reencodes().next().await.unwrap(), None);
    let (source, package, media) = ready(&world).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.clips().set_origin(package, ClipOrigin { package, source }, at(5)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(film(&world, package).await.left_as(None), Some(LeftAs::Clip));
    // Of somebody else there is nothing.
    let bob = world.another("Bob").await;
    for (owner, found) in [(world.owner, 2), (bob.owner, 0)] {
        let his = ReencodeChoice { owner: Some(owner), ..ReencodeChoice::default() };
        assert_eq!(world.db.reencodes().films(&his, PackageId::nil(), 10).await.unwrap().len(), found);
    }
    let early = ReencodeChoice { begun_before: at(1), ..ReencodeChoice::default() };
    assert!(world.db.reencodes().films(&early, PackageId::nil(), 10).await.unwrap().is_empty());
    // A wish goes with its film.
    let (_, package, gone) = ready(&world).await;
    assert!(want(&world, package).await);
    assert!(world.db.media().delete(gone, at(10)).await.unwrap());
    assert_eq!(begin(&world, package).await, Begun::Left(LeftAs::NotWanted));
    assert!(world.db.media().find(media).await.unwrap().is_some());
}

async fn what_is_held_back_takes_no_place_that_is_kept(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, old, _) = ready(&world).await;
    let new = replacement(&world, old).await;
    world.enqueue(new.source, new.package, "chunk-000000", 1).await;
    let light = NewTask { cores: 0, ..task(new.source, new.package, TaskKind::Passthrough, "passthrough") };
    world.enqueue_task(light).await;
    let claim = async |limits| world.db.tasks().claim("w", ClaimToken::random(), limits).await.unwrap();
    let busy = ClaimLimits { cores: 0, light_last: false, ..ROOM };
    assert!(
        claim(busy).await.is_none(),
        "neither that of a plan nor that of a first chunk, nor the last of the light ones"
    );
    // An upload that comes meanwhile has them, though it is due later.
    let (source, package, _) = world.film(1).await;
    world.enqueue_kind(source, package, TaskKind::Plan, "plan", 9000).await;
    world.enqueue(source, package, "chunk-000000", 9001).await;
    for name in ["plan", "chunk-000000"] {
        let claimed = claim(busy).await.unwrap();
        assert_eq!((claimed.package_id, claimed.name.as_str()), (package, name));
    }
    let claimed = claim(ClaimLimits { light_last: true, ..busy }).await.unwrap();
    assert_eq!((claimed.package_id, claimed.kind), (new.package, TaskKind::Passthrough));
    assert_eq!(claim(ROOM).await.unwrap().package_id, new.package, "with nothing else to do");
}
