//! Starting the service: `entrypoint.sh`, and what it says of the personality before it becomes the daemon.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;

use crate::process::{self, Pid};
use crate::settings::Settings;
use crate::signals;

use super::life::Setting;

/// Starts `entrypoint.sh`; its process, and the end of the pipe on which it tells the settings.
pub fn start(settings: &Settings) -> io::Result<(Pid, OwnedFd)> {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
    let mut command = Command::new(settings.folders.sbin.join("entrypoint.sh"));
    command
        .env("LAMPLIGHTER_SERVICE", settings.service.as_str())
        .env("LAMPLIGHTER_SETTINGS_FD", theirs.as_raw_fd().to_string())
        .envs(settings.folders.variables());
    let pid = process::spawn(&mut command, None, &[&theirs])?;
    Ok((pid, ours))
}

/// The exit status and the sentence for an `entrypoint.sh` that could not be started (as shells have it:
/// 127 not found, 126 not executable).
pub fn not_started(settings: &Settings, error: &io::Error) -> (u8, String) {
    let code = match error.kind() {
        io::ErrorKind::NotFound => 127,
        io::ErrorKind::PermissionDenied => 126,
        _ => super::life::OWN_FAULT,
    };
    let path = settings.folders.sbin.join("entrypoint.sh");
    (code, format!("cannot start {}: executing {} failed: {error}", settings.service, path.display()))
}

/// What `entrypoint.sh` says of the personality, line by line as it comes.
#[derive(Debug)]
pub struct Said {
    lines: Lines<BufReader<pipe::Receiver>>,
}

impl Said {
    /// Listens to the end of the pipe that [`start`] gave.
    pub fn on(pipe: OwnedFd) -> io::Result<Self> {
        let pipe = pipe::Receiver::from_owned_fd(pipe)?;
        Ok(Self { lines: BufReader::with_capacity(256, pipe).lines() })
    }

    /// The next setting, or what is wrong with it; nothing when no more come.
    pub async fn next(&mut self) -> Option<Result<Setting, String>> {
        match self.lines.next_line().await {
            Ok(line) => line.map(|line| parse(&line)),
            Err(error) => Some(Err(format!("cannot read what entrypoint.sh says: {error}"))),
        }
    }
}

fn parse(line: &str) -> Result<Setting, String> {
    match line.split_once('=') {
        None if line == "callbacks-only" => Ok(Setting::CallbacksOnly),
        None if line == "prepared" => Ok(Setting::Prepared),
        Some(("stop-signal", signal)) => signals::number(signal)
            .map(Setting::StopSignal)
            .ok_or(format!("STOP_SIGNAL `{signal}` of the personality is no signal: TERM is used")),
        Some(("stop-timeout", seconds)) => {
            seconds.parse().map(|seconds| Setting::StopTimeout(Duration::from_secs(seconds))).map_err(|_| {
                format!("STOP_TIMEOUT `{seconds}` of the personality is no number of seconds: 8 is used")
            })
        }
        _ => Err(format!("entrypoint.sh says `{line}`, which is no setting")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_bad_ones_named() {
        assert_eq!(parse("stop-signal=SIGQUIT"), Ok(Setting::StopSignal(3)));
        assert_eq!(parse("stop-timeout=90"), Ok(Setting::StopTimeout(Duration::from_secs(90))));
        assert_eq!(parse("callbacks-only"), Ok(Setting::CallbacksOnly));
        for (line, named) in [("stop-signal=NOPE", "NOPE"), ("stop-timeout=-1", "-1"), ("hello", "hello")] {
            assert!(parse(line).unwrap_err().contains(named), "{line}");
        }
    }
}
