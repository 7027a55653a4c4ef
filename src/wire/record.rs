//! A request with all that became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lenient;
use super::outcome::{self, Outcome};
use crate::journal;
use crate::names::{ActionName, OperatorName, RequestId, UserName};
use crate::request::By;

/// A request and what became of it: a row of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Its id.
    pub id: RequestId,
    /// On whose behalf.
    pub user: UserName,
    /// What was to be done.
    pub action: ActionName,
    /// The uid of who asked.
    pub by: u32,
    /// The person who asked by way of the web console.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub operator: Option<OperatorName>,
    /// When it was accepted.
    #[serde(with = "lenient::instant")]
    pub accepted_at: Timestamp,
    /// The requests that joined it, and have its outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "lenient::list")]
    pub joined: Vec<JoinedRecord>,
    /// The attempts to carry it out.
    pub attempts: Vec<AttemptRecord>,
    /// When it had its final outcome.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub ended_at: Option<Timestamp>,
    /// Its final outcome, when it has one.
    #[serde(flatten, with = "outcome::optional_fields")]
    pub outcome: Option<Outcome>,
    /// What else is to be said about its end.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::note")]
    pub note: Option<String>,
}

/// A request that joined an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedRecord {
    /// Its id.
    pub id: RequestId,
    /// The uid of who asked.
    pub by: u32,
    /// The person who asked by way of the web console.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub operator: Option<OperatorName>,
    /// When it was accepted.
    #[serde(with = "lenient::instant")]
    pub accepted_at: Timestamp,
    /// When it ended by itself, because it was called off.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub ended_at: Option<Timestamp>,
    /// How it ended by itself.
    #[serde(flatten, with = "outcome::optional_fields")]
    pub outcome: Option<Outcome>,
}

/// One attempt to carry a request out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Which one, from 1.
    pub attempt: u32,
    /// When it began.
    #[serde(with = "lenient::instant")]
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(flatten, with = "outcome::optional_fields")]
    pub outcome: Option<Outcome>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub took_ms: Option<u64>,
    /// When the next one might begin, where another was to follow.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub not_before: Option<Timestamp>,
    /// What else is to be said about its end, where another was to follow.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::note")]
    pub note: Option<String>,
}

impl RequestRecord {
    /// Whether an attempt is on, as far as is told.
    pub fn is_running(&self) -> bool {
        self.outcome.is_none() && self.attempts.last().is_some_and(|attempt| attempt.outcome.is_none())
    }

    /// The attempt that ended and that another one is to follow, while the request waits for that.
    pub fn failed_attempt(&self) -> Option<&AttemptRecord> {
        let last = self.attempts.last().filter(|_| self.outcome.is_none())?;
        last.outcome.is_some().then_some(last)
    }

    /// Whether it ended otherwise than it should.
    pub fn has_failed(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::is_failure)
    }
}

impl From<journal::RecordedRequest> for RequestRecord {
    fn from(request: journal::RecordedRequest) -> Self {
        let journal::RecordedRequest { id, user, action, by, accepted_at, ended_at, outcome, note, .. } =
            request;
        Self {
            id,
            user,
            action,
            by: by.uid,
            operator: by.operator,
            accepted_at,
            joined: request.joined.into_iter().map(JoinedRecord::from).collect(),
            attempts: request.attempts.into_iter().map(AttemptRecord::from).collect(),
            ended_at,
            outcome: outcome.map(Outcome::from),
            note,
        }
    }
}

impl From<journal::JoinedRequest> for JoinedRecord {
    fn from(joined: journal::JoinedRequest) -> Self {
        let journal::JoinedRequest { id, by, accepted_at, ended_at, outcome } = joined;
        let By { uid: by, operator } = by;
        Self { id, by, operator, accepted_at, ended_at, outcome: outcome.map(Outcome::from) }
    }
}

impl From<journal::Attempt> for AttemptRecord {
    fn from(ended: journal::Attempt) -> Self {
        let journal::Attempt { attempt, started_at, ended_at, outcome, took_ms, not_before, note } = ended;
        let outcome = outcome.map(Outcome::from);
        Self { attempt, started_at, ended_at, outcome, took_ms, not_before, note }
    }
}
