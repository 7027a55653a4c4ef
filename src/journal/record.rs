//! What the journal tells: the events in the life of requests, one a record.

use jiff::Timestamp;

use crate::names::{ActionName, RequestId};
use crate::outcome::Outcome;
use crate::request::{By, Request};

use super::fields::{self, NoRecord, RecordFields};
use super::totals::Totals;

/// An event, as a line of the journal tells it. Instants are kept to the millisecond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalRecord {
    /// The journal's first line: since when it has been kept, and with its version how to read it.
    Journal {
        /// When the first journal of this service was begun.
        at: Timestamp,
        /// The form of the records. What a later form adds is passed over.
        version: u32,
    },
    /// A request was accepted.
    Accepted {
        /// When.
        at: Timestamp,
        /// What was asked for.
        request: Request,
        /// Who asked.
        by: By,
    },
    /// A request was accepted whose outcome will be that of an earlier one, which still waited.
    Joined {
        /// When.
        at: Timestamp,
        /// What was asked for.
        request: Request,
        /// Who asked.
        by: By,
        /// The earlier one.
        with: RequestId,
    },
    /// The request is about to be written to a listener: from here on it counts as started.
    Started {
        /// When.
        at: Timestamp,
        /// Which request.
        id: RequestId,
        /// The how-manieth attempt this is, from 1.
        attempt: u32,
        /// What finds the attempt's processes: at most 64 bytes, without control characters, `"` and `\`.
        token: String,
    },
    /// The listener was gone: the request had not started after all, and waits again.
    PutBack {
        /// When.
        at: Timestamp,
        /// Which request.
        id: RequestId,
    },
    /// An attempt has ended, and another one follows.
    Retried {
        /// When.
        at: Timestamp,
        /// Which request.
        id: RequestId,
        /// How the attempt ended.
        end: End,
        /// When the next attempt may begin.
        not_before: Timestamp,
        /// What else is to be said about it; cut to 256 bytes. Earlier versions wrote none.
        note: Option<String>,
    },
    /// The request has its final outcome; those that joined it have the same.
    Ended {
        /// When.
        at: Timestamp,
        /// Which request.
        id: RequestId,
        /// How its last attempt ended.
        end: End,
        /// What else is to be said about it; cut to 256 bytes.
        note: Option<String>,
    },
    /// What is left of an accepted request when its history has gone: that its id is used up.
    Known {
        /// When it was accepted.
        at: Timestamp,
        /// What was asked for.
        request: Request,
    },
    /// When an action was asked for first, where that record has gone.
    Seen {
        /// When.
        at: Timestamp,
        /// Which action.
        action: ActionName,
    },
    /// What an action's totals were by then, where records that they were counted from have gone.
    Totals {
        /// When they were written down.
        at: Timestamp,
        /// Which action's.
        action: ActionName,
        /// All that was counted up to here, also from records that stand above.
        totals: Box<Totals>,
    },
    /// What stands above was written by a compaction.
    Compacted {
        /// When.
        at: Timestamp,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Which attempt, from 1; 0 when none was begun.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl JournalRecord {
    /// The header of a journal that begins now.
    pub(super) fn header(at: Timestamp) -> Self {
        JournalRecord::Journal { at, version: fields::VERSION }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            JournalRecord::Journal { at, .. }
            | JournalRecord::Accepted { at, .. }
            | JournalRecord::Joined { at, .. }
            | JournalRecord::Started { at, .. }
            | JournalRecord::PutBack { at, .. }
            | JournalRecord::Retried { at, .. }
            | JournalRecord::Ended { at, .. }
            | JournalRecord::Known { at, .. }
            | JournalRecord::Seen { at, .. }
            | JournalRecord::Totals { at, .. }
            | JournalRecord::Compacted { at } => *at,
        }
    }

    /// The request that it is about.
    pub fn id(&self) -> Option<&RequestId> {
        match self {
            JournalRecord::Accepted { request, .. }
            | JournalRecord::Joined { request, .. }
            | JournalRecord::Known { request, .. } => Some(&request.id),
            JournalRecord::Started { id, .. }
            | JournalRecord::PutBack { id, .. }
            | JournalRecord::Retried { id, .. }
            | JournalRecord::Ended { id, .. } => Some(id),
            JournalRecord::Journal { .. }
            | JournalRecord::Seen { .. }
            | JournalRecord::Totals { .. }
            | JournalRecord::Compacted { .. } => None,
        }
    }

    /// Reads a line of the journal, without its newline.
    ///
    /// # Errors
    /// When it is no record, or one of a kind that this version does not know.
    pub fn parse(line: &[u8]) -> Result<Self, NoRecord> {
        Self::of(&RecordFields::parse(line)?)
    }

    /// What a record says.
    pub(super) fn of(fields: &RecordFields<'_>) -> Result<Self, NoRecord> {
        let request = || {
            Ok::<_, NoRecord>(Request { id: fields.id()?, user: fields.user()?, action: fields.action()? })
        };
        let at = || fields.at();
        Ok(match fields.event {
            "journal" => JournalRecord::Journal { at: at()?, version: fields.version()? },
            "accepted" => JournalRecord::Accepted { at: at()?, request: request()?, by: fields.by()? },
            "joined" => JournalRecord::Joined {
                at: at()?,
                request: request()?,
                by: fields.by()?,
                with: fields.with()?,
            },
            "started" => {
                let (attempt, token) = (fields.attempt()?, fields.token()?);
                JournalRecord::Started { at: at()?, id: fields.id()?, attempt, token }
            }
            "put-back" => JournalRecord::PutBack { at: at()?, id: fields.id()? },
            "retried" => {
                let (end, not_before) = (fields.end()?, fields.not_before()?);
                JournalRecord::Retried { at: at()?, id: fields.id()?, end, not_before, note: fields.note() }
            }
            "ended" => {
                JournalRecord::Ended { at: at()?, id: fields.id()?, end: fields.end()?, note: fields.note() }
            }
            "known" => JournalRecord::Known { at: at()?, request: request()? },
            "seen" => JournalRecord::Seen { at: at()?, action: fields.action()? },
            "totals" => JournalRecord::Totals {
                at: at()?,
                action: fields.action()?,
                totals: Box::new(fields.totals()?),
            },
            "compacted" => JournalRecord::Compacted { at: at()? },
            other => return Err(NoRecord::Unknown(other.chars().take(40).collect())),
        })
    }

    /// Writes it as a line, with its newline.
    pub fn write_to(&self, text: &mut Vec<u8>) {
        // Nothing in a record can fail to be JSON, and a vector takes all that is written to it.
        let written = serde_json::to_writer(&mut *text, &RecordFields::of(self));
        debug_assert!(written.is_ok(), "{written:?}");
        text.push(b'\n');
    }
}
