//! The text of a schedule, which may be that of several files: their lines are counted through.

/// A file has at most this in front of its text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The files of a schedule, one after the other.
#[derive(Debug, Clone, Default, Hash)]
pub struct Text {
    bytes: Vec<u8>,
    places: Places,
}

/// Which lines of a schedule are of which file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Places {
    /// Each file's name, with how many lines there are before it, in their order.
    files: Vec<(String, usize)>,
}

impl Text {
    /// That of one file, without a name.
    pub fn of(bytes: &[u8]) -> Self {
        let mut text = Self::default();
        text.push("", bytes);
        text
    }

    /// Adds a file, by the name that people know it by.
    pub fn push(&mut self, name: impl Into<String>, bytes: &[u8]) {
        if !self.places.files.is_empty() && !self.bytes.ends_with(b"\n") {
            self.bytes.push(b'\n');
        }
        let before = self.bytes.split(|&byte| byte == b'\n').count() - 1;
        self.places.files.push((name.into(), before));
        self.bytes.extend_from_slice(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes));
    }

    /// Its lines, each without what ends it.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|&byte| byte == b'\n')
    }

    /// Which lines are of which file.
    pub fn places(&self) -> &Places {
        &self.places
    }
}

impl Places {
    /// The name of the file that a line is of, and its number there, counted from 1.
    pub fn of(&self, line: usize) -> (&str, usize) {
        match self.index(line) {
            Some(index) => (&self.files[index].0, line - self.files[index].1),
            None => ("", line),
        }
    }

    /// Whether a line is of the first file, which is the schedule that others are added to.
    pub fn is_first(&self, line: usize) -> bool {
        self.index(line).is_none_or(|index| index == 0)
    }

    /// Whether a file other than the first begins with this line.
    pub(super) fn begins_at(&self, line: usize) -> bool {
        self.files.iter().skip(1).any(|&(_, before)| before + 1 == line)
    }

    /// `line 3`, or `line 3 of own.cron` where it is not of the first file.
    pub fn in_words(&self, line: usize) -> String {
        match self.of(line) {
            (name, number) if !self.is_first(line) => format!("line {number} of {name}"),
            (_, number) => format!("line {number}"),
        }
    }

    fn index(&self, line: usize) -> Option<usize> {
        self.files.iter().rposition(|&(_, before)| before < line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Zone, parse_text};

    #[test]
    fn a_line_is_known_by_its_file_whatever_that_one_ends_with() {
        for first in ["one\ntwo\n", "one\ntwo"] {
            let mut text = Text::default();
            text.push("first", first.as_bytes());
            text.push("empty", b"");
            text.push("last", b"\xef\xbb\xbfthree\nfour");
            let lines: Vec<&[u8]> = text.lines().collect();
            assert_eq!(lines, [&b"one"[..], b"two", b"three", b"four"]);
            let places = text.places();
            assert_eq!([places.of(1), places.of(2), places.of(4)], [("first", 1), ("first", 2), ("last", 2)]);
            assert_eq!([places.begins_at(1), places.begins_at(3)], [false, true]);
            assert_eq!([places.in_words(2), places.in_words(4)], ["line 2", "line 2 of last"]);
        }
    }

    #[test]
    fn files_of_one_schedule_know_of_each_others_entries_and_not_of_their_options() {
        let mut text = Text::default();
        text.push("schedule.cron", b"CRON_TZ=Asia/Tokyo\n5 4 * * * a b");
        text.push("own.cron", b"CRON_TZ=Mars\n");
        text.push("other.cron", b"5 4 * * * a b\nCRON_TZ=Asia/Tokyo\n5 4 * * * a b\n");
        let schedule = parse_text(&text, &Zone::utc());
        let zones: Vec<&str> = schedule.entries.iter().map(|entry| entry.zone().name()).collect();
        assert_eq!(zones, ["Asia/Tokyo", "UTC"]);
        assert_eq!(schedule.doubts, []);
        let faults = schedule.diagnostics.iter();
        let places: Vec<_> = faults.map(|fault| schedule.places.of(fault.line)).collect();
        assert_eq!(places, [("own.cron", 1), ("other.cron", 3)]);
        assert_eq!(schedule.diagnostics[1].message, "this is the same entry as in line 2");
    }
}
