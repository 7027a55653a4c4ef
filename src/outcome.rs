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
    /// There was nothing to do: its action was already on, and the policy says to skip it then, or the callback found
    /// that it is not wanted here.
    Skipped,
}

/// The status with which a callback says that there was nothing to do (`skipRun`).
pub const SKIPPED: u8 = 240;

impl Outcome {
    /// The outcome of a run that nobody interfered with.
    pub fn of(status: Status) -> Self {
        match status.code() {
            0 => Outcome::Succeeded,
            SKIPPED if status == Status::Exited(SKIPPED) => Outcome::Skipped,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_exits_with_the_status_for_it_has_skipped() {
        assert_eq!(Outcome::of(Status::Exited(SKIPPED)), Outcome::Skipped);
        assert_eq!(Outcome::of(Status::Killed(i32::from(SKIPPED) - 128)), Outcome::Failed(SKIPPED));
        assert_eq!(Outcome::of(Status::Exited(0)), Outcome::Succeeded);
        assert_eq!(Outcome::of(Status::Exited(SKIPPED + 1)), Outcome::Failed(SKIPPED + 1));
    }
}
