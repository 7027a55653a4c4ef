//! What the journal tells: the events in the life of requests, one a record.

use jiff::Timestamp;

use crate::names::{ActionName, RequestId};
use crate::outcome::Outcome;
use crate::request::Request;

use super::record::{self, NoEntry, Record};

/// An event, as a line of the journal tells it. Instants are kept to the millisecond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
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
        /// The uid of who asked.
        by: u32,
    },
    /// A request was accepted whose outcome will be that of an earlier one, which still waited.
    Joined {
        /// When.
        at: Timestamp,
        /// What was asked for.
        request: Request,
        /// The uid of who asked.
        by: u32,
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

impl Entry {
    /// The header of a journal that begins now.
    pub(super) fn header(at: Timestamp) -> Self {
        Entry::Journal { at, version: record::VERSION }
    }

    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Entry::Journal { at, .. }
            | Entry::Accepted { at, .. }
            | Entry::Joined { at, .. }
            | Entry::Started { at, .. }
            | Entry::PutBack { at, .. }
            | Entry::Retried { at, .. }
            | Entry::Ended { at, .. }
            | Entry::Known { at, .. }
            | Entry::Seen { at, .. }
            | Entry::Compacted { at } => *at,
        }
    }

    /// The request that it is about.
    pub fn id(&self) -> Option<&RequestId> {
        match self {
            Entry::Accepted { request, .. }
            | Entry::Joined { request, .. }
            | Entry::Known { request, .. } => Some(&request.id),
            Entry::Started { id, .. }
            | Entry::PutBack { id, .. }
            | Entry::Retried { id, .. }
            | Entry::Ended { id, .. } => Some(id),
            Entry::Journal { .. } | Entry::Seen { .. } | Entry::Compacted { .. } => None,
        }
    }

    /// Reads a line of the journal, without its newline.
    ///
    /// # Errors
    /// When it is no record, or one of a kind that this version does not know.
    pub fn parse(line: &[u8]) -> Result<Self, NoEntry> {
        Self::of(&Record::parse(line)?)
    }

    /// What a record says.
    pub(super) fn of(record: &Record<'_>) -> Result<Self, NoEntry> {
        let request =
            || Ok::<_, NoEntry>(Request { id: record.id()?, user: record.user()?, action: record.action()? });
        let at = || record.at();
        Ok(match record.event {
            "journal" => Entry::Journal { at: at()?, version: record.version()? },
            "accepted" => Entry::Accepted { at: at()?, request: request()?, by: record.by()? },
            "joined" => {
                Entry::Joined { at: at()?, request: request()?, by: record.by()?, with: record.with()? }
            }
            "started" => {
                let (attempt, token) = (record.attempt()?, record.token()?);
                Entry::Started { at: at()?, id: record.id()?, attempt, token }
            }
            "put-back" => Entry::PutBack { at: at()?, id: record.id()? },
            "retried" => {
                let (end, not_before) = (record.end()?, record.not_before()?);
                Entry::Retried { at: at()?, id: record.id()?, end, not_before, note: record.note() }
            }
            "ended" => Entry::Ended { at: at()?, id: record.id()?, end: record.end()?, note: record.note() },
            "known" => Entry::Known { at: at()?, request: request()? },
            "seen" => Entry::Seen { at: at()?, action: record.action()? },
            "compacted" => Entry::Compacted { at: at()? },
            other => return Err(NoEntry::Unknown(other.chars().take(40).collect())),
        })
    }

    /// Writes it as a line, with its newline.
    pub fn write_to(&self, text: &mut Vec<u8>) {
        // Nothing in a record can fail to be JSON, and a vector takes all that is written to it.
        let written = serde_json::to_writer(&mut *text, &Record::of(self));
        debug_assert!(written.is_ok(), "{written:?}");
        text.push(b'\n');
    }
}
