//! The head of a file, and what becomes of a segment in it.

use crate::boxes::{BoxError, child, make, put_number};

/// References that one segment index box can have (ISO/IEC 14496-12 section 8.16.3).
const MOST_REFERENCES: usize = 0xffff;
/// `starts_with_SAP`, `SAP_type` 1: every segment begins with a picture that needs none before it.
const STARTS_WITH_SAP: u32 = 0x9000_0000;

/// A track of the file.
#[derive(Debug, Clone)]
pub struct Track<'a> {
    /// Its init segment, of one track.
    pub init: &'a [u8],
    /// Ticks a second.
    pub timescale: u64,
    /// Decode time of its first sample, ticks.
    pub start: u64,
    /// Bytes and ticks of every segment.
    pub segments: &'a [(u64, u64)],
}

impl Track<'_> {
    fn ticks(&self) -> u64 {
        self.segments.iter().map(|s| s.1).sum()
    }
}

/// What the file begins with: ftyp, a moov with all tracks, and an index by which players seek. The segments of number 0
/// of all tracks follow, then those of number 1, and so on.
pub fn header(tracks: &[Track<'_>]) -> Result<Vec<u8>, BoxError> {
    let first = tracks.first().ok_or(BoxError("no track"))?;
    let mut out = ftyp(first.init)?;
    out.extend(moov(tracks, first)?);
    out.extend(index(tracks, first)?);
    Ok(out)
}

/// Where a moof has its number: behind the headers of moof and mfhd, and the latter's version.
const SEQUENCE: u64 = 20;
/// Where it has its track: behind mfhd, and the headers of traf and tfhd.
const TRACK: u64 = 44;

/// What is written over in a segment for the fragment that begins at its byte `offset`, to make it fragment `sequence` of the
/// file and of the track `track` (from 1). Fragments of this service have mfhd first, then traf, and tfhd first in that.
pub fn overwritten(offset: u64, track: u32, sequence: u32) -> [(u64, [u8; 4]); 2] {
    [(offset + SEQUENCE, sequence.to_be_bytes()), (offset + TRACK, track.to_be_bytes())]
}

fn ftyp(init: &[u8]) -> Result<Vec<u8>, BoxError> {
    let found = child(init, 0..init.len(), b"ftyp")?;
    Ok(init[found.start..found.body.end].to_vec())
}

fn moov(tracks: &[Track<'_>], first: &Track<'_>) -> Result<Vec<u8>, BoxError> {
    // In the units of the movie header, which are those of the first track.
    let ends = tracks
        .iter()
        .map(|t| (t.start + t.ticks()) as u128 * u128::from(first.timescale) / u128::from(t.timescale.max(1)));
    let duration = u64::try_from(ends.max().unwrap_or(0)).map_err(|_| BoxError("too long"))?;
    let (mut traks, mut trexes, mut mvhd) = (Vec::new(), Vec::new(), None);
    for (n, t) in (1..).zip(tracks) {
        let moov = child(t.init, 0..t.init.len(), b"moov")?.body;
        let mut trak = whole(t.init, moov.clone(), b"trak")?;
        let tkhd = child(&trak, 8..trak.len(), b"tkhd")?.body;
        // The number comes after two instants, of 32 bits or of 64 (section 8.3.2).
        let at = if trak.get(tkhd.start) == Some(&1) { 20 } else { 12 };
        put_number(&mut trak, tkhd.start + at, n)?;
        let mvex = child(t.init, moov.clone(), b"mvex")?.body;
        let mut trex = whole(t.init, mvex, b"trex")?;
        put_number(&mut trex, 12, n)?;
        traks.extend(trak);
        trexes.extend(trex);
        if mvhd.is_none() {
            mvhd = Some(whole(t.init, moov, b"mvhd")?);
        }
    }
    let mut mvhd = mvhd.ok_or(BoxError("no track"))?;
    let next = mvhd.len().checked_sub(4).ok_or(BoxError("cut off"))?;
    put_number(&mut mvhd, next, tracks.len() as u32 + 1)?;
    // Version 1: 64 bits.
    let mehd = make(b"mehd", &[&[1, 0, 0, 0], &duration.to_be_bytes()])?;
    let mvex = make(b"mvex", &[&mehd, &trexes])?;
    make(b"moov", &[&mvhd, &traks, &mvex])
}

/// A copy of a box.
fn whole(data: &[u8], within: std::ops::Range<usize>, kind: &[u8; 4]) -> Result<Vec<u8>, BoxError> {
    let found = child(data, within, kind)?;
    Ok(data[found.start..found.body.end].to_vec())
}

/// The segment index: the segments of one number are one subsegment, as long as that of the first track.
fn index(tracks: &[Track<'_>], first: &Track<'_>) -> Result<Vec<u8>, BoxError> {
    let count = tracks.iter().map(|t| t.segments.len()).max().unwrap_or(0);
    if count > MOST_REFERENCES {
        // Players look for fragments one by one then.
        return Ok(Vec::new());
    }
    let timescale = u32::try_from(first.timescale).map_err(|_| BoxError("timescale"))?;
    let mut body = vec![1, 0, 0, 0];
    body.extend(1_u32.to_be_bytes());
    body.extend(timescale.to_be_bytes());
    body.extend(first.start.to_be_bytes());
    // Nothing lies between this box and what it refers to.
    body.extend(0_u64.to_be_bytes());
    body.extend((count as u32).to_be_bytes());
    for n in 0..count {
        let bytes: u64 = tracks.iter().filter_map(|t| t.segments.get(n)).map(|s| s.0).sum();
        // The highest bit would say that it is another index.
        let bytes = u32::try_from(bytes).ok().filter(|b| *b < 1 << 31).ok_or(BoxError("a segment of 2 GiB"))?;
        let ticks = u32::try_from(first.segments.get(n).map_or(0, |s| s.1)).map_err(|_| BoxError("too long"))?;
        body.extend(bytes.to_be_bytes());
        body.extend(ticks.to_be_bytes());
        body.extend(STARTS_WITH_SAP.to_be_bytes());
    }
    make(b"sidx", &[&body])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::{boxes, number};

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        make(kind, &[body]).unwrap()
    }

    fn init(timescale: u32) -> Vec<u8> {
        let mvhd = boxed(b"mvhd", &[&[0; 12][..], &timescale.to_be_bytes(), &[0; 84]].concat());
        let tkhd = boxed(b"tkhd", &[&[0, 0, 0, 7][..], &[0; 8], &1_u32.to_be_bytes(), &[0; 68]].concat());
        let trex = boxed(b"trex", &[&[0; 4][..], &1_u32.to_be_bytes(), &[0; 16]].concat());
        let moov = boxed(b"moov", &[mvhd, boxed(b"trak", &tkhd), boxed(b"mvex", &trex)].concat());
        [boxed(b"ftyp", b"iso6\0\0\0\0"), moov].concat()
    }

    fn segment(decode_time: u32) -> Vec<u8> {
        let tfhd = boxed(b"tfhd", &[[0, 2, 0, 0], 1_u32.to_be_bytes()].concat());
        let tfdt = boxed(b"tfdt", &[[0; 4], decode_time.to_be_bytes()].concat());
        let moof = [boxed(b"mfhd", &[[0; 4], 9_u32.to_be_bytes()].concat()), boxed(b"traf", &[tfhd, tfdt].concat())];
        [boxed(b"styp", b"msdh"), boxed(b"moof", &moof.concat()), boxed(b"mdat", b"data")].concat()
    }

    fn at<'a>(data: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
        path.iter().fold(data, |data, kind| {
            let found = child(data, 0..data.len(), kind).unwrap();
            &data[found.body]
        })
    }

    #[test]
    fn a_file_has_every_track_with_a_number_of_its_own_and_an_index() {
        let (video, audio) = (init(25), init(48_000));
        let tracks = [
            Track { init: &video, timescale: 25, start: 2, segments: &[(1000, 150), (500, 75)] },
            Track { init: &audio, timescale: 48_000, start: 3_840, segments: &[(100, 288_000), (50, 144_000)] },
        ];
        let head = header(&tracks).unwrap();
        let kinds: Vec<[u8; 4]> = boxes(&head, 0..head.len()).unwrap().into_iter().map(|b| b.kind).collect();
        assert_eq!(kinds, [*b"ftyp", *b"moov", *b"sidx"]);
        let moov = at(&head, &[b"moov"]);
        let traks: Vec<_> = boxes(moov, 0..moov.len()).unwrap().into_iter().filter(|b| b.kind == *b"trak").collect();
        let numbers: Vec<u32> =
            traks.iter().map(|t| number(at(&moov[t.body.clone()], &[b"tkhd"]), 12).unwrap()).collect();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(at(moov, &[b"mvex", b"mehd"])[4..], 227_u64.to_be_bytes(), "until the later end");
        assert_eq!(number(at(moov, &[b"mvhd"]), 96).unwrap(), 3, "the next free number");
        let sidx = at(&head, &[b"sidx"]);
        assert_eq!(sidx.len(), 32 + 2 * 12);
        assert_eq!((number(sidx, 32).unwrap(), number(sidx, 36).unwrap()), (1100, 150));
    }

    #[test]
    fn a_fragment_gets_another_number_and_track_and_nothing_else_changes() {
        let (mut data, before) = (segment(7), segment(7));
        let offset = child(&data, 0..data.len(), b"moof").unwrap().start as u64;
        for (at, bytes) in overwritten(offset, 2, 40) {
            data[at as usize..][..4].copy_from_slice(&bytes);
        }
        assert_eq!(number(at(&data, &[b"moof", b"mfhd"]), 4).unwrap(), 40);
        assert_eq!(number(at(&data, &[b"moof", b"traf", b"tfhd"]), 4).unwrap(), 2);
        let changed = data.iter().zip(&before).filter(|(a, b)| a != b).count();
        assert!(changed == 2 && data.len() == before.len(), "9 became 40, 1 became 2");
    }
}
