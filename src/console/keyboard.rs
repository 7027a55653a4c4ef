//! Single keys from the terminal, while a guard lives that puts the terminal back as it was.

use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tokio::io::unix::AsyncFd;

use crate::process;

/// The terminal at standard input, that gives keys as they are pressed and does not show them.
pub(super) struct Keyboard {
    input: AsyncFd<File>,
    before: Termios,
}

/// How the terminal was before its keys were taken, while they are.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Puts the terminal back as it was, whoever has taken it.
pub(super) fn put_back() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &before);
    }
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
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.before.clone());
        let mut single = self.before.clone();
        single.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &single);
    }

    /// Puts the terminal back as it was.
    pub(super) fn give_back(&self) {
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before);
    }

    /// What is typed; nothing at the end of the input.
    pub(super) async fn typed(&self) -> Option<Vec<u8>> {
        loop {
            let mut ready = self.input.readable().await.ok()?;
            // A terminal that is ready gives what there is, and does not wait for more.
            let mut keys = [0; 1024];
            match self.input.get_ref().read(&mut keys) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Ok(0) | Err(_) => return None,
                Ok(count) => {
                    ready.clear_ready();
                    return Some(keys[..count].to_vec());
                }
            }
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.give_back();
    }
}
