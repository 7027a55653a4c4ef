//! Telling who started us how far the service is, by `NOTIFY_SOCKET` (`sd_notify(3)`).

use std::ffi::OsString;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The environment variable that names the socket. Children do not get it: it is the supervisor that knows
/// when the whole of the service is ready.
pub const VARIABLE: &str = "NOTIFY_SOCKET";

/// How far the service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceProgress {
    /// It runs.
    Ready,
    /// It is stopping.
    Stopping,
}

/// Sends the progress to the socket that `socket` names; a name that begins with `@` is an abstract one.
pub fn tell(socket: &OsString, progress: ServiceProgress) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let text = match progress {
        ServiceProgress::Ready => "READY=1\n",
        ServiceProgress::Stopping => "STOPPING=1\n",
    };
    let datagram = UnixDatagram::unbound()?;
    // A manager that does not read must not hold the service up.
    datagram.set_nonblocking(true)?;
    datagram.send_to_addr(text.as_bytes(), &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reaches_a_socket_by_path_and_an_abstract_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let abstract_name = format!("lamplighter-{}", std::process::id());
        let abstract_address = SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let sockets = [
            (UnixDatagram::bind(&path).unwrap(), path.into_os_string()),
            (UnixDatagram::bind_addr(&abstract_address).unwrap(), format!("@{abstract_name}").into()),
        ];
        for (socket, name) in sockets {
            tell(&name, ServiceProgress::Ready).unwrap();
            let mut buffer = [0; 64];
            let bytes = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..bytes], b"READY=1\n");
        }
    }
}
