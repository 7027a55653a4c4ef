//! Starting, signalling and reaping processes, and watching descriptors: the one file with `unsafe` in it.
//!
//! Every child starts from a clean slate: default dispositions, an empty signal mask, a process group of
//! its own, and no descriptor beyond the three standard ones and those handed to it on purpose.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::libc;
use nix::spawn::{self, PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
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

/// Starts `command` in a process group of its own, as `account` where one is given, with the three standard
/// descriptors of this process and in their place, or beside them, `descriptors`: each with the number that it has in
/// the child. The program of `command` is a path; what it says of standard descriptors and its folder does not count.
///
/// Nobody waits for the child but [`reap`], or [`wait_for`] where there is no supervisor.
///
/// # Errors
/// When there can be no process, or the program cannot be executed.
pub fn spawn(
    command: &mut Command,
    account: Option<&Account>,
    descriptors: &[(&OwnedFd, RawFd)],
) -> io::Result<Pid> {
    command.env_remove(crate::supervisor::notify::VARIABLE);
    let descriptors: Vec<_> = descriptors.iter().map(|(ours, theirs)| (ours.as_raw_fd(), *theirs)).collect();
    match account {
        None => spawn_as_we_are(command, &descriptors),
        Some(account) => spawn_as(command, account.clone(), descriptors),
    }
}

/// Does something during which every process that is started bears this mark, and hands it on to all that it starts.
///
/// It is the soft limit of locks on files, which no kernel has enforced since Linux 2.4 (getrlimit(2)): 64 bits that
/// survive `fork`, `exec` and any change of user, and that everybody may read in `/proc/PID/limits`, also who may not
/// read the environment of another user's process. Where a hard limit is set below it there is no mark.
pub fn marked<T>(mark: u64, start: impl FnOnce() -> T) -> T {
    let Ok((own, hard)) = getrlimit(Resource::RLIMIT_LOCKS) else { return start() };
    let is_marked = setrlimit(Resource::RLIMIT_LOCKS, mark, hard).is_ok();
    let started = start();
    if is_marked {
        // Nothing hinders this: our own one was below the same hard limit.
        let _ = setrlimit(Resource::RLIMIT_LOCKS, own, hard);
    }
    started
}

/// Whether every process can be marked, also by a shell: where there is no bound for the mark.
pub fn can_mark() -> bool {
    getrlimit(Resource::RLIMIT_LOCKS).is_ok_and(|(_, hard)| hard == libc::RLIM_INFINITY)
}

/// The mark of [`marked`] in a process's limits, as `/proc/PID/limits` has them.
pub fn mark(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max file locks"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Without the copy of our memory that `fork` makes and our next writes pay for, which is nearly half of what a run
/// costs the supervisor: `posix_spawn` lends it to the child until that executes its program.
fn spawn_as_we_are(command: &Command, descriptors: &[(RawFd, RawFd)]) -> io::Result<Pid> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
    )?;
    attributes.set_pgroup(nix::unistd::Pid::from_raw(0))?;
    attributes.set_sigmask(&SigSet::empty())?;
    attributes.set_sigdefault(&every_signal())?;
    let mut actions = PosixSpawnFileActions::init()?;
    for &(ours, theirs) in descriptors {
        // Where both are one, this lets it stay open (posix_spawn_file_actions_adddup2(3)).
        actions.add_dup2(ours, theirs)?;
    }
    let program = command.get_program();
    let arguments = std::iter::once(program).chain(command.get_args());
    let arguments =
        arguments.map(|argument| c_string(argument.as_bytes())).collect::<io::Result<Vec<_>>>()?;
    let pid = spawn::posix_spawn(program, &actions, &attributes, &arguments, &environment(command)?)?;
    Ok(pid.as_raw())
}

/// Also the two that glibc keeps for its threads and never lets into a set: children would be made to ignore those.
fn every_signal() -> SigSet {
    // SAFETY: a set is made of bits alone, and each stands for a signal or for none.
    unsafe {
        let mut bits: libc::sigset_t = std::mem::zeroed();
        std::ptr::write_bytes(&raw mut bits, 0xff, 1);
        SigSet::from_sigset_t_unchecked(bits)
    }
}

/// Our own environment with the changes that `command` makes to it.
fn environment(command: &Command) -> io::Result<Vec<CString>> {
    let mut variables: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => variables.insert(name.to_owned(), value.to_owned()),
            None => variables.remove(name),
        };
    }
    let text =
        |(name, value): (OsString, OsString)| c_string(&[name.as_bytes(), b"=", value.as_bytes()].concat());
    variables.into_iter().map(text).collect()
}

fn c_string(bytes: &[u8]) -> io::Result<CString> {
    CString::new(bytes).map_err(|_nul| io::ErrorKind::InvalidInput.into())
}

/// By `fork`, since `posix_spawn` knows nothing of users.
fn spawn_as(command: &mut Command, account: Account, descriptors: Vec<(RawFd, RawFd)>) -> io::Result<Pid> {
    command.process_group(0);
    // SAFETY: between fork and exec only system calls that signal-safety(7) allows are made, on memory
    // that was set up before the fork; nothing is allocated or locked.
    unsafe {
        command.pre_exec(move || {
            reset_dispositions();
            unblock_signals();
            descriptors.iter().try_for_each(|&(ours, theirs)| give(ours, theirs))?;
            become_account(&account)
        });
    }
    let child = command.spawn()?;
    Ok(child.id().cast_signed())
}

/// Lets this thread compute only where nobody else wants to as much.
pub fn be_patient() {
    const PATIENT: libc::c_int = 10;
    // SAFETY: takes plain numbers; 0 is the calling thread. Should it be refused, the thread is as eager as others.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, PATIENT) };
}

/// Gives memory back that is not used any more, of threads that have ended too.
pub fn give_back_memory() {
    // SAFETY: takes a plain number, and touches only what nobody has allocated.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// In the child: lets a descriptor stay open under this number.
fn give(ours: RawFd, theirs: RawFd) -> io::Result<()> {
    // SAFETY: fcntl(2) and dup2(2) take plain numbers.
    let done = unsafe {
        if ours == theirs { libc::fcntl(ours, libc::F_SETFD, 0) } else { libc::dup2(ours, theirs) }
    };
    if done == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
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

/// Whether this is a child of ours, which may have ended and is not buried yet: whoever was forked by another is one only
/// when that has ended.
pub fn is_child(pid: Pid) -> bool {
    let flags = wait::WaitPidFlag::WEXITED | wait::WaitPidFlag::WNOWAIT | wait::WaitPidFlag::WNOHANG;
    wait::waitid(wait::Id::Pid(nix::unistd::Pid::from_raw(pid)), flags).is_ok()
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

/// Whether orphans among our descendants are handed to us: as to the first process of all, or as asked for.
pub fn is_reaper() -> bool {
    let mut is_subreaper: libc::c_int = 0;
    // SAFETY: prctl(2) with this option writes to a local integer.
    let done = unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut is_subreaper, 0, 0, 0) };
    std::process::id() == 1 || (done == 0 && is_subreaper != 0)
}

/// Makes this process the one that orphans among its descendants are handed to.
pub fn become_subreaper() -> io::Result<()> {
    // SAFETY: prctl(2) with this option takes one number.
    let done = unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

unsafe extern "C" {
    /// Where the linker has put the beginning of the program, and the end of its code (ld(1)). Between the two nothing is
    /// ever written.
    static __executable_start: u8;
    static etext: u8;
}

/// Gives back the memory that shows those parts of the program which have been needed so far. What is needed again comes
/// again from the page cache, by itself: of a program that has much to do at its start, and little ever after, that is a
/// small part.
pub fn give_back_program() {
    const PAGE: usize = 4096;
    let begin = (&raw const __executable_start).addr() / PAGE * PAGE;
    let length = (&raw const etext).addr().saturating_sub(begin).next_multiple_of(PAGE) - PAGE;
    // SAFETY: these pages are the file's own and have not been changed, so that dropping them loses nothing
    // (MADV_DONTNEED in madvise(2)). The last one may have something else behind the code, and stays.
    unsafe { libc::madvise(std::ptr::with_exposed_provenance_mut(begin), length, libc::MADV_DONTNEED) };
}

/// Watches a descriptor for input. Needs a tokio runtime.
pub fn watch_input<T: AsFd + AsRawFd>(source: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: the descriptor must stay open and the same while `source` lives. `AsFd` promises the first;
    // what is watched here (signal, timer and pipe descriptors) owns one descriptor and never changes it.
    Ok(unsafe { AsyncFd::register_with_interest(source, Interest::READABLE) }?)
}
