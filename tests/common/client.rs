//! The other end of a request socket.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::DEADLINE;

/// A connection to a request socket.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the socket `name` in `folder`, however long the folder's path is.
    pub fn connect(folder: &Path, name: &str) -> io::Result<Self> {
        let folder = File::open(folder)?;
        let stream = UnixStream::connect(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()))?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.try_send(bytes).expect("the supervisor takes what is sent");
        self
    }

    /// Sends bytes to who may have closed the connection.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Says that no more is sent.
    pub fn finish(&mut self) -> &mut Self {
        self.stream
            .get_mut()
            .shutdown(Shutdown::Write)
            .expect("a connection that is open can be half closed");
        self
    }

    /// The next line of the answers, without its end; nothing when there are no more.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches('\n').to_owned()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no answer came: {error}"),
        }
    }

    /// The answer, which must come.
    pub fn answer(&mut self) -> String {
        self.line().expect("the connection was closed without an answer")
    }

    /// All answers up to the end of the connection.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Whether the other side has closed the connection: waits for it.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }
}
