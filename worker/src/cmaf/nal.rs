//! H.264 network abstraction layer units (ITU-T H.264 section 7.4.1, Annex B).

/// nal_unit_type of an instantaneous decoder refresh slice.
const IDR: u8 = 5;

/// The units of an Annex B byte stream, without start codes.
pub fn annex_b_units(data: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    let mut i = 0;
    while i + 3 <= data.len() {
        if data[i..i + 3] == [0, 0, 1] {
            starts.push(i);
            i += 3;
        } else {
            i += 1;
        }
    }
    let mut units = Vec::with_capacity(starts.len());
    for (n, start) in starts.iter().enumerate() {
        let end = starts.get(n + 1).copied().unwrap_or(data.len());
        let mut unit = &data[start + 3..end];
        // Zero bytes before the next start code belong to it.
        while let [rest @ .., 0] = unit {
            unit = rest;
        }
        if !unit.is_empty() {
            units.push(unit);
        }
    }
    units
}

/// The units of a sample with 4-byte lengths; `None` when the lengths do not add up.
pub fn length_prefixed_units(mut data: &[u8]) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    while !data.is_empty() {
        let (head, rest) = data.split_at_checked(4)?;
        let length = u32::from_be_bytes(head.try_into().ok()?) as usize;
        let (unit, rest) = rest.split_at_checked(length)?;
        if !unit.is_empty() {
            units.push(unit);
        }
        data = rest;
    }
    Some(units)
}

/// Whether a sample with 4-byte lengths is whole: its units fill it, and none holds what cannot be within one (ITU-T H.264 and
/// H.265 section 7.4.1: emulation prevention keeps three bytes of zeros and start codes out).
pub fn is_whole(sample: &[u8]) -> bool {
    let forbidden = |unit: &&[u8]| unit.windows(3).any(|w| w[0] == 0 && w[1] == 0 && w[2] < 3);
    length_prefixed_units(sample).is_some_and(|units| !units.is_empty() && !units.iter().any(forbidden))
}

/// Units as a sample with 4-byte lengths, without what the sample entry holds (parameter sets),
/// what only a byte stream needs (delimiters, fillers), and what decoders ignore (user data).
pub fn to_length_prefixed(units: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::with_capacity(units.iter().map(|u| u.len() + 4).sum());
    for unit in units.iter().filter(|u| matches!(u[0] & 0x1f, 1..=5 | 19 | 20)) {
        // A unit is part of a packet, whose size is an i32.
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out
}

/// Whether the first picture of these units is a true IDR: the container's key flag also marks
/// pictures of open GOPs.
pub fn is_idr(units: &[&[u8]]) -> bool {
    units.iter().map(|u| u[0] & 0x1f).find(|kind| (1..=5).contains(kind)) == Some(IDR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_three_and_four_bytes() {
        let data = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x65, 9, 0, 0, 0, 1, 0x41, 3];
        assert_eq!(annex_b_units(&data), [&[0x67, 1, 2][..], &[0x65, 9], &[0x41, 3]]);
        let sample = to_length_prefixed(&annex_b_units(&data));
        assert_eq!(sample, [0, 0, 0, 2, 0x65, 9, 0, 0, 0, 2, 0x41, 3]);
        assert!(is_idr(&length_prefixed_units(&sample).unwrap()));
        assert_eq!(length_prefixed_units(&[0, 0, 0, 9, 1]), None);
    }
}
