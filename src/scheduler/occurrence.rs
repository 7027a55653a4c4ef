//! One entry at one instant: what is asked for, from when, and until when.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::record::is_default;
use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::schedule::{Entry, EntryKey};

/// Where an occurrence stands: its instant first, so that the oldest come first, then its entry, then its era.
pub type OccurrenceKey = (i64, EntryKey, u32);

/// Seconds of a day, the longest that a request without a `DEADLINE` may be late.
const DAY: i64 = 24 * 60 * 60;

/// An entry at an instant. It holds all that is needed to deliver it, whatever becomes of its line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The entry that it is of.
    pub entry: EntryKey,
    /// The instant that the entry names, in seconds since 1970-01-01 00:00 UTC.
    pub at: i64,
    /// When it is to be sent: the instant and the entry's delay.
    pub due: i64,
    /// When it is too late to send it.
    pub until: i64,
    /// On whose behalf.
    pub user: UserName,
    /// Who is asked.
    pub service: ServiceName,
    /// For what.
    pub action: ActionName,
    /// How often the clock had been set back so that the entry's instants come again: what was asked for while it
    /// was wrong is not what is asked for when the same instant really comes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub era: u32,
}

impl Occurrence {
    /// The occurrence of `entry` at `at`, of which the next one is at `next`, in the first era.
    pub fn new(entry: &Entry, at: i64, next: Option<i64>) -> Self {
        let delay = i64::from(entry.delay());
        let due = at + delay;
        let until = match entry.options.deadline {
            Some(deadline) => due + i64::from(deadline),
            None => next.map_or(due + DAY, |next| (next + delay).min(due + DAY)),
        };
        Self {
            entry: entry.key(),
            at,
            due,
            until,
            user: entry.user.clone(),
            service: entry.service.clone(),
            action: entry.action.clone(),
            era: 0,
        }
    }

    /// What it is known by.
    pub fn key(&self) -> OccurrenceKey {
        (self.at, self.entry, self.era)
    }

    /// The id of its request: the same whenever it is sent, so that sending twice runs once.
    ///
    /// Its first characters differ from one occurrence to the next, its last ones tell the instant.
    #[expect(clippy::missing_panics_doc, reason = "the text below is always an id")]
    pub fn id(&self) -> RequestId {
        let era = match self.era {
            0 => String::new(),
            era => format!("+{era}"),
        };
        let id = format!("{:016x}@{}{era}", self.entry.occurrence(self.at), self.at);
        id.parse().expect("hexadecimal digits, an at sign and a number are an id")
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, service, action, .. } = self;
        write!(f, "`{user} {action}` of {service} for {}", Instant(self.at))
    }
}

/// An instant as messages show it: UTC, to the second.
#[derive(Debug, Clone, Copy)]
pub struct Instant(pub i64);

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "second {}", self.0),
        }
    }
}
