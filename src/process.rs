//! Starting, signalling and reaping processes, and watching descriptors: the one file with `unsafe` in it.
//!
//! Every child starts from a clean slate: default dispositions, an empty signal mask, a process group of
//! its own, and no descriptor beyond the three standard ones and those handed to it on purpose.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;
use nix::sys::wait;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::accounts::Account;
use crate::signals::Number;

/// A process's number; that of its group where the process leads one.
pub type Pid = i32;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// By itself, with this code (0 to 255).
    Exited(u8),
    /// By this signal.
    Killed(Number),
}

impl Status {
    /// The status as a shell tells it: the code, or 128 and the signal's number.
    pub fn code(self) -> u8 {
        match self {
            Status::Exited(code) => code,
            Status::Killed(signal) => 128u8.saturating_add(u8::try_from(signal).unwrap_or(u8::MAX)),
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Status::Exited(code) => write!(f, "exited with status {code}"),
            Status::Killed(signal) => write!(f, "was killed by {}", crate::signals::name(*signal)),
        }
    }
}

/// Starts `command` in a process group of its own, as `account` where one is given, with `descriptors`
/// left open for it under the numbers they have here.
///
/// Nobody waits for the child but [`reap`], or [`wait_for`] where there is no supervisor.
pub fn spawn(command: &mut Command, account: Option<&Account>, descriptors: &[&OwnedFd]) -> io::Result<Pid> {
    let descriptors: Vec<_> = descriptors.iter().map(|descriptor| descriptor.as_raw_fd()).collect();
    let account = account.cloned();
    command.process_group(0).env_remove(crate::supervisor::notify::VARIABLE);
    // SAFETY: between fork and exec only system calls that signal-safety(7) allows are made, on memory
    // that was set up before the fork; nothing is allocated or locked.
    unsafe {
        command.pre_exec(move || {
            reset_dispositions();
            unblock_signals();
            for &descriptor in &descriptors {
                if libc::fcntl(descriptor, libc::F_SETFD, 0) == -1 {
                    return Err(io::Error::last_os_error());
                }
            }
            account.as_ref().map_or(Ok(()), become_account)
        });
    }
    let child = command.spawn()?;
    Ok(child.id().cast_signed())
}

/// Default dispositions for all signals.
pub fn reset_dispositions() {
    // SAFETY: plain system calls on local, initialised memory. Numbers that cannot be set are refused by the
    // kernel or glibc with an error, which is what is wanted for them.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        for signal in 1..=libc::SIGRTMAX() {
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// No signal blocked.
fn unblock_signals() {
    // SAFETY: plain system calls on local, initialised memory.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}

/// Groups first, the user last: after `setuid` nothing else could be changed any more.
fn become_account(account: &Account) -> io::Result<()> {
    // SAFETY: the group list outlives the call, and the calls take plain numbers.
    let done = unsafe {
        libc::setgroups(account.groups.len(), account.groups.as_ptr()) == 0
            && libc::setgid(account.gid) == 0
            && libc::setuid(account.uid) == 0
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal to one process.
pub fn signal(pid: Pid, number: Number) -> io::Result<()> {
    kill(pid, number)
}

/// Sends a signal to every process of the group that `leader` leads or led.
pub fn signal_group(leader: Pid, number: Number) -> io::Result<()> {
    kill(-leader, number)
}

fn kill(target: Pid, number: Number) -> io::Result<()> {
    // 0, 1, -1 and below would reach our own group, init or everybody; no child has such a number.
    if target.abs() <= 1 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: kill(2) takes two numbers.
    if unsafe { libc::kill(target, number) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What there is to reap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaped {
    /// This child ended, and is no more.
    Child(Pid, Status),
    /// There are children; none has ended.
    NoneEnded,
    /// There are no children, and so, for a subreaper, no descendants.
    NoneLeft,
}

/// Reaps one child that has ended, if there is one. The only place where a supervisor waits for children.
pub fn reap() -> io::Result<Reaped> {
    let mut status = 0;
    // SAFETY: waitpid(2) writes to a local integer.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
        0 => Ok(Reaped::NoneEnded),
        pid if pid > 0 && libc::WIFSIGNALED(status) => {
            Ok(Reaped::Child(pid, Status::Killed(libc::WTERMSIG(status))))
        }
        pid if pid > 0 => {
            let code = u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX);
            Ok(Reaped::Child(pid, Status::Exited(code)))
        }
        _ => match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ECHILD) => Ok(Reaped::NoneLeft),
            error => Err(error),
        },
    }
}

/// Waits until a child has ended, and leaves it to be reaped by [`reap_one`]: until then its number is no other's.
/// It is for a thread of its own, in a program that has few children and does not call [`reap`].
pub fn wait_for(pid: Pid) -> io::Result<()> {
    loop {
        let id = wait::Id::Pid(nix::unistd::Pid::from_raw(pid));
        match wait::waitid(id, wait::WaitPidFlag::WEXITED | wait::WaitPidFlag::WNOWAIT) {
            Err(nix::errno::Errno::EINTR) => {}
            done => return done.map(drop).map_err(Into::into),
        }
    }
}

/// Reaps a child once it has ended.
pub fn reap_one(pid: Pid) -> io::Result<Status> {
    match wait::waitpid(nix::unistd::Pid::from_raw(pid), None)? {
        wait::WaitStatus::Signaled(_, signal, _) => Ok(Status::Killed(signal as Number)),
        wait::WaitStatus::Exited(_, code) => Ok(Status::Exited(u8::try_from(code).unwrap_or(u8::MAX))),
        other => Err(io::Error::other(format!("it has not ended: {other:?}"))),
    }
}

/// Makes this process the one that orphans among its descendants are handed to.
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: prctl(2) with this option takes one number.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Watches a descriptor for input. Needs a tokio runtime.
pub fn watch_input<T: AsFd + AsRawFd>(source: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: the descriptor must stay open and the same while `source` lives. `AsFd` promises the first;
    // what is watched here (signal, timer and pipe descriptors) owns one descriptor and never changes it.
    Ok(unsafe { AsyncFd::register_with_interest(source, Interest::READABLE) }?)
}
