//! What can go wrong with a journal: one kind of error, told apart by its message.

use std::io;
use std::path::{Path, PathBuf};

/// Something that could not be done with a service's journal.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {why}; {advice}", .path.display())]
pub struct JournalError {
    doing: &'static str,
    path: PathBuf,
    why: io::Error,
    advice: &'static str,
}

impl JournalError {
    /// `doing` is the verb and what comes before the path.
    pub(super) fn new(doing: &'static str, path: &Path, why: io::Error) -> Self {
        let advice = match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on its disk; until then no request is accepted"
            }
            io::ErrorKind::PermissionDenied => "let the supervisor's user own the folder and its files",
            io::ErrorKind::ReadOnlyFilesystem => "mount its folder writable",
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
                "move away what stands there, or set LAMPLIGHTER_STATE to another folder"
            }
            io::ErrorKind::FileTooLarge => "move it away while the supervisor is stopped, or ask for less",
            _ => "look at its disk and folder; until then no request is accepted",
        };
        Self { doing, path: path.to_owned(), why, advice }
    }

    /// For [`Result::map_err`].
    pub(super) fn while_(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |why| Self::new(doing, path, why)
    }
}
