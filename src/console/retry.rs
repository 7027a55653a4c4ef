//! An attempt that failed, and that another one follows: said in the same words wherever it is shown.

use jiff::Timestamp;

use super::ages;
use crate::wire::{AttemptRecord, Event, OpenRequest, Outcome};

/// A failed attempt of a request whose outcome is still to come.
#[derive(Debug, Clone)]
pub(super) struct Retry {
    pub(super) attempt: u32,
    /// How many there may be, where that is known.
    attempts: Option<u32>,
    outcome: Outcome,
    note: Option<String>,
    pub(super) ended_at: Option<Timestamp>,
    next: Next,
}

/// The attempt that follows.
#[derive(Debug, Clone)]
enum Next {
    /// It is on.
    Runs,
    /// It begins then, or as soon as its turn comes.
    From(Option<Timestamp>),
}

impl Retry {
    /// Of a request that waits or runs.
    pub(super) fn of_open(request: &OpenRequest) -> Option<Self> {
        let failed = request.failed.clone()?;
        let is_on = request.attempt.is_some_and(|attempt| attempt > failed.attempt);
        let next = if is_on { Next::Runs } else { Next::From(request.not_before) };
        let (attempts, ended_at) = (request.attempts, failed.ended_at);
        let (attempt, outcome, note) = (failed.attempt, failed.outcome, failed.note);
        Some(Self { attempt, attempts, outcome, note, ended_at, next })
    }

    /// Of the last attempt of a request's record.
    pub(super) fn of_record(record: &AttemptRecord) -> Option<Self> {
        let AttemptRecord { attempt, ended_at, outcome, not_before, note, .. } = record.clone();
        let next = Next::From(not_before);
        Some(Self { attempt, attempts: None, outcome: outcome?, note, ended_at, next })
    }

    /// Of the event that tells of it.
    pub(super) fn of_event(event: &Event) -> Option<Self> {
        let Event::Retried { at, attempt, outcome, not_before, note, .. } = event.clone() else {
            return None;
        };
        let next = Next::From(Some(not_before));
        Some(Self { attempt, attempts: None, outcome, note, ended_at: Some(at), next })
    }

    /// `failed 3 on attempt 1 of 3 (no space left)`
    pub(super) fn failure(&self) -> String {
        let Self { attempt, outcome, .. } = self;
        let of = self.attempts.map(|attempts| format!(" of {attempts}")).unwrap_or_default();
        let note = self.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        format!("{outcome} on attempt {attempt}{of}{note}")
    }

    /// `tried again in 9 min`
    pub(super) fn next(&self, now: Timestamp) -> String {
        match self.next {
            Next::Runs => format!("{} runs", self.following()),
            Next::From(at) => format!("tried again {}", ages::ahead(at.unwrap_or(now), now)),
        }
    }

    /// `attempt 2`
    pub(super) fn following(&self) -> String {
        format!("attempt {}", self.attempt + 1)
    }

    /// Both.
    pub(super) fn in_words(&self, now: Timestamp) -> String {
        format!("{}: {}", self.failure(), self.next(now))
    }
}
