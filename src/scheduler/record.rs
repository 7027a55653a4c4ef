//! What the scheduler remembers over a restart, as lines of JSON, and how it is put together again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::occurrence::{Occurrence, OccurrenceKey};
use crate::names::{ActionName, ServiceName, UserName};
use crate::schedule::{CatchUp, Entry, EntryKey, Options, When, Zone, parse_expression};

/// Something to remember. The order of records matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Record {
    /// An entry is in the schedule, in this form, and nothing before its mark is to be made up for.
    Entry(EntryRecord),
    /// An entry is no longer in the schedule.
    Gone(EntryKey),
    /// An occurrence is to be delivered. Its entry's mark moves to it.
    Due(Occurrence),
    /// An entry's mark moves on without anything to deliver.
    Passed {
        /// The entry.
        entry: EntryKey,
        /// The new mark.
        at: i64,
    },
    /// An occurrence needs no more care: it was accepted, or it was missed.
    Done {
        /// The entry.
        entry: EntryKey,
        /// The occurrence's instant.
        at: i64,
    },
    /// The clock was set back far: no mark is later than this.
    Reset(i64),
    /// The entries for the start of the container have had their turn, in the start of this name.
    Boot(String),
}

/// An entry with its mark: the instant up to which its occurrences have been taken care of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    mark: i64,
    line: usize,
    time: String,
    zone: String,
    user: UserName,
    service: ServiceName,
    action: ActionName,
    #[serde(default, skip_serializing_if = "is_zero")]
    random_delay: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    no_catch_up: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<u32>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl EntryRecord {
    /// Remembers an entry and its mark.
    pub fn new(entry: &Entry, mark: i64) -> Self {
        Self {
            mark,
            line: entry.line,
            time: entry.written.to_string(),
            zone: entry.zone().name().to_owned(),
            user: entry.user.clone(),
            service: entry.service.clone(),
            action: entry.action.clone(),
            random_delay: entry.options.random_delay,
            no_catch_up: entry.options.catch_up == CatchUp::None,
            deadline: entry.options.deadline,
        }
    }

    /// The entry, if its time and zone are still known.
    fn entry(self) -> Option<Entry> {
        let when = match self.time.as_str() {
            time if time.eq_ignore_ascii_case("@reboot") => When::Reboot,
            time => When::At(parse_expression(time).ok()?),
        };
        let system = Zone::system();
        let zone = if self.zone == system.name() { system } else { Zone::named(&self.zone).ok()? };
        let catch_up = if self.no_catch_up { CatchUp::None } else { CatchUp::Once };
        Some(Entry {
            line: self.line,
            when,
            written: self.time.into(),
            user: self.user,
            service: self.service,
            action: self.action,
            options: Options { zone, random_delay: self.random_delay, catch_up, deadline: self.deadline },
        })
    }
}

/// All that was remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The entries of the last schedule, each with its mark.
    pub entries: BTreeMap<EntryKey, (Entry, i64)>,
    /// What was to be delivered.
    pub waiting: BTreeMap<OccurrenceKey, Occurrence>,
    /// The start in which the entries for the start had their turn.
    pub boot: Option<String>,
}

impl Memory {
    /// Takes in one record.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Entry(record) => {
                let mark = record.mark;
                if let Some(entry) = record.entry() {
                    self.entries.insert(entry.key(), (entry, mark));
                }
            }
            Record::Gone(entry) => {
                self.entries.remove(&entry);
            }
            Record::Due(occurrence) => {
                self.pass(occurrence.entry, occurrence.at);
                self.waiting.insert(occurrence.key(), occurrence);
            }
            Record::Passed { entry, at } => self.pass(entry, at),
            Record::Done { entry, at } => {
                self.waiting.remove(&(at, entry));
            }
            Record::Reset(to) => {
                for (_, mark) in self.entries.values_mut() {
                    *mark = (*mark).min(to);
                }
            }
            Record::Boot(boot) => self.boot = Some(boot),
        }
    }

    fn pass(&mut self, entry: EntryKey, at: i64) {
        if let Some((_, mark)) = self.entries.get_mut(&entry) {
            *mark = at;
        }
    }
}
