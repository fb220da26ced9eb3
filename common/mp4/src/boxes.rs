//! Boxes: a size, a type, a body.

use std::ops::Range;

/// Bytes of a box before its body, of one that is not larger than 4 GiB.
const HEADER: usize = 8;

/// What is read is no segment of this service.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a segment: {0}")]
pub struct BoxError(pub(crate) &'static str);

/// A box within bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub kind: [u8; 4],
    /// Where it begins, its header included.
    pub start: usize,
    pub body: Range<usize>,
}

/// The boxes of a stretch of bytes, which they fill.
pub fn boxes(data: &[u8], within: Range<usize>) -> Result<Vec<Found>, BoxError> {
    let (mut list, mut at) = (Vec::new(), within.start);
    while at < within.end {
        let size = number(data, at)? as usize;
        let end = at.checked_add(size).filter(|end| size >= HEADER && *end <= within.end);
        let end = end.ok_or(BoxError("a box that ends beyond its parent"))?;
        let kind = data.get(at + 4..at + 8).and_then(|k| k.try_into().ok()).ok_or(BoxError("cut off"))?;
        list.push(Found { kind, start: at, body: at + HEADER..end });
        at = end;
    }
    Ok(list)
}

/// The first box of a kind.
pub fn child(data: &[u8], within: Range<usize>, kind: &[u8; 4]) -> Result<Found, BoxError> {
    boxes(data, within)?.into_iter().find(|b| b.kind == *kind).ok_or(BoxError("a box is missing"))
}

/// 32 bits at a place.
pub(crate) fn number(data: &[u8], at: usize) -> Result<u32, BoxError> {
    let bytes = data.get(at..).and_then(|d| d.first_chunk::<4>()).ok_or(BoxError("cut off"))?;
    Ok(u32::from_be_bytes(*bytes))
}

/// Writes 32 bits at a place.
pub fn put_number(data: &mut [u8], at: usize, value: u32) -> Result<(), BoxError> {
    let bytes = data.get_mut(at..at + 4).ok_or(BoxError("cut off"))?;
    bytes.copy_from_slice(&value.to_be_bytes());
    Ok(())
}

/// A box of these parts.
pub fn make(kind: &[u8; 4], parts: &[&[u8]]) -> Result<Vec<u8>, BoxError> {
    let size = HEADER + parts.iter().map(|p| p.len()).sum::<usize>();
    let size = u32::try_from(size).map_err(|_| BoxError("too large"))?;
    Ok([&size.to_be_bytes()[..], kind].into_iter().chain(parts.iter().copied()).flatten().copied().collect())
}
