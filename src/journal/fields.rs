//! The text of a record: one JSON object a line, with the fields that its event needs.
//!
//! Reading is lenient where a later version may have written: fields it added are passed over, and a kind
//! of event it added is told apart from damage. Names are checked by their parsers, as everywhere.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::RequestId;
use crate::outcome::Outcome;
use crate::request::By;

use super::record::{End, JournalRecord};
use super::totals::Totals;

/// The longest line that is taken for a record, in bytes without its newline.
pub(super) const LONGEST: usize = 4096;
/// The form of the records that this version writes.
pub(super) const VERSION: u32 = 1;
/// What an event's note is cut to, in bytes.
const LONGEST_NOTE: usize = 256;

/// The fields of a record as they stand in its line, names not yet checked.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct RecordFields<'a> {
    pub(super) event: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant")]
    pub(super) at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) with: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "instant")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Box<Totals>>,
}

/// Why a line is no [`JournalRecord`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRecord {
    /// It is JSON, of a kind of event that this version does not know.
    #[error("an event of a kind that this version does not know, `{0}`, is passed over")]
    Unknown(String),
    /// It is no record: not JSON, a field is missing, or a name is not valid.
    #[error("{0}")]
    Damaged(String),
}

impl<'a> RecordFields<'a> {
    /// Reads a line, without its newline.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, NoRecord> {
        serde_json::from_slice(line).map_err(|error| NoRecord::Damaged(error.to_string()))
    }

    /// The fields of a record.
    pub(super) fn of(record: &'a JournalRecord) -> Self {
        let at = Some(record.at());
        let id = record.id().map(RequestId::as_str);
        let fields = RecordFields { at, id, ..RecordFields::default() };
        match record {
            JournalRecord::Journal { version, .. } => {
                RecordFields { event: "journal", version: Some(*version), ..fields }
            }
            JournalRecord::Compacted { .. } => RecordFields { event: "compacted", ..fields },
            JournalRecord::Seen { action, .. } => {
                RecordFields { event: "seen", action: Some(action.as_str()), ..fields }
            }
            JournalRecord::Totals { action, totals, .. } => RecordFields {
                event: "totals",
                action: Some(action.as_str()),
                totals: Some(totals.clone()),
                ..fields
            },
            JournalRecord::Accepted { request, by, .. } => {
                let (user, action) = (Some(request.user.as_str()), Some(request.action.as_str()));
                RecordFields { event: "accepted", user, action, ..fields.asked(by) }
            }
            JournalRecord::Joined { request, by, with, .. } => {
                let (user, action) = (Some(request.user.as_str()), Some(request.action.as_str()));
                RecordFields { event: "joined", user, action, with: Some(with.as_str()), ..fields.asked(by) }
            }
            JournalRecord::Known { request, .. } => {
                let (user, action) = (Some(request.user.as_str()), Some(request.action.as_str()));
                RecordFields { event: "known", user, action, ..fields }
            }
            JournalRecord::Started { attempt, token, .. } => {
                RecordFields { event: "started", attempt: Some(*attempt), token: Some(token), ..fields }
            }
            JournalRecord::PutBack { .. } => RecordFields { event: "put-back", ..fields },
            JournalRecord::Retried { end, not_before, note, .. } => {
                let note = note.as_deref().map(|note| Cow::Owned(shortened(note)));
                RecordFields { event: "retried", not_before: Some(*not_before), note, ..fields.ended(end) }
            }
            JournalRecord::Ended { end, note, .. } => {
                let note = note.as_deref().map(|note| Cow::Owned(shortened(note)));
                RecordFields { event: "ended", note, ..fields.ended(end) }
            }
        }
    }

    fn asked(self, by: &'a By) -> Self {
        let operator = by.operator.as_ref().map(|operator| Cow::Borrowed(operator.as_str()));
        RecordFields { by: Some(by.uid), operator, ..self }
    }

    fn ended(self, end: &End) -> Self {
        let (word, code) = word_of(end.outcome);
        let (attempt, took_ms) = (Some(end.attempt), Some(end.took_ms));
        RecordFields { attempt, outcome: Some(word), code, took_ms, ..self }
    }
}

/// A note that fits: control characters are spaces, so that none of its bytes takes more than two in JSON.
fn shortened(note: &str) -> String {
    let fits = |&(at, c): &(usize, char)| at + c.len_utf8() <= LONGEST_NOTE;
    let kept = note.char_indices().take_while(fits);
    kept.map(|(_, c)| if c.is_control() { ' ' } else { c }).collect()
}

/// An outcome in two fields: its word, and the code of a failure.
pub(super) fn word_of(outcome: Outcome) -> (&'static str, Option<u8>) {
    match outcome {
        Outcome::Succeeded => ("succeeded", None),
        Outcome::Failed(code) => ("failed", Some(code)),
        Outcome::TimedOut => ("timed-out", None),
        Outcome::Interrupted => ("interrupted", None),
        Outcome::Cancelled => ("cancelled", None),
        Outcome::Skipped => ("skipped", None),
    }
}

/// The outcome that the two fields name. A word that a later version added is an end all the same: nobody
/// can tell which, but what has ended must not be run again.
pub(super) fn outcome_of(word: &str, code: Option<u8>) -> Outcome {
    match (word, code) {
        ("succeeded", _) => Outcome::Succeeded,
        ("failed", Some(code)) => Outcome::Failed(code),
        ("timed-out", _) => Outcome::TimedOut,
        ("cancelled", _) => Outcome::Cancelled,
        ("skipped", _) => Outcome::Skipped,
        _ => Outcome::Interrupted,
    }
}

/// A field that the record's kind of event cannot do without.
fn required<T>(fields: &RecordFields<'_>, field: &str, value: Option<T>) -> Result<T, NoRecord> {
    value.ok_or_else(|| NoRecord::Damaged(format!("`{}` without `{field}`", fields.event)))
}

impl RecordFields<'_> {
    pub(super) fn at(&self) -> Result<Timestamp, NoRecord> {
        required(self, "at", self.at)
    }

    pub(super) fn not_before(&self) -> Result<Timestamp, NoRecord> {
        required(self, "not_before", self.not_before)
    }

    pub(super) fn version(&self) -> Result<u32, NoRecord> {
        required(self, "version", self.version)
    }

    pub(super) fn by(&self) -> Result<By, NoRecord> {
        let operator = self.operator.as_ref().and_then(|operator| operator.parse().ok());
        Ok(By { uid: required(self, "by", self.by)?, operator })
    }

    pub(super) fn attempt(&self) -> Result<u32, NoRecord> {
        required(self, "attempt", self.attempt)
    }

    pub(super) fn end(&self) -> Result<End, NoRecord> {
        let took_ms = required(self, "took_ms", self.took_ms)?;
        let word = required(self, "outcome", self.outcome)?;
        Ok(End { attempt: self.attempt()?, outcome: outcome_of(word, self.code), took_ms })
    }

    pub(super) fn totals(&self) -> Result<Totals, NoRecord> {
        required(self, "totals", self.totals.as_deref().cloned())
    }

    pub(super) fn token(&self) -> Result<String, NoRecord> {
        required(self, "token", self.token).map(str::to_owned)
    }

    pub(super) fn note(&self) -> Option<String> {
        self.note.as_ref().map(|note| note.clone().into_owned())
    }

    pub(super) fn id(&self) -> Result<RequestId, NoRecord> {
        self.name("id", self.id)
    }

    pub(super) fn user(&self) -> Result<crate::names::UserName, NoRecord> {
        self.name("user", self.user)
    }

    pub(super) fn action(&self) -> Result<crate::names::ActionName, NoRecord> {
        self.name("action", self.action)
    }

    pub(super) fn with(&self) -> Result<RequestId, NoRecord> {
        self.name("with", self.with)
    }

    fn name<T>(&self, field: &str, text: Option<&str>) -> Result<T, NoRecord>
    where
        T: std::str::FromStr<Err = crate::names::NameError>,
    {
        required(self, field, text)?.parse().map_err(|error: T::Err| NoRecord::Damaged(error.to_string()))
    }
}

/// Instants in UTC, to the millisecond: `2026-01-31T04:05:00.123Z`. Finer ones are read as what we write of
/// them, so that a compaction changes nothing.
mod instant {
    use jiff::Timestamp;
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    // The signature is serde's.
    #[allow(clippy::ref_option)]
    pub(super) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.collect_str(&format_args!("{at:.3}")),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        let at: Timestamp = text.parse().map_err(D::Error::custom)?;
        Timestamp::from_millisecond(at.as_millisecond()).map(Some).map_err(D::Error::custom)
    }
}
