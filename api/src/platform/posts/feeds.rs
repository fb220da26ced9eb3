//! Atom (RFC 4287) of a creator's posts, and RSS 2.0 with enclosures for podcast players.

use super::html;
use crate::platform::{PlatformError, picture_views as pictures};
use atom_syndication::{ContentBuilder, EntryBuilder, FeedBuilder, FixedDateTime, LinkBuilder, PersonBuilder, Text};
use chrono::DateTime;
use rss::{
    ChannelBuilder, EnclosureBuilder, GuidBuilder, ItemBuilder,
    extension::itunes::{ITunesChannelExtensionBuilder, ITunesItemExtensionBuilder},
};
use sluice_db::{CreatorRow, MediaRow, PostRow};
use sluice_ingest::container::{CONTAINERS, sound_type};
use sluice_model::Timestamp;

fn instant(at: Timestamp) -> FixedDateTime {
    DateTime::from_timestamp_micros(at.as_micros()).unwrap_or_default().fixed_offset()
}

fn name(creator: &CreatorRow) -> String {
    if creator.display_name.is_empty() { creator.username.clone() } else { creator.display_name.clone() }
}

/// A creator's posts.
pub fn atom(creator: &CreatorRow, posts: Vec<PostRow>, base: &str) -> String {
    let own = format!("{base}/api/v1/creators/{}/feed.atom", creator.id);
    let entries: Vec<_> = posts
        .into_iter()
        .map(|post| {
            let content =
                ContentBuilder::default().content_type("html".to_owned()).value(html::render(&post.body, base)).build();
            EntryBuilder::default()
                .id(format!("urn:uuid:{}", post.id))
                .title(Text::plain(post.title))
                .published(post.published_at.map(instant))
                .updated(instant(post.edited_at))
                .link(LinkBuilder::default().href(format!("{base}/api/v1/posts/{}", post.id)).build())
                .content(content)
                .build()
        })
        .collect();
    let updated = entries.iter().map(|e| e.updated).max().unwrap_or_else(|| instant(creator.created_at));
    FeedBuilder::default()
        .id(format!("urn:uuid:{}", creator.id))
        .title(Text::plain(name(creator)))
        .updated(updated)
        .author(PersonBuilder::default().name(name(creator)).build())
        .link(LinkBuilder::default().href(own).rel("self".to_owned()).build())
        .entries(entries)
        .build()
        .to_string()
}

/// The media type of a sound whose container may hold films, too, and the ending of names that players know it by.
fn sound(content_type: &str) -> (String, &'static str) {
    let kind = sound_type(content_type);
    // Of containers that hold films, too, the ending of sounds.
    let ending = match kind.as_str() {
        "audio/mp4" => "m4a",
        "audio/x-matroska" => "mka",
        "audio/x-ms-asf" => "wma",
        _ => CONTAINERS.iter().find(|c| c.content_type == content_type).map_or("audio", |c| c.endings[0]),
    };
    (kind, ending)
}

/// A creator's public sound, for podcast players. `media` come with the media type of their original, which clips have not.
pub fn podcast(creator: &CreatorRow, media: Vec<(MediaRow, String)>, base: &str) -> Result<String, PlatformError> {
    let items: Vec<_> = media
        .into_iter()
        .filter(|(row, _)| !row.is_clip)
        .map(|(row, content_type)| {
            let seconds = row.duration_ms.unwrap_or(0) / 1000;
            let (content_type, ending) = sound(&content_type);
            let published = instant(row.published_at().unwrap_or(row.created_at)).to_rfc2822();
            let enclosure = EnclosureBuilder::default()
                .url(format!("{base}/raw/{}/episode.{ending}", row.id))
                .length(row.size_bytes.to_string())
                .mime_type(content_type)
                .build();
            let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            let itunes = ITunesItemExtensionBuilder::default().duration(clock).build();
            ItemBuilder::default()
                .title(row.title)
                .description(row.description)
                .guid(GuidBuilder::default().value(row.id.to_string()).permalink(false).build())
                .pub_date(published)
                .enclosure(enclosure)
                .itunes_ext(itunes)
                .build()
        })
        .collect();
    let itunes = ITunesChannelExtensionBuilder::default()
        .author(name(creator))
        .explicit("false".to_owned())
        .image(creator.avatar_id.map(|id| pictures::url(id, base)))
        .build();
    let channel = ChannelBuilder::default()
        .title(name(creator))
        .link(format!("{base}/api/v1/creators/{}", creator.id))
        .description(if creator.bio.is_empty() { name(creator) } else { creator.bio.clone() })
        .language("und".to_owned())
        .itunes_ext(itunes)
        .items(items)
        .build();
    let mut out = Vec::new();
    channel.write_to(&mut out).map_err(|_| PlatformError::Internal)?;
    String::from_utf8(out).map_err(|_| PlatformError::Internal)
}
