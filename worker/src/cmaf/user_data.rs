//! What encoders put beside pictures: messages of SEI (ITU-T H.264 annex D, H.265 annex D), and of them captions (ATSC A/53
//! part 4, registered by ITU-T T.35).

use super::bits::without_prevention;
use std::borrow::Cow;

/// payloadType of user data that is registered by ITU-T T.35.
const REGISTERED: usize = 4;
/// The United States, ATSC, "GA94", and the kind that captions are.
const CAPTIONS: &[u8] = b"\xb5\x00\x31GA94\x03";
/// Ends what a unit holds (rbsp_trailing_bits).
const END: u8 = 0x80;

/// A message of SEI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    kind: usize,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The captions that it is, from `process_cc_data_flag` on.
    pub fn captions(&self) -> Option<&'a [u8]> {
        (self.kind == REGISTERED).then(|| captions(self.payload)).flatten()
    }

    fn write(&self, out: &mut Vec<u8>) {
        for number in [self.kind, self.payload.len()] {
            out.extend(std::iter::repeat_n(0xff, number / 0xff));
            out.push((number % 0xff) as u8);
        }
        out.extend_from_slice(self.payload);
    }
}

/// What is registered by ITU-T T.35, if it is captions: these, from `process_cc_data_flag` on.
pub fn captions(registered: &[u8]) -> Option<&[u8]> {
    registered.strip_prefix(CAPTIONS)
}

/// The messages of a unit without header and emulation prevention, up to one that is cut off.
pub fn messages(mut data: &[u8]) -> Vec<Message<'_>> {
    let mut list = Vec::new();
    while !data.is_empty() && data != [END] {
        let (Some(kind), Some(length)) = (number(&mut data), number(&mut data)) else { break };
        let Some((payload, rest)) = data.split_at_checked(length) else { break };
        list.push(Message { kind, payload });
        data = rest;
    }
    list
}

/// A number as SEI writes it: bytes of 255, and one that is less.
fn number(data: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    loop {
        let (first, rest) = data.split_first()?;
        *data = rest;
        value += usize::from(*first);
        if *first != 0xff {
            return Some(value);
        }
    }
}

/// A unit of SEI with a header of so many bytes, without its captions; `None` where it holds nothing else.
pub fn without_captions(unit: &[u8], header: usize) -> Option<Cow<'_, [u8]>> {
    let Some((head, body)) = unit.split_at_checked(header) else { return Some(Cow::Borrowed(unit)) };
    let payload = without_prevention(body);
    let all = messages(&payload);
    if all.iter().all(|m| m.captions().is_none()) {
        return Some(Cow::Borrowed(unit));
    }
    let mut kept = Vec::new();
    all.iter().filter(|m| m.captions().is_none()).for_each(|m| m.write(&mut kept));
    if kept.is_empty() {
        return None;
    }
    kept.push(END);
    Some(Cow::Owned([head, &with_prevention(&kept)].concat()))
}

/// The payload of a unit with emulation prevention bytes (ITU-T H.264 and H.265 section 7.4.1).
fn with_prevention(payload: &[u8]) -> Vec<u8> {
    let (mut out, mut zeros) = (Vec::with_capacity(payload.len()), 0);
    for byte in payload {
        if zeros >= 2 && *byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        out.push(*byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, payload: &[u8]) -> Vec<u8> {
        [&[kind, payload.len() as u8], payload].concat()
    }

    #[test]
    fn captions_are_taken_out_and_the_rest_stays() {
        let captions = message(4, &[CAPTIONS, &[0xc1, 0xff, 0xfc, 0x80, 0x80, 0xff]].concat());
        let light = message(137, &[0, 0, 0, 0, 1, 2]);
        let unit =
            |parts: &[&[u8]]| [&[39 << 1, 1], &with_prevention(&[&parts.concat()[..], &[END]].concat())[..]].concat();
        let both = unit(&[&captions, &light]);
        assert_eq!(without_captions(&both, 2).as_deref(), Some(&unit(&[&light])[..]));
        assert_eq!(without_captions(&unit(&[&captions]), 2), None);
        let plain = unit(&[&light]);
        assert_eq!(without_captions(&plain, 2), Some(Cow::Borrowed(&plain[..])));
        assert_eq!(without_captions(&[1], 2).as_deref(), Some(&[1][..]));
        assert_eq!(without_prevention(&with_prevention(&[0, 0, 0, 0, 1])), [0, 0, 0, 0, 1]);
    }

    #[test]
    fn long_messages_are_read_and_ends_are_noticed() {
        let long = Message { kind: 300, payload: &[7; 600] };
        let mut written = Vec::new();
        long.write(&mut written);
        written.push(END);
        assert_eq!(messages(&written), [long]);
        assert_eq!(messages(&written[..500]), []);
        assert_eq!(messages(&[0xff; 9]), []);
    }
}
