//! A text on the terminal that is drawn again in the same place.

use std::io::Write;

use anstream::{AutoStream, ColorChoice, adapter::strip_str};

use super::look::Look;
use super::table::{Tone, shortened};

/// The text that is on the terminal.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// How many lines it takes.
    height: usize,
    /// Whether the whole terminal is to be cleared before the next one.
    anew: bool,
}

impl Frame {
    /// Draws the text in the place of the last one, with a line about it below; what does not fit the terminal's
    /// height is left out. False when the terminal has gone.
    pub(super) fn draw(&mut self, text: &str, about: &str, look: &Look) -> bool {
        let mut lines: Vec<&str> = text.trim_end().lines().collect();
        let room = look.height.unwrap_or(usize::MAX).saturating_sub(3).max(1);
        let beyond = lines.len().saturating_sub(room);
        let left_out = format!("… {beyond} more lines");
        if beyond > 0 {
            lines.truncate(room);
            lines.push(&left_out);
        }
        let about = Tone::Soft.paint(&shortened(about, look.width.unwrap_or(usize::MAX)));
        let shown: Vec<String> = lines.into_iter().chain([about.as_str()]).map(coloured).collect();
        // In one write, so that nobody sees half of it. What the new lines leave of the old ones is cleared.
        let mut drawn = if std::mem::take(&mut self.anew) {
            "\x1b[H\x1b[2J".to_owned()
        } else if self.height > 0 {
            format!("\x1b[{}A\r", self.height)
        } else {
            "\x1b[?25l".to_owned()
        };
        for line in &shown {
            drawn += line;
            drawn += "\x1b[K\n";
        }
        drawn += "\x1b[J";
        self.height = shown.len();
        write(&drawn)
    }

    /// What is on the terminal may have gone: the next text is drawn on a cleared one.
    pub(super) fn clear(&mut self) {
        self.anew = self.height > 0;
        write("\x1b[?25l");
    }

    /// The last text stays; the cursor is shown again below it.
    pub(super) fn leave(&mut self) {
        if self.height > 0 {
            write("\x1b[?25h");
        }
    }
}

/// The line with its colours, where there are any.
fn coloured(line: &str) -> String {
    match AutoStream::choice(&std::io::stdout()) {
        ColorChoice::Never => strip_str(line).to_string(),
        _ => line.to_owned(),
    }
}

fn write(text: &str) -> bool {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok()
}
