//! How a run ended, and with it the request it was for.

use std::fmt;

use crate::process::Status;

/// The end of a request: exactly one of these, whatever dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The callback ended with status 0.
    Succeeded,
    /// The callback ended with this status, 128 + n when signal n killed it.
    Failed(u8),
    /// It was ended because it took longer than its timeout.
    TimedOut,
    /// The supervisor, the container or the machine stopped before it was done.
    Interrupted,
    /// Somebody called it off.
    Cancelled,
    /// Its action was already on, and the policy says to skip it then.
    Skipped,
}

impl Outcome {
    /// The outcome of a run that nobody interfered with.
    pub fn of(status: Status) -> Self {
        match status.code() {
            0 => Outcome::Succeeded,
            code => Outcome::Failed(code),
        }
    }

    /// Whether what was asked for is done.
    pub fn is_success(self) -> bool {
        self == Outcome::Succeeded
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Succeeded => f.write_str("succeeded"),
            Outcome::Failed(code) => write!(f, "failed {code}"),
            Outcome::TimedOut => f.write_str("timed-out"),
            Outcome::Interrupted => f.write_str("interrupted"),
            Outcome::Cancelled => f.write_str("cancelled"),
            Outcome::Skipped => f.write_str("skipped"),
        }
    }
}
