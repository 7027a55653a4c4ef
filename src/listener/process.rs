//! One listener as a process: how it starts, gets its request, and says that it is ready.

use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;

use crate::accounts::Account;
use crate::process::{self, Pid};
use crate::request::Request;
use crate::settings::Settings;

use super::capture::{Capture, Sink};
use super::fork::AskedFork;

/// The listener's program, one of the shared scripts.
pub const LISTENER: &str = "listener.sh";
/// What each process of a run has in its environment. It is found by the mark that is made of the same number
/// ([`mark`]), which more can see; this is for where there can be no mark.
pub const TOKEN: &str = "LAMPLIGHTER_TOKEN";
/// The shell that callbacks find where the container names none. Bash would look up whose shell it is in the
/// name service at each of its starts, which is up to a sixth of what a listener costs.
const SHELL: &str = "/bin/bash";
/// What a listener says of itself is a list of names; more than this is not read.
const MOST_NAMES: u64 = 64 * 1024;
/// The same for what it says each time that it has forked.
const MOST_NUMBERS: u64 = 4 * 1024;

/// How a listener is to be started.
pub struct Start<'a> {
    /// The callbacks it reads.
    pub callbacks: &'a Path,
    /// What the stack's owner adds to them, where there is such a file.
    pub added: &'a Path,
    /// The service's process, where there is one.
    pub service: Option<Pid>,
    /// The user it runs as; the supervisor's own when there is none.
    pub account: Option<&'a Account>,
    /// What its processes are found by.
    pub token: &'a str,
    /// What becomes of its output.
    pub sink: Sink,
    /// Whether it is to fork others.
    pub forks: bool,
}

/// A listener that runs.
pub struct Listener {
    /// Its process, and the leader of its group.
    pub pid: Pid,
    /// What it and its callback print.
    pub capture: Rc<Capture>,
    /// The mark that its processes bear, where there can be one.
    pub mark: Option<u64>,
    /// Whether those that it forks are forked one by one.
    pub forks_singly: bool,
    stdin: Option<std::fs::File>,
}

/// What a listener says of the callbacks that it has read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// Their names.
    pub callbacks: Vec<String>,
    /// The files that were read, where it is to fork others.
    pub sources: Vec<PathBuf>,
    /// What the callbacks have done while they were read, so that they cannot be forked.
    pub alone: Option<String>,
}

/// The pipe on which a listener says that it is ready, and each time that it has forked others.
pub struct Announcements {
    pipe: BufReader<pipe::Receiver>,
}

impl Listener {
    /// A listener that is there.
    pub(super) fn new(pid: Pid, capture: Rc<Capture>, stdin: OwnedFd, mark: Option<u64>) -> Self {
        Self { pid, capture, mark, forks_singly: false, stdin: Some(std::fs::File::from(stdin)) }
    }

    /// Starts `listener.sh`; with it comes what it is going to say.
    pub fn start(settings: &Settings, start: Start<'_>) -> io::Result<(Self, Announcements)> {
        let (their_stdin, our_stdin) = pipe2(OFlag::O_CLOEXEC)?;
        let (our_output, their_output) = pipe2(OFlag::O_CLOEXEC)?;
        let (our_ready, their_ready) = pipe2(OFlag::O_CLOEXEC)?;
        let mut command = Command::new(settings.folders.sbin.join(LISTENER));
        command
            .env("LAMPLIGHTER_SERVICE", settings.service.as_str())
            .env("LAMPLIGHTER_READY_FD", their_ready.as_raw_fd().to_string())
            .env("LAMPLIGHTER_CALLBACKS", start.callbacks)
            .env("LAMPLIGHTER_LOCAL_CALLBACKS", start.added)
            .env(TOKEN, start.token)
            .env("SHELL", std::env::var_os("SHELL").unwrap_or_else(|| SHELL.into()))
            .envs(settings.folders.variables());
        if let Some(service) = start.service {
            command.env("LAMPLIGHTER_SERVICE_PID", service.to_string());
        }
        if start.forks {
            // A descriptor of ours, by which it sees whether it can open others.
            command.env("LAMPLIGHTER_FORKS", our_stdin.as_raw_fd().to_string());
        }
        let capture = Capture::new(our_output, start.sink)?;
        let descriptors = [
            (&their_stdin, 0),
            (&their_output, 1),
            (&their_output, 2),
            (&their_ready, their_ready.as_raw_fd()),
        ];
        let mut spawn = || process::spawn(&mut command, start.account, &descriptors);
        let mark = mark(start.token);
        let pid = match mark {
            Some(mark) => process::marked(mark, spawn),
            None => spawn(),
        }?;
        let announcements = Announcements::on(our_ready)?;
        Ok((Self::new(pid, capture, our_stdin, mark), announcements))
    }

    /// Asks it to fork these. They are few enough for an empty pipe.
    pub fn ask_for<'a>(&mut self, forks: impl IntoIterator<Item = &'a AskedFork>) -> io::Result<()> {
        let words: Vec<String> = forks.into_iter().map(AskedFork::words).collect();
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(format!("+ {}\n", words.join(" ")).as_bytes())
    }

    /// Gives the listener its request. A line is far below what an empty pipe holds: it never blocks.
    pub fn hand(&mut self, request: &Request) -> io::Result<()> {
        let Request { id, user, action } = request;
        let mut stdin = self.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(format!("{user} {action} {id}\n").as_bytes())
    }
}

/// The mark that the processes of a listener with this token bear ([`process::marked`]).
pub fn mark(token: &str) -> Option<u64> {
    u64::from_str_radix(token, 16).ok().filter(|&mark| mark != nix::libc::RLIM_INFINITY)
}

impl Announcements {
    fn on(pipe: OwnedFd) -> io::Result<Self> {
        // Mostly it says little.
        Ok(Self { pipe: BufReader::with_capacity(256, pipe::Receiver::from_owned_fd(pipe)?) })
    }

    /// Waits until the listener has read its callbacks; nothing when it ended before.
    pub async fn of_callbacks(&mut self) -> io::Result<Option<Announcement>> {
        let mut announcement = Announcement::default();
        let mut lines = (&mut self.pipe).take(MOST_NAMES);
        loop {
            let mut line = Vec::new();
            lines.read_until(b'\n', &mut line).await?;
            let Some(line) = line.strip_suffix(b"\n") else { return Ok(None) };
            let line = String::from_utf8_lossy(line);
            match line.split_once(' ') {
                // The last word says that the list is whole.
                None if line == "ready" => return Ok(Some(announcement)),
                None => announcement.callbacks.push(line.into_owned()),
                Some(("read", path)) => announcement.sources.push(path.into()),
                Some(("alone", what)) => announcement.alone = Some(what.to_owned()),
                // No function has a blank in its name.
                Some(_) => {}
            }
        }
    }

    /// Waits until the listener has forked others, as it was asked to: their processes, in that order. Should some be
    /// missing, it could not. Nothing when it forks no more.
    pub async fn of_forks(&mut self) -> io::Result<Option<Vec<Pid>>> {
        let mut line = Vec::new();
        (&mut self.pipe).take(MOST_NUMBERS).read_until(b'\n', &mut line).await?;
        let Some(line) = line.strip_suffix(b"\n") else { return Ok(None) };
        let line = String::from_utf8_lossy(line);
        Ok(Some(line.split_ascii_whitespace().map_while(|pid| pid.parse().ok()).collect()))
    }
}
