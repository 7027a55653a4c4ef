//! Talking to a request socket: for the command, and for the scheduler's deliveries and alarms.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::wire::{Call, Refused};
use crate::{run_folder, unix_socket, visible};

/// So many characters of an answer that cannot be understood are shown.
const SHOWN: usize = 60;

/// The longest line that is read, in bytes: a history of a thousand requests, or an output in which every byte takes
/// six, is well below it.
const LONGEST_LINE: u64 = 16 << 20;

/// Why a service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is behind the socket, or there is none, or it is not ours to use.
    #[error("cannot reach {}: {}", .path.display(), Trouble::of(.why).in_words(.why))]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// The answer did not come in time.
    #[error("{} did not answer within {} s", .path.display(), .patience.as_secs())]
    Silent {
        /// The socket.
        path: PathBuf,
        /// How long it had.
        patience: Duration,
    },
    /// The answer is not what the protocol says.
    #[error("{} answered `{answer}`, which this version does not understand", .path.display())]
    Unintelligible {
        /// The socket.
        path: PathBuf,
        /// The beginning of what it said.
        answer: String,
    },
    /// It refuses.
    #[error("{} refuses: {}", .path.display(), .refused.message)]
    Refused {
        /// The socket.
        path: PathBuf,
        /// What it said.
        refused: Box<Refused>,
    },
}

/// What keeps a service from answering, as far as it matters for what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is no socket: the service does not run.
    NotRunning,
    /// There is a socket that nobody listens to any more: its supervisor was killed.
    NobodyThere,
    /// Who asks may not.
    Denied,
    /// It listens, and does not answer in time.
    Silent,
    /// It hung up before it had answered.
    HungUp,
    /// What it answers is not the protocol.
    Unintelligible,
    /// It answers that it will not.
    Refused,
    /// Something else that the system says.
    Other,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotRunning,
            io::ErrorKind::ConnectionRefused => Self::NobodyThere,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                Self::HungUp
            }
            _ => Self::Other,
        }
    }

    fn in_words(self, error: &io::Error) -> String {
        match self {
            Self::NotRunning => "No such file or directory: the service does not run".to_owned(),
            Self::Denied => "permission denied".to_owned(),
            Self::NobodyThere => "the socket is there, but nobody is behind it".to_owned(),
            Self::HungUp => "it hung up before it had answered".to_owned(),
            _ => error.to_string(),
        }
    }
}

impl ClientError {
    /// What kept the service from answering.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Unreachable { why, .. } => Trouble::of(why),
            Self::Silent { .. } => Trouble::Silent,
            Self::Unintelligible { .. } => Trouble::Unintelligible,
            Self::Refused { .. } => Trouble::Refused,
        }
    }

    /// The socket.
    pub fn path(&self) -> &Path {
        match self {
            Self::Unreachable { path, .. }
            | Self::Silent { path, .. }
            | Self::Unintelligible { path, .. }
            | Self::Refused { path, .. } => path,
        }
    }

    /// Of which service the socket is.
    pub fn service(&self) -> String {
        run_folder::owner(self.path())
    }

    /// An answer that is not what the protocol says.
    pub fn unintelligible(path: &Path, answer: &str) -> Self {
        let mut start: String = answer.trim_end().chars().take(SHOWN).collect();
        if start.len() < answer.trim_end().len() {
            start.push('…');
        }
        Self::Unintelligible { path: path.to_owned(), answer: visible::line(&start).into_owned() }
    }
}

/// A connection to a service: calls out, answers in.
#[derive(Debug)]
pub struct Conversation {
    asking: Asking,
    hearing: Hearing,
}

/// The half of a conversation that asks.
#[derive(Debug)]
pub struct Asking {
    path: PathBuf,
    output: OwnedWriteHalf,
}

/// The half of a conversation that hears the answers.
#[derive(Debug)]
pub struct Hearing {
    path: PathBuf,
    input: BufReader<OwnedReadHalf>,
    /// What has come of the line that is still to come to its end.
    begun: Vec<u8>,
}

impl Conversation {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// When that does not work within `patience`.
    pub async fn open(path: &Path, patience: Duration) -> Result<Self, ClientError> {
        let unreachable = |why| ClientError::Unreachable { path: path.to_owned(), why };
        let connected = patiently(path, patience, unix_socket::connect(path)).await?;
        let (input, output) = connected.map_err(unreachable)?.into_split();
        let path = path.to_owned();
        let hearing = Hearing { path: path.clone(), input: BufReader::new(input), begun: Vec::new() };
        Ok(Self { asking: Asking { path, output }, hearing })
    }

    /// Asks, and waits for the object that answers.
    ///
    /// # Errors
    /// When it does not come within `patience`, is a refusal, or no object.
    pub async fn ask(&mut self, call: &Call, patience: Duration) -> Result<Value, ClientError> {
        let path = self.hearing.path.clone();
        let exchange = async {
            self.asking.send([call]).await?;
            self.hearing.answer().await
        };
        patiently(&path, patience, exchange).await?
    }

    /// As [`Conversation::ask`], for an answer of this kind.
    ///
    /// # Errors
    /// As there, and when the answer is of another kind.
    pub async fn ask_for<T: DeserializeOwned>(
        &mut self,
        call: &Call,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let answer = self.ask(call, patience).await?;
        read(&self.hearing.path, &answer)
    }

    /// Sends a call.
    ///
    /// # Errors
    /// When the service has hung up, or does not take it within `patience`.
    pub async fn send(&mut self, call: &Call, patience: Duration) -> Result<(), ClientError> {
        let path = self.hearing.path.clone();
        patiently(&path, patience, self.asking.send([call])).await?
    }

    /// The next object, whenever it comes; nothing when no more come.
    ///
    /// # Errors
    /// As for [`Hearing::next`].
    pub async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        self.hearing.next().await
    }

    /// The process that listens at the other end; nothing where the system does not tell.
    pub fn answerer(&self) -> Option<i32> {
        self.asking.output.as_ref().peer_cred().ok()?.pid()
    }

    /// Its halves, for who asks much at once: the other end may wait for its answers to be taken.
    pub fn split(self) -> (Asking, Hearing) {
        (self.asking, self.hearing)
    }
}

impl Asking {
    /// Sends calls.
    ///
    /// # Errors
    /// When the service has hung up.
    pub async fn send(&mut self, calls: impl IntoIterator<Item = &Call>) -> Result<(), ClientError> {
        let mut lines = Vec::new();
        for call in calls {
            // Nothing in a call can fail to be JSON, and a vector takes all that is written to it.
            let written = serde_json::to_writer(&mut lines, call);
            debug_assert!(written.is_ok(), "{written:?}");
            lines.push(b'\n');
        }
        let sent = self.output.write_all(&lines).await;
        sent.map_err(|why| ClientError::Unreachable { path: self.path.clone(), why })
    }
}

impl Hearing {
    /// The next object, whenever it comes; nothing when no more come. What was read of it is kept when this is
    /// not waited for to the end.
    ///
    /// # Errors
    /// When it is a refusal, a line is no object or too long, or the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        let room = LONGEST_LINE.saturating_sub(self.begun.len() as u64);
        let read = (&mut self.input).take(room).read_until(b'\n', &mut self.begun).await;
        read.map_err(|why| self.unreachable(why))?;
        let line = std::mem::take(&mut self.begun);
        if line.is_empty() {
            return Ok(None);
        }
        if !line.ends_with(b"\n") && (line.len() as u64) < LONGEST_LINE {
            return Err(self.unreachable(io::ErrorKind::UnexpectedEof.into()));
        }
        let text = String::from_utf8_lossy(&line);
        if let Some(refused) = Refused::plain(&text) {
            return Err(self.refused(refused));
        }
        let object = serde_json::from_str(&text).ok().filter(Value::is_object);
        let object = object.ok_or_else(|| ClientError::unintelligible(&self.path, &text))?;
        if object["ok"] == false {
            return Err(self.refused(Refused::deserialize(&object).unwrap_or_default()));
        }
        Ok(Some(object))
    }

    /// The next object, which must come.
    ///
    /// # Errors
    /// As for [`Hearing::next`], and when no more come.
    pub async fn answer(&mut self) -> Result<Value, ClientError> {
        self.next().await?.ok_or_else(|| self.unreachable(io::ErrorKind::UnexpectedEof.into()))
    }

    /// As [`Hearing::answer`], for an answer of this kind.
    ///
    /// # Errors
    /// As there, when it does not come within `patience`, and when it is of another kind.
    pub async fn answer_as<T: DeserializeOwned>(&mut self, patience: Duration) -> Result<T, ClientError> {
        let path = self.path.clone();
        let answer = patiently(&path, patience, self.answer()).await??;
        read(&path, &answer)
    }

    fn refused(&self, refused: Refused) -> ClientError {
        ClientError::Refused { path: self.path.clone(), refused: Box::new(refused) }
    }

    fn unreachable(&self, why: io::Error) -> ClientError {
        ClientError::Unreachable { path: self.path.clone(), why }
    }
}

/// Sends one call to the socket at `path`, and returns the object that answers it.
///
/// # Errors
/// When none comes within `patience`, or a refusal.
pub async fn call(path: &Path, call: &Call, patience: Duration) -> Result<Value, ClientError> {
    let exchange = async { Conversation::open(path, patience).await?.ask(call, patience).await };
    patiently(path, patience, exchange).await?
}

/// As [`call`], for an answer of this kind.
///
/// # Errors
/// As there, and when the answer is of another kind.
pub async fn call_for<T: DeserializeOwned>(
    path: &Path,
    what: &Call,
    patience: Duration,
) -> Result<T, ClientError> {
    read(path, &call(path, what, patience).await?)
}

fn read<T: DeserializeOwned>(path: &Path, answer: &Value) -> Result<T, ClientError> {
    T::deserialize(answer).map_err(|_| ClientError::unintelligible(path, &answer.to_string()))
}

/// Waits for so long, and no longer.
pub async fn patiently<T>(
    path: &Path,
    patience: Duration,
    work: impl Future<Output = T>,
) -> Result<T, ClientError> {
    let silent = |_| ClientError::Silent { path: path.to_owned(), patience };
    timeout(patience, work).await.map_err(silent)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// Asks somebody who answers with these bytes, and hangs up.
    fn answered(bytes: &'static [u8]) -> Result<Value, ClientError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mysql-request.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.write_all(bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            // What was asked is read, or it would be lost with an error here.
            let mut asked = Vec::new();
            let _ = stream.read_to_end(&mut asked);
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let answer = runtime.block_on(call(&path, &Call::Ping, PATIENCE));
        server.join().unwrap();
        answer
    }

    #[test]
    fn a_refusal_is_one_in_either_form() {
        for bytes in [
            &b"{\"ok\":false,\"code\":\"busy\",\"message\":\"too many connections are open\"}\n"[..],
            b"refused busy: too many connections are open\n",
        ] {
            let error = answered(bytes).unwrap_err();
            let ClientError::Refused { refused, .. } = &error else { panic!("{error}") };
            assert!(refused.is(crate::request::RefusalCode::Busy), "{refused:?}");
            assert_eq!(refused.message, "too many connections are open");
            assert_eq!((error.trouble(), error.service().as_str()), (Trouble::Refused, "mysql"));
        }
    }

    #[test]
    fn an_answer_that_ends_in_the_middle_is_none() {
        assert_eq!(answered(b"{\"ok\":true").unwrap_err().trouble(), Trouble::HungUp);
        assert_eq!(answered(b"").unwrap_err().trouble(), Trouble::HungUp);
        assert_eq!(answered(b"hello\n").unwrap_err().trouble(), Trouble::Unintelligible);
        assert_eq!(answered(b"{\"ok\":true}\n").unwrap()["ok"], true);
    }
}
