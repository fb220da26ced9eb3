//! The fifteen rows that captions are written on.

pub const ROWS: usize = 15;
pub const COLUMNS: usize = 32;

/// How a letter looks, of what is kept.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub italics: bool,
    pub underline: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Cell {
    letter: Option<char>,
    style: Style,
}

impl Cell {
    fn is_blank(&self) -> bool {
        self.letter.is_none_or(char::is_whitespace)
    }
}

/// A memory of captions, shown or not.
#[derive(Debug, Default, Clone)]
pub struct Screen([[Cell; COLUMNS]; ROWS]);

impl Screen {
    /// Writes a letter; nothing beyond the edges.
    pub fn write(&mut self, (row, column): (usize, usize), letter: Option<char>, style: Style) {
        if let Some(cell) = self.0.get_mut(row).and_then(|r| r.get_mut(column)) {
            *cell = Cell { letter, style };
        }
    }

    /// Empties a row from a column on.
    pub fn delete_from(&mut self, (row, column): (usize, usize)) {
        (column..COLUMNS).for_each(|c| self.write((row, c), None, Style::default()));
    }

    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().flatten().all(Cell::is_blank)
    }

    /// Moves all up by a row, of which the lowest ones stay, `depth` with the new one.
    pub fn roll_up(&mut self, depth: usize) {
        self.0.rotate_left(1);
        self.0[ROWS - 1] = Default::default();
        self.0[..ROWS - depth.min(ROWS)].fill(Default::default());
    }

    /// What is on it, line by line; italics and underline as in WebVTT.
    pub fn text(&self) -> String {
        self.0.iter().filter_map(|row| line(row)).collect::<Vec<_>>().join("\n")
    }
}

fn line(row: &[Cell]) -> Option<String> {
    let first = row.iter().position(|c| !c.is_blank())?;
    let last = row.iter().rposition(|c| !c.is_blank())?;
    let (mut out, mut style) = (String::new(), Style::default());
    for cell in &row[first..=last] {
        if !cell.is_blank() && cell.style != style {
            out.push_str(&tags(style, "</"));
            style = cell.style;
            out.push_str(&tags(style, "<"));
        }
        out.push(cell.letter.unwrap_or(' '));
    }
    out.push_str(&tags(style, "</"));
    Some(out)
}

fn tags(style: Style, begin: &str) -> String {
    let (italics, underline) = (if style.italics { "i" } else { "" }, if style.underline { "u" } else { "" });
    let names = if begin == "<" { [italics, underline] } else { [underline, italics] };
    names.iter().filter(|n| !n.is_empty()).map(|n| format!("{begin}{n}>")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_lines() {
        let mut screen = Screen::default();
        let plain = Style::default();
        let both = Style { italics: true, underline: true };
        for (column, (letter, style)) in
            [(' ', both), ('a', plain), ('b', both), (' ', plain), ('c', both)].into_iter().enumerate()
        {
            screen.write((13, column), Some(letter), style);
        }
        screen.write((14, 31), Some('z'), plain);
        screen.write((14, 32), Some('!'), plain);
        assert_eq!(screen.text(), "a<i><u>b c</u></i>\nz");
        screen.roll_up(2);
        assert_eq!(screen.text(), "z");
        screen.delete_from((13, 5));
        assert!(screen.is_empty() && screen.text().is_empty());
    }
}
