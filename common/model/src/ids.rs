//! Identifiers that cannot be taken for each other: a media's does not fit where a package's belongs.
//!
//! What is listed has UUIDs of version 7 (RFC 9562), which sort by the time at which they were made; a fencing token is
//! random. They have no schema of their own: what leaves as JSON is a UUID, and views say so.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// All zeros: before every other, and nobody's.
            pub const fn nil() -> Self {
                Self(Uuid::nil())
            }

            /// All ones: after every other.
            pub const fn max() -> Self {
                Self(Uuid::max())
            }

            /// The identifier without its kind, for cursors and texts that hold any.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids!(
    /// An account.
    UserId,
    /// What a person owns and sees.
    MediaId,
    /// Uploaded bytes.
    SourceId,
    /// An HLS package of one source.
    PackageId,
    /// An upload under way, or one that was.
    UploadId,
    /// A unit of work.
    TaskId,
    /// One claim of a task: the fencing token of whoever runs it.
    ClaimToken,
);

macro_rules! ordered {
    ($($name:ident),+) => {$(
        impl $name {
            /// A new one, which sorts behind those that were made before.
            #[allow(clippy::new_without_default, reason = "a default would be a new one each time")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }
    )+};
}

ordered!(UserId, MediaId, SourceId, PackageId, UploadId, TaskId);

impl ClaimToken {
    /// A new one. Its first digits name the objects of an attempt, so they must not be those of the clock.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}
