//! I-frame playlists (RFC 8216 section 4.3.3.6), by which players show pictures while they seek and wind.

use super::{
    bandwidth::{Measured, measure},
    media::{SegmentKey, aes_128},
    text,
};
use m3u8_rs::{ByteRange, Map, MediaPlaylistType, MediaSegment};
use sluice_model::FragmentRange;

/// Name of a rendition's I-frame playlist.
pub const IFRAMES: &str = "iframes.m3u8";

/// A segment of pictures and its fragments, each of which begins with an I-frame.
#[derive(Debug, Clone)]
pub struct IFrameSegment {
    /// Relative to the playlist.
    pub uri: String,
    pub fragments: Vec<FragmentRange>,
    pub key: Option<SegmentKey>,
}

/// The I-frame playlist of a complete rendition with `timescale` ticks a second. A range is that of the plain bytes, also where the segment is
/// encrypted: players widen it to the blocks of the cipher (RFC 8216bis section 6.3.6).
pub fn iframe_playlist(target_s: u64, map_uri: &str, timescale: u64, segments: &[IFrameSegment]) -> String {
    let mut map = Some(Map { uri: map_uri.to_owned(), byte_range: None, other_attributes: Default::default() });
    let mut list = Vec::new();
    for s in segments {
        let mut key = s.key.as_ref().map(aes_128);
        for f in &s.fragments {
            list.push(MediaSegment {
                uri: s.uri.clone(),
                duration: (f.ticks as f64 / timescale.max(1) as f64) as f32,
                byte_range: Some(ByteRange { length: f.key_bytes, offset: Some(f.offset) }),
                map: map.take(),
                key: key.take(),
                ..MediaSegment::default()
            });
        }
    }
    let playlist = m3u8_rs::MediaPlaylist {
        version: Some(7),
        target_duration: target_s,
        playlist_type: Some(MediaPlaylistType::Vod),
        i_frames_only: true,
        segments: list,
        end_list: true,
        ..Default::default()
    };
    text(|out| playlist.write_to(out))
}

/// What the I-frames of a rendition measure, where a second has `timescale` ticks.
pub fn measure_iframes<'a>(
    fragments: impl IntoIterator<Item = &'a FragmentRange>,
    timescale: u64,
    target_s: u64,
) -> Measured {
    let seconds = |ticks: u64| ticks as f64 / timescale.max(1) as f64;
    let list: Vec<_> = fragments.into_iter().map(|f| (f.key_bytes, seconds(f.ticks))).collect();
    measure(&list, target_s as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fragment_is_a_range_and_keys_stand_before_their_segment() {
        let fragment = |offset, key_bytes| FragmentRange { offset, bytes: 9_000, ticks: 50_000, key_bytes };
        let segment = |name: &str, number| IFrameSegment {
            uri: name.into(),
            fragments: vec![fragment(24, 4_000), fragment(9_024, 3_000)],
            key: Some(SegmentKey::of_package(number, &[7; 16])),
        };
        let list = iframe_playlist(6, "init-a.mp4", 25_000, &[segment("0.m4s", 0), segment("1.m4s", 1)]);
        let iv = "0x07070707070707070707070707070707";
        assert_eq!(
            list,
            format!(
                "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-I-FRAMES-ONLY\n\
                 #EXT-X-MAP:URI=\"init-a.mp4\"\n#EXT-X-BYTERANGE:4000@24\n#EXT-X-KEY:METHOD=AES-128,URI=\"../keys/0.key\",IV={iv}\n#EXTINF:2,\n0.m4s\n\
                 #EXT-X-BYTERANGE:3000@9024\n#EXTINF:2,\n0.m4s\n\
                 #EXT-X-BYTERANGE:4000@24\n#EXT-X-KEY:METHOD=AES-128,URI=\"../keys/1.key\",IV={iv}\n#EXTINF:2,\n1.m4s\n\
                 #EXT-X-BYTERANGE:3000@9024\n#EXTINF:2,\n1.m4s\n#EXT-X-ENDLIST\n"
            )
        );
    }
}
