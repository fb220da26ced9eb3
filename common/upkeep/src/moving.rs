//! Copies the objects of one store to another while both are in use.
//!
//! Invariant: nothing is deleted from where it comes from, and an object that is deleted by somebody while it is copied
//! does not stay where it goes to: whoever deletes one deletes it at its old place first, and that place is looked at last.

use crate::{Count, Result};
use futures::{StreamExt, TryStreamExt, stream};
use sluice_storage::{Key, Prefix, Root, Store, StoredObject};
use std::collections::HashMap;

/// Objects under way at once. None is larger than a piece of an upload, so memory is bounded too.
const AT_ONCE: usize = 8;

/// What was moved, and what was there before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    pub copied: Count,
    pub there: Count,
}

/// Copies every object of `from` that `to` does not have in the same length, folder by folder. `tell` hears of every folder what
/// was done until then.
pub async fn move_objects(from: &Store, to: &Store, mut tell: impl FnMut(&Moved)) -> Result<Moved> {
    let mut moved = Moved::default();
    for root in Root::ALL {
        let mut groups = from.groups(root);
        while let Some(group) = groups.try_next().await? {
            move_group(from, to, &group, &mut moved).await?;
            tell(&moved);
        }
    }
    Ok(moved)
}

async fn move_group(from: &Store, to: &Store, group: &Prefix, moved: &mut Moved) -> Result<()> {
    let there: HashMap<Key, u64> = to.list_sizes(group).await?.into_iter().collect();
    let (old, new): (Vec<StoredObject>, Vec<StoredObject>) = from
        .list_objects(group)
        .await?
        .into_iter()
        .partition(|object| there.get(&object.key) == Some(&object.size_bytes));
    moved.there.add(&old);
    let copied: Vec<Option<StoredObject>> = stream::iter(new)
        .map(|object| async move {
            Ok::<_, crate::UpkeepError>(copy(from, to, &object.key, object.size_bytes).await?.then_some(object))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    moved.copied.add(&copied.into_iter().flatten().collect::<Vec<_>>());
    Ok(())
}

/// Copies one object; `false` when it was deleted meanwhile.
async fn copy(from: &Store, to: &Store, key: &Key, size_bytes: u64) -> Result<bool> {
    if from.size(key).await?.is_none() {
        return Ok(false);
    }
    let data = from.read(key, 0..size_bytes).await?;
    to.put(key, data).await?;
    let is_wanted = from.size(key).await?.is_some();
    if !is_wanted {
        to.delete(key).await?;
    }
    Ok(is_wanted)
}
