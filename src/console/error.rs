//! Why a command did not do what it was asked, and the exit status that says so to scripts.

use std::io;
use std::path::PathBuf;

use super::client::ClientError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// What was given on the command line means nothing.
    #[error("{0}")]
    Usage(String),
    /// A file cannot be read.
    #[error("cannot read {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: io::Error,
    },
    /// A service did not answer.
    #[error(transparent)]
    Unreachable(#[from] ClientError),
    /// A service refused.
    #[error("{0}")]
    Refused(String),
}

impl CommandError {
    /// The exit status: 2 usage, 3 refused, 4 unreachable.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Unreadable { .. } => 2,
            Self::Refused(_) => 3,
            Self::Unreachable(_) => 4,
        }
    }
}
