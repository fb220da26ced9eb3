//! Where the fragments of a segment lie, for trick play.

use serde::{Deserialize, Serialize};

/// A movie fragment within its segment. Stored as an array of its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct FragmentRange {
    /// Bytes of the segment before it.
    pub offset: u64,
    /// Length, bytes.
    pub bytes: u64,
    /// Duration, ticks.
    pub ticks: u64,
    /// From its begin to the end of its first sample, bytes: of pictures, all that decoding the I-frame takes.
    pub key_bytes: u64,
}

impl From<Vec<u64>> for FragmentRange {
    /// What was stored before there were I-frame playlists has no fourth number: the whole fragment takes its place.
    fn from(numbers: Vec<u64>) -> Self {
        let number = |i: usize| numbers.get(i).copied();
        let bytes = number(1).unwrap_or(0);
        Self {
            offset: number(0).unwrap_or(0),
            bytes,
            ticks: number(2).unwrap_or(0),
            key_bytes: number(3).unwrap_or(bytes),
        }
    }
}

impl From<FragmentRange> for Vec<u64> {
    fn from(f: FragmentRange) -> Self {
        vec![f.offset, f.bytes, f.ticks, f.key_bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_fragments_are_read_back_and_old_ones_too() {
        let new = FragmentRange { offset: 24, bytes: 9000, ticks: 50_000, key_bytes: 4000 };
        let text = serde_json::to_string(&new).unwrap();
        assert_eq!(text, "[24,9000,50000,4000]");
        assert_eq!(serde_json::from_str::<FragmentRange>(&text).unwrap(), new);
        let old: FragmentRange = serde_json::from_str("[24,9000,50000]").unwrap();
        assert_eq!(old, FragmentRange { key_bytes: 9000, ..new });
    }
}
