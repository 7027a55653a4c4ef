//! Unix sockets by path, also where the path is longer than their address can hold.
//!
//! An address holds 107 bytes of path (`unix(7)`, `sun_path`). A longer one is reached through an open
//! descriptor of its folder, as `/proc/self/fd/N/NAME`.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc::{O_DIRECTORY, O_PATH};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, getegid, setegid};
use tokio::net::{UnixListener, UnixStream};

/// The longest path that fits into a socket's address, in bytes.
pub const LONGEST_PATH: usize = 107;

/// A name for a socket's path that fits into an address, for as long as this value lives.
struct ShortPath {
    path: PathBuf,
    _folder: Option<File>,
}

impl ShortPath {
    fn of(path: &Path) -> io::Result<Self> {
        if path.as_os_str().len() <= LONGEST_PATH {
            return Ok(Self { path: path.to_owned(), _folder: None });
        }
        let too_long = |why: &dyn std::fmt::Display| {
            let bytes = path.as_os_str().len();
            let message = format!(
                "the path has {bytes} bytes, a unix socket's address holds {LONGEST_PATH}, and {why}; \
                 use a folder with a shorter path"
            );
            io::Error::new(io::ErrorKind::InvalidInput, message)
        };
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(too_long(&"it names no file in a folder"));
        };
        let folder = OpenOptions::new().read(true).custom_flags(O_PATH | O_DIRECTORY).open(folder)?;
        let short = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string());
        if !short.exists() {
            return Err(too_long(&"there is no /proc to reach its folder by a shorter one"));
        }
        let short = short.join(name);
        if short.as_os_str().len() > LONGEST_PATH {
            return Err(too_long(&"its last part alone is too long"));
        }
        Ok(Self { path: short, _folder: Some(folder) })
    }
}

/// Listens on `path`, with `mode` and, where one is given, a group, before anybody can connect. The socket is made with
/// both: to change them by its path would change whatever somebody had put there meanwhile. Both are the process's while
/// it is made, so no other thread may make files meanwhile.
///
/// Whatever was at `path` is replaced in one step: who connects meets either the old socket or this one.
/// The caller holds the lock that says there is no living owner of the old one.
pub fn bind(path: &Path, mode: u32, group: Option<u32>) -> io::Result<UnixListener> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.new"));
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let short = ShortPath::of(&fresh)?;
    let listener = bind_as(&short.path, mode, group)?;
    fs::rename(&fresh, path)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Binds with the process's umask and group set so that the socket has `mode` and `group` from the first moment on.
fn bind_as(path: &Path, mode: u32, group: Option<u32>) -> io::Result<std::os::unix::net::UnixListener> {
    let own_group = getegid();
    if let Some(group) = group {
        setegid(Gid::from_raw(group))?;
    }
    let own_mask = umask(Mode::from_bits_truncate(!mode & 0o777));
    let bound = std::os::unix::net::UnixListener::bind(path);
    umask(own_mask);
    if group.is_some() {
        setegid(own_group)?;
    }
    bound
}

/// Connects to the socket at `path`.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    let short = ShortPath::of(path)?;
    UnixStream::connect(&short.path).await
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn a_socket_in_a_deep_folder_can_be_bound_and_reached() {
        runtime().block_on(async {
            let top = tempfile::tempdir().unwrap();
            let folder = top.path().join("d".repeat(100)).join("e".repeat(100));
            fs::create_dir_all(&folder).unwrap();
            let path = folder.join("mysql-request.sock");
            let listener = bind(&path, 0o600, None).unwrap();
            let (near, far) = tokio::join!(connect(&path), listener.accept());
            near.unwrap();
            far.unwrap();
        });
    }

    #[test]
    fn a_name_that_cannot_fit_is_refused_with_the_limit() {
        runtime().block_on(async {
            let top = tempfile::tempdir().unwrap();
            let error = bind(&top.path().join("s".repeat(120)), 0o600, None).unwrap_err();
            assert!(error.to_string().contains("holds 107"), "{error}");
        });
    }

    #[test]
    fn a_stale_socket_is_replaced_and_the_mode_holds() {
        runtime().block_on(async {
            let top = tempfile::tempdir().unwrap();
            let path = top.path().join("a.sock");
            drop(bind(&path, 0o600, None).unwrap());
            let _again = bind(&path, 0o640, None).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
            connect(&path).await.unwrap();
        });
    }

    #[test]
    fn a_socket_is_made_with_its_mode_and_group_and_leaves_ours_alone() {
        runtime().block_on(async {
            let top = tempfile::tempdir().unwrap();
            let path = top.path().join("a.sock");
            let own = getegid();
            // Only root can give a socket to a group that is not its own.
            let group = if own.as_raw() == 0 { 12_345 } else { own.as_raw() };
            let _listener = bind(&path, 0o660, Some(group)).unwrap();
            let made = fs::metadata(&path).unwrap();
            assert_eq!((made.mode() & 0o777, made.gid()), (0o660, group));
            assert_eq!(getegid(), own);
            fs::write(top.path().join("later"), "").unwrap();
            let later = fs::metadata(top.path().join("later")).unwrap();
            assert_eq!((later.mode() & 0o777, later.gid()), (0o666 & !mask(), own.as_raw()));
        });
    }

    /// The process's umask, which can only be read by setting it.
    fn mask() -> u32 {
        let mask = umask(Mode::empty());
        umask(mask);
        mask.bits()
    }

    #[test]
    fn what_a_link_in_the_sockets_place_leads_to_is_left_alone() {
        runtime().block_on(async {
            let top = tempfile::tempdir().unwrap();
            let victim = top.path().join("victim");
            fs::write(&victim, "kept").unwrap();
            fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
            for link in [".a.sock.new", "a.sock"] {
                std::os::unix::fs::symlink(&victim, top.path().join(link)).unwrap();
            }
            let path = top.path().join("a.sock");
            let _listener = bind(&path, 0o660, None).unwrap();
            connect(&path).await.unwrap();
            assert_eq!(fs::read_to_string(&victim).unwrap(), "kept");
            assert_eq!(fs::metadata(&victim).unwrap().permissions().mode() & 0o777, 0o600);
        });
    }
}
