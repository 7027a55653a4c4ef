//! Tables that fit: columns as wide as their widest cell, and where the terminal is narrower, the column that
//! can wraps, and those that matter least are left out.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

/// Between two columns.
const GAP: usize = 2;
/// A column that wraps is not shown where it would be narrower than this.
const NARROWEST: usize = 24;
/// A column that wraps is not made narrower than this by columns that matter less.
const COMFORTABLE: usize = 30;
/// As wide as anything may be.
const MOST: usize = usize::MAX / 2;

/// What a text is to look like, where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tone {
    /// As any text.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Not as it should be, and things go on.
    Odd,
    /// Something wanted is not there, or did not happen.
    Bad,
    /// Less important.
    Soft,
    /// A heading.
    Strong,
}

impl Tone {
    fn style(self) -> Style {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Tone::Plain => Style::new(),
            Tone::Good => colour(AnsiColor::Green),
            Tone::Odd => colour(AnsiColor::Yellow),
            Tone::Bad => colour(AnsiColor::Red).bold(),
            Tone::Soft => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
        }
    }

    /// The text with the codes that make it look so; whoever prints it takes them out where they do not belong.
    pub(super) fn paint(self, text: &str) -> String {
        match self {
            Tone::Plain => text.to_owned(),
            tone => format!("{0}{text}{0:#}", tone.style()),
        }
    }
}

/// A piece of text, which is not broken over lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Piece {
    text: String,
    tone: Tone,
}

impl Piece {
    pub(super) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

/// Pieces behind each other as one line of at most this width, painted.
pub(super) fn cut(pieces: &[Piece], width: usize) -> String {
    let (mut line, mut left) = (String::new(), width);
    for piece in pieces {
        let text = shortened(&piece.text, left);
        left -= text.width().min(left);
        line += &piece.tone.paint(&text);
        if left == 0 {
            break;
        }
    }
    line
}

/// What stands in one row of one column: pieces with commas between them.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell(Vec<Piece>);

impl Cell {
    pub(super) fn pieces(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }

    fn width(&self) -> usize {
        self.0.iter().map(|piece| piece.text.width()).sum::<usize>() + 2 * self.0.len().saturating_sub(1)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|piece| piece.text.is_empty())
    }

    /// The pieces in lines of at most this width, each with the width that it takes.
    fn lines(&self, width: usize) -> Vec<(String, usize)> {
        let mut lines: Vec<(String, usize)> = Vec::new();
        for (place, piece) in self.0.iter().enumerate() {
            let comma = if place + 1 < self.0.len() { "," } else { "" };
            let text = shortened(&piece.text, width.saturating_sub(comma.len()));
            let needed = text.width() + comma.len();
            let painted = piece.tone.paint(&text) + comma;
            match lines.last_mut() {
                Some((line, taken)) if *taken + 1 + needed <= width => {
                    *line += " ";
                    *line += &painted;
                    *taken += 1 + needed;
                }
                _ => lines.push((painted, needed)),
            }
        }
        lines
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self(vec![Piece::new(text, Tone::Plain)])
    }
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    heading: &'static str,
    /// Where not all fit, those with the highest rank go first; those with 0 stay.
    rank: u8,
    wraps: bool,
    /// The least width, where anything stands in it.
    least: usize,
}

impl Column {
    pub(super) const fn new(heading: &'static str, rank: u8) -> Self {
        Self { heading, rank, wraps: false, least: 0 }
    }

    /// The same, never narrower than its usual widest cell: a table that is drawn again and again stays in place.
    pub(super) const fn at_least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// A column whose cells may take several lines; one of a table.
    pub(super) const fn wrapping(heading: &'static str, rank: u8) -> Self {
        Self { heading, rank, wraps: true, least: 0 }
    }
}

/// Puts rows below a heading, in lines of at most `width` where there is one. Columns without anything in
/// them are left out.
pub(super) fn table(columns: &[Column], rows: &[Vec<Cell>], width: Option<usize>) -> String {
    let natural: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(place, column)| {
            let cells = rows.iter().map(|row| row[place].width());
            cells.chain([column.heading.width(), column.least]).max().unwrap_or(0)
        })
        .collect();
    let filled = |place: &usize| rows.is_empty() || rows.iter().any(|row| !row[*place].is_empty());
    let places: Vec<usize> = (0..columns.len()).filter(filled).collect();
    let fitted = fit(columns, &natural, &places, width.unwrap_or(MOST));
    let heading = columns.iter().map(|column| Cell::pieces(vec![Piece::new(column.heading, Tone::Strong)]));
    let heading: Vec<Cell> = heading.collect();
    std::iter::once(&heading).chain(rows).map(|row| write_row(row, &fitted)).collect()
}

/// The places of the columns that stay, each with its width: as many as fit, those that matter most first.
fn fit(columns: &[Column], natural: &[usize], places: &[usize], width: usize) -> Vec<(usize, usize)> {
    let least = |place: usize, comfort: usize| {
        if columns[place].wraps { natural[place].min(comfort) } else { natural[place] }
    };
    let mut by_rank = places.to_vec();
    by_rank.sort_by_key(|&place| columns[place].rank);
    let mut stay: Vec<usize> = Vec::new();
    for place in by_rank {
        // What has its place already is not made to wrap much by what matters less.
        let taken: usize = stay.iter().map(|&place| least(place, COMFORTABLE) + GAP).sum();
        if columns[place].rank == 0 || taken + least(place, NARROWEST) <= width {
            stay.push(place);
        }
    }
    stay.sort_unstable();
    let rigid: usize = stay.iter().filter(|&&place| !columns[place].wraps).map(|&place| natural[place]).sum();
    let left = width.saturating_sub(rigid + GAP * stay.len().saturating_sub(1)).max(1);
    let mut taken = 0;
    let fitted = stay.into_iter().map(|place| {
        let own = if columns[place].wraps { natural[place].min(left) } else { natural[place] };
        // Where even what stays is too wide, the line is cut at the terminal's edge.
        let own = own.min(width.saturating_sub(taken));
        taken += own + GAP;
        (place, own)
    });
    fitted.filter(|(_, own)| *own > 0).collect()
}

fn write_row(row: &[Cell], fitted: &[(usize, usize)]) -> String {
    let cells: Vec<_> = fitted.iter().map(|&(place, width)| (row[place].lines(width), width)).collect();
    let height = cells.iter().map(|(lines, _)| lines.len()).max().unwrap_or(0).max(1);
    let mut text = String::new();
    for line in 0..height {
        // Blanks are written when something follows them, so that no line ends in any.
        let mut blanks = 0;
        for (lines, width) in &cells {
            let taken = match lines.get(line) {
                Some((painted, takes)) if *takes > 0 => {
                    text.extend(std::iter::repeat_n(' ', std::mem::take(&mut blanks)));
                    text.push_str(painted);
                    *takes
                }
                _ => 0,
            };
            blanks += width.saturating_sub(taken) + GAP;
        }
        text.push('\n');
    }
    text
}

/// A sentence in lines of at most `width` where there is one, broken between words: the first begins with
/// `first`, the others with `rest`.
pub(super) fn wrapped(text: &str, width: Option<usize>, first: &str, rest: &str) -> Vec<String> {
    let Some(width) = width else { return vec![format!("{first}{text}")] };
    let mut lines = vec![first.to_owned()];
    let mut is_begun = false;
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if is_begun && line.width() + 1 + word.width() > width {
            lines.push(format!("{rest}{word}"));
        } else {
            if is_begun {
                line.push(' ');
            }
            line.push_str(word);
        }
        is_begun = true;
    }
    lines.iter().map(|line| shortened(line, width)).collect()
}

/// The text, cut to this width with a mark where something is missing.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if short.width() >= width {
            short.pop();
            break;
        }
    }
    if width > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [Column::new("A", 0), Column::new("BB", 2), Column::wrapping("LAST", 1)];

    fn rows() -> Vec<Vec<Cell>> {
        let piece = |text: &str| Piece::new(text, Tone::Plain);
        let last = vec![piece("nightly-backup 3 h"), piece("rotate-logs 5 min")];
        vec![
            vec!["mysql".into(), "x".into(), Cell::pieces(last)],
            vec!["a".into(), "größer".into(), Cell::default()],
        ]
    }

    fn shown(width: Option<usize>) -> String {
        let shown = table(&COLUMNS, &rows(), width);
        anstream::adapter::strip_str(&shown).to_string()
    }

    #[test]
    fn without_a_width_every_row_is_one_line_and_ends_without_blanks() {
        assert_eq!(
            shown(None),
            "A      BB      LAST\n\
             mysql  x       nightly-backup 3 h, rotate-logs 5 min\n\
             a      größer\n"
        );
    }

    #[test]
    fn what_matters_least_is_left_out_first_then_one_column_wraps() {
        assert_eq!(
            shown(Some(44)),
            "A      LAST\n\
             mysql  nightly-backup 3 h, rotate-logs 5 min\n\
             a\n"
        );
        assert_eq!(
            shown(Some(40)),
            "A      LAST\n\
             mysql  nightly-backup 3 h,\n       rotate-logs 5 min\n\
             a\n"
        );
    }

    #[test]
    fn what_would_be_too_narrow_makes_room_for_what_fits() {
        assert_eq!(shown(Some(30)), "A      BB\nmysql  x\na      größer\n");
    }

    #[test]
    fn no_line_is_ever_wider_than_asked_for() {
        for width in 1..80 {
            for line in shown(Some(width)).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn a_sentence_is_broken_between_words() {
        let lines = wrapped("nightly-backup failed 3", Some(16), "  ", "    ");
        assert_eq!(lines, ["  nightly-backup", "    failed 3"]);
        assert_eq!(wrapped("a b", None, "  ", "    "), ["  a b"]);
        assert_eq!(wrapped("nightly-backup", Some(8), "  ", "    "), ["  night…"]);
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(shortened("nightly-backup", 8), "nightly…");
        assert_eq!(shortened("nightly", 7), "nightly");
        assert_eq!(shortened("日本語", 4), "日…");
    }
}
