//! What followers are told, line by line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Shown;
use super::lenient;
use super::outcome::{self, Outcome};
use crate::journal::JournalRecord;
use crate::names::{ActionName, OperatorName, RequestId, UserName};
use crate::request::{By, Request};

/// Something that happened. What the journal keeps of requests is told in its words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A request was accepted.
    Accepted {
        /// When.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// Its id.
        id: RequestId,
        /// On whose behalf.
        user: UserName,
        /// What is to be done.
        action: ActionName,
        /// The uid of who asked.
        by: u32,
        /// The person who asked by way of the web console.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
        operator: Option<OperatorName>,
    },
    /// A request was accepted whose outcome will be that of another, which waits.
    Joined {
        /// When.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// Its id.
        id: RequestId,
        /// On whose behalf.
        user: UserName,
        /// What is to be done.
        action: ActionName,
        /// The uid of who asked.
        by: u32,
        /// The person who asked by way of the web console.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
        operator: Option<OperatorName>,
        /// The other one.
        with: RequestId,
    },
    /// An attempt begins.
    Started {
        /// When.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// Which request.
        id: RequestId,
        /// Which attempt, from 1.
        attempt: u32,
        /// What finds the attempt's processes.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::line")]
        token: Option<String>,
    },
    /// The listener had gone: the attempt had not begun after all.
    PutBack {
        /// When.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// Which request.
        id: RequestId,
    },
    /// An attempt has ended, and another one follows.
    Retried {
        /// When.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// Which request.
        id: RequestId,
        /// Which attempt, from 1.
        attempt: u32,
        /// How it ended.
        #[serde(flatten, with = "outcome::fields")]
        outcome: Outcome,
        /// How long it took, in milliseconds.
        #[serde(default, deserialize_with = "lenient::field")]
        took_ms: u64,
        /// When the next one may begin.
        #[serde(with = "lenient::instant")]
        not_before: Timestamp,
        /// What else is to be said about its end.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::note")]
        note: Option<String>,
    },
    /// A request has its final outcome.
    Ended {
        /// When.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// Which request.
        id: RequestId,
        /// Its last attempt; 0 when none was begun.
        #[serde(default, deserialize_with = "lenient::field")]
        attempt: u32,
        /// How it ended.
        #[serde(flatten, with = "outcome::fields")]
        outcome: Outcome,
        /// How long that took, in milliseconds.
        #[serde(default, deserialize_with = "lenient::field")]
        took_ms: u64,
        /// What else is to be said about its end.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::note")]
        note: Option<String>,
    },
    /// A run printed a line.
    Output {
        /// Of which request.
        id: RequestId,
        /// The line as it was printed, without its end.
        text: String,
    },
    /// An action has not succeeded for too long.
    Overdue {
        /// When that was noticed.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// Which.
        action: ActionName,
        /// The same in a sentence.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::note")]
        note: Option<String>,
    },
    /// An action is no longer overdue.
    Recovered {
        /// Since when.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// Which.
        action: ActionName,
    },
    /// What callbacks have left is other than before.
    Problems {
        /// When that was noticed.
        #[serde(with = "lenient::instant")]
        at: Timestamp,
        /// All that there is now, by what it is about.
        #[serde(default, deserialize_with = "lenient::sentences")]
        problems: BTreeMap<String, String>,
    },
    /// What has become of a request so far, for who begins to follow it.
    Past {
        /// Which.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
        id: Option<RequestId>,
        /// All about it.
        #[serde(flatten)]
        shown: Shown,
    },
    /// The request is so old that only its id is remembered.
    Forgotten {
        /// The id.
        id: RequestId,
    },
    /// What a later version tells.
    #[serde(other)]
    Other,
}

impl Event {
    /// What a line tells; one that cannot be understood is of a later version.
    pub fn read(line: &Value) -> Self {
        Self::deserialize(line).unwrap_or(Self::Other)
    }

    /// What a record of the journal tells followers; nothing where it is the journal's own matter.
    pub fn of(record: &JournalRecord) -> Option<Self> {
        Some(match record.clone() {
            JournalRecord::Accepted { at, request, by: By { uid: by, operator } } => {
                let Request { id, user, action } = request;
                Self::Accepted { at, id, user, action, by, operator }
            }
            JournalRecord::Joined { at, request, by: By { uid: by, operator }, with } => {
                let Request { id, user, action } = request;
                Self::Joined { at, id, user, action, by, operator, with }
            }
            JournalRecord::Started { at, id, attempt, token } => {
                Self::Started { at, id, attempt, token: Some(token) }
            }
            JournalRecord::PutBack { at, id } => Self::PutBack { at, id },
            JournalRecord::Retried { at, id, end, not_before, note } => Self::Retried {
                at,
                id,
                attempt: end.attempt,
                outcome: end.outcome.into(),
                took_ms: end.took_ms,
                not_before,
                note,
            },
            JournalRecord::Ended { at, id, end, note } => Self::Ended {
                at,
                id,
                attempt: end.attempt,
                outcome: end.outcome.into(),
                took_ms: end.took_ms,
                note,
            },
            JournalRecord::Journal { .. }
            | JournalRecord::Known { .. }
            | JournalRecord::Seen { .. }
            | JournalRecord::Totals { .. }
            | JournalRecord::Compacted { .. } => {
                return None;
            }
        })
    }
}
