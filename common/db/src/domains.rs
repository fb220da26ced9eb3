//! One handle for each domain: `db.tasks()`, `tx.uploads()`.

use crate::{
    Db, Tx, access, added_tracks, audit, captions, catalogue, chapters, clips, comments, engagement, images, limits,
    media, mending, moderation, news, objects, operations, packages, people, pictures, playlists, posts, projects,
    quality, reencodes, replacements, roles, rounds, search, sessions, sources, tasks, tokens, tracks, uploads, usage,
    users, webhooks, work,
};

impl Db {
    /// Grants and playback tokens.
    pub fn access(&self) -> access::Access<'_> {
        access::Access(self)
    }

    /// Tracks of sound that were added to media.
    pub fn added_tracks(&self) -> added_tracks::AddedTracks<'_> {
        added_tracks::AddedTracks(self)
    }

    /// Security events.
    pub fn audit(&self) -> audit::Audit<'_> {
        audit::Audit(self)
    }

    /// Captions of media.
    pub fn captions(&self) -> captions::Captions<'_> {
        captions::Captions(self)
    }

    /// Categories, tags and public lists.
    pub fn catalogue(&self) -> catalogue::Catalogue<'_> {
        catalogue::Catalogue(self)
    }

    /// Chapters of media.
    pub fn chapters(&self) -> chapters::Chapters<'_> {
        chapters::Chapters(self)
    }

    /// Clips.
    pub fn clips(&self) -> clips::Clips<'_> {
        clips::Clips(self)
    }

    /// Comments.
    pub fn comments(&self) -> comments::Comments<'_> {
        comments::Comments(self)
    }

    /// Likes, views and history.
    pub fn engagement(&self) -> engagement::Engagement<'_> {
        engagement::Engagement(self)
    }

    /// Still pictures of packages.
    pub fn images(&self) -> images::Images<'_> {
        images::Images(self)
    }

    /// Allowances of rate limits.
    pub fn rate_limits(&self) -> limits::RateLimits<'_> {
        limits::RateLimits(self)
    }

    /// Media.
    pub fn media(&self) -> media::Media<'_> {
        media::Media(self)
    }

    /// Reports and what came of them.
    pub fn moderation(&self) -> moderation::Moderation<'_> {
        moderation::Moderation(self)
    }

    /// Notifications between instances.
    pub fn news(&self) -> news::News<'_> {
        news::News(self)
    }

    /// What operators see.
    pub fn operations(&self) -> operations::Operations<'_> {
        operations::Operations(self)
    }

    /// HLS packages, their renditions and segments.
    pub fn packages(&self) -> packages::Packages<'_> {
        packages::Packages(self)
    }

    /// Creators, subscriptions and blocks.
    pub fn people(&self) -> people::People<'_> {
        people::People(self)
    }

    /// Pictures of people, playlists and categories.
    pub fn pictures(&self) -> pictures::Pictures<'_> {
        pictures::Pictures(self)
    }

    /// Playlists and their items.
    pub fn playlists(&self) -> playlists::Playlists<'_> {
        playlists::Playlists(self)
    }

    /// Posts.
    pub fn posts(&self) -> posts::Posts<'_> {
        posts::Posts(self)
    }

    /// Projects and their documents.
    pub fn projects(&self) -> projects::Projects<'_> {
        projects::Projects(self)
    }

    /// Packages that are to be made again.
    pub fn reencodes(&self) -> reencodes::Reencodes<'_> {
        reencodes::Reencodes(self)
    }

    /// Packages that take the place of others.
    pub fn replacements(&self) -> replacements::Replacements<'_> {
        replacements::Replacements(self)
    }

    /// Rounds that one process does for all.
    pub fn rounds(&self) -> rounds::Rounds<'_> {
        rounds::Rounds(self)
    }

    /// How well films play.
    pub fn quality(&self) -> quality::Quality<'_> {
        quality::Quality(self)
    }

    /// Requests to become a creator.
    pub fn creator_requests(&self) -> roles::CreatorRequests<'_> {
        roles::CreatorRequests(self)
    }

    /// The search index.
    pub fn search(&self) -> search::Search<'_> {
        search::Search(self)
    }

    /// Sessions and refresh tokens.
    pub fn sessions(&self) -> sessions::Sessions<'_> {
        sessions::Sessions(self)
    }

    /// Uploaded bytes and their extents.
    pub fn sources(&self) -> sources::Sources<'_> {
        sources::Sources(self)
    }

    /// The queue.
    pub fn tasks(&self) -> tasks::Tasks<'_> {
        tasks::Tasks(self)
    }

    /// API tokens and codes sent by e-mail.
    pub fn tokens(&self) -> tokens::Tokens<'_> {
        tokens::Tokens(self)
    }

    /// What people say of tracks of sound.
    pub fn tracks(&self) -> tracks::Tracks<'_> {
        tracks::Tracks(self)
    }

    /// Uploads under way.
    pub fn uploads(&self) -> uploads::Uploads<'_> {
        uploads::Uploads(self)
    }

    /// What accounts use.
    pub fn usage(&self) -> usage::Usage<'_> {
        usage::Usage(self)
    }

    /// Accounts.
    pub fn users(&self) -> users::Users<'_> {
        users::Users(self)
    }

    /// Webhook endpoints and deliveries.
    pub fn webhooks(&self) -> webhooks::Webhooks<'_> {
        webhooks::Webhooks(self)
    }
}

impl Tx {
    /// Tracks of sound that were added to media.
    pub fn added_tracks(&mut self) -> added_tracks::AddedTracksTx<'_> {
        added_tracks::AddedTracksTx(self)
    }

    /// Captions of media.
    pub fn captions(&mut self) -> captions::CaptionsTx<'_> {
        captions::CaptionsTx(self)
    }

    /// Categories, tags and public lists.
    pub fn catalogue(&mut self) -> catalogue::CatalogueTx<'_> {
        catalogue::CatalogueTx(self)
    }

    /// Chapters of media.
    pub fn chapters(&mut self) -> chapters::ChaptersTx<'_> {
        chapters::ChaptersTx(self)
    }

    /// Clips.
    pub fn clips(&mut self) -> clips::ClipsTx<'_> {
        clips::ClipsTx(self)
    }

    /// Comments.
    pub fn comments(&mut self) -> comments::CommentsTx<'_> {
        comments::CommentsTx(self)
    }

    /// Likes, views and history.
    pub fn engagement(&mut self) -> engagement::EngagementTx<'_> {
        engagement::EngagementTx(self)
    }

    /// Still pictures of packages.
    pub fn images(&mut self) -> images::ImagesTx<'_> {
        images::ImagesTx(self)
    }

    /// Media.
    pub fn media(&mut self) -> media::MediaTx<'_> {
        media::MediaTx(self)
    }

    /// Reports and what came of them.
    pub fn moderation(&mut self) -> moderation::ModerationTx<'_> {
        moderation::ModerationTx(self)
    }

    /// What is made again because its objects are lost.
    pub fn mending(&mut self) -> mending::MendingTx<'_> {
        mending::MendingTx(self)
    }

    /// Notifications between instances.
    pub fn news(&mut self) -> news::NewsTx<'_> {
        news::NewsTx(self)
    }

    /// Objects of the store that rows lead to.
    pub fn objects(&mut self) -> objects::ObjectsTx<'_> {
        objects::ObjectsTx(self)
    }

    /// HLS packages, their renditions and segments.
    pub fn packages(&mut self) -> packages::PackagesTx<'_> {
        packages::PackagesTx(self)
    }

    /// Creators, subscriptions and blocks.
    pub fn people(&mut self) -> people::PeopleTx<'_> {
        people::PeopleTx(self)
    }

    /// Pictures of people, playlists and categories.
    pub fn pictures(&mut self) -> pictures::PicturesTx<'_> {
        pictures::PicturesTx(self)
    }

    /// Playlists and their items.
    pub fn playlists(&mut self) -> playlists::PlaylistsTx<'_> {
        playlists::PlaylistsTx(self)
    }

    /// Projects and their documents.
    pub fn projects(&mut self) -> projects::ProjectsTx<'_> {
        projects::ProjectsTx(self)
    }

    /// Packages that are to be made again.
    pub fn reencodes(&mut self) -> reencodes::ReencodesTx<'_> {
        reencodes::ReencodesTx(self)
    }

    /// Packages that take the place of others.
    pub fn replacements(&mut self) -> replacements::ReplacementsTx<'_> {
        replacements::ReplacementsTx(self)
    }

    /// How well films play.
    pub fn quality(&mut self) -> quality::QualityTx<'_> {
        quality::QualityTx(self)
    }

    /// Requests to become a creator.
    pub fn creator_requests(&mut self) -> roles::CreatorRequestsTx<'_> {
        roles::CreatorRequestsTx(self)
    }

    /// The search index.
    pub fn search(&mut self) -> search::SearchTx<'_> {
        search::SearchTx(self)
    }

    /// Sessions and refresh tokens.
    pub fn sessions(&mut self) -> sessions::SessionsTx<'_> {
        sessions::SessionsTx(self)
    }

    /// Uploaded bytes and their extents.
    pub fn sources(&mut self) -> sources::SourcesTx<'_> {
        sources::SourcesTx(self)
    }

    /// The queue.
    pub fn tasks(&mut self) -> tasks::TasksTx<'_> {
        tasks::TasksTx(self)
    }

    /// API tokens and codes sent by e-mail.
    pub fn tokens(&mut self) -> tokens::TokensTx<'_> {
        tokens::TokensTx(self)
    }

    /// What people say of tracks of sound.
    pub fn tracks(&mut self) -> tracks::TracksTx<'_> {
        tracks::TracksTx(self)
    }

    /// Uploads under way.
    pub fn uploads(&mut self) -> uploads::UploadsTx<'_> {
        uploads::UploadsTx(self)
    }

    /// What accounts use.
    pub fn usage(&mut self) -> usage::UsageTx<'_> {
        usage::UsageTx(self)
    }

    /// Accounts.
    pub fn users(&mut self) -> users::UsersTx<'_> {
        users::UsersTx(self)
    }

    /// Webhook endpoints and deliveries.
    pub fn webhooks(&mut self) -> webhooks::WebhooksTx<'_> {
        webhooks::WebhooksTx(self)
    }

    /// Who wants the work on packages.
    pub fn work(&mut self) -> work::WorkTx<'_> {
        work::WorkTx(self)
    }
}
