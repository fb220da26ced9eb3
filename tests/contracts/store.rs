//! The contract of [`Store`].

use bytes::Bytes;
use futures::TryStreamExt;
use sluice_config::{MovingStore, StoreUrl};
use sluice_model::{PictureId, SourceId};
use sluice_storage::{Key, Prefix, Root, Store, StoreError};
use sluice_upkeep::move_objects;
use std::collections::BTreeMap;

async fn contract(store: &Store) {
    let source = SourceId::new();
    let key = |number| Key::Extent { source, number };
    let data = Bytes::from((0..100_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());

    assert_eq!(store.size(&key(0)).await.unwrap(), None);
    assert!(matches!(store.get(&key(0), 0..1).await.err(), Some(StoreError::NotFound(_))));

    store.put(&key(0), data.clone()).await.unwrap();
    store.put(&key(0), data.clone()).await.unwrap();
    store.put(&key(1), Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(store.size(&key(0)).await.unwrap(), Some(400_000));
    assert_eq!(store.read(&key(0), 0..400_000).await.unwrap(), data);
    assert_eq!(store.read(&key(0), 399_990..400_000).await.unwrap(), data.slice(399_990..));
    assert_eq!(store.read(&key(0), 5..5).await.unwrap().len(), 0);
    assert!(store.read(&key(1), 0..7).await.is_err(), "a range past the end must not pass as data");

    let mut keys = store.list(&Prefix::Source(source)).await.unwrap();
    keys.sort_by_key(ToString::to_string);
    assert_eq!(keys, [key(0), key(1)]);

    let sized = store.list_objects(&Prefix::Source(source)).await.unwrap();
    let now = sluice_model::clock::now();
    let minute = std::time::Duration::from_secs(60);
    assert!(sized.iter().all(|o| o.written_at + minute > now && now + minute > o.written_at), "{sized:?}");
    let picture = PictureId::random();
    store.put(&Key::Picture(picture), Bytes::from_static(b"picture")).await.unwrap();
    let pictures = store.list_sizes(&Prefix::Picture(picture)).await.unwrap();
    assert_eq!(pictures, [(Key::Picture(picture), 7)], "a picture is a folder of one");
    // Others write to this store as well.
    let groups = async |root| store.groups(root).try_collect::<Vec<_>>().await.unwrap();
    assert!(groups(Root::Sources).await.contains(&Prefix::Source(source)));
    assert!(groups(Root::Pictures).await.contains(&Prefix::Picture(picture)));
    assert!(!groups(Root::Projects).await.contains(&Prefix::Source(source)));
    store.delete(&Key::Picture(picture)).await.unwrap();
    assert!(!groups(Root::Pictures).await.contains(&Prefix::Picture(picture)));

    for _ in 0..2 {
        store.delete(&key(0)).await.unwrap();
    }
    store.delete(&key(1)).await.unwrap();
    assert_eq!(store.list(&Prefix::Source(source)).await.unwrap(), []);
    store.ping().await.unwrap();
}

#[tokio::test]
async fn local_directory() {
    let dir = tempfile::tempdir().unwrap();
    contract(&Store::open(&StoreUrl::Local(dir.path().to_owned())).await.unwrap()).await;
}

#[tokio::test]
async fn s3_server() {
    let env: BTreeMap<String, String> = std::env::vars().collect();
    let url = env.get("SLUICE_TEST_S3").expect("run the tests with `make test`");
    contract(&Store::open(&StoreUrl::parse(url, &env).unwrap()).await.unwrap()).await;
}

/// Two directories, of which nothing has been moved.
async fn moving() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let [from, to] = ["before", "after"].map(|name| StoreUrl::Local(dir.path().join(name)));
    let store = Store::open(&StoreUrl::Moving(Box::new(MovingStore { from, to }))).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn a_store_that_moves() {
    contract(&moving().await.1).await;
}

/// Objects of the old place, of the new one, and of both, are each there once; what is deleted is gone from both.
#[tokio::test]
async fn a_store_that_moves_has_each_object_once() {
    let (_dir, store) = moving().await;
    let (from, to) = store.moving().unwrap();
    let source = SourceId::new();
    let key = |number| Key::Extent { source, number };
    for (place, number) in [(&from, 0), (&from, 1), (&to, 1), (&store, 2)] {
        place.put(&key(number), Bytes::from(vec![number as u8; 10])).await.unwrap();
    }
    assert_eq!(to.size(&key(2)).await.unwrap(), Some(10), "what is new goes to the new place");
    assert_eq!(from.size(&key(2)).await.unwrap(), None);
    for number in 0..3 {
        assert_eq!(store.read(&key(number), 0..10).await.unwrap(), vec![number as u8; 10]);
        let pieces: Vec<Bytes> = store.get(&key(number), 2..8).await.unwrap().try_collect().await.unwrap();
        assert_eq!(pieces.concat(), vec![number as u8; 6]);
    }
    let listed = async |place: &Store| {
        let mut keys = place.list(&Prefix::Source(source)).await.unwrap();
        keys.sort_by_key(ToString::to_string);
        keys
    };
    assert_eq!(listed(&store).await, [key(0), key(1), key(2)]);
    let groups: Vec<Prefix> = store.groups(Root::Sources).try_collect().await.unwrap();
    assert_eq!(groups, [Prefix::Source(source)]);
    // Moving twice is moving once.
    let moved = move_objects(&from, &to, |_| {}).await.unwrap();
    assert_eq!((moved.copied.objects, moved.there.objects), (1, 1));
    let moved = move_objects(&from, &to, |_| {}).await.unwrap();
    assert_eq!((moved.copied.objects, moved.there.objects), (0, 2));
    assert_eq!(listed(&to).await, [key(0), key(1), key(2)]);
    for number in 0..3 {
        store.delete(&key(number)).await.unwrap();
    }
    assert!(listed(&from).await.is_empty() && listed(&to).await.is_empty());
}
