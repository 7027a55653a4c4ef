//! Why a file is no policy.

use std::fmt;

use crate::diagnostic::Diagnostic;

use super::LARGEST;

/// Why a file is no policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyError {
    /// It is there and cannot be read.
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        why: String,
    },
    /// It is larger than [`LARGEST`].
    TooLarge {
        /// The file.
        file: String,
    },
    /// What it says is not a policy.
    Faults {
        /// The file.
        file: String,
        /// Its first faults, by place; at least one.
        faults: Vec<Diagnostic>,
        /// How many more there are.
        more: usize,
    },
}

impl PolicyError {
    /// The error in one line, as a status or a refusal says it: the first fault, and how many more there are.
    pub fn summary(&self) -> String {
        let PolicyError::Faults { file, faults, more } = self else { return self.to_string() };
        let Some(Diagnostic { line, column, message, allowed, hint, .. }) = faults.first() else {
            return file.clone();
        };
        let remedy = hint.as_ref().unwrap_or(allowed);
        let remedy = if remedy.is_empty() { String::new() } else { format!("; {remedy}") };
        let more = match faults.len() - 1 + more {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        format!("{file}:{line}:{column}: {message}{remedy}{more}")
    }
}

impl fmt::Display for PolicyError {
    /// The error for people: every fault with its line, in several lines without a newline at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PolicyError::Unreadable { file, why } => write!(f, "cannot read the policy {file}: {why}"),
            PolicyError::TooLarge { file } => {
                write!(f, "the policy {file} is larger than {} KiB; is it the right file?", LARGEST / 1024)
            }
            PolicyError::Faults { file, faults, more } => {
                let shown = faults.iter().map(|fault| fault.in_file(file).to_string());
                f.write_str(&shown.collect::<Vec<_>>().join("\n"))?;
                match more {
                    0 => Ok(()),
                    more => write!(f, "\n{file}: and {more} more faults"),
                }
            }
        }
    }
}

impl std::error::Error for PolicyError {}
