//! The caption channels of CTA-608, CC1 to CC4: two in each field of line 21. Codes of one channel change what it shows, or
//! what it will show; a text is told once it is gone, with the times from and until which it was shown.
//!
//! Text that is written while it is shown (roll-up and paint-on) is told as a whole from its first letter on, unless its
//! letters come far apart.

use super::{
    carried::Pair,
    letters,
    screen::{COLUMNS, ROWS, Screen, Style},
};

/// CC1 to CC4.
pub const CHANNELS: usize = 4;
/// Codes are sent twice: how soon the second comes, seconds.
const REPEATED_S: f64 = 0.1;
/// Letters that are further apart than this are not of one text, seconds.
const APART_S: f64 = 1.0;
/// The rows of preamble address codes, by four bits of them; 0 is none.
const ROW_OF: [usize; 16] = [11, 0, 1, 2, 3, 4, 12, 13, 14, 15, 5, 6, 7, 8, 9, 10];

/// A text that a channel has shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// 1 to 4.
    pub channel: u8,
    pub start_s: f64,
    pub end_s: f64,
    pub text: String,
}

/// The channels of a film.
#[derive(Debug, Default)]
pub struct Channels {
    fields: [Field; 2],
    list: [Channel; CHANNELS],
}

/// What the codes of a field are about.
#[derive(Debug, Default)]
struct Field {
    /// Which of its two channels; none while it tells of the programme (XDS).
    current: Option<usize>,
    /// The code that came just before, and when.
    last: Option<([u8; 2], f64)>,
}

impl Channels {
    /// Takes a pair that belongs to a picture that is shown at `at_s`; pairs come in the order of their pictures. Texts that
    /// are no longer shown are added to `gone`.
    pub fn take(&mut self, pair: Pair, at_s: f64, gone: &mut Vec<Shown>) {
        let is_odd = |byte: u8| byte.count_ones() % 2 == 1;
        let ([first, second], Some(field)) = (pair.bytes, self.fields.get_mut(pair.field)) else { return };
        // A pair whose second byte is damaged is none; of a first one that is, nothing is shown.
        if !is_odd(second) {
            return;
        }
        let code = [if is_odd(first) { first & 0x7f } else { 0x7f }, second & 0x7f];
        match code {
            [0, 0] => return,
            [0x10..=0x1f, _] => {
                let again = field.last.take().is_some_and(|(c, at)| c == code && at_s - at < REPEATED_S);
                if again {
                    return;
                }
                field.last = Some((code, at_s));
                field.current = Some(usize::from(code[0] >> 3 & 1));
            }
            [1..=0x0f, _] => (field.current, field.last) = (None, None),
            _ => field.last = None,
        }
        let Some(number) = field.current.map(|n| pair.field * 2 + n) else { return };
        let Some(channel) = self.list.get_mut(number) else { return };
        match code {
            [0x10..=0x1f, second] => channel.control(code[0] & 0x17, second, at_s),
            [first, second] => {
                let shown = |c: &u8| *c >= 0x20 && *c < 0x7f;
                [first, second].iter().filter(|c| shown(c)).for_each(|c| channel.put(letters::basic(*c), at_s));
            }
        }
        channel.tell(number, gone);
    }

    /// Ends what is still shown.
    pub fn finish(&mut self, at_s: f64, gone: &mut Vec<Shown>) {
        for (number, channel) in self.list.iter_mut().enumerate() {
            channel.close(at_s);
            channel.tell(number, gone);
        }
    }
}

/// How what comes is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// All at once, when it is whole.
    PopOn,
    /// In the lowest row, which moves up; so many stay.
    RollUp(usize),
    /// As it comes.
    PaintOn,
    /// Not as captions.
    Text,
}

#[derive(Debug, Default)]
struct Channel {
    mode: Option<Mode>,
    shown: Screen,
    hidden: Screen,
    row: usize,
    column: usize,
    style: Style,
    /// Since when what is shown is shown, and when its last letter came.
    open: Option<(f64, f64)>,
    gone: Vec<(f64, f64, String)>,
}

impl Channel {
    fn tell(&mut self, number: usize, gone: &mut Vec<Shown>) {
        let channel = number as u8 + 1;
        gone.extend(self.gone.drain(..).map(|(start_s, end_s, text)| Shown { channel, start_s, end_s, text }));
    }

    /// A code, without the bit of its channel.
    fn control(&mut self, first: u8, second: u8, at_s: f64) {
        match (first, second) {
            (_, 0x40..) => self.address(first, second),
            (0x14 | 0x15, 0x20..=0x2f) => self.command(second, at_s),
            (0x11, 0x20..=0x2f) => {
                self.style = Style::default();
                self.put(' ', at_s);
                self.style = Style { italics: second & 0x0e == 0x0e, underline: second & 1 == 1 };
            }
            (0x11, 0x30..=0x3f) => letters::special(second).into_iter().for_each(|c| self.put(c, at_s)),
            (0x12 | 0x13, 0x20..=0x3f) => {
                if let Some(letter) = letters::extended(first == 0x13, second) {
                    // It stands instead of one that decoders without it show.
                    self.column = self.column.saturating_sub(1);
                    self.put(letter, at_s);
                }
            }
            (0x17, 0x21..=0x23) => self.column = (self.column + usize::from(second & 3)).min(COLUMNS - 1),
            // Backgrounds, and what is not defined.
            _ => {}
        }
    }

    /// A preamble address code: where the next letters go, and how they look.
    fn address(&mut self, first: u8, second: u8) {
        let row = ROW_OF[usize::from((first & 7) << 1 | second >> 5 & 1)];
        if row == 0 {
            return;
        }
        // Roll-up is written in its lowest row, wherever on the picture that is.
        self.row = if matches!(self.mode, Some(Mode::RollUp(_))) { ROWS - 1 } else { row - 1 };
        let look = second >> 1 & 0x0f;
        self.style = Style { italics: look == 7, underline: second & 1 == 1 };
        self.column = usize::from(look.saturating_sub(8)) * 4;
    }

    fn command(&mut self, code: u8, at_s: f64) {
        match code {
            0x20 => self.mode = Some(Mode::PopOn),
            0x21 => {
                self.column = self.column.saturating_sub(1);
                let at = (self.row, self.column);
                self.memory().write(at, None, Style::default());
            }
            0x24 => {
                let at = (self.row, self.column);
                self.memory().delete_from(at);
            }
            0x25..=0x27 => self.begin_roll_up(usize::from(code - 0x23), at_s),
            0x28 => self.put(' ', at_s),
            0x29 => self.mode = Some(Mode::PaintOn),
            0x2a | 0x2b => self.mode = Some(Mode::Text),
            0x2c => self.change(at_s, |c| c.shown.clear()),
            0x2d => {
                if let Some(Mode::RollUp(depth)) = self.mode {
                    self.change(at_s, |c| c.shown.roll_up(depth));
                    (self.column, self.style) = (0, Style::default());
                }
            }
            0x2e => self.hidden.clear(),
            0x2f => {
                self.change(at_s, |c| std::mem::swap(&mut c.shown, &mut c.hidden));
                self.mode = Some(Mode::PopOn);
            }
            _ => {}
        }
    }

    /// Whoever begins to roll up what was shown otherwise begins with nothing.
    fn begin_roll_up(&mut self, depth: usize, at_s: f64) {
        if !matches!(self.mode, Some(Mode::RollUp(_))) {
            self.change(at_s, |c| c.shown.clear());
            self.hidden.clear();
            (self.row, self.column) = (ROWS - 1, 0);
        }
        self.mode = Some(Mode::RollUp(depth));
    }

    /// What is written to.
    fn memory(&mut self) -> &mut Screen {
        if self.mode == Some(Mode::PopOn) { &mut self.hidden } else { &mut self.shown }
    }

    fn put(&mut self, letter: char, at_s: f64) {
        match self.mode {
            None | Some(Mode::Text) => return,
            Some(Mode::PopOn) => {}
            Some(Mode::RollUp(_) | Mode::PaintOn) => self.touch(at_s),
        }
        let (at, style) = ((self.row, self.column), self.style);
        self.memory().write(at, Some(letter), style);
        self.column = (self.column + 1).min(COLUMNS - 1);
    }

    /// What is shown gets a letter.
    fn touch(&mut self, at_s: f64) {
        match &mut self.open {
            Some((_, last_s)) if at_s - *last_s <= APART_S => *last_s = at_s,
            _ => {
                self.close(at_s);
                self.open = Some((at_s, at_s));
            }
        }
    }

    /// What is shown becomes something else.
    fn change(&mut self, at_s: f64, change: impl FnOnce(&mut Self)) {
        self.close(at_s);
        change(self);
        self.open = (!self.shown.is_empty()).then_some((at_s, at_s));
    }

    fn close(&mut self, at_s: f64) {
        let Some((start_s, _)) = self.open.take() else { return };
        let text = self.shown.text();
        if at_s > start_s && !text.is_empty() {
            self.gone.push((start_s, at_s, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_S: f64 = 0.04;

    /// What is told of codes, a pair a frame from frame `begin` on, each with its parity.
    fn send(channels: &mut Channels, field: usize, begin: usize, codes: &[[u8; 2]]) -> Vec<Shown> {
        let mut gone = Vec::new();
        let odd = |byte: u8| if byte.count_ones().is_multiple_of(2) { byte | 0x80 } else { byte };
        for (n, code) in codes.iter().enumerate() {
            channels.take(Pair { field, bytes: code.map(odd) }, (begin + n) as f64 * FRAME_S, &mut gone);
        }
        gone
    }

    fn letters_of(text: &str) -> Vec<[u8; 2]> {
        text.as_bytes().chunks(2).map(|c| [c[0], c.get(1).copied().unwrap_or(0)]).collect()
    }

    /// Codes that are sent twice, and text between.
    fn sequence(before: &[[u8; 2]], text: &str, after: &[[u8; 2]]) -> Vec<[u8; 2]> {
        let twice = |codes: &[[u8; 2]]| codes.iter().flat_map(|c| [*c, *c]).collect::<Vec<_>>();
        [twice(before), letters_of(text), twice(after)].concat()
    }

    fn told(shown: &[Shown]) -> Vec<(u8, usize, usize, &str)> {
        let frame = |seconds: f64| (seconds / FRAME_S).round() as usize;
        shown.iter().map(|s| (s.channel, frame(s.start_s), frame(s.end_s), s.text.as_str())).collect()
    }

    #[test]
    fn captions_pop_on_and_are_erased() {
        let mut channels = Channels::default();
        let first = sequence(&[[0x14, 0x20], [0x14, 0x2e], [0x14, 0x40]], "[door]", &[[0x14, 0x6e]]);
        // The second row in italics, with a note and an umlaut that stands instead of an A.
        let codes = [first, letters_of("Hi A"), sequence(&[[0x13, 0x31], [0x11, 0x37]], "", &[[0x14, 0x2f]])].concat();
        let length = codes.len();
        assert_eq!(send(&mut channels, 0, 0, &codes), []);
        let shown = send(&mut channels, 0, 100, &[[0x14, 0x2c], [0x14, 0x2c], [0, 0]]);
        assert_eq!(told(&shown), [(1, length - 2, 100, "[door]\n<i>Hi ä♪</i>")]);
        // The next one takes the place of the one before.
        send(&mut channels, 0, 200, &sequence(&[[0x14, 0x20], [0x14, 0x70]], "One", &[[0x14, 0x2f]]));
        let shown =
            send(&mut channels, 0, 300, &sequence(&[[0x14, 0x20], [0x14, 0x2e], [0x14, 0x70]], "Two", &[[0x14, 0x2f]]));
        assert_eq!(told(&shown), [(1, 206, 308, "One")]);
        let mut shown = Vec::new();
        channels.finish(400.0 * FRAME_S, &mut shown);
        assert_eq!(told(&shown), [(1, 308, 400, "Two")]);
    }

    /// Both channels of a field, and a field that tells of the programme between: each letter belongs to the channel of the code
    /// before.
    #[test]
    fn channels_do_not_mix() {
        let mut channels = Channels::default();
        send(&mut channels, 0, 0, &sequence(&[[0x14, 0x20], [0x14, 0x70]], "One", &[]));
        send(&mut channels, 0, 10, &sequence(&[[0x1c, 0x20], [0x1c, 0x70]], "Deux", &[[0x1c, 0x2f]]));
        send(&mut channels, 0, 20, &sequence(&[[0x14, 0x2f]], "", &[]));
        send(&mut channels, 1, 30, &sequence(&[[0x15, 0x20], [0x15, 0x70]], "Tr", &[]));
        send(&mut channels, 1, 40, &[[0x01, 0x03], [b'F', b'i'], [0x0f, 0x1d]]);
        send(&mut channels, 1, 50, &sequence(&[[0x15, 0x20]], "es", &[[0x15, 0x2f]]));
        let mut shown = Vec::new();
        channels.finish(100.0 * FRAME_S, &mut shown);
        assert_eq!(told(&shown), [(1, 20, 100, "One"), (2, 16, 100, "Deux"), (3, 53, 100, "Tres")]);
    }

    #[test]
    fn rows_roll_up() {
        let mut channels = Channels::default();
        let mut shown = send(&mut channels, 0, 0, &sequence(&[[0x14, 0x25], [0x14, 0x2d], [0x14, 0x70]], "First", &[]));
        shown.extend(send(&mut channels, 0, 50, &sequence(&[[0x14, 0x25], [0x14, 0x2d], [0x14, 0x70]], "Second", &[])));
        shown.extend(send(&mut channels, 0, 100, &sequence(&[[0x14, 0x2d]], "Third", &[])));
        shown.extend(send(&mut channels, 0, 150, &sequence(&[[0x14, 0x2c]], "", &[])));
        let expected = [(1, 6, 52, "First"), (1, 52, 100, "First\nSecond"), (1, 100, 150, "Second\nThird")];
        assert_eq!(told(&shown), expected);
    }

    /// What is painted is shown from its first letter on, however long nothing was shown before.
    #[test]
    fn captions_are_painted_on() {
        let mut channels = Channels::default();
        send(&mut channels, 0, 0, &sequence(&[[0x14, 0x2c]], "", &[]));
        let mut shown = send(&mut channels, 0, 100, &sequence(&[[0x14, 0x29], [0x14, 0x70]], "Here", &[]));
        shown.extend(send(&mut channels, 0, 150, &sequence(&[], " more", &[])));
        shown.extend(send(&mut channels, 0, 200, &sequence(&[[0x14, 0x2c]], "", &[])));
        assert_eq!(told(&shown), [(1, 104, 150, "Here"), (1, 150, 200, "Here more")]);
    }

    #[test]
    fn what_is_damaged_or_no_caption_is_not_shown() {
        let mut channels = Channels::default();
        let mut gone = Vec::new();
        channels.take(Pair { field: 0, bytes: [0x94, 0x21] }, 0.0, &mut gone);
        channels.take(Pair { field: 7, bytes: [0x94, 0x20] }, 0.0, &mut gone);
        // Letters before any mode, and text that is none of captions.
        send(&mut channels, 0, 0, &letters_of("noise"));
        send(&mut channels, 0, 5, &sequence(&[[0x14, 0x2b]], "teletext", &[]));
        send(&mut channels, 0, 50, &sequence(&[[0x14, 0x20], [0x10, 0x70], [0x17, 0x2e], [0x14, 0x2f]], "", &[]));
        channels.finish(10.0, &mut gone);
        assert_eq!(gone, []);
    }
}
