//! Signals to a command that shows something as it happens: to end, to stand still, to draw anew.

use std::io;

use nix::libc::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};
use nix::sys::signal::{Signal, raise};

use super::error::CommandError;
use crate::signals::{self, Number, Signals};

/// What a signal means for the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// Come to an end; the signal.
    End(Number),
    /// Stand still until somebody lets the command go on; then [`Interrupt::Redraw`] follows.
    Pause,
    /// What is on the terminal may be gone, or the terminal of another size.
    Redraw,
}

/// The signals that come in.
pub(super) struct Interrupts(Signals);

impl Interrupts {
    /// From now on signals are told, instead of ending the command.
    ///
    /// # Errors
    /// When the system does not give what that needs.
    pub(super) fn open() -> Result<Self, CommandError> {
        let open = || {
            signals::block()?;
            Signals::open()
        };
        open()
            .map(Self)
            .map_err(|why: io::Error| CommandError::System { doing: "watch for signals".to_owned(), why })
    }

    /// The next one that means something.
    pub(super) async fn next(&self) -> Interrupt {
        loop {
            match self.0.next().await {
                Ok(number @ (SIGINT | SIGTERM | SIGHUP | SIGQUIT)) => return Interrupt::End(number),
                Ok(SIGTSTP) => return Interrupt::Pause,
                Ok(SIGCONT | SIGWINCH) => return Interrupt::Redraw,
                Ok(_) => {}
                // Without signals the command ends as it would by one.
                Err(_) => return Interrupt::End(SIGTERM),
            }
        }
    }
}

/// Stands still, as Ctrl-Z asks.
pub(super) fn pause() {
    let _ = raise(Signal::SIGSTOP);
}

/// The exit status of a command that ended by a signal, as shells have it.
pub(super) fn status_of(number: Number) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}
