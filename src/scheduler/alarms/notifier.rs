//! Runs the notifier, for one message at a time.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::unistd::{AccessFlags, access};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use super::follow::show;
use super::notice::{NamedRequest, Notice};
use super::outbox::Message;
use crate::process::{self, Pid, Status};
use crate::run_folder;

/// The notifier's name, in the scheduler's own folder of programs.
pub(super) const NAME: &str = "notify";

/// So long may it take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// So much of what a run printed is told, in bytes.
const OUTPUT: usize = 4 * 1024;

const KILL: i32 = 9;

/// The program, and where the services are asked what their runs printed.
#[derive(Debug, Clone)]
pub(super) struct Notifier {
    pub(super) program: PathBuf,
    pub(super) run: PathBuf,
    /// So long may it take.
    patience: Duration,
}

/// A message as the notifier gets it.
#[derive(Serialize)]
struct Letter<'a> {
    #[serde(flatten)]
    notice: &'a Notice,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    attempt: u32,
    summary: String,
}

impl Notifier {
    /// The notifier in a folder of programs, when there is one that can be executed.
    pub(super) fn find(bin: &Path, run: &Path) -> Option<Self> {
        let program = bin.join(NAME);
        let is_there = program.is_file() && access(&program, AccessFlags::X_OK).is_ok();
        is_there.then(|| Self { program, run: run.to_owned(), patience: PATIENCE })
    }

    /// Tells a message; why nobody was told, where nobody was.
    pub(super) async fn tell(self, message: Message) -> Option<String> {
        let Message { notice, tries, .. } = &message;
        let letter =
            Letter { notice, output: self.output(notice).await, attempt: *tries, summary: notice.summary() };
        let text = serde_json::to_vec(&letter).unwrap_or_default();
        let failed =
            |what: &str, why: &dyn std::fmt::Display| format!("{} {what} {why}", self.program.display());
        let (started, input) = match self.start() {
            Ok(started) => started,
            Err(error) => return Some(failed("cannot be run:", &error)),
        };
        let ended = async {
            tokio::select! {
                () = started.ended() => {}
                () = give(input, &text) => {}
            }
        };
        let is_late = timeout(self.patience, ended).await.is_err();
        match started.kill_and_reap().await {
            _ if is_late => {
                let seconds = self.patience.as_secs();
                Some(failed("was killed:", &format!("it took longer than {seconds} s")))
            }
            Ok(Status::Exited(0)) => None,
            Ok(status) => Some(failed("told nobody: it", &status)),
            Err(error) => Some(failed("cannot be waited for:", &error)),
        }
    }

    /// Starts it; what is written to the pipe it reads.
    fn start(&self) -> io::Result<(Started, pipe::Sender)> {
        let mut command = Command::new(&self.program);
        let (reader, writer) = io::pipe()?;
        let writer = pipe::Sender::from_owned_fd(writer.into())?;
        let pid = process::spawn(&mut command, None, &[(&OwnedFd::from(reader), 0)])?;
        Ok((Started(Some(pid)), writer))
    }

    /// The end of what the run printed, where it is about one.
    async fn output(&self, notice: &Notice) -> Option<String> {
        let (Some(service), Some(NamedRequest { id, .. }), Some(_)) =
            (&notice.service, &notice.asked, &notice.outcome)
        else {
            return None;
        };
        let socket = run_folder::request_socket(&self.run, service);
        let output = show(&socket, id).await.ok()?.output?;
        let start = output.len().saturating_sub(OUTPUT);
        let start = (start..output.len()).find(|&at| output.is_char_boundary(at)).unwrap_or(output.len());
        Some(output[start..].to_owned())
    }
}

/// A notifier that was started and is not reaped, so that its number is its own. It ends with this value: nobody
/// would wait for it any more.
struct Started(Option<Pid>);

impl Started {
    /// Waits, on a thread of its own, until it has ended.
    async fn ended(&self) {
        let Some(pid) = self.0 else { return };
        let _ = tokio::task::spawn_blocking(move || process::wait_for(pid)).await;
    }

    /// Ends what is left of it and of what it started, which must not add up; how it ended itself.
    async fn kill_and_reap(mut self) -> io::Result<Status> {
        self.kill();
        self.ended().await;
        self.0.take().map_or(Err(io::ErrorKind::NotFound.into()), process::reap_one)
    }

    fn kill(&self) {
        if let Some(pid) = self.0 {
            let _ = process::signal_group(pid, KILL);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes a text as the notifier reads it, and never ends: whether that has ended is what counts. A pipe may hold as
/// little as a page (pipe(7)), so that one who does not read would hold up whoever waits for the write.
async fn give(mut input: pipe::Sender, text: &[u8]) {
    // A notifier that does not want it all leaves the pipe.
    let _ = input.write_all(text).await;
    drop(input);
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use jiff::Timestamp;
    use tempfile::TempDir;

    use super::super::outbox::Outbox;
    use super::*;

    /// Tells a message by a script, which may take so long.
    fn tell(folder: &TempDir, script: &str, patience: Duration) -> Option<String> {
        tell_of(Notice::alive(Timestamp::UNIX_EPOCH), folder, script, patience)
    }

    fn tell_of(notice: Notice, folder: &TempDir, script: &str, patience: Duration) -> Option<String> {
        let program = folder.path().join(NAME);
        fs::write(&program, format!("#!/bin/bash\ncd {}\n{script}\n", folder.path().display())).unwrap();
        assert!(Notifier::find(folder.path(), folder.path()).is_none(), "it cannot be executed yet");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let notifier = Notifier::find(folder.path(), folder.path()).unwrap();
        let mut outbox = Outbox::default();
        outbox.add(notice);
        let message = outbox.begin(0).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let told = runtime.block_on(Notifier { patience, ..notifier }.tell(message));
        told.map(|why| why.replace(&folder.path().display().to_string(), "BIN"))
    }

    #[test]
    fn it_gets_the_message_on_stdin_and_its_status_says_whether_somebody_was_told() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tell(&folder, "cat > got", PATIENCE), None);
        let got = fs::read_to_string(folder.path().join("got")).unwrap();
        insta::assert_snapshot!(got, @r#"{"kind":"alive","at":"1970-01-01T00:00:00Z","suppressed":0,"attempt":1,"summary":"the scheduler is running"}"#);
        fs::remove_file(folder.path().join(NAME)).unwrap();
        let why = "BIN/notify told nobody: it exited with status 3";
        assert_eq!(tell(&folder, "exit 3", PATIENCE).as_deref(), Some(why), "also when it reads nothing");
    }

    /// A message that no pipe holds.
    fn long() -> Notice {
        Notice { note: Some("x".repeat(2 << 20)), ..Notice::alive(Timestamp::UNIX_EPOCH) }
    }

    #[test]
    fn a_message_longer_than_a_pipe_arrives_whole() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tell_of(long(), &folder, "wc --bytes > got", PATIENCE), None);
        let got: usize = fs::read_to_string(folder.path().join("got")).unwrap().trim().parse().unwrap();
        assert!(got > 2 << 20, "{got}");
    }

    #[test]
    fn one_that_does_not_read_a_message_longer_than_a_pipe_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(tell_of(long(), &folder, "exit 0", PATIENCE), None);
        fs::remove_file(folder.path().join(NAME)).unwrap();
        let why = tell_of(long(), &folder, "exec sleep 1000", Duration::from_secs(1)).unwrap();
        assert_eq!(why, "BIN/notify was killed: it took longer than 1 s");
    }

    #[test]
    fn one_that_hangs_is_killed_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 1000 & echo $! > child; mv child started; wait";
        let why = tell(&folder, script, Duration::from_secs(1)).unwrap();
        assert_eq!(why, "BIN/notify was killed: it took longer than 1 s");
        let child: Pid = fs::read_to_string(folder.path().join("started")).unwrap().trim().parse().unwrap();
        let is_gone = || match fs::read_to_string(format!("/proc/{child}/stat")) {
            Ok(stat) => stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z')),
            Err(_) => true,
        };
        let began = std::time::Instant::now();
        while !is_gone() {
            assert!(began.elapsed() < Duration::from_secs(30), "its child goes on");
        }
    }
}
