//! What has to be on disk before it may be told: entries gathered for one write, and the way back to a group's border.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::clock::Moment;
use crate::journal::{self, Entry, Journal, JournalError, Recovered};
use crate::log;
use crate::request::{Refusal, RefusalCode, Request};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The journal, as far as there is one, and what is to be written to it.
pub(super) struct Ledger {
    folder: PathBuf,
    journal: Option<Journal>,
    /// What is not on disk yet; the journal has it in its buffer.
    entries: Vec<Entry>,
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

/// A place among what is not on disk yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Border {
    entries: usize,
    journal: journal::Border,
}

/// What came of bringing to the disk what is not there yet.
#[derive(Debug)]
pub(super) enum Written {
    /// There was nothing to write.
    Nothing,
    /// This is on disk now.
    Durable(Vec<Entry>),
    /// It failed, for this reason.
    Failed(String),
}

impl Ledger {
    /// Opens the journal of a service. Where that cannot be done now, it is tried again when somebody asks.
    pub(super) fn open(folder: &Path, seed: u64, now: Moment) -> (Self, Option<Recovered>) {
        let mut ledger = Self {
            folder: folder.to_owned(),
            journal: None,
            entries: Vec::new(),
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

    /// Takes entries for the next write.
    pub(super) fn record(&mut self, entries: Vec<Entry>) {
        let Some(journal) = &mut self.journal else { return };
        for entry in &entries {
            journal.append(entry);
        }
        self.entries.extend(entries);
    }

    /// The place after all that has been taken so far.
    pub(super) fn border(&self) -> Border {
        let journal = self.journal.as_ref().map(Journal::border).unwrap_or_default();
        Border { entries: self.entries.len(), journal }
    }

    /// What was taken after this place, and is not on disk, is not to get there.
    pub(super) fn go_back(&mut self, border: Border) {
        self.entries.truncate(border.entries);
        if let Some(journal) = &mut self.journal {
            journal.go_back(border.journal);
        }
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

    /// Brings what was taken to the disk, with one write. After a failure that is done when it is due, or for what
    /// `is_new`.
    pub(super) fn write(&mut self, is_new: bool, now: Moment) -> Written {
        let Some(journal) = &mut self.journal else { return Written::Nothing };
        let is_due = self.retry_at.map_or(!self.entries.is_empty(), |at| at <= now.instant);
        if !is_due && !is_new {
            return Written::Nothing;
        }
        // After a failure there may be nothing left to write; whether there could be is what matters then.
        match if journal.is_dirty() { journal.commit() } else { journal.reserve(0) } {
            Ok(()) => {
                self.retry_at = None;
                self.backoff.works(now.instant);
                self.fault = None;
                if let Err(error) = journal.compact_if_due(now.wall) {
                    log::error(error);
                }
                Written::Durable(std::mem::take(&mut self.entries))
            }
            Err(error) => {
                self.retry_at = Some(now.instant + self.backoff.failed(now.instant));
                self.fault = Some(error.to_string());
                Written::Failed(error.to_string())
            }
        }
    }

    /// Somebody asks: a failure that is not mended yet is not waited out.
    pub(super) fn retry_now(&mut self, now: Moment) {
        if self.retry_at.is_some() {
            self.retry_at = Some(now.instant);
        }
    }
}

fn refusal(error: &JournalError) -> Refusal {
    Refusal::new(RefusalCode::Journal, error.to_string())
}
