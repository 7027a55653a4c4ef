//! Unix sockets by path, also where the path is longer than their address can hold.
//!
//! An address holds 107 bytes of path (`unix(7)`, `sun_path`). A longer one is reached through an open
//! descriptor of its folder, as `/proc/self/fd/N/NAME`.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc::{O_DIRECTORY, O_PATH};
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

/// Listens on `path`, with `mode` and, where one is given, a group, before anybody can connect.
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
    let listener = std::os::unix::net::UnixListener::bind(&short.path)?;
    fs::set_permissions(&fresh, Permissions::from_mode(mode))?;
    if group.is_some() {
        std::os::unix::fs::chown(&fresh, None, group)?;
    }
    fs::rename(&fresh, path)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Connects to the socket at `path`.
pub async fn connect(path: &Path) -> io::Result<UnixStream> {
    let short = ShortPath::of(path)?;
    UnixStream::connect(&short.path).await
}

#[cfg(test)]
mod tests {
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
}
