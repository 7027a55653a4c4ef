//! Talking to a service's request socket, as the command does.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::unix_socket;

/// Why a service did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody is behind the socket, or there is none, or it is not ours to use.
    #[error("cannot reach {}: {why}", .path.display())]
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
        /// What it said.
        answer: String,
    },
}

/// Sends one JSON call to the socket at `path`, and returns the object that answers it.
pub async fn call(
    path: &Path,
    call: &serde_json::Value,
    patience: Duration,
) -> Result<serde_json::Value, ClientError> {
    let exchange = async {
        let mut stream = unix_socket::connect(path).await?;
        stream.write_all(format!("{call}\n").as_bytes()).await?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).await?;
        Ok(answer)
    };
    let answer = match tokio::time::timeout(patience, exchange).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => return Err(ClientError::Unreachable { path: path.to_owned(), why }),
        Err(_) => return Err(ClientError::Silent { path: path.to_owned(), patience }),
    };
    let unintelligible =
        |_| ClientError::Unintelligible { path: path.to_owned(), answer: answer.trim_end().to_owned() };
    serde_json::from_str(&answer).map_err(unintelligible)
}
