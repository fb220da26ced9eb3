//! Reads a whole package, so that rules can be held against it.

use super::{
    Fetch, parse_media, parse_multivariant,
    rules::{ObservedPackage, ObservedRendition, ObservedSegment},
    subtitles::ObservedSubtitles,
    trick_play::ObservedIFrames,
};
use crate::{
    cipher::decrypt,
    cmaf::{Coding, read_init, read_segment},
};
use std::collections::{BTreeMap, BTreeSet};

/// EXT-X-MEDIA's TYPE of subtitles.
const SUBTITLES: &str = "SUBTITLES";

/// Reads playlists, init and media segments. The error says which file is missing or broken:
/// nothing can be judged without them.
pub async fn observe(fetch: &Fetch) -> Result<ObservedPackage, String> {
    let root = fetch.root();
    let multivariant = parse_multivariant(&fetch.text(&root).await?).map_err(|e| format!("{root}: {e}"))?;
    let of_type = |wanted: fn(&str) -> bool| {
        let media = multivariant.media.iter().filter(move |m| m.get("TYPE").is_some_and(|t| wanted(t)));
        media.filter_map(|m| m.get("URI").cloned())
    };
    let audio = of_type(|t| t != SUBTITLES);
    let uris: BTreeSet<String> = multivariant.variants.iter().map(|v| v.uri.clone()).chain(audio).collect();
    let mut renditions = Vec::new();
    for uri in uris {
        renditions.push(rendition(fetch, &root, uri).await?);
    }
    let mut subtitles = Vec::new();
    for uri in of_type(|t| t == SUBTITLES) {
        subtitles.push(subtitle_rendition(fetch, &root, uri).await?);
    }
    let mut iframes = Vec::new();
    for attributes in &multivariant.iframes {
        let name = fetch.resolve(&root, attributes.get("URI").map_or("", String::as_str))?;
        let playlist = parse_media(&fetch.text(&name).await?).map_err(|e| format!("{name}: {e}"))?;
        iframes.push(ObservedIFrames { attributes: attributes.clone(), playlist });
    }
    Ok(ObservedPackage { multivariant, renditions, subtitles, iframes })
}

async fn subtitle_rendition(fetch: &Fetch, root: &str, uri: String) -> Result<ObservedSubtitles, String> {
    let name = fetch.resolve(root, &uri)?;
    let playlist = parse_media(&fetch.text(&name).await?).map_err(|e| format!("{name}: {e}"))?;
    let mut segments = Vec::new();
    for (segment, _) in &playlist.segments {
        segments.push(fetch.text(&fetch.resolve(&name, segment)?).await?);
    }
    Ok(ObservedSubtitles { uri, playlist, segments })
}

async fn rendition(fetch: &Fetch, root: &str, uri: String) -> Result<ObservedRendition, String> {
    let name = fetch.resolve(root, &uri)?;
    let playlist = parse_media(&fetch.text(&name).await?).map_err(|e| format!("{name}: {e}"))?;
    let map = playlist.map_uri.clone().ok_or_else(|| format!("{name}: no EXT-X-MAP (8.20)"))?;
    let map = fetch.resolve(&name, &map)?;
    let init = read_init(&fetch.get(&map).await?).map_err(|e| format!("{map}: {e}"))?;
    let (mut segments, mut keys) = (Vec::new(), BTreeMap::new());
    for ((uri, _), key) in playlist.segments.iter().zip(&playlist.keys) {
        let file = fetch.resolve(&name, uri)?;
        let data = fetch.get(&file).await?;
        let plain = match key {
            None => None,
            Some(key) => {
                let at = fetch.resolve(&name, &key.uri)?;
                if !keys.contains_key(&at) {
                    keys.insert(at.clone(), fetch.get(&at).await?);
                }
                let secret = keys.get(&at).map(Vec::as_slice).unwrap_or_default();
                Some(decrypt(secret, &key.iv, &data).ok_or_else(|| format!("{file}: its key does not fit"))?)
            }
        };
        let info = read_segment(plain.as_deref().unwrap_or(&data)).map_err(|e| format!("{file}: {e}"))?;
        segments.push(ObservedSegment {
            bytes: data.len() as u64,
            start: info.decode_time,
            duration: info.duration,
            shown: Some((info.first_presentation, info.least_offset)),
            fragments: info.fragments,
            idr: init.size.is_none() || Coding::of(&init.codecs).begins_segment(&info.first_sample),
            joined: info.continuous && info.sync_starts,
            tracks: info.tracks,
        });
    }
    Ok(ObservedRendition { uri, playlist, init, segments })
}
