//! How requests for one action are handled.

use std::time::Duration;

use crate::names::UserName;

/// The longest pause between two attempts.
pub const LONGEST_BACKOFF: Duration = Duration::from_secs(24 * 60 * 60);

/// How requests for one action are handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// How long a run may take before it is ended.
    pub timeout: Duration,
    /// What happens to a request while a run of the action is on.
    pub overlap: Overlap,
    /// Whether a failed run is run again.
    pub retry: Retry,
    /// Who may ask for the action, besides root.
    pub allow: Vec<UserName>,
    /// As whom the action runs.
    pub run_as: RunAs,
    /// How old the last success may become before the action is overdue.
    pub expect_within: Option<Duration>,
    /// What must be there before it starts.
    pub needs: Needs,
}

/// What happens to a request while a run of its action is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// It waits; another one by the same user joins it.
    #[default]
    Queue,
    /// It is not run: its outcome is `skipped`.
    Skip,
    /// The run is ended, and this one takes its place.
    Replace,
    /// It runs beside the other.
    Allow,
}

/// As whom an action runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RunAs {
    /// As the supervisor's own user.
    #[default]
    Root,
    /// As the user on whose behalf it is done.
    Request,
}

/// What must be there before a run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Needs {
    /// The service, which has to have come up.
    #[default]
    Service,
    /// Nothing: also while the service is still starting.
    Nothing,
}

/// Whether a failed run is run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How many runs there are at most, the first one counted.
    pub attempts: u32,
    /// The pause after the first failure; each further one is twice as long, up to [`LONGEST_BACKOFF`].
    pub backoff: Duration,
}

impl Rule {
    /// The rule of an action that the policy has no table for.
    pub const DEFAULT: Rule = Rule {
        timeout: Duration::from_secs(60 * 60),
        overlap: Overlap::Queue,
        retry: Retry { attempts: 1, backoff: Duration::from_secs(60) },
        allow: Vec::new(),
        run_as: RunAs::Root,
        expect_within: None,
        needs: Needs::Service,
    };
}

impl Default for Rule {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Retry {
    /// The pause before the next attempt when `failed` of them have failed; none when that were all.
    pub fn pause_after(self, failed: u32) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let doubled = 2_u32.saturating_pow(failed.saturating_sub(1));
        Some(self.backoff.saturating_mul(doubled).min(LONGEST_BACKOFF))
    }
}

impl Overlap {
    pub(super) const WORDS: [(&str, Overlap); 4] = [
        ("queue", Overlap::Queue),
        ("skip", Overlap::Skip),
        ("replace", Overlap::Replace),
        ("allow", Overlap::Allow),
    ];

    /// The word as the file has it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl RunAs {
    pub(super) const WORDS: [(&str, RunAs); 2] = [("root", RunAs::Root), ("request", RunAs::Request)];

    /// The word as the file has it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}

impl Needs {
    pub(super) const WORDS: [(&str, Needs); 2] = [("service", Needs::Service), ("nothing", Needs::Nothing)];

    /// The word as the file has it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS[self as usize].0
    }
}
