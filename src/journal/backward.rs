//! The lines of a journal from its end, for who wants the newest only.

use std::fs::File;
use std::io;

use super::fields::LONGEST;
use super::lines::read_some;

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// Reads a file's lines from a given length of it to its beginning.
pub(super) struct LinesBack {
    file: File,
    chunk: Vec<u8>,
    /// Where the chunk stands in the file.
    chunk_at: u64,
    /// How much of the chunk has not been given out.
    left: usize,
    /// Whether what is left of the chunk ends a line longer than any record.
    in_long: bool,
    is_over: bool,
}

impl LinesBack {
    /// The lines of the file's first `end` bytes.
    pub(super) fn new(file: File, end: u64) -> Self {
        Self { file, chunk: Vec::new(), chunk_at: end, left: 0, in_long: false, is_over: false }
    }

    /// The line before the one given last, without its newline; an empty one for what is longer than any
    /// record.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        while !self.is_over {
            if let Some(newline) = self.chunk[..self.left].iter().rposition(|&byte| byte == b'\n') {
                return Ok(Some(self.give(newline + 1, newline)));
            }
            if self.chunk_at == 0 {
                self.is_over = true;
                return Ok(Some(self.give(0, 0)));
            }
            self.fill()?;
        }
        Ok(None)
    }

    fn give(&mut self, from: usize, left: usize) -> &[u8] {
        let end = std::mem::replace(&mut self.left, left);
        let is_whole = !std::mem::replace(&mut self.in_long, false);
        if is_whole && end - from <= LONGEST { &self.chunk[from..end] } else { &[] }
    }

    /// Reads what stands before the chunk, and keeps what is left of the chunk behind it.
    fn fill(&mut self) -> io::Result<()> {
        if self.left > LONGEST {
            self.in_long = true;
            self.left = 0;
        }
        let before = usize::try_from(self.chunk_at).unwrap_or(CHUNK).min(CHUNK);
        let mut chunk = vec![0; before + self.left];
        self.chunk_at -= before as u64;
        let mut got = 0;
        while got < before {
            match read_some(&self.file, &mut chunk[got..before], self.chunk_at + got as u64)? {
                // It was cut meanwhile: what is not there reads as zeros, which are no record.
                0 => break,
                more => got += more,
            }
        }
        chunk[before..].copy_from_slice(&self.chunk[..self.left]);
        self.chunk = chunk;
        self.left += before;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::journal::lines::Lines;

    fn backward(text: &[u8]) -> Vec<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let mut lines = LinesBack::new(file, text.len() as u64);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.to_vec());
        }
        // After a last newline there is an empty rest, which forwards is no line.
        if found.first().is_some_and(Vec::is_empty) && (text.is_empty() || text.ends_with(b"\n")) {
            found.remove(0);
        }
        found.reverse();
        found
    }

    fn forward(text: &[u8]) -> Vec<Vec<u8>> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let mut lines = Lines::new(&file, text.len() as u64);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push(line.text.to_vec());
        }
        found
    }

    proptest! {
        /// Lines of all lengths, shorter and longer than a record and than a chunk.
        #[test]
        fn backward_the_lines_are_those_of_forward(
            lengths in prop::collection::vec(prop_oneof![0..200usize, 0..LONGEST, (CHUNK - 5..3 * CHUNK)], 0..30),
            is_ended: bool,
        ) {
            let lines: Vec<_> = lengths.iter().enumerate().map(|(n, &length)| vec![b"abcdefg"[n % 7]; length]).collect();
            let mut text = lines.join(&b'\n');
            if is_ended {
                text.push(b'\n');
            }
            prop_assert!(backward(&text) == forward(&text));
        }
    }
}
