//! Media playlists.

use super::text;
use m3u8_rs::{Key, KeyMethod, Map, MediaPlaylistType, MediaSegment, Start};

/// EXT-X-PLAYLIST-TYPE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaylistType {
    /// Grows at its end only (8.8).
    Event,
    /// Complete when first served (8.6).
    Vod,
}

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Relative to the playlist.
    pub uri: String,
    /// Exact duration in seconds.
    pub duration_s: f64,
    /// How it is encrypted, if it is.
    pub key: Option<SegmentKey>,
}

/// EXT-X-KEY of one segment. Every segment has an initialization vector of its own, so the tag
/// stands before each; players fetch a URI once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentKey {
    /// Relative to the playlist.
    pub uri: String,
    /// 128 bits as hexadecimal digits.
    pub iv: String,
}

/// A snapshot of one media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct MediaPlaylist {
    /// How it may change.
    pub playlist_type: PlaylistType,
    /// EXT-X-TARGETDURATION, seconds; the same in all playlists of a package (8.2).
    pub target_s: u64,
    /// Init segment, relative to the playlist; WebVTT has none.
    pub map_uri: Option<String>,
    /// All entries from the start.
    pub segments: Vec<Segment>,
    /// Whether the list is complete.
    pub ended: bool,
}

impl MediaPlaylist {
    /// The playlist as text (RFC 8216, version 7: fMP4 with EXT-X-MAP).
    pub fn render(&self) -> String {
        // A growing list without this makes hls.js start near its end.
        let start = (self.playlist_type == PlaylistType::Event).then(|| Start {
            time_offset: 0.0,
            precise: Some(true),
            other_attributes: Default::default(),
        });
        // Before the first key, so the init segment is not encrypted (RFC 8216 section 4.3.2.5).
        let map = |uri| Map { uri, byte_range: None, other_attributes: Default::default() };
        let mut map = self.map_uri.clone().map(map);
        let segments = self.segments.iter().map(|s| MediaSegment {
            uri: s.uri.clone(),
            duration: s.duration_s as f32,
            map: map.take(),
            key: s.key.as_ref().map(aes_128),
            ..MediaSegment::default()
        });
        let playlist = m3u8_rs::MediaPlaylist {
            version: Some(7),
            target_duration: self.target_s,
            playlist_type: Some(match self.playlist_type {
                PlaylistType::Event => MediaPlaylistType::Event,
                PlaylistType::Vod => MediaPlaylistType::Vod,
            }),
            independent_segments: true,
            segments: segments.collect(),
            end_list: self.ended,
            start,
            ..Default::default()
        };
        text(|out| playlist.write_to(out))
    }
}

impl SegmentKey {
    /// The key of a package by its number, as a rendition's playlist refers to it.
    pub fn of_package(number: i64, iv: &[u8]) -> Self {
        Self { uri: format!("../keys/{number}.key"), iv: hex::encode(iv) }
    }
}

pub(crate) fn aes_128(key: &SegmentKey) -> Key {
    Key {
        method: KeyMethod::AES128,
        uri: Some(key.uri.clone()),
        iv: Some(format!("0x{}", key.iv)),
        keyformat: None,
        keyformatversions: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn playlist(playlist_type: PlaylistType, ended: bool) -> MediaPlaylist {
        let segment = |n: u32, duration_s| Segment { uri: format!("{n:06}-a.m4s"), duration_s, key: None };
        MediaPlaylist {
            playlist_type,
            target_s: 6,
            map_uri: Some("init-a.mp4".into()),
            segments: vec![segment(0, 2.002), segment(1, 6.006)],
            ended,
        }
    }

    #[test]
    fn a_complete_list() {
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n\
            #EXT-X-MAP:URI=\"init-a.mp4\"\n#EXTINF:2.002,\n000000-a.m4s\n#EXTINF:6.006,\n000001-a.m4s\n#EXT-X-ENDLIST\n";
        assert_eq!(playlist(PlaylistType::Vod, true).render(), expected);
    }

    #[test]
    fn a_growing_list_says_where_to_start() {
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
            #EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n\
            #EXT-X-MAP:URI=\"init-a.mp4\"\n#EXTINF:2.002,\n000000-a.m4s\n#EXTINF:6.006,\n000001-a.m4s\n";
        assert_eq!(playlist(PlaylistType::Event, false).render(), expected);
    }

    #[test]
    fn an_encrypted_list_names_a_key_and_a_vector_before_each_segment() {
        let mut list = playlist(PlaylistType::Vod, true);
        for (i, segment) in list.segments.iter_mut().enumerate() {
            segment.key = Some(SegmentKey { uri: "../keys/0.key".into(), iv: format!("{i:032x}") });
        }
        let expected = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n\
            #EXT-X-MAP:URI=\"init-a.mp4\"\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"../keys/0.key\",IV=0x00000000000000000000000000000000\n#EXTINF:2.002,\n000000-a.m4s\n\
            #EXT-X-KEY:METHOD=AES-128,URI=\"../keys/0.key\",IV=0x00000000000000000000000000000001\n#EXTINF:6.006,\n000001-a.m4s\n\
            #EXT-X-ENDLIST\n";
        assert_eq!(list.render(), expected);
    }
}
