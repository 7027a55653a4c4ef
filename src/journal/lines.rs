//! The lines of a journal, one after the other or one by its place, in little memory whatever the file holds.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::fields::LONGEST;

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// Reads a file's lines from its beginning up to a given length.
pub(super) struct Lines<'a> {
    file: &'a File,
    end: u64,
    chunk: Vec<u8>,
    /// Where the chunk stands in the file.
    chunk_at: u64,
    /// How much of the chunk has been given out.
    given: usize,
}

/// A line and its place.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Where it begins, in bytes from the file's beginning.
    pub(super) at: u64,
    /// Its text without the newline; nothing of a line longer than any record.
    pub(super) text: &'a [u8],
    /// Where the next one begins.
    pub(super) next: u64,
    /// Whether a newline ends it.
    pub(super) is_ended: bool,
}

impl<'a> Lines<'a> {
    /// The lines of the file's first `end` bytes.
    pub(super) fn new(file: &'a File, end: u64) -> Self {
        Self::between(file, 0, end)
    }

    /// The lines from `begin`, where one begins, up to `end`.
    pub(super) fn between(file: &'a File, begin: u64, end: u64) -> Self {
        Self { file, end, chunk: Vec::with_capacity(CHUNK), chunk_at: begin, given: 0 }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let at = self.chunk_at + self.given as u64;
        let mut searched = 0;
        loop {
            let rest = &self.chunk[self.given..];
            if let Some(newline) = rest[searched..].iter().position(|&byte| byte == b'\n') {
                return Ok(Some(self.give(at, searched + newline, true)));
            }
            searched = rest.len();
            if searched > LONGEST {
                // No record is that long: only its end is of interest.
                self.given += searched;
                searched = 0;
            }
            if !self.fill()? {
                let left = self.chunk.len() - self.given;
                let is_over = at == self.chunk_at + self.chunk.len() as u64;
                return Ok((!is_over).then(|| self.give(at, left, false)));
            }
        }
    }

    fn give(&mut self, at: u64, length: usize, is_ended: bool) -> Line<'_> {
        let from = self.given;
        self.given += length + usize::from(is_ended);
        let next = self.chunk_at + self.given as u64;
        let is_whole = next - at == (self.given - from) as u64;
        let text = if is_whole && length <= LONGEST { &self.chunk[from..from + length] } else { &[] };
        Line { at, text, next, is_ended }
    }

    /// Drops what was given out and reads on; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.chunk.drain(..self.given);
        self.chunk_at += self.given as u64;
        self.given = 0;
        let read = self.chunk.len();
        let from = self.chunk_at + read as u64;
        let wanted = usize::try_from(self.end.saturating_sub(from)).unwrap_or(CHUNK).min(CHUNK);
        self.chunk.resize(read + wanted, 0);
        let got = read_some(self.file, &mut self.chunk[read..], from)?;
        self.chunk.truncate(read + got);
        Ok(got > 0)
    }
}

/// The line that begins at `at`, without its newline; what stands there, should that be no line.
pub(super) fn line_at(file: &File, at: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    // Most lines are much shorter than the longest.
    for length in [512, LONGEST] {
        text.resize(length, 0);
        let mut got = 0;
        while got < length {
            match read_some(file, &mut text[got..], at + got as u64)? {
                0 => break,
                more => got += more,
            }
        }
        text.truncate(got);
        if let Some(newline) = text.iter().position(|&byte| byte == b'\n') {
            text.truncate(newline);
            break;
        }
    }
    Ok(text)
}

/// Reads some of what stands at `at`: nothing at the file's end only.
pub(super) fn read_some(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, String, bool)> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let mut lines = Lines::new(&file, text.len() as u64);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.at, String::from_utf8_lossy(line.text).into_owned(), line.is_ended));
        }
        found
    }

    #[test]
    fn each_line_has_its_place_and_the_last_may_lack_its_end() {
        assert_eq!(lines(b""), []);
        let expected = [(0, "a".to_owned(), true), (2, String::new(), true), (3, "bc".to_owned(), false)];
        assert_eq!(lines(b"a\n\nbc"), expected);
    }

    #[test]
    fn lines_across_chunks_are_whole() {
        let text = (0..20_000).map(|n| n.to_string()).collect::<Vec<_>>().join("\n") + "\n";
        let found = lines(text.as_bytes());
        assert_eq!(found.len(), 20_000);
        assert!(found.iter().enumerate().all(|(n, line)| line.1 == n.to_string() && line.2));
    }

    #[test]
    fn what_is_longer_than_any_record_is_passed_over() {
        let text = [b"a\n".as_slice(), &vec![0; 3 * CHUNK], b"{}\n", b"b\n"].concat();
        let found = lines(&text);
        assert_eq!(found[1], (2, String::new(), true));
        assert_eq!(found[2].1, "b");
        let torn = lines(&vec![b'x'; 2 * CHUNK]);
        assert_eq!(torn, [(0, String::new(), false)]);
    }

    #[test]
    fn a_line_is_read_by_its_place() {
        let mut file = tempfile::tempfile().unwrap();
        let long = "y".repeat(1000);
        write!(file, "first\n{long}\nlast").unwrap();
        assert_eq!(line_at(&file, 0).unwrap(), b"first");
        assert_eq!(line_at(&file, 6).unwrap(), long.as_bytes());
        assert_eq!(line_at(&file, 1007).unwrap(), b"last");
        assert_eq!(line_at(&file, 5000).unwrap(), b"");
    }
}
