//! One listener as a process: how it starts, gets its request, and says that it is ready.

use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::accounts::Account;
use crate::process::{self, Pid};
use crate::request::Request;
use crate::settings::Settings;

use super::capture::{Capture, Sink};

/// What each process of a run has in its environment. It is found by the mark that is made of the same number
/// ([`mark`]), which more can see; this is for where there can be no mark.
pub const TOKEN: &str = "LAMPLIGHTER_TOKEN";
/// The shell that callbacks find where the container names none. Bash would look up whose shell it is in the
/// name service at each of its starts, which is up to a sixth of what a listener costs.
const SHELL: &str = "/bin/bash";
/// What a listener says of itself is a list of names; more than this is not read.
const MOST_NAMES: u64 = 64 * 1024;

/// How a listener is to be started.
pub struct Start<'a> {
    /// The callbacks it reads.
    pub callbacks: &'a Path,
    /// The service's process, where there is one.
    pub service: Option<Pid>,
    /// The user it runs as; the supervisor's own when there is none.
    pub account: Option<&'a Account>,
    /// What its processes are found by.
    pub token: &'a str,
    /// What becomes of its output.
    pub sink: Sink,
}

/// A listener that runs.
pub struct Listener {
    /// Its process, and the leader of its group.
    pub pid: Pid,
    /// What it and its callback print.
    pub capture: Rc<Capture>,
    stdin: Option<std::fs::File>,
}

impl Listener {
    /// Starts `listener.sh`; with it comes the pipe on which it says that it is ready (see [`callbacks`]).
    pub fn start(settings: &Settings, start: Start<'_>) -> io::Result<(Self, OwnedFd)> {
        let (their_stdin, our_stdin) = pipe2(OFlag::O_CLOEXEC)?;
        let (our_output, their_output) = pipe2(OFlag::O_CLOEXEC)?;
        let (our_ready, their_ready) = pipe2(OFlag::O_CLOEXEC)?;
        let mut command = Command::new(settings.folders.sbin.join("listener.sh"));
        command
            .env("LAMPLIGHTER_SERVICE", settings.service.as_str())
            .env("LAMPLIGHTER_READY_FD", their_ready.as_raw_fd().to_string())
            .env("LAMPLIGHTER_CALLBACKS", start.callbacks)
            .env(TOKEN, start.token)
            .env("SHELL", std::env::var_os("SHELL").unwrap_or_else(|| SHELL.into()))
            .envs(settings.folders.variables());
        if let Some(service) = start.service {
            command.env("LAMPLIGHTER_SERVICE_PID", service.to_string());
        }
        let capture = Capture::new(our_output, start.sink)?;
        let descriptors = [
            (&their_stdin, 0),
            (&their_output, 1),
            (&their_output, 2),
            (&their_ready, their_ready.as_raw_fd()),
        ];
        let mut spawn = || process::spawn(&mut command, start.account, &descriptors);
        let pid = match mark(start.token) {
            Some(mark) => process::marked(mark, spawn),
            None => spawn(),
        }?;
        let stdin = Some(std::fs::File::from(our_stdin));
        Ok((Self { pid, capture, stdin }, our_ready))
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

/// Waits until the listener has read its callbacks: their names, or none when it ended before.
pub async fn callbacks(ready: OwnedFd) -> io::Result<Option<Vec<String>>> {
    let mut text = Vec::new();
    pipe::Receiver::from_owned_fd(ready)?.take(MOST_NAMES).read_to_end(&mut text).await?;
    let text = String::from_utf8_lossy(&text);
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    // The last word says that the list is whole.
    Ok((names.pop().as_deref() == Some("ready")).then_some(names))
}
