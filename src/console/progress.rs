//! A line at the bottom of the terminal that says how long something has been on, below what it prints.

use std::io::{IsTerminal, Write};

use super::table::{Tone, shortened};

/// The line, on standard error; nowhere when that is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    shows: bool,
    is_drawn: bool,
}

impl Progress {
    /// No line yet; never one when it is not wanted.
    pub(super) fn new(wanted: bool) -> Self {
        Self { shows: wanted && std::io::stderr().is_terminal(), is_drawn: false }
    }

    /// Whether there is a line to be drawn.
    pub(super) fn shows(&self) -> bool {
        self.shows
    }

    /// Draws the line, in place of the last one.
    pub(super) fn draw(&mut self, text: &str) {
        if !self.shows {
            return;
        }
        let size = terminal_size::terminal_size_of(std::io::stderr());
        let width = size.map_or(80, |(width, _)| usize::from(width.0));
        // A line of the terminal's full width would push the next one down.
        let text = Tone::Soft.paint(&shortened(text, width.saturating_sub(1)));
        write("\r\x1b[K");
        let _ = write!(anstream::stderr(), "{text}");
        self.is_drawn = true;
    }

    /// Takes the line away, for something else to be printed.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_drawn) {
            write("\r\x1b[K");
        }
    }
}

fn write(code: &str) {
    let mut stderr = std::io::stderr().lock();
    // A terminal that has gone needs no line.
    let _ = stderr.write_all(code.as_bytes()).and_then(|()| stderr.flush());
}
