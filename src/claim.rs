//! Being the one that answers for a service: its lock, and its request socket.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use tokio::net::UnixListener;

use crate::access::Trusted;
use crate::accounts::Accounts;
use crate::log;
use crate::names::UserName;
use crate::rights::{self, Right};
use crate::run_folder;
use crate::settings::Settings;
use crate::unix_socket;

/// The request socket's permissions: its owner and its group may ask.
const SOCKET_MODE: u32 = 0o660;

/// The lock's permissions: who can open it can hold it.
const LOCK_MODE: u32 = 0o600;

/// How long a lock that somebody holds is tried again, and how often.
const PATIENCE: Duration = Duration::from_secs(1);
const GLANCE: Duration = Duration::from_millis(10);

/// Why a program cannot answer for a service.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another one does.
    #[error("another {role} of `{service}` runs on {}: it holds the lock {}", .run.display(), .lock.display())]
    AlreadyRunning {
        /// What it is: a supervisor, a scheduler.
        role: &'static str,
        /// The service.
        service: String,
        /// The folder with the sockets.
        run: PathBuf,
        /// The locked file.
        lock: PathBuf,
    },
    /// The request socket's path cannot be used.
    #[error("cannot listen on {}: {why}", .path.display())]
    Socket {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        why: io::Error,
    },
}

/// Takes the lock that says that this service has its `role` (`supervisor`, `scheduler`); it is held for as
/// long as the file lives. Where the file cannot be made at all (a full or read-only disk), the service
/// matters more than the guard.
pub fn lock(settings: &Settings, role: &'static str) -> Result<Option<File>, ClaimError> {
    let path = settings.folders.lock_file(&settings.service);
    let file = match open_lock(&path) {
        Ok(file) => file,
        Err(error) => {
            log::error(format_args!("degraded: cannot make the lock {}: {error}", path.display()));
            return Ok(None);
        }
    };
    match lock_soon(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(ClaimError::AlreadyRunning {
            role,
            service: settings.service.to_string(),
            run: settings.folders.run.clone(),
            lock: path,
        }),
        Err(TryLockError::Error(error)) => {
            log::error(format_args!("degraded: cannot lock {}: {error}", path.display()));
            Ok(None)
        }
    }
}

/// The lock's file, and nothing that somebody else has put in its place: not what a link leads to, no pipe, whose
/// opening could wait for ever, and no file of another user, who could hold its lock.
fn open_lock(path: &Path) -> io::Result<File> {
    let flags = O_NOFOLLOW | O_NONBLOCK;
    let file = File::options().create(true).append(true).mode(LOCK_MODE).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    let own = nix::unistd::geteuid().as_raw();
    if !found.is_file() {
        return Err(io::Error::other("it is no file: remove it"));
    }
    if found.uid() != own && found.uid() != 0 {
        let message = format!("it belongs to uid {}, not to uid {own}: remove it", found.uid());
        return Err(io::Error::other(message));
    }
    Ok(file)
}

/// Takes the lock, or waits a moment for it: of a predecessor that was killed a child may still have it, for as
/// long as that takes to execute its program, or to die.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(GLANCE),
            tried => return tried,
        }
    }
}

/// Makes, where everybody looks for it, a link to each request socket that lies in a folder of its own. What else is in
/// such a place stays, but for a socket that nobody listens on any more: it is from before there was the folder. Call it
/// with the lock held.
pub async fn link_requests(settings: &Settings) {
    let run = &settings.folders.run;
    let own = run_folder::folder(run, &settings.service);
    if fs::symlink_metadata(&own).is_ok_and(|found| !found.is_dir()) {
        let (own, socket) = (own.display(), settings.folders.request_socket(&settings.service));
        log::warn(format_args!(
            "{own} is no folder, so that the request socket is {}: remove it",
            socket.display()
        ));
    }
    for service in run_folder::with_folder(run) {
        let (link, target) = (run_folder::link(run, &service), run_folder::link_target(&service));
        if let Err(error) = link_to(&target, &link).await {
            let (link, target) = (link.display(), target.display());
            log::warn(format_args!(
                "cannot make the link {link} to {target}: {error}; ask at what it would lead to"
            ));
        }
    }
}

async fn link_to(target: &Path, link: &Path) -> io::Result<()> {
    match symlink(target, link) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    if !is_stale_socket(link).await {
        return Err(io::Error::other("something else is there: remove it"));
    }
    fs::remove_file(link)?;
    symlink(target, link)
}

async fn is_stale_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
        && unix_socket::connect(path)
            .await
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Whom the program that runs here trusts.
pub fn trusted() -> Trusted {
    Trusted {
        own_uid: nix::unistd::geteuid().as_raw(),
        scheduler: uid_in("LAMPLIGHTER_SCHEDULER", "only root may ask for anything"),
        console: uid_in("LAMPLIGHTER_CONSOLE", "the console may do nothing here"),
    }
}

/// The uid of the user that a variable names; where there is none, that is said, and what follows from it.
fn uid_in(variable: &str, otherwise: &str) -> Option<u32> {
    let name = std::env::var(variable).ok().filter(|name| !name.is_empty())?;
    let found = name.parse::<UserName>().map_err(|why| why.to_string()).and_then(|user| {
        let account = Accounts::system().find(&user).map_err(|error| error.to_string())?;
        account.map(|account| account.uid).ok_or_else(|| "there is no such user here".to_owned())
    });
    found
        .inspect_err(|why| {
            log::warn(format_args!("{variable} `{name}`: {why}: {otherwise}"));
        })
        .ok()
}

/// Opens the request socket; call it with the lock held. A path that can never work is an error; a disk that
/// is full now is not: the service runs, and nothing can be asked of it.
pub fn listen(settings: &Settings) -> Result<Option<UnixListener>, ClaimError> {
    let path = settings.folders.request_socket(&settings.service);
    let wanted = socket_group();
    // Who may not take on a group cannot give the socket to it: then it has that of its folder, or our own.
    let group = wanted.filter(|_| rights::has(Right::AnyGroup));
    match unix_socket::bind(&path, SOCKET_MODE, group) {
        Ok(listener) => {
            say_other_group(&path, wanted);
            Ok(Some(listener))
        }
        Err(why) if matches!(why.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound) => {
            Err(ClaimError::Socket { path, why })
        }
        Err(error) => {
            let path = path.display();
            log::error(format_args!("degraded: cannot listen on {path}: {error}; nothing can be asked"));
            Ok(None)
        }
    }
}

/// Says when the socket has another group than it should.
fn say_other_group(path: &Path, wanted: Option<u32>) {
    let (Some(wanted), Ok(made)) = (wanted, fs::metadata(path)) else { return };
    if made.gid() != wanted {
        let (path, gid) = (path.display(), made.gid());
        log::warn(format_args!(
            "{path} has the group {gid} and not {wanted}, which LAMPLIGHTER_GROUP names and which cannot ask now: \
             give its folder that group, and the mode g+s"
        ));
    }
}

/// The group that may use the socket: `LAMPLIGHTER_GROUP`.
fn socket_group() -> Option<u32> {
    let name = std::env::var("LAMPLIGHTER_GROUP").ok().filter(|name| !name.is_empty())?;
    let found = Accounts::system().group(&name).map_err(|error| format!("cannot be looked up: {error}"));
    found
        .and_then(|group| group.ok_or_else(|| "is no group here".to_owned()))
        .inspect_err(|why| {
            log::warn(format_args!("LAMPLIGHTER_GROUP `{name}` {why}: nobody is given the request socket"));
        })
        .ok()
}
