//! Pages of teletext that are subtitles (ETSI EN 300 468 section 6.2.43, EN 300 472, EN 300 706): which there are, and when each
//! begins to be sent. The decoder tells of a page no sooner than the next header ends it. What is written on it is the decoder's
//! to say.

/// Data units of EBU teletext, and how long they are.
const UNITS: std::ops::RangeInclusive<u8> = 2..=3;
const UNIT_BYTES: usize = 44;
/// Of a data unit: field and line, framing code, then magazine and row.
const ADDRESS: usize = 2;
/// teletext_type of subtitles, and of such for those who hear badly.
const SUBTITLES: u8 = 2;
const HARD_OF_HEARING: u8 = 5;
/// Code words of four bits (EN 300 706 section 8.2).
const HAMMING: [u8; 16] =
    [0x15, 0x02, 0x49, 0x5e, 0x64, 0x73, 0x38, 0x2f, 0xd0, 0xc7, 0x8c, 0x9b, 0xa1, 0xb6, 0xfd, 0xea];
/// The page of headers that end others and begin none.
const FILLING: u8 = 0xff;

/// A page that a stream is said to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its three digits: `0x888`.
    pub number: u16,
    /// ISO 639-2.
    pub language: Option<String>,
    pub hearing_impaired: bool,
}

/// The subtitles among the pages of a stream, by what FFmpeg keeps of its descriptor: two bytes a page, and languages with
/// commas between.
pub fn pages(descriptor: &[u8], languages: &str) -> Vec<Page> {
    let mut languages = languages.split(',').map(str::to_owned);
    let page = |(two, language): (&[u8], Option<String>)| {
        let (kind, magazine) = (two[0] >> 3, two[0] & 7);
        (matches!(kind, SUBTITLES | HARD_OF_HEARING) && two[1] != FILLING).then(|| Page {
            number: number(magazine, two[1]),
            language: language.filter(|l| !l.is_empty()),
            hearing_impaired: kind == HARD_OF_HEARING,
        })
    };
    descriptor.chunks_exact(2).map(|two| (two, languages.next())).filter_map(page).collect()
}

fn number(magazine: u8, page: u8) -> u16 {
    let magazine = if magazine == 0 { 8 } else { magazine };
    u16::from(magazine) << 8 | u16::from(page)
}

/// When a page began to be sent.
#[derive(Debug)]
pub struct Sent {
    page: u16,
    begun: Option<i64>,
}

/// A header of a page.
struct Header {
    number: u16,
    /// Whether it ends the pages of all magazines.
    serial: bool,
    /// Whether nothing stays of what was sent of the page before (C4).
    erases: bool,
}

impl Sent {
    /// Of a page with these three digits.
    pub fn new(page: u16) -> Self {
        Self { page, begun: None }
    }

    /// Takes in a packet; when the page began that ends within it, if one does. For the decoder a page that is sent once more
    /// goes on, and ends with the header of another.
    pub fn take(&mut self, data: &[u8], time: i64) -> Option<i64> {
        let mut ended = None;
        for header in headers(data) {
            if header.number == self.page {
                self.begun = self.begun.filter(|_| !header.erases).or(Some(time));
            } else if header.serial || header.number >> 8 == self.page >> 8 {
                ended = ended.or(self.begun.take());
            }
        }
        ended
    }

    /// A packet that ends the page: a header of none, and what fills up the three units that a packet has at least.
    pub fn end(&self) -> Vec<u8> {
        let magazine = (self.page >> 8 & 7) as u8;
        let mut header = vec![magazine, 0, FILLING & 15, FILLING >> 4];
        header.resize(10, 0);
        let words = header.into_iter().map(|four| HAMMING[usize::from(four & 15)].reverse_bits());
        let mut unit = vec![3, UNIT_BYTES as u8, 0xe0, 0xe4];
        unit.extend(words);
        unit.resize(UNIT_BYTES + 2, b' '.reverse_bits());
        let filling = [0xff, UNIT_BYTES as u8].into_iter().chain(std::iter::repeat_n(0xff, UNIT_BYTES));
        [&[0x10][..], &unit, &filling.clone().chain(filling).collect::<Vec<_>>()].concat()
    }
}

fn headers(data: &[u8]) -> Vec<Header> {
    let (mut list, mut rest) = (Vec::new(), data.get(1..).unwrap_or_default());
    while let [kind, length, body @ ..] = rest {
        let Some((unit, after)) = body.split_at_checked(usize::from(*length)) else { break };
        if UNITS.contains(kind) && unit.len() == UNIT_BYTES {
            list.extend(header(&unit[ADDRESS..]));
        }
        rest = after;
    }
    list
}

/// The header that a row is, if it is one.
fn header(row: &[u8]) -> Option<Header> {
    let word = |n: usize| four(row.get(n)?.reverse_bits());
    let (first, second) = (word(0)?, word(1)?);
    // The lowest bit of five of the row stands with the magazine.
    if first >> 3 | second << 1 != 0 {
        return None;
    }
    let (number, erases) = (number(first & 7, word(3)? << 4 | word(2)?), word(5)? >> 3 == 1);
    Some(Header { number, serial: word(9)? & 1 == 1, erases })
}

/// The bits of a code word, of which one may be wrong.
fn four(word: u8) -> Option<u8> {
    HAMMING.iter().position(|known| (known ^ word).count_ones() <= 1).map(|n| n as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtitles_are_told_from_other_pages() {
        let descriptor = [1 << 3 | 1, 0x00, 2 << 3, 0x88, 5 << 3 | 7, 0x77, 2 << 3, FILLING];
        let page = |number, language: &str, hearing_impaired| Page {
            number,
            language: Some(language.to_owned()),
            hearing_impaired,
        };
        assert_eq!(pages(&descriptor, "deu,ger,eng"), [page(0x888, "ger", false), page(0x777, "eng", true)]);
        assert_eq!(pages(&descriptor[..5], "").len(), 1);
    }

    #[test]
    fn a_page_begins_with_its_header_and_ends_with_the_next() {
        let mut sent = Sent::new(0x888);
        // A header of page 888: as the one that ends it, but for its number.
        let filling = sent.end();
        let mut begin = filling.clone();
        begin[7..9].fill(HAMMING[8].reverse_bits());
        assert_eq!(sent.take(&filling, 5), None);
        assert_eq!(sent.take(&begin, 10), None);
        // A bit is wrong.
        begin[7] ^= 1;
        assert_eq!(sent.take(&begin, 20), None);
        assert_eq!(Sent::new(0x188).take(&begin, 20), None);
        // Another magazine, sent beside.
        assert_eq!(sent.take(&Sent::new(0x199).end(), 25), None);
        assert_eq!(sent.take(&filling, 30), Some(10));
        assert_eq!((sent.take(&filling, 40), filling.len() + 45), (None, 184));
        sent.take(&begin, 50);
        begin[10] = HAMMING[8].reverse_bits();
        assert_eq!((sent.take(&begin, 60), sent.take(&filling, 70)), (None, Some(60)), "erased");
        assert!((0..begin.len()).all(|n| sent.take(&begin[..n], 80).is_none()));
    }
}
