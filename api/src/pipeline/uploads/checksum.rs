//! Checksums of what arrives, computed as it passes by.

use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A checksum under way, and what it is to become.
pub enum Checksum {
    Sha1(Sha1, Vec<u8>),
    Sha256(Sha256, Vec<u8>),
    Crc32(crc32fast::Hasher, Vec<u8>),
}

impl Checksum {
    /// One of `sha1`, `sha256` and `crc32`, none other.
    pub fn new(algorithm: &str, sum: Vec<u8>) -> Option<Self> {
        match algorithm {
            "sha1" => Some(Self::Sha1(Sha1::new(), sum)),
            "sha256" => Some(Self::Sha256(Sha256::new(), sum)),
            "crc32" => Some(Self::Crc32(crc32fast::Hasher::new(), sum)),
            _ => None,
        }
    }

    /// Takes bytes in.
    pub fn update(&mut self, data: &[u8]) {
        match self {
            Self::Sha1(h, _) => h.update(data),
            Self::Sha256(h, _) => h.update(data),
            Self::Crc32(h, _) => h.update(data),
        }
    }

    /// Whether it is the one that was sent.
    pub fn matches(self) -> bool {
        match self {
            Self::Sha1(h, sum) => h.finalize().as_slice() == sum,
            Self::Sha256(h, sum) => h.finalize().as_slice() == sum,
            Self::Crc32(h, sum) => h.finalize().to_be_bytes().as_slice() == sum,
        }
    }
}
