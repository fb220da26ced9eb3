//! The letters of CTA-608 (sections 6.4.1 and annex B.1 of its revision E).

/// A letter of the basic set, `0x20` to `0x7f`.
pub fn basic(code: u8) -> char {
    match code {
        0x27 => '’',
        0x2a => 'á',
        0x5c => 'é',
        0x5e => 'í',
        0x5f => 'ó',
        0x60 => 'ú',
        0x7b => 'ç',
        0x7c => '÷',
        0x7d => 'Ñ',
        0x7e => 'ñ',
        0x7f => '█',
        code => char::from(code),
    }
}

/// Special letters, `0x30` to `0x3f`; the tenth is a transparent space.
const SPECIAL: &str = "®°½¿™¢£♪à èâêîôû";
/// Extended letters, `0x20` to `0x3f`: Spanish, various, French.
const ROMANCE: &str = "ÁÉÓÚÜü‘¡*'—©℠•“”ÀÂÇÈÊËëÎÏïÔÙùÛ«»";
/// Extended letters, `0x20` to `0x3f`: Portuguese, German, Danish.
const GERMANIC: &str = "ÃãÍÌìÒòÕõ{}\\^_|~ÄäÖöß¥¤│ÅåØø┌┐└┘";

/// A special letter.
pub fn special(code: u8) -> Option<char> {
    SPECIAL.chars().nth(usize::from(code.checked_sub(0x30)?))
}

/// An extended letter of one of the two sets, which stands instead of the letter before.
pub fn extended(second_set: bool, code: u8) -> Option<char> {
    let set = if second_set { GERMANIC } else { ROMANCE };
    set.chars().nth(usize::from(code.checked_sub(0x20)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_whole() {
        assert_eq!([SPECIAL, ROMANCE, GERMANIC].map(|s| s.chars().count()), [16, 32, 32]);
        assert_eq!((special(0x37), special(0x2f), special(0x40)), (Some('♪'), None, None));
        assert_eq!((extended(false, 0x3f), extended(true, 0x34), extended(true, 0x1f)), (Some('»'), Some('ß'), None));
        assert_eq!([0x41, 0x5c, 0x27].map(basic), ['A', 'é', '’']);
    }
}
