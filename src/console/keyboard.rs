//! Single keys from the terminal, while a guard lives that puts the terminal back as it was.

use std::fs::File;
use std::io::{self, Read};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;

use crate::process;

/// The terminal at standard input, that gives keys as they are pressed and does not show them.
pub(super) struct Keyboard {
    input: AsyncFd<File>,
    before: Termios,
}

impl Keyboard {
    /// Takes the keys of standard input; nothing when it is no terminal.
    pub(super) fn open() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        let Ok(before) = tcgetattr(&stdin) else { return Ok(None) };
        let own = nix::unistd::dup(&stdin)?;
        let keyboard = Self { input: process::watch_input(File::from(own))?, before };
        keyboard.take();
        Ok(Some(keyboard))
    }

    /// Has keys given as they are pressed (again, after [`Keyboard::give_back`]).
    pub(super) fn take(&self) {
        let mut single = self.before.clone();
        single.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &single);
    }

    /// Puts the terminal back as it was.
    pub(super) fn give_back(&self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
    }

    /// Waits for a key that ends the command: `q`, or the end of the input.
    pub(super) async fn quit(&self) {
        loop {
            let Ok(mut ready) = self.input.readable().await else { return };
            // A terminal that is ready gives what there is, and does not wait for more.
            let mut keys = [0; 64];
            match self.input.get_ref().read(&mut keys) {
                Ok(0) | Err(_) => return,
                Ok(count) if keys[..count].contains(&b'q') => return,
                Ok(_) => ready.clear_ready(),
            }
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.give_back();
    }
}
