//! The words of the domain that cross a crate border, with their stored spelling.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// A stored word outside its list: a row written by a newer version, or damage.
#[derive(Debug, thiserror::Error)]
#[error("unknown {what} {word:?}")]
pub struct UnknownWord {
    what: &'static str,
    word: String,
}

/// An enum whose variants are stored and sent as fixed lower-case words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }
        impl $name {
            /// Every one there is.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stored spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(UnknownWord { what: stringify!($name), word: word.to_owned() }),
                }
            }
        }
        // Derived, it would name the variants instead of the words.
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::String).enum_values(Some([$($word),+])).into()
            }
        }
        impl ToSchema for $name {}
        impl TryFrom<String> for $name {
            type Error = UnknownWord;
            fn try_from(word: String) -> Result<Self, UnknownWord> { word.parse() }
        }
    };
}

words!(
    /// Why a worker does not get on with anything.
    WorkerTrouble {
        /// Its disk is nearly full.
        DiskFull = "disk_full",
        /// The store does not answer it.
        StoreUnreachable = "store_unreachable",
    }
);

words!(
    /// When the work on a film is done, beside that on others.
    Priority {
        /// Before all others.
        High = "high",
        Normal = "normal",
        /// While there is nothing else to do.
        Low = "low",
    }
);

impl Priority {
    /// As it is stored: the higher, the earlier.
    pub const fn rank(self) -> i64 {
        match self {
            Self::High => 1,
            Self::Normal => 0,
            Self::Low => -1,
        }
    }
}

/// That of a stored rank.
impl From<i64> for Priority {
    fn from(rank: i64) -> Self {
        match rank {
            1.. => Self::High,
            0 => Self::Normal,
            _ => Self::Low,
        }
    }
}

words!(
    /// What an account may do.
    Role { Viewer = "viewer", Creator = "creator", Admin = "admin" }
);
words!(
    /// Who may play a media.
    Visibility { Public = "public", Unlisted = "unlisted", Private = "private" }
);
words!(
    /// Whether the segments of a package are encrypted at rest (RFC 8216 section 4.3.2.4).
    Encryption { None = "none", Aes128 = "aes-128" }
);
words!(
    /// What a machine's token may do. `admin` is everything its account may do, but for the account itself.
    Scope { Read = "read", Upload = "upload", Admin = "admin" }
);
impl Scope {
    /// Scopes as they are stored: words joined by blanks. Unknown words of a newer version allow nothing.
    pub fn list(stored: &str) -> Vec<Self> {
        stored.split(' ').filter_map(|word| word.parse().ok()).collect()
    }
}

words!(
    /// The life of uploaded bytes.
    SourceStatus { Receiving = "receiving", Live = "live", Deleting = "deleting" }
);
words!(
    /// The life of a refresh token: exchanged at its use, or replaced because its answer was lost.
    RefreshTokenStatus { Live = "live", Spent = "spent", Superseded = "superseded" }
);
words!(
    /// What became of a request to become a creator.
    CreatorRequestStatus { Pending = "pending", Granted = "granted", Refused = "refused" }
);
words!(
    /// What became of something that a webhook tells.
    DeliveryStatus { Queued = "queued", Delivered = "delivered", Failed = "failed" }
);
words!(
    /// How far a media is, as people are told.
    MediaStatus {
        Uploading = "uploading",
        Processing = "processing",
        Playable = "playable",
        Ready = "ready",
        Failed = "failed",
    }
);
words!(
    /// What became of something that was asked for of a media and is made beside it.
    PartStatus { Processing = "processing", Ready = "ready", Failed = "failed" }
);
words!(
    /// How the bytes of an upload come.
    UploadKind { Tus = "tus", Form = "form", Presigned = "presigned", Import = "import" }
);
words!(
    /// What a project's document is written in.
    DocumentFormat { Markdown = "markdown", Json = "json" }
);
words!(
    /// Where a picture is shown.
    PictureKind {
        Avatar = "avatar",
        Banner = "banner",
        /// Of a playlist.
        Cover = "cover",
        Category = "category",
        /// Of a media, by its owner's choice.
        Poster = "poster",
    }
);
words!(
    /// What webhooks tell of a media.
    MediaEvent {
        Playable = "media.playable",
        Ready = "media.ready",
        Failed = "media.failed",
        Deleted = "media.deleted",
        /// What caches hold of it is to be thrown away.
        Purge = "media.purge",
    }
);
words!(
    /// What can be reported.
    ReportTarget { Media = "media", Comment = "comment", User = "user" }
);
words!(
    /// Why something is reported.
    ReportReason { Spam = "spam", Abuse = "abuse", Illegal = "illegal", Copyright = "copyright", Other = "other" }
);
words!(
    /// What became of a report.
    ReportStatus { Open = "open", Upheld = "upheld", Dismissed = "dismissed" }
);
words!(
    /// What moderation does.
    ActionKind { HideMedia = "hide_media", HideComment = "hide_comment", Ban = "ban" }
);
words!(
    /// The life of an HLS package.
    PackageStatus {
        Planning = "planning",
        Encoding = "encoding",
        Ready = "ready",
        Failed = "failed",
        Deleting = "deleting",
    }
);
words!(
    /// Why a package is not made again.
    LeftAs {
        /// It is not complete.
        NotReady = "not_ready",
        /// It is a clip: it is made of segments of another package.
        Clip = "clip",
        /// Tracks that were added to its media lie over its own timeline.
        AddedTracks = "added_tracks",
        /// Nobody may see any of its media.
        OutOfSight = "out_of_sight",
        /// Its media are gone, or have another package.
        NotWanted = "not_wanted",
        /// It was made with the settings in force.
        SameSettings = "same_settings",
    }
);
words!(
    /// What a media or a rendition carries.
    MediaKind { Video = "video", Audio = "audio" }
);
words!(
    /// VIDEO-RANGE of a rendition: its transfer function, by the words of HLS.
    VideoRange { Sdr = "SDR", Hlg = "HLG", Pq = "PQ" }
);
words!(
    /// Which of the two presentations list a rendition: the growing one (EVENT), the final one (VOD), or both.
    RenditionRole { Growing = "first", Final = "full", Both = "both" }
);
words!(
    /// Whom a track of subtitles is for: all who read along, those who hear badly (SDH: also who speaks and what is
    /// heard), or all, for what is said or written in another language than the rest (forced).
    SubtitleRole { Full = "full", HardOfHearing = "sdh", Forced = "forced" }
);
words!(
    /// What a track of sound is for; most words are those of DASH (ISO/IEC 23009-1, 5.8.5.5).
    #[derive(Default)]
    TrackRole {
        #[default]
        Main = "main",
        Dub = "dub",
        Commentary = "commentary",
        /// For those who see badly: it also says what is shown.
        Description = "audio-description",
        /// For those who hear badly: what is said is easier to understand.
        Intelligible = "enhanced-audio-intelligibility",
    }
);
words!(
    /// What a still picture of a package is for: to stand for the film, to be shown on the seek bar, or to be one of the
    /// animated preview's.
    ImageKind { Poster = "poster", Sheet = "sheet", Preview = "preview" }
);
words!(
    /// What a task does.
    TaskKind {
        Import = "import",
        Plan = "plan",
        Hash = "hash",
        Passthrough = "passthrough",
        Subtitles = "subtitles",
        Images = "images",
        /// A moment of a film that was chosen as its poster.
        Poster = "poster",
        Audio = "audio",
        Chunk = "chunk",
        /// Segments of another package become those of a clip.
        Copy = "copy",
        Finalize = "finalize",
    }
);
words!(
    /// The life of a task. `Parked` waits for an operator; `Cancelled` was made unnecessary.
    TaskStatus {
        Queued = "queued",
        Running = "running",
        Done = "done",
        Parked = "parked",
        Cancelled = "cancelled",
    }
);

words!(
    /// What is counted, by address or by account, so that nobody does too much of it.
    RateLimit {
        Login = "login",
        LoginAccount = "login_account",
        Register = "register",
        Reset = "reset",
        ResetAccount = "reset_account",
        Upload = "upload",
        UploadAccount = "upload_account",
        Join = "join",
        Comment = "comment",
        Captions = "captions",
        Picture = "picture",
        View = "view",
        PlaybackReport = "playback_report",
        Post = "post",
        Report = "report",
        WebhookTest = "webhook_test",
    }
);

impl From<TaskStatus> for PartStatus {
    /// As far as the task that makes it is.
    fn from(status: TaskStatus) -> Self {
        match status {
            TaskStatus::Queued | TaskStatus::Running => Self::Processing,
            TaskStatus::Done => Self::Ready,
            TaskStatus::Parked | TaskStatus::Cancelled => Self::Failed,
        }
    }
}

/// A reason for a refusal or a failure: `code` is stable and for programs, `message` for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// Stable, lower case, words joined by `_`.
    pub code: String,
    /// A sentence without internals.
    pub message: String,
}

impl Reason {
    /// A reason from its code and sentence.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}
