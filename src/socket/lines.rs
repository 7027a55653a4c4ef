//! Bytes into lines, with a limit to their length. Pure: it knows no socket and no clock.

/// The longest line, its end not counted, in bytes.
pub const LONGEST_LINE: usize = 4096;

/// A line, or what stands for it.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A whole line, without its end.
    Whole(Vec<u8>),
    /// A line that is longer than [`LONGEST_LINE`]. Said as soon as that is known; the rest of it is
    /// dropped as it comes.
    TooLong,
}

/// Cuts what comes into lines.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    scanned: usize,
    dropping: bool,
}

impl Lines {
    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next line, when there is one.
    pub fn cut(&mut self) -> Option<Line> {
        loop {
            let newline = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n');
            let Some(at) = newline.map(|at| self.scanned + at) else { return self.without_newline() };
            let mut line: Vec<u8> = self.buffer.drain(..=at).collect();
            self.scanned = 0;
            if std::mem::take(&mut self.dropping) {
                continue;
            }
            line.pop();
            return Some(if line.len() > LONGEST_LINE { Line::TooLong } else { Line::Whole(line) });
        }
    }

    /// The input has ended: what stands after the last end of line is a line too.
    pub fn last(&mut self) -> Option<Line> {
        let rest = std::mem::take(&mut self.buffer);
        self.scanned = 0;
        (!rest.is_empty() && !self.dropping).then_some(Line::Whole(rest))
    }

    /// Whether a line has begun and not ended.
    pub fn is_within_line(&self) -> bool {
        self.dropping || !self.buffer.is_empty()
    }

    fn without_newline(&mut self) -> Option<Line> {
        self.scanned = self.buffer.len();
        if !self.dropping && self.scanned <= LONGEST_LINE {
            return None;
        }
        self.buffer.clear();
        self.scanned = 0;
        (!std::mem::replace(&mut self.dropping, true)).then_some(Line::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(chunks: &[&[u8]]) -> Vec<Line> {
        let mut lines = Lines::default();
        let mut cut = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.cut() {
                cut.push(line);
            }
        }
        cut.extend(lines.last());
        cut
    }

    fn whole(text: &str) -> Line {
        Line::Whole(text.into())
    }

    #[test]
    fn lines_are_cut_wherever_the_chunks_are() {
        assert_eq!(cut(&[b"a b\nc", b" d", b"\n"]), [whole("a b"), whole("c d")]);
        assert_eq!(cut(&[b"a\n\nb"]), [whole("a"), whole(""), whole("b")]);
        assert_eq!(cut(&[]), []);
    }

    #[test]
    fn a_line_of_the_limit_passes_and_one_byte_more_does_not() {
        let limit = "x".repeat(LONGEST_LINE);
        assert_eq!(cut(&[format!("{limit}\n").as_bytes()]), [whole(&limit)]);
        assert_eq!(cut(&[format!("{limit}y\nz\n").as_bytes()]), [Line::TooLong, whole("z")]);
    }

    #[test]
    fn a_flood_without_newline_is_said_once_and_kept_nowhere() {
        let mut lines = Lines::default();
        let mut said = 0;
        for _ in 0..256 {
            lines.push(&[b'x'; 4096]);
            said += usize::from(lines.cut() == Some(Line::TooLong));
            assert!(lines.buffer.len() <= LONGEST_LINE);
        }
        lines.push(b"\nroot ok\n");
        assert_eq!((said, lines.cut()), (1, Some(whole("root ok"))));
    }
}
