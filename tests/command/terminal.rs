//! A terminal that the command is called on, and what it shows.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::Pid;

use crate::common::DEADLINE;

/// A terminal with a command on it.
pub(crate) struct Terminal {
    keys: File,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    child: Child,
}

struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    closed: bool,
}

impl Terminal {
    /// Starts a command as who has this terminal, so that its keys send signals.
    pub(crate) fn start(command: &Command, columns: u16, lines: u16) -> Self {
        let size = Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).unwrap();
        for end in [&pty.master, &pty.slave] {
            // What a test starts later must not hold this terminal open.
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        // Ctrl-C is not to throw away what is on its way to the terminal, such as the last words.
        let mut modes = tcgetattr(&pty.slave).unwrap();
        modes.local_flags.insert(LocalFlags::NOFLSH);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &modes).unwrap();
        let mut on_terminal = Command::new("setsid");
        on_terminal
            .args(["--ctty", "--wait"])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        on_terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        on_terminal.env("TERM", "xterm-256color").current_dir(command.get_current_dir().unwrap());
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = on_terminal.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        drop(pty.slave);
        drop(on_terminal);
        let keys = File::from(pty.master);
        let parser = vt100::Parser::new(lines, columns, 0);
        let seen = Arc::new((Mutex::new(Seen { parser, bytes: Vec::new(), closed: false }), Condvar::new()));
        let (mut output, of_output) = (keys.try_clone().unwrap(), seen.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                // The end of a terminal is an error.
                let read = output.read(&mut buffer).unwrap_or(0);
                let mut seen = of_output.0.lock().unwrap();
                seen.parser.process(&buffer[..read]);
                seen.bytes.extend_from_slice(&buffer[..read]);
                seen.closed = read == 0;
                of_output.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { keys, seen, child }
    }

    /// Makes it of another size, which who is on it is told.
    pub(crate) fn resize(&mut self, columns: u16, lines: u16) {
        self.seen.0.lock().unwrap().parser.screen_mut().set_size(lines, columns);
        let size = ["rows", &lines.to_string(), "cols", &columns.to_string()].map(str::to_owned);
        let set = Command::new("stty").args(size).stdin(self.keys.try_clone().unwrap()).status();
        assert!(set.unwrap().success());
    }

    /// The process of the command.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the terminal shows something, and returns all that it shows then.
    pub(crate) fn wait_for(&self, what: &str) -> String {
        self.wait_until(what, |screen| screen.contains(what))
    }

    /// Waits until what the terminal shows is as it should be, and returns it.
    pub(crate) fn wait_until(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        let mut seen = self.seen.0.lock().unwrap();
        loop {
            let screen = seen.parser.screen().contents();
            if is_it(&screen) {
                return screen;
            }
            let left = DEADLINE.saturating_sub(began.elapsed());
            assert!(
                !left.is_zero() && !seen.closed,
                "waited in vain for {what}; the terminal shows:\n{screen}"
            );
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// What the terminal shows.
    pub(crate) fn screen(&self) -> String {
        self.seen.0.lock().unwrap().parser.screen().contents()
    }

    /// Whether the terminal shows its cursor.
    pub(crate) fn shows_cursor(&self) -> bool {
        !self.seen.0.lock().unwrap().parser.screen().hide_cursor()
    }

    /// All that was written to the terminal.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.0.lock().unwrap().bytes.clone()
    }

    /// Waits for the end of the command; its exit status.
    pub(crate) fn exit(&mut self) -> i32 {
        let status = self.child.wait().unwrap();
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.closed {
            let (next, waited) = self.seen.1.wait_timeout(seen, DEADLINE).unwrap();
            assert!(!waited.timed_out(), "the terminal is not closed");
            seen = next;
        }
        drop(seen);
        status.code().unwrap_or(-1)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
