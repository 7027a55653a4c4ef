//! The ends of children, and signals to whom nobody else ends: what runs have left behind, all who are left at the stop,
//! and what a dead supervisor's runs have left.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::journal::{Tail, UnfinishedRequest};
use crate::log;
use crate::outcome::SKIPPED;
use crate::process::{self, Pid, Reaped, Status};
use crate::signals::Number;

use super::descendants::{self, Descendant};
use super::engine::Engine;
use super::event::{Event, Remains, Sweep};
use super::machine::{KILL, untimed};

/// Children that are buried in one turn.
const MOST_REAPED: usize = 32;
/// How long what a dead supervisor's runs left behind is waited for after it was killed.
const SURVIVORS: Duration = Duration::from_secs(2);

impl Engine {
    /// Reaps the children that have ended, and says when none is left. Should they be many, the others are for the
    /// next turn: some can be born faster than they are buried.
    pub(super) fn reap(&mut self) {
        self.has_unburied = false;
        let mut ended = Vec::new();
        let more = loop {
            if ended.len() == MOST_REAPED {
                break None;
            }
            match process::reap() {
                Ok(Reaped::Child(pid, status)) => ended.push((pid, status)),
                other => break Some(other),
            }
        };
        // What they have left as problems is known before their ends are told; of all of them at once.
        let is_listener = |pid| self.listeners.values().any(|listener| listener.pid == pid);
        if ended.iter().any(|&(pid, _)| is_listener(pid)) {
            self.look_for_problems();
        }
        for (pid, status) in ended {
            let said = self.forget_listener(pid, status);
            self.show_last_words(pid);
            self.feed(Event::Ended(pid, status, said));
        }
        match more {
            None => self.has_unburied = true,
            Some(Ok(Reaped::NoneLeft)) if self.leave.is_none() => self.feed(Event::NoneLeft),
            // The last word has been said: another one would be said twice.
            Some(Ok(_)) => {}
            Some(Err(error)) => log::error(format_args!("cannot reap children: {error}")),
        }
    }

    /// The process may have been a listener's: what it said last.
    fn forget_listener(&mut self, pid: Pid, status: Status) -> Option<String> {
        let (&key, _) = self.listeners.iter().find(|(_, listener)| listener.pid == pid)?;
        let said = self.listeners.remove(&key)?.capture.finish();
        self.give_up_forks(key, pid);
        if let Some((id, tail)) = said.of_run {
            if let Err(error) = self.outputs.save(&id, &tail) {
                log::warn(format_args!("cannot keep what {} printed: {error}", id.short()));
            }
            // Why it did nothing is all that there is to know of it.
            return (status == Status::Exited(SKIPPED)).then(|| last_line(&tail)).flatten();
        }
        let said = said.kept.map(|said| self.files.in_owners_words(&said));
        let has_failed = self.machine.checks_health(key) && status != Status::Exited(0);
        if has_failed { said.map(|said| self.last_words.add_to(&said)) } else { said }
    }

    /// Signals what a run has left behind, and names it. Mostly there is nothing, and then no process but
    /// the known ones hangs below us, which one small file tells.
    pub(super) fn signal_remains(&self, remains: &Remains, number: Number) -> Vec<String> {
        let proc = Path::new("/proc");
        let service = self.machine.service_pid();
        let is_known =
            |pid| service == Some(pid) || self.listeners.values().any(|listener| listener.pid == pid);
        let is_none_of_it = |pid| is_known(pid) || self.is_being_forked(pid);
        if self.children.pids().is_some_and(|pids| pids.into_iter().all(is_none_of_it)) {
            return Vec::new();
        }
        let all = descendants::of(std::process::id().cast_signed(), proc);
        let left = descendants::of_run(all, remains.leader, &remains.token, proc);
        for process in &left {
            complain(process.pid, process::signal(process.pid, number));
        }
        left.iter().map(|process| format!("{} (pid {})", process.name, process.pid)).collect()
    }

    /// Sends a signal to every descendant outside of the groups in `except`.
    pub(super) fn sweep(&self, number: Number, except: &[Pid]) -> Sweep {
        let mut sweep = Sweep::default();
        let own = self.children.pids();
        if number != KILL && own.as_ref().is_some_and(|own| own.iter().all(|pid| except.contains(pid))) {
            // What hangs below those is told by the end of their runs.
            return sweep;
        }
        let descendants = descendants::with_zombies(std::process::id().cast_signed(), Path::new("/proc"));
        if number == KILL {
            kill_sessions(&descendants);
        }
        let mut targets: Vec<_> = descendants
            .into_iter()
            .filter(|descendant| !descendant.is_zombie && !except.contains(&descendant.group))
            .map(|descendant| (descendant.pid, descendant.name))
            .collect();
        if targets.is_empty() {
            // Nothing may be left, or nothing can be opened: children can be had all the same, and whoever
            // hangs below them becomes one when they have ended.
            let children = own.unwrap_or_default().into_iter().filter(|pid| !except.contains(pid));
            targets.extend(children.map(|pid| (pid, "process".to_owned())));
        }
        for (pid, name) in targets {
            let name = format!("{name} (pid {pid})");
            match process::signal(pid, number) {
                Ok(()) => sweep.signalled.push(name),
                Err(error) if error.raw_os_error() == Some(nix::libc::EPERM) => sweep.refused.push(name),
                Err(_gone) => {}
            }
        }
        sweep
    }

    /// When this is the daemon, and nobody wanted it to end: what it has written last where it logs.
    pub(super) fn show_last_words(&self, pid: Pid) {
        if self.machine.service_pid() != Some(pid) || self.machine.is_stopping() {
            return;
        }
        for (path, lines) in self.last_words.read() {
            log::error(format_args!("the service has ended; the last lines of {}:", path.display()));
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            for line in lines {
                log::output(&name, line.as_bytes());
            }
        }
    }
}

/// The last line that says something.
fn last_line(printed: &Tail) -> Option<String> {
    let text = printed.text();
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(|line| untimed(line).to_owned())
}

/// Kills the groups of sessions other than our own. Nobody joins a session but by birth, so they are all ours; and a
/// whole group is signalled in one step, also one of which only those are seen that have handed over to another.
fn kill_sessions(descendants: &[Descendant]) {
    let own = nix::unistd::getsid(None).map(nix::unistd::Pid::as_raw);
    for descendant in descendants.iter().filter(|descendant| own != Ok(descendant.session)) {
        // Whom it does not reach is told by the signal to each one.
        let _ = process::signal_group(descendant.group, KILL);
    }
}

/// Ends what the runs of a dead supervisor left, before they may be tried again.
pub(super) fn end_survivors(open: &[UnfinishedRequest]) {
    let proc = Path::new("/proc");
    let begin = Instant::now();
    for token in open.iter().filter_map(|open| open.started.as_deref()).filter(|token| !token.is_empty()) {
        while let survivors @ [_, ..] = &descendants::with_token(token, proc)[..] {
            for &pid in survivors {
                complain(pid, process::signal(pid, KILL));
            }
            if begin.elapsed() > SURVIVORS {
                log::error(format_args!("processes of an earlier run cannot be ended: {survivors:?}"));
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Says when a signal could not be sent. That a process has just gone is no news.
pub(super) fn complain(target: Pid, sent: io::Result<()>) {
    if let Err(error) = sent
        && error.raw_os_error() != Some(nix::libc::ESRCH)
    {
        log::error(format_args!("cannot signal process {target}: {error}"));
    }
}
