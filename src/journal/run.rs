//! A request with all that became of it, put together from its records.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{ActionName, RequestId, UserName};
use crate::outcome::Outcome;

use super::entry::{End, Entry};
use super::record::{instant, outcome_of, word_of};

/// A request and what became of it. As JSON it has the words of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The request's id.
    pub id: RequestId,
    /// On whose behalf.
    pub user: UserName,
    /// What was to be done.
    pub action: ActionName,
    /// The uid of who asked.
    pub by: u32,
    /// When it was accepted.
    #[serde(with = "when")]
    pub accepted_at: Timestamp,
    /// The requests that joined it, and have its outcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Joined>,
    /// The attempts to carry it out.
    pub attempts: Vec<Attempt>,
    /// When it had its final outcome.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant")]
    pub ended_at: Option<Timestamp>,
    /// Its final outcome, when it has one.
    #[serde(flatten, with = "in_two_fields")]
    pub outcome: Option<Outcome>,
    /// What else is to be said about its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A request that joined an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Its id.
    pub id: RequestId,
    /// The uid of who asked.
    pub by: u32,
    /// When it was accepted.
    #[serde(with = "when")]
    pub accepted_at: Timestamp,
    /// When it ended by itself, because it was called off.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant")]
    pub ended_at: Option<Timestamp>,
    /// How it ended by itself.
    #[serde(flatten, with = "in_two_fields")]
    pub outcome: Option<Outcome>,
}

/// One attempt to carry a request out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The how-manieth it is, from 1.
    pub attempt: u32,
    /// When it began.
    #[serde(with = "when")]
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(flatten, with = "in_two_fields")]
    pub outcome: Option<Outcome>,
    /// How long it took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// When the next one might begin, where another was to follow.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant")]
    pub not_before: Option<Timestamp>,
    /// What else is to be said about its end, where another was to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Run {
    /// The request that an acceptance tells of, with nothing of what became of it; nothing for other entries.
    pub(super) fn accepted(entry: &Entry) -> Option<Self> {
        let (Entry::Accepted { at, request, by } | Entry::Joined { at, request, by, .. }) = entry else {
            return None;
        };
        Some(Self {
            id: request.id.clone(),
            user: request.user.clone(),
            action: request.action.clone(),
            by: *by,
            accepted_at: *at,
            joined: Vec::new(),
            attempts: Vec::new(),
            ended_at: None,
            outcome: None,
            note: None,
        })
    }

    /// Takes in what became of it next.
    pub fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Started { at, attempt, .. } => self.attempts.push(Attempt {
                attempt: *attempt,
                started_at: *at,
                ended_at: None,
                outcome: None,
                took_ms: None,
                not_before: None,
                note: None,
            }),
            Entry::PutBack { .. } => {
                self.attempts.pop_if(|attempt| attempt.outcome.is_none());
            }
            Entry::Retried { at, end, not_before, note, .. } => {
                self.end_attempt(*at, *end);
                if let Some(attempt) = self.attempts.last_mut() {
                    attempt.not_before = Some(*not_before);
                    attempt.note.clone_from(note);
                }
            }
            Entry::Ended { at, end, note, .. } if self.outcome.is_none() => {
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

/// Instants as the journal writes them.
mod when {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    use super::instant;

    pub(super) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        instant::serialize(&Some(*at), to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Timestamp, D::Error> {
        instant::deserialize(from)?.ok_or_else(|| D::Error::custom("an instant is missing"))
    }
}

/// An outcome as `outcome` and, for a failure, `code`.
mod in_two_fields {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Outcome, outcome_of, word_of};

    #[derive(Serialize, Deserialize)]
    struct Fields {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u8>,
    }

    // The signature is serde's.
    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)]
    pub(super) fn serialize<S: Serializer>(outcome: &Option<Outcome>, to: S) -> Result<S::Ok, S::Error> {
        let words = outcome.map(word_of);
        let outcome = words.map(|(word, _)| word.to_owned());
        Fields { outcome, code: words.and_then(|(_, code)| code) }.serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<Outcome>, D::Error> {
        let fields = Fields::deserialize(from)?;
        Ok(fields.outcome.map(|word| outcome_of(&word, fields.code)))
    }
}
