//! What the scheduler remembers over a restart, as lines of JSON, and how it is put together again.

use std::collections::BTreeMap;
use std::rc::Rc;

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
        /// Its era.
        #[serde(default, skip_serializing_if = "is_default")]
        era: u32,
    },
    /// The clock was set back far: no mark is later than this.
    Reset(i64),
    /// How often the clock was set back far, which is a part of the occurrences' ids.
    Era(u32),
    /// The clock was set back a little: no pattern's mark is later than this.
    SetBack(SetBack),
    /// The entries for the start of the container have had their turn, in the start of this name.
    Boot(String),
}

/// What is known of a clock that was set back by no more than [`super::set_back::SMALL_STEP`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetBack {
    /// How often it was, which is a part of the ids of patterns' occurrences.
    pub count: u32,
    /// The latest instant at which a pattern had its turn before.
    pub from: i64,
    /// The second that it was set to.
    pub to: i64,
}

impl Default for SetBack {
    fn default() -> Self {
        Self { count: 0, from: i64::MIN, to: i64::MIN }
    }
}

/// An entry with its mark: the instant up to which its occurrences have been taken care of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct EntryRecord {
    /// The entry, which the records share with who works with it: there may be many.
    pub entry: Rc<Entry>,
    /// Its mark.
    pub mark: i64,
}

/// An entry as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    mark: i64,
    line: usize,
    time: String,
    zone: String,
    user: UserName,
    service: ServiceName,
    action: ActionName,
    #[serde(default, skip_serializing_if = "is_default")]
    random_delay: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    no_catch_up: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    deadline: Option<u32>,
}

/// For fields that are left out where they say nothing.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl From<EntryRecord> for Written {
    fn from(EntryRecord { entry, mark }: EntryRecord) -> Self {
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
}

impl TryFrom<Written> for EntryRecord {
    type Error = String;

    /// What is written is an entry if its time and its zone are still known.
    fn try_from(written: Written) -> Result<Self, String> {
        let when = match written.time.as_str() {
            time if time.eq_ignore_ascii_case("@reboot") => When::Reboot,
            time => When::At(parse_expression(time).map_err(|fault| fault.message)?),
        };
        let system = Zone::system().ok().filter(|system| system.name() == written.zone);
        let zone = match system {
            Some(zone) => zone,
            None => Zone::named(&written.zone).map_err(|error| error.to_string())?,
        };
        let catch_up = if written.no_catch_up { CatchUp::None } else { CatchUp::Once };
        let entry = Entry {
            line: written.line,
            when,
            written: written.time.into(),
            user: written.user,
            service: written.service,
            action: written.action,
            options: Options {
                zone,
                random_delay: written.random_delay,
                catch_up,
                deadline: written.deadline,
            },
        };
        Ok(Self { entry: Rc::new(entry), mark: written.mark })
    }
}

/// All that was remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The entries of the last schedule, each with its mark.
    pub entries: BTreeMap<EntryKey, (Rc<Entry>, i64)>,
    /// What was to be delivered.
    pub waiting: BTreeMap<OccurrenceKey, Occurrence>,
    /// The start in which the entries for the start had their turn.
    pub boot: Option<String>,
    /// How often the clock was set back far.
    pub era: u32,
    /// How it was set back a little.
    pub set_back: SetBack,
}

impl Memory {
    /// Takes in one record.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Entry(EntryRecord { entry, mark }) => {
                self.entries.insert(entry.key(), (entry, mark));
            }
            Record::Gone(entry) => {
                self.entries.remove(&entry);
            }
            Record::Due(occurrence) => {
                self.pass(occurrence.entry, occurrence.at);
                self.waiting.insert(occurrence.key(), occurrence);
            }
            Record::Passed { entry, at } => self.pass(entry, at),
            Record::Done { entry, at, era } => {
                self.waiting.remove(&(at, entry, era));
            }
            Record::Reset(to) => {
                for (_, mark) in self.entries.values_mut() {
                    *mark = (*mark).min(to);
                }
                self.set_back.from = self.set_back.from.min(to);
            }
            Record::SetBack(set_back) => {
                let patterns = self.entries.values_mut().filter(|(entry, _)| entry.is_pattern());
                for (_, mark) in patterns {
                    *mark = (*mark).min(set_back.to);
                }
                self.set_back = set_back;
            }
            Record::Era(era) => self.era = era,
            Record::Boot(boot) => self.boot = Some(boot),
        }
    }

    fn pass(&mut self, entry: EntryKey, at: i64) {
        if let Some((_, mark)) = self.entries.get_mut(&entry) {
            *mark = at;
        }
    }
}
