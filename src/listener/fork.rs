//! A listener that another one is asked to fork: what it needs before it is there.
//!
//! The other one opens the descriptors by our folder in `/proc`, under the numbers that it is told. So they stay open here
//! until it is known that they have been opened, or that nobody is left who might: a number that is used again would be
//! something else.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use crate::process::Pid;

use super::capture::{Capture, Sink};
use super::pool::Key;
use super::process::{Listener, mark};

/// A listener that is about to be forked.
pub struct AskedFork {
    /// Its name.
    pub key: Key,
    /// What its processes will be found by.
    pub token: String,
    mark: u64,
    capture: Rc<Capture>,
    stdin: OwnedFd,
    theirs: TheirEnds,
}

/// What a fork opens, its stdin and its output; kept for the numbers.
pub struct TheirEnds {
    stdin: OwnedFd,
    output: OwnedFd,
}

impl AskedFork {
    /// What one needs.
    ///
    /// # Errors
    /// When there are no descriptors left, or there can be no mark of this token.
    pub fn new(key: Key, token: String, sink: Sink) -> io::Result<Self> {
        let mark = mark(&token).ok_or(io::ErrorKind::InvalidInput)?;
        let (their_stdin, stdin) = pipe2(OFlag::O_CLOEXEC)?;
        let (our_output, their_output) = pipe2(OFlag::O_CLOEXEC)?;
        let capture = Capture::new(our_output, sink)?;
        let theirs = TheirEnds { stdin: their_stdin, output: their_output };
        Ok(Self { key, token, mark, capture, stdin, theirs })
    }

    /// The words by which the other one is asked for it.
    pub(super) fn words(&self) -> String {
        let TheirEnds { stdin, output } = &self.theirs;
        format!("{} {} {}", stdin.as_raw_fd(), output.as_raw_fd(), self.mark)
    }

    /// The mark that it will bear.
    pub fn mark(&self) -> u64 {
        self.mark
    }

    /// It is there, as this process, which has opened its ends.
    pub fn born(self, pid: Pid) -> Listener {
        self.capture.set_ready();
        Listener::new(pid, self.capture, self.stdin, Some(self.mark))
    }

    /// It is not to be. Whoever has opened its stdin meanwhile finds the end of it.
    pub fn given_up(self) -> TheirEnds {
        self.theirs
    }
}
