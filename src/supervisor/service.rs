//! Starting the service: `entrypoint.sh`, and what it says of the personality before it becomes the daemon.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::pipe2;
use tokio::io::unix::AsyncFd;

use crate::process::{self, Pid};
use crate::settings::Settings;
use crate::signals;

use super::last_words::LogFile;
use super::life::Setting;

/// More is as good as for ever, and no clock counts so far.
const LONGEST_STOP: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Starts `entrypoint.sh`; its process, and the end of the pipe on which it tells the settings.
pub fn start(settings: &Settings) -> io::Result<(Pid, OwnedFd)> {
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
    let mut command = Command::new(settings.folders.sbin.join("entrypoint.sh"));
    command
        .env("LAMPLIGHTER_SERVICE", settings.service.as_str())
        .env("LAMPLIGHTER_SETTINGS_FD", theirs.as_raw_fd().to_string())
        .envs(settings.folders.variables());
    let pid = process::spawn(&mut command, None, &[(&theirs, theirs.as_raw_fd())])?;
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

/// What `entrypoint.sh` says of the personality, as it comes.
///
/// It can be taken without waiting too: what was said before a signal came or the service ended matters to
/// what is done about that.
#[derive(Debug)]
pub struct PersonalityReport {
    pipe: AsyncFd<File>,
    text: Vec<u8>,
    log_files: Vec<LogFile>,
    ended: bool,
}

impl PersonalityReport {
    /// Listens to the end of the pipe that [`start`] gave. Needs a tokio runtime.
    pub fn on(pipe: OwnedFd) -> io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self {
            pipe: process::watch_input(File::from(pipe))?,
            text: Vec::new(),
            log_files: Vec::new(),
            ended: false,
        })
    }

    /// Waits until more has been said, or nothing more can be.
    pub async fn more(&mut self) {
        while !self.ended {
            let Ok(mut ready) = self.pipe.readable().await else { break };
            match ready.try_io(|pipe| read(pipe.get_ref(), &mut self.text)) {
                Ok(Ok(bytes)) if bytes > 0 => return,
                Err(_would_block) => {}
                Ok(_) => break,
            }
        }
        self.ended = true;
    }

    /// The settings said so far that were not taken before, or what is wrong with them.
    pub fn take(&mut self) -> Vec<Result<Setting, String>> {
        loop {
            match read(self.pipe.get_ref(), &mut self.text) {
                Ok(0) => self.ended = true,
                Ok(_) => continue,
                Err(_would_block) => {}
            }
            break;
        }
        let whole = self.text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.text.drain(..whole).collect();
        let mut settings = Vec::new();
        for line in String::from_utf8_lossy(&lines).lines() {
            match line.strip_prefix("log-file=").map(LogFile::parse) {
                Some(Some(file)) => self.log_files.push(file),
                _ => settings.push(parse(line)),
            }
        }
        settings
    }

    /// Where the daemon logs, as far as it has been said.
    pub(super) fn take_log_files(&mut self) -> Vec<LogFile> {
        std::mem::take(&mut self.log_files)
    }

    /// Whether nothing more can be said.
    pub fn has_ended(&self) -> bool {
        self.ended
    }
}

fn read(mut pipe: &File, text: &mut Vec<u8>) -> io::Result<usize> {
    let mut buffer = [0; 256];
    let bytes = pipe.read(&mut buffer)?;
    text.extend_from_slice(&buffer[..bytes]);
    Ok(bytes)
}

fn parse(line: &str) -> Result<Setting, String> {
    match line.split_once('=') {
        None if line == "callbacks-only" => Ok(Setting::CallbacksOnly),
        None if line == "prepared" => Ok(Setting::Prepared),
        Some(("stop-signal", signal)) => signals::number(signal)
            .map(Setting::StopSignal)
            .ok_or(format!("STOP_SIGNAL `{signal}` of the personality is no signal: TERM is used")),
        Some(("stop-timeout", seconds)) => {
            let clamped = |seconds: u64| Duration::from_secs(seconds).min(LONGEST_STOP);
            seconds.parse().map(|seconds| Setting::StopTimeout(clamped(seconds))).map_err(|_| {
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
        assert_eq!(parse("stop-timeout=18446744073709551615"), Ok(Setting::StopTimeout(LONGEST_STOP)));
        assert_eq!(parse("callbacks-only"), Ok(Setting::CallbacksOnly));
        for (line, named) in [("stop-signal=NOPE", "NOPE"), ("stop-timeout=-1", "-1"), ("hello", "hello")] {
            assert!(parse(line).unwrap_err().contains(named), "{line}");
        }
    }
}
