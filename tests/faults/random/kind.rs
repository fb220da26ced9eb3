//! The kinds of faults, and which of them a pair can have.

use harness::{Pair, memory::TightGroup, namespace::Namespace};
use std::sync::LazyLock;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $name,)+
        }

        impl Kind {
            /// Every one there is.
            pub const ALL: &[Self] = &[$(Self::$name),+];
        }
    };
}

kinds! {
    /// kill -9 of a worker.
    WorkerKilled,
    /// kill -9 of an encoder child.
    EncoderKilled,
    /// Memory of an encoder child meets its limit.
    EncoderLimited,
    /// The kernel kills an encoder child for want of memory.
    EncoderOutOfMemory,
    /// kill -9 of what encoder children are forked from.
    ForkServerKilled,
    /// SIGTERM to a worker under load.
    WorkerTerminated,
    /// A worker stands still past its lease, then wakes up.
    WorkerStopped,
    /// kill -9 of the API.
    ApiKilled,
    /// SIGTERM to the API under load.
    ApiTerminated,
    /// The API stands still for a moment.
    ApiStopped,
    /// Running tasks are handed out a second time while the first run goes on.
    DeliveredTwice,
    /// A film on which every encoder child dies.
    Poisoned,
    /// The same bytes from everybody at once, of whom some change their mind.
    SentTwice,
    /// Uploads that are begun and never finished.
    Abandoned,
    /// All die while a film's bytes are being deleted.
    HalfDeleted,
    /// Another program holds the write lock of the SQLite file.
    SqliteLocked,
    /// The disk has no byte left.
    DiskFull,
    /// Every connection to the database is cut.
    DatabaseCut,
    /// The database server ends all sessions.
    SessionsEnded,
    /// The database does not answer for a while.
    DatabaseStalled,
    /// The database server stops in the middle of what it does and recovers.
    DatabaseRestarted,
    /// The database server is lost, and its standby takes its place.
    DatabaseFailedOver,
    /// A worker loses its network past its lease and works on.
    WorkerUnplugged,
    /// Database and store are far away.
    NetworkSlow,
    /// The store answers 503.
    StoreSlowDown,
    /// The store does what it is asked and answers 500.
    StoreErrorAfterCommit,
    /// The store answers 200 with an error document.
    StoreErrorInBody,
    /// Bodies from the store end early.
    StoreShortBody,
    /// Every connection to the store is cut.
    StoreCut,
    /// The store does not answer for a while.
    StoreStalled,
}

/// What this machine lets tests do.
static GROUPS: LazyLock<bool> = LazyLock::new(|| TightGroup::make().is_some());
static NAMESPACES: LazyLock<bool> = LazyLock::new(|| Namespace::make().is_some());
static DISKS: LazyLock<bool> = LazyLock::new(|| harness::disk::SmallDisk::mount(1).is_some());

impl Kind {
    /// Whether a pair can have it, here.
    pub fn applies(self, pair: Pair) -> bool {
        match self {
            Self::EncoderOutOfMemory => *GROUPS,
            Self::WorkerUnplugged => pair == Pair::Servers && *NAMESPACES,
            Self::DiskFull => pair == Pair::Embedded && *DISKS,
            Self::SqliteLocked => pair == Pair::Embedded,
            other if other > Self::DiskFull => pair == Pair::Servers,
            _ => true,
        }
    }
}
