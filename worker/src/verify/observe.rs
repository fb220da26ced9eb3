//! Reads a whole package, so that rules can be held against it.

use super::{
    Fetch, ListError, parse_media, parse_multivariant,
    playlist::{ParsedKey, ParsedMedia, ParsedMultivariant},
    rules::{ObservedPackage, ObservedRendition, ObservedSegment},
    subtitles::ObservedSubtitles,
    trick_play::ObservedIFrames,
};
use crate::{
    captions::Carrier,
    cipher::decrypt,
    cmaf::{BoxError, Coding, InitInfo, SegmentInfo, is_whole, read_init, read_segment},
};
use std::collections::{BTreeMap, BTreeSet};

/// EXT-X-MEDIA's TYPE of subtitles.
const SUBTITLES: &str = "SUBTITLES";
/// Every packet of a transport stream begins with it.
const TS_SYNC: u8 = 0x47;

/// A package that cannot be judged, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot be judged: {0}")]
pub struct Unjudged(String);

/// Why something was not read.
enum Fault {
    /// It breaks the package.
    Broken(String),
    /// It may be right, but is not read here.
    Unjudged(Unjudged),
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self::Broken(text)
    }
}

fn not_read(what: impl Into<String>) -> Fault {
    Fault::Unjudged(Unjudged(what.into()))
}

fn in_list(name: &str, error: ListError) -> Fault {
    match error {
        ListError::Broken(e) => Fault::Broken(format!("{name}: {e}")),
        ListError::NotUnderstood(e) => not_read(format!("{name}: {e} is not understood")),
    }
}

/// Reads playlists, init and media segments. What is missing or broken is noted; what is not read here, as transport streams
/// and segments of several tracks, is an error, and so is a package of which there is no playlist at all.
pub async fn observe(fetch: &Fetch) -> Result<ObservedPackage, Unjudged> {
    let root = fetch.root();
    let text = fetch.text(&root).await.map_err(Unjudged)?;
    let mut package = ObservedPackage {
        multivariant: ParsedMultivariant::default(),
        renditions: Vec::new(),
        subtitles: Vec::new(),
        iframes: Vec::new(),
        unread: Vec::new(),
    };
    // A media playlist alone is a rendition.
    let alone = text.contains("#EXTINF") && !text.contains("#EXT-X-STREAM-INF");
    if !alone {
        match parse_multivariant(&text).map_err(|e| in_list(&root, e)) {
            Ok(list) => package.multivariant = list,
            Err(Fault::Broken(e)) => package.unread.push(e),
            Err(Fault::Unjudged(e)) => return Err(e),
        }
    }
    let of_type = |wanted: fn(&str) -> bool| {
        let media = package.multivariant.media.iter().filter(move |m| m.get("TYPE").is_some_and(|t| wanted(t)));
        media.filter_map(|m| m.get("URI").cloned()).collect::<Vec<_>>()
    };
    let (sound, text_tracks) = (of_type(|t| t == "AUDIO" || t == "VIDEO"), of_type(|t| t == SUBTITLES));
    let variants = package.multivariant.variants.iter().map(|v| v.uri.clone());
    let own = alone.then(|| root.rsplit('/').next().unwrap_or_default().to_owned());
    let uris: BTreeSet<String> = variants.chain(sound).chain(own).collect();
    let mut unread = std::mem::take(&mut package.unread);
    for uri in uris {
        package.renditions.extend(taken(rendition(fetch, &root, uri).await, &mut unread)?);
    }
    for uri in text_tracks {
        package.subtitles.extend(taken(subtitle_rendition(fetch, &root, uri).await, &mut unread)?);
    }
    for attributes in &package.multivariant.iframes {
        let uri = attributes.get("URI").map_or("", String::as_str);
        let playlist = taken(media_playlist(fetch, &root, uri).await, &mut unread)?;
        package
            .iframes
            .extend(playlist.map(|(_, playlist)| ObservedIFrames { attributes: attributes.clone(), playlist }));
    }
    Ok(ObservedPackage { unread, ..package })
}

/// What was read, or a note of what breaks it.
fn taken<T>(read: Result<T, Fault>, unread: &mut Vec<String>) -> Result<Option<T>, Unjudged> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(Fault::Broken(e)) => {
            unread.push(e);
            Ok(None)
        }
        Err(Fault::Unjudged(e)) => Err(e),
    }
}

/// The media playlist at `uri`, and its name.
async fn media_playlist(fetch: &Fetch, root: &str, uri: &str) -> Result<(String, ParsedMedia), Fault> {
    let name = fetch.resolve(root, uri)?;
    let playlist = parse_media(&fetch.text(&name).await?).map_err(|e| in_list(&name, e))?;
    Ok((name, playlist))
}

async fn subtitle_rendition(fetch: &Fetch, root: &str, uri: String) -> Result<ObservedSubtitles, Fault> {
    let (name, playlist) = media_playlist(fetch, root, &uri).await?;
    let mut segments = Vec::new();
    for (segment, _) in &playlist.segments {
        segments.push(fetch.text(&fetch.resolve(&name, segment)?).await?);
    }
    Ok(ObservedSubtitles { uri, playlist, segments })
}

async fn rendition(fetch: &Fetch, root: &str, uri: String) -> Result<ObservedRendition, Fault> {
    let (name, playlist) = media_playlist(fetch, root, &uri).await?;
    let mut files = Files { fetch, name: &name, last: None };
    let Some(map) = playlist.map_uri.clone() else {
        let first = playlist.segments.first().ok_or_else(|| format!("{name}: no segments"))?;
        let data = files.part(&first.0, playlist.ranges.first().copied().flatten()).await?;
        return Err(match data.first() {
            Some(&TS_SYNC) => not_read(format!("{name}: transport streams are not read")),
            _ => Fault::Broken(format!("{name}: no EXT-X-MAP (8.20)")),
        });
    };
    let init = files.part(&map, playlist.map_range).await?;
    let init = read_init(&init).map_err(|e| match e {
        BoxError::Foreign(what) => not_read(format!("{map}: {what}")),
        e => Fault::Broken(format!("{map}: {e}")),
    })?;
    let (mut segments, mut keys) = (Vec::new(), BTreeMap::new());
    for (((uri, _), key), range) in playlist.segments.iter().zip(&playlist.keys).zip(&playlist.ranges) {
        let data = files.part(uri, *range).await?;
        let plain = match key {
            None => None,
            Some(key) => Some(files.decrypted(uri, key, &mut keys, &data).await?),
        };
        segments
            .push(segment(plain.as_deref().unwrap_or(&data), data.len(), &init).map_err(|e| format!("{uri}: {e}"))?);
    }
    Ok(ObservedRendition { uri, playlist, init, segments })
}

/// The files that one playlist names.
struct Files<'a> {
    fetch: &'a Fetch,
    /// Of the playlist.
    name: &'a str,
    /// The one that was read last, of which the next part may be another range.
    last: Option<(String, Vec<u8>)>,
}

impl Files<'_> {
    /// A file, or a range of one as length and offset.
    async fn part(&mut self, uri: &str, range: Option<(u64, u64)>) -> Result<Vec<u8>, Fault> {
        let file = self.fetch.resolve(self.name, uri)?;
        let Some((length, offset)) = range else { return Ok(self.fetch.get(&file).await?) };
        if self.last.as_ref().is_none_or(|(name, _)| *name != file) {
            self.last = Some((file.clone(), self.fetch.get(&file).await?));
        }
        let data = self.last.as_ref().map_or(&[][..], |(_, data)| data);
        let end = offset.saturating_add(length);
        let part = data.get(offset as usize..end as usize);
        Ok(part.ok_or_else(|| format!("{file}: ends before byte {end}"))?.to_vec())
    }

    async fn decrypted(
        &self,
        uri: &str,
        key: &ParsedKey,
        keys: &mut BTreeMap<String, Vec<u8>>,
        data: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let at = self.fetch.resolve(self.name, &key.uri)?;
        if !keys.contains_key(&at) {
            keys.insert(at.clone(), self.fetch.get(&at).await?);
        }
        let secret = keys.get(&at).map(Vec::as_slice).unwrap_or_default();
        Ok(decrypt(secret, &key.iv, data).ok_or_else(|| format!("{uri}: its key does not fit"))?)
    }
}

fn segment(data: &[u8], stored_bytes: usize, init: &InitInfo) -> Result<ObservedSegment, BoxError> {
    let info = read_segment(data)?;
    let broken = if init.size.is_some() { broken_picture(data, &info, init) } else { None };
    Ok(ObservedSegment {
        bytes: stored_bytes as u64,
        start: info.decode_time,
        duration: info.duration,
        shown: Some((info.first_presentation, info.least_offset)),
        broken,
        captioned: init.size.is_some() && is_captioned(data, &info, init),
        idr: init.size.is_none() || Coding::of(&init.codecs).begins_segment(&info.first_sample),
        joined: info.continuous && info.sync_starts,
        tracks: info.tracks,
        fragments: info.fragments,
    })
}

/// Whether one of the pictures of a segment carries captions.
fn is_captioned(data: &[u8], info: &SegmentInfo, init: &InitInfo) -> bool {
    let carrier = Carrier::of_samples(Coding::of(&init.codecs));
    let mut at = 0;
    let mut sizes = info.sizes.iter().map(|s| *s as usize);
    info.fragments.iter().any(|fragment| {
        let end = (fragment.offset + fragment.bytes) as usize;
        let mut found = false;
        // The key frame's range begins with the fragment.
        let mut is_first = true;
        while at < end {
            let Some(size) = sizes.next() else { break };
            if is_first {
                at = ((fragment.offset + fragment.key_bytes) as usize).saturating_sub(size);
                is_first = false;
            }
            let carried = data.get(at..at + size).map(|sample| carrier.carried(sample, true)).unwrap_or_default();
            found |= !carried.pairs.is_empty() || carried.digital;
            at += size;
        }
        found
    })
}

/// What is wrong with the pictures of a segment, by their bytes and times.
fn broken_picture(data: &[u8], info: &SegmentInfo, init: &InitInfo) -> Option<String> {
    if let Some(at) = info.shown_twice {
        return Some(format!("two pictures are shown at {at} ticks"));
    }
    if Coding::of(&init.codecs) == Coding::Av1 {
        return None;
    }
    let mut sizes = info.sizes.iter().map(|s| *s as usize).enumerate();
    for fragment in &info.fragments {
        let first = info.sizes.get(sizes.clone().next()?.0).copied().unwrap_or(0);
        let mut at = (fragment.offset + fragment.key_bytes) as usize - first as usize;
        let end = (fragment.offset + fragment.bytes) as usize;
        while at < end {
            let (number, size) = sizes.next()?;
            match data.get(at..at + size).filter(|_| at + size <= end) {
                Some(sample) if is_whole(sample) => at += size,
                Some(_) => return Some(format!("picture {number} is damaged")),
                None => return Some(format!("picture {number} ends beyond its data")),
            }
        }
    }
    None
}
