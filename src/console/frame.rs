//! The whole terminal, drawn again and again, and given back as it was: at the end, while the command stands still, and when it
//! panics.

use std::io::Write;
use std::sync::Once;

use anstream::{AutoStream, ColorChoice, adapter::strip_str};

use super::keyboard;

/// The screen beside the usual one, without a cursor, and the way back from it.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

static HOOK: Once = Once::new();

/// The terminal, while this lives.
#[derive(Debug)]
pub(super) struct Frame {
    is_entered: bool,
}

impl Frame {
    /// Takes the terminal.
    pub(super) fn enter() -> Self {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            // What is said of a panic is said where it stays.
            std::panic::set_hook(Box::new(move |panic| {
                keyboard::put_back();
                write(LEAVE);
                before(panic);
            }));
        });
        let mut frame = Self { is_entered: false };
        frame.again();
        frame
    }

    /// Takes it again, or draws all of it anew: what is on it may have gone.
    pub(super) fn again(&mut self) {
        self.is_entered = true;
        write(ENTER);
    }

    /// Draws these lines, in one write, so that nobody sees half of it. False when the terminal has gone.
    pub(super) fn draw(&mut self, lines: &[String]) -> bool {
        if !self.is_entered {
            self.again();
        }
        let mut drawn = "\x1b[H".to_owned();
        for (number, line) in lines.iter().enumerate() {
            if number > 0 {
                drawn += "\r\n";
            }
            drawn += &coloured(line);
            drawn += "\x1b[K";
        }
        write(&(drawn + "\x1b[J"))
    }

    /// Gives the terminal back.
    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.is_entered) {
            write(LEAVE);
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.leave();
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

#[cfg(test)]
mod tests;
