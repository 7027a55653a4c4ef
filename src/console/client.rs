//! Talking to a service's request socket, as the command does.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use super::visible;
use crate::unix_socket;

/// So many characters of an answer that cannot be understood are shown.
const SHOWN: usize = 60;
/// What to do about a service that speaks in another way.
pub(super) const SAME_VERSION: &str = "use the `lamplighter` of the same version as the service's";

/// Why a service did not answer.
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
        }
    }

    /// The socket.
    fn path(&self) -> &Path {
        match self {
            Self::Unreachable { path, .. }
            | Self::Silent { path, .. }
            | Self::Unintelligible { path, .. } => path,
        }
    }

    fn unintelligible(path: &Path, answer: &[u8]) -> Self {
        let answer = String::from_utf8_lossy(answer);
        let mut start: String = answer.trim_end().chars().take(SHOWN).collect();
        if start.len() < answer.trim_end().len() {
            start.push('…');
        }
        Self::Unintelligible { path: path.to_owned(), answer: visible::line(&start).into_owned() }
    }
}

/// A connection to a service: lines out, lines in.
pub struct Conversation {
    path: PathBuf,
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
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
        let connected = timeout(patience, unix_socket::connect(path)).await;
        let silent = |_| ClientError::Silent { path: path.to_owned(), patience };
        let (input, output) = connected.map_err(silent)?.map_err(unreachable)?.into_split();
        Ok(Self { path: path.to_owned(), input: BufReader::new(input), output, begun: Vec::new() })
    }

    /// Asks, and waits for the object that answers.
    ///
    /// # Errors
    /// When it does not come within `patience`, or is no object.
    pub async fn ask(&mut self, call: &Value, patience: Duration) -> Result<Value, ClientError> {
        self.send(call).await?;
        match timeout(patience, self.next()).await {
            Ok(answer) => answer?.ok_or_else(|| self.unreachable(io::ErrorKind::UnexpectedEof.into())),
            Err(_) => Err(ClientError::Silent { path: self.path.clone(), patience }),
        }
    }

    /// Sends a line that is a call.
    ///
    /// # Errors
    /// When the service has hung up.
    pub async fn send(&mut self, call: &Value) -> Result<(), ClientError> {
        let line = format!("{call}\n");
        self.output.write_all(line.as_bytes()).await.map_err(|why| self.unreachable(why))
    }

    /// The next object, whenever it comes; nothing when no more come. What was read of it is kept when this is
    /// not waited for to the end.
    ///
    /// # Errors
    /// When a line is no object, or the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        let read = self.input.read_until(b'\n', &mut self.begun).await;
        read.map_err(|why| self.unreachable(why))?;
        let line = std::mem::take(&mut self.begun);
        if line.is_empty() {
            return Ok(None);
        }
        let object = serde_json::from_slice(&line).ok().filter(Value::is_object);
        object.map(Some).ok_or_else(|| ClientError::unintelligible(&self.path, &line))
    }

    fn unreachable(&self, why: io::Error) -> ClientError {
        ClientError::Unreachable { path: self.path.clone(), why }
    }
}

/// Sends one JSON call to the socket at `path`, and returns the object that answers it.
///
/// # Errors
/// When none comes within `patience`.
pub async fn call(path: &Path, call: &Value, patience: Duration) -> Result<Value, ClientError> {
    let exchange = async { Conversation::open(path, patience).await?.ask(call, patience).await };
    let silent = |_| ClientError::Silent { path: path.to_owned(), patience };
    timeout(patience, exchange).await.map_err(silent)?
}

/// What to do about a service that does not answer.
pub(super) fn next_step(error: &ClientError) -> Option<String> {
    let service = service_of(error.path());
    Some(match error.trouble() {
        Trouble::NotRunning => format!("`docker compose up -d {service}` starts it"),
        Trouble::NobodyThere => {
            format!("its container was killed: `docker compose up -d {service}` starts it")
        }
        Trouble::Denied => "use sudo".to_owned(),
        Trouble::Silent => format!("`docker compose logs --tail 20 {service}` may say why"),
        Trouble::HungUp => "it may be starting or stopping: try again in a moment".to_owned(),
        Trouble::Unintelligible => SAME_VERSION.to_owned(),
        Trouble::Other => return None,
    })
}

/// Why several services did not answer; what holds for many is said once.
pub(super) fn in_words(errors: &[ClientError]) -> String {
    let mut said: Vec<(&ClientError, Vec<String>)> = Vec::new();
    for error in errors {
        match said.iter_mut().find(|(first, _)| first.trouble() == error.trouble()) {
            Some((_, others)) => others.push(service_of(error.path())),
            None => said.push((error, Vec::new())),
        }
    }
    let sentences = said.iter().map(|(error, others)| match &others[..] {
        [] => error.to_string(),
        others => format!("{error} (as with {})", others.join(", ")),
    });
    sentences.collect::<Vec<_>>().join("; ")
}

/// What to do about services that do not answer: what helps with the most of them.
pub(super) fn next_steps(errors: &[ClientError]) -> Option<String> {
    let has = |trouble| move |error: &&ClientError| error.trouble() == trouble;
    if let Some(denied) = errors.iter().find(has(Trouble::Denied)) {
        return next_step(denied);
    }
    let is_down =
        |error: &&ClientError| matches!(error.trouble(), Trouble::NotRunning | Trouble::NobodyThere);
    let down: Vec<String> = errors.iter().filter(is_down).map(|error| service_of(error.path())).collect();
    if down.len() > 1 {
        return Some(format!("`docker compose up -d {}` starts them", down.join(" ")));
    }
    errors.iter().find(is_down).or(errors.first()).and_then(next_step)
}

/// The service that a socket's name says.
fn service_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.trim_end_matches("-request.sock").to_owned()
}
