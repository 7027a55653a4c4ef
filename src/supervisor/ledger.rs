//! What has to be on disk before it may happen: entries gathered for one write, and the actions that wait
//! for it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::clock::Moment;
use crate::journal::{Entry, Journal, JournalError, Recovered};
use crate::listener::pool::Key;
use crate::log;
use crate::names::RequestId;
use crate::request::{Answer, Refusal, RefusalCode, Request};

use super::event::{Action, Caller};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The journal, as far as there is one, and what waits for it.
pub(super) struct Ledger {
    folder: PathBuf,
    journal: Option<Journal>,
    entries: Vec<Entry>,
    /// Outcomes that could not be written yet; the journal has them in its buffer.
    late: Vec<Entry>,
    held: Vec<Action>,
    /// Why the last write failed; nothing is promised meanwhile.
    fault: Option<String>,
    backoff: Backoff,
    retry_at: Option<Instant>,
}

/// What an id was used for before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Used {
    /// The very same request.
    Same,
    /// The very same request, so long ago that what became of it is not known any more.
    SameLongAgo,
    /// Another request.
    Another,
}

/// What came of bringing a group to the disk.
#[derive(Debug, Default)]
pub(super) struct Flushed {
    /// What may happen now.
    pub(super) actions: Vec<Action>,
    /// What is on disk now.
    pub(super) entries: Vec<Entry>,
    /// What was not brought to the disk, when it failed.
    pub(super) failed: Option<Failed>,
    /// It works again.
    pub(super) recovered: bool,
}

/// What could not be brought to the disk.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) ids: Vec<RequestId>,
    pub(super) keys: Vec<Key>,
    pub(super) why: String,
}

impl Ledger {
    /// Opens the journal of a service. Where that cannot be done now, it is tried again when somebody asks.
    pub(super) fn open(folder: &Path, seed: u64, now: Moment) -> (Self, Option<Recovered>) {
        let mut ledger = Self {
            folder: folder.to_owned(),
            journal: None,
            entries: Vec::new(),
            late: Vec::new(),
            held: Vec::new(),
            fault: None,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, LONGEST_WAIT, seed),
            retry_at: None,
        };
        match ledger.open_journal(now) {
            Ok(recovered) => (ledger, Some(recovered)),
            Err(error) => {
                ledger.fault = Some(error.to_string());
                (ledger, None)
            }
        }
    }

    fn open_journal(&mut self, now: Moment) -> Result<Recovered, JournalError> {
        let (journal, recovered) = Journal::open(&self.folder, now.wall)?;
        for note in &recovered.notes {
            log::warn(format_args!("journal: {note}"));
        }
        self.journal = Some(journal);
        Ok(recovered)
    }

    /// Takes an entry for the next write.
    pub(super) fn record(&mut self, entry: Entry) {
        if let Some(journal) = &mut self.journal {
            journal.append(&entry);
            self.entries.push(entry);
        }
    }

    /// The action, unless it has to wait for what is not on disk yet.
    pub(super) fn when_recorded(&mut self, action: Action) -> Option<Action> {
        if self.entries.is_empty() {
            return Some(action);
        }
        self.held.push(action);
        None
    }

    /// Why nothing can be recorded, where that is so.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Opens the journal now, where it could not be opened before: with what an earlier supervisor left.
    pub(super) fn open_late(&mut self, now: Moment) -> Result<Option<Recovered>, Refusal> {
        if self.journal.is_some() {
            return Ok(None);
        }
        let recovered = self.open_journal(now).map_err(|error| refusal(&error))?;
        self.fault = None;
        Ok(Some(recovered))
    }

    /// Makes sure that one more request, and its outcome, can be recorded, with `open` others still open.
    pub(super) fn prepare(&mut self, open: usize) -> Result<(), Refusal> {
        self.journal.as_mut().map_or(Ok(()), |journal| journal.reserve(open).map_err(|error| refusal(&error)))
    }

    /// What the request's id was used for before, if it was.
    pub(super) fn used(&self, request: &Request) -> Option<Used> {
        match self.journal.as_ref()?.remembered(&request.id) {
            Ok(remembered) => remembered.map(|known| match known.matches(&request.user, &request.action) {
                true if known.is_all => Used::SameLongAgo,
                true => Used::Same,
                false => Used::Another,
            }),
            Err(error) => {
                log::error(error);
                None
            }
        }
    }

    /// When to try again after a failure.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Brings what was recorded to the disk, with one write, and lets what waited for it happen.
    pub(super) fn flush(&mut self, now: Moment) -> Flushed {
        let Some(journal) = &mut self.journal else {
            return Flushed { actions: std::mem::take(&mut self.held), ..Flushed::default() };
        };
        let is_due = self.retry_at.is_some_and(|at| at <= now.instant);
        if self.entries.is_empty() && !is_due {
            return Flushed { actions: std::mem::take(&mut self.held), ..Flushed::default() };
        }
        // After a failure there may be nothing left to write; whether there could be is what matters then.
        match if journal.is_dirty() { journal.commit() } else { journal.reserve(0) } {
            Ok(()) => {
                self.retry_at = None;
                self.backoff.works(now.instant);
                let recovered = self.fault.take().is_some();
                if let Err(error) = journal.compact_if_due(now.wall) {
                    log::error(error);
                }
                let actions = std::mem::take(&mut self.held);
                let entries = self.late.drain(..).chain(self.entries.drain(..)).collect();
                Flushed { actions, entries, failed: None, recovered }
            }
            Err(error) => {
                self.retry_at = Some(now.instant + self.backoff.failed(now.instant));
                self.fault = Some(error.to_string());
                self.take_back(&error.to_string())
            }
        }
    }

    /// Somebody asks: a failure that is not mended yet is not waited out.
    pub(super) fn retry_now(&mut self, now: Moment) {
        if self.retry_at.is_some() {
            self.retry_at = Some(now.instant);
        }
    }

    /// Nothing of the group may happen. Outcomes stay, to be written when that works again.
    fn take_back(&mut self, why: &str) -> Flushed {
        let entries = std::mem::take(&mut self.entries);
        let asked = entries.iter().filter_map(|entry| match entry {
            Entry::Accepted { request, .. } | Entry::Joined { request, .. } => Some(request.id.clone()),
            _ => None,
        });
        let ids: Vec<_> = asked.collect();
        let is_outcome = |entry: &Entry| {
            matches!(entry, Entry::Retried { .. } | Entry::Ended { .. })
                && entry.id().is_some_and(|id| !ids.contains(id))
        };
        self.late.extend(entries.iter().filter(|entry| is_outcome(entry)).cloned());
        let (mut actions, mut keys, mut undone) = (Vec::new(), Vec::new(), ids.clone());
        for action in std::mem::take(&mut self.held) {
            match action {
                Action::Hand(key, request) => {
                    keys.push(key);
                    undone.push(request.id);
                }
                Action::Answer(caller, Answer::Accepted(_)) => actions.push(refuse(caller, why)),
                other => actions.push(other),
            }
        }
        if let Some(journal) = &mut self.journal {
            journal.discard(&undone);
        }
        Flushed { actions, failed: Some(Failed { ids, keys, why: why.to_owned() }), ..Flushed::default() }
    }
}

fn refusal(error: &JournalError) -> Refusal {
    Refusal::new(RefusalCode::Journal, error.to_string())
}

fn refuse(caller: Caller, why: &str) -> Action {
    Action::Answer(caller, Answer::Refused(Refusal::new(RefusalCode::Journal, why)))
}
