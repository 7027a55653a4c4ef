//! A request with all that became of it, put together from its records.

use jiff::Timestamp;

use crate::names::{ActionName, RequestId, UserName};
use crate::outcome::Outcome;
use crate::request::By;

use super::record::{End, JournalRecord};

/// A request and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The request's id.
    pub id: RequestId,
    /// On whose behalf.
    pub user: UserName,
    /// What was to be done.
    pub action: ActionName,
    /// Who asked.
    pub by: By,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The requests that joined it, and have its outcome.
    pub joined: Vec<JoinedRequest>,
    /// The attempts to carry it out.
    pub attempts: Vec<Attempt>,
    /// When it had its final outcome.
    pub ended_at: Option<Timestamp>,
    /// Its final outcome, when it has one.
    pub outcome: Option<Outcome>,
    /// What else is to be said about its end.
    pub note: Option<String>,
}

/// A request that joined an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedRequest {
    /// Its id.
    pub id: RequestId,
    /// Who asked.
    pub by: By,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// When it ended by itself, because it was called off.
    pub ended_at: Option<Timestamp>,
    /// How it ended by itself.
    pub outcome: Option<Outcome>,
}

/// One attempt to carry a request out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The how-manieth it is, from 1.
    pub attempt: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<u64>,
    /// When the next one might begin, where another was to follow.
    pub not_before: Option<Timestamp>,
    /// What else is to be said about its end, where another was to follow.
    pub note: Option<String>,
}

impl RecordedRequest {
    /// The request that an acceptance tells of, with nothing of what became of it; nothing for other records.
    pub(super) fn accepted(record: &JournalRecord) -> Option<Self> {
        let (JournalRecord::Accepted { at, request, by } | JournalRecord::Joined { at, request, by, .. }) =
            record
        else {
            return None;
        };
        Some(Self {
            id: request.id.clone(),
            user: request.user.clone(),
            action: request.action.clone(),
            by: by.clone(),
            accepted_at: *at,
            joined: Vec::new(),
            attempts: Vec::new(),
            ended_at: None,
            outcome: None,
            note: None,
        })
    }

    /// Takes in what became of it next.
    pub fn take(&mut self, record: &JournalRecord) {
        match record {
            JournalRecord::Started { at, attempt, .. } => self.attempts.push(Attempt {
                attempt: *attempt,
                started_at: *at,
                ended_at: None,
                outcome: None,
                took_ms: None,
                not_before: None,
                note: None,
            }),
            JournalRecord::PutBack { .. } => {
                self.attempts.pop_if(|attempt| attempt.outcome.is_none());
            }
            JournalRecord::Retried { at, end, not_before, note, .. } => {
                self.end_attempt(*at, *end);
                if let Some(attempt) = self.attempts.last_mut() {
                    attempt.not_before = Some(*not_before);
                    attempt.note.clone_from(note);
                }
            }
            JournalRecord::Ended { at, end, note, .. } if self.outcome.is_none() => {
                self.end_attempt(*at, *end);
                (self.ended_at, self.outcome, self.note) = (Some(*at), Some(end.outcome), note.clone());
            }
            _ => {}
        }
    }

    fn end_attempt(&mut self, at: Timestamp, end: End) {
        let is_meant = |attempt: &&mut Attempt| attempt.attempt == end.attempt && attempt.outcome.is_none();
        if let Some(attempt) = self.attempts.last_mut().filter(is_meant) {
            attempt.ended_at = Some(at);
            attempt.outcome = Some(end.outcome);
            attempt.took_ms = Some(end.took_ms);
        }
    }

    /// Whether an attempt is on, as far as the journal tells.
    pub fn is_running(&self) -> bool {
        self.outcome.is_none() && self.attempts.last().is_some_and(|attempt| attempt.outcome.is_none())
    }

    /// Whether it ended otherwise than it should: by a failure, its timeout, or an interruption.
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Failed(_) | Outcome::TimedOut | Outcome::Interrupted))
    }
}
