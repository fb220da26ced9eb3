//! The parameter sets of a source whose own pictures are kept, and what they say of its packets.

use super::{
    BoxError,
    av1::{self, Av1Header},
    avc::AvcHeader,
    hevc::{self, HevcHeader},
    nal::{is_idr, length_prefixed_units},
};
use serde::{Deserialize, Serialize};

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coding {
    /// H.264.
    Avc,
    /// H.265.
    Hevc,
    /// AV1.
    Av1,
}

/// What a picture is to those around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Decoding can begin here.
    Entry,
    /// Decoding can begin here if no picture leads it, which those that follow tell.
    Open,
    /// It is shown before the entry that it follows.
    Leading,
    /// Any other.
    Other,
}

impl Coding {
    /// By the sample entry's name, the first part of an RFC 6381 string.
    pub fn of(codecs: &str) -> Self {
        match codecs.split('.').next() {
            Some("hvc1" | "hev1") => Self::Hevc,
            Some("av01") => Self::Av1,
            _ => Self::Avc,
        }
    }

    /// Whether a segment may begin with this sample. In HEVC that is an IDR picture, or a CRA picture that none leads:
    /// both promise the same.
    pub fn begins_segment(self, sample: &[u8]) -> bool {
        match self {
            Self::Avc => length_prefixed_units(sample).is_some_and(|u| is_idr(&u)),
            Self::Hevc => {
                let whole = |u: &Vec<&[u8]>| u.iter().all(|u| u.len() > 2);
                length_prefixed_units(sample)
                    .filter(whole)
                    .is_some_and(|u| matches!(hevc::place(&u), Place::Entry | Place::Open))
            }
            Self::Av1 => av1::place(sample) == Some(Place::Entry),
        }
    }
}

/// The parameter sets of a stream.
#[derive(Debug)]
pub enum Header {
    Avc(AvcHeader),
    Hevc(HevcHeader),
    Av1(Av1Header),
}

impl Header {
    /// Reads a stream's out-of-band data; `None` where a sample entry cannot be made of it.
    pub fn read(coding: Coding, extradata: &[u8]) -> Option<Self> {
        Some(match coding {
            Coding::Avc => Self::Avc(AvcHeader::read(extradata)?),
            Coding::Hevc => Self::Hevc(HevcHeader::read(extradata)?),
            Coding::Av1 => Self::Av1(Av1Header::read(extradata)?),
        })
    }

    /// Takes the parameter sets of the film's first packet where they are those that count: some encoders write a
    /// configuration for AV1 that is not quite what they encode.
    pub fn adopt(&mut self, first: &[u8]) {
        if let Self::Av1(h) = self {
            h.adopt(first);
        }
    }

    /// What a packet is; `None` when it cannot be split or brings other parameter sets.
    pub fn place(&self, data: &[u8]) -> Option<Place> {
        match self {
            Self::Avc(h) => h.place(data),
            Self::Hevc(h) => h.place(data),
            Self::Av1(h) => h.place(data),
        }
    }

    /// A packet as a sample; `None` as above.
    pub fn sample(&self, data: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Avc(h) => h.sample(data),
            Self::Hevc(h) => h.sample(data),
            Self::Av1(h) => h.sample(data),
        }
    }

    /// The init segment.
    pub fn init(&self, width: u32, height: u32, timescale: u64) -> Result<Vec<u8>, BoxError> {
        let side = |pixels: u32| u16::try_from(pixels).map_err(|_| BoxError::Broken("size"));
        let (width, height) = (side(width)?, side(height)?);
        let timescale = u32::try_from(timescale).map_err(|_| BoxError::Broken("timescale"))?;
        match self {
            Self::Avc(h) => h.init(width, height, timescale),
            Self::Hevc(h) => h.init(width, height, timescale),
            Self::Av1(h) => h.init(width, height, timescale),
        }
    }

    /// RFC 6381.
    pub fn codecs(&self) -> String {
        match self {
            Self::Avc(h) => h.codecs(),
            Self::Hevc(h) => h.codecs(),
            Self::Av1(h) => h.codecs(),
        }
    }

    /// Ten times the level.
    pub fn level(&self) -> u8 {
        match self {
            Self::Avc(h) => h.level(),
            Self::Hevc(h) => h.level(),
            Self::Av1(h) => h.level(),
        }
    }

    /// Whether profile and level are what HLS allows.
    pub fn fits(&self) -> bool {
        match self {
            Self::Avc(h) => h.fits(),
            Self::Hevc(h) => h.fits(),
            Self::Av1(h) => h.fits(),
        }
    }
}
