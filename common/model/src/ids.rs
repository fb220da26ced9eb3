//! Identifiers that cannot be taken for each other: a media's does not fit where a package's belongs.
//!
//! What is listed has UUIDs of version 7 (RFC 9562), which sort by the time at which they were made; what is only named,
//! and must not be guessed or say when it was made, is random. They have no schema of their own: what leaves as JSON is a UUID, and views say so.

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
    /// A login and what came of it.
    SessionId,
    /// A token of a machine.
    ApiTokenId,
    /// A link by which a private media is played.
    PlaybackTokenId,
    /// An entry of the audit log.
    AuditEventId,
    /// A viewer's request to become a creator.
    CreatorRequestId,
    /// A comment on a media.
    CommentId,
    /// What a client calls a comment by, so that sending it again stores nothing new.
    ClientKey,
    /// A list of media.
    PlaylistId,
    /// One place of a playlist.
    PlaylistItemId,
    /// A text of a creator.
    PostId,
    /// A project of notes or of an edit.
    ProjectId,
    /// One version of a project's document.
    DocumentId,
    /// A category of media.
    CategoryId,
    /// A stored picture.
    PictureId,
    /// Whose a picture is: a person's, a playlist's, a category's or a media's, which its kind tells.
    PictureOwnerId,
    /// An endpoint that is told of events.
    WebhookId,
    /// One event for one endpoint.
    DeliveryId,
    /// A report to the administrators.
    ReportId,
    /// Something that moderation did.
    ActionId,
    /// What a report or an action is about: a media, a comment or a person, which its kind tells.
    TargetId,
    /// One person's following of another.
    SubscriptionId,
    /// A media's becoming public for the first time; feeds are in its order.
    PublicationId,
    /// A running process of the API.
    InstanceId,
    /// Who takes turns at the queue: an account, or a package that has none.
    TurnId,
);

macro_rules! any_of {
    ($any:ident: $($one:ident),+) => {$(
        impl From<$one> for $any {
            fn from(id: $one) -> Self {
                Self(id.0)
            }
        }

        impl From<$any> for $one {
            fn from(id: $any) -> Self {
                Self(id.0)
            }
        }
    )+};
}

any_of!(PictureOwnerId: UserId, PlaylistId, CategoryId, MediaId);
any_of!(TargetId: MediaId, CommentId, UserId);

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

ordered!(
    UserId,
    MediaId,
    SourceId,
    PackageId,
    UploadId,
    TaskId,
    SessionId,
    ApiTokenId,
    PlaybackTokenId,
    AuditEventId,
    CreatorRequestId,
    CommentId,
    PlaylistId,
    PlaylistItemId,
    PostId,
    ProjectId,
    CategoryId,
    WebhookId,
    DeliveryId,
    ReportId,
    ActionId,
    SubscriptionId,
    PublicationId
);

macro_rules! random {
    ($($name:ident),+) => {$(
        impl $name {
            /// A new one, which says nothing of when it was made.
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }
    )+};
}

// The first digits of a claim token name the objects of an attempt, so they must not be those of the clock.
random!(ClaimToken, DocumentId, PictureId, InstanceId, TurnId);
