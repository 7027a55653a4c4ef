//! What has to be on disk before it may be told: records gathered for one write, and the way back to a group's border.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::clock::Moment;
use crate::journal::{self, Compacted, Compaction, Journal, JournalError, JournalRecord, ReadingProgress};
use crate::log;
use crate::request::{Refusal, RefusalCode, Request};

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The journal, as far as there is one, and what is to be written to it.
pub(super) struct Ledger {
    folder: PathBuf,
    journal: Option<Journal>,
    /// How far the journal has been read, while it is.
    opening: Option<Arc<ReadingProgress>>,
    /// Whether it is being written anew.
    is_compacting: bool,
    /// What is not on disk yet; the journal has it in its buffer.
    records: Vec<JournalRecord>,
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
pub(super) struct GroupBorder {
    records: usize,
    journal: journal::BufferBorder,
}

/// What came of bringing to the disk what is not there yet.
#[derive(Debug)]
pub(super) enum Written {
    /// There was nothing to write.
    Nothing,
    /// This is on disk now.
    Durable(Vec<JournalRecord>),
    /// It failed, for this reason.
    Failed(String),
}

impl Ledger {
    /// The journal in this folder, not yet opened.
    pub(super) fn new(folder: &Path, seed: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            journal: None,
            opening: None,
            is_compacting: false,
            records: Vec::new(),
            fault: None,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, LONGEST_WAIT, seed),
            retry_at: None,
        }
    }

    /// Whether there is a journal, all of which is known.
    pub(super) fn is_open(&self) -> bool {
        self.journal.is_some()
    }

    /// The journal is to be opened now: the folder, and where to tell how far that is. Nothing when it is being opened.
    pub(super) fn begin_opening(&mut self) -> Option<(Arc<ReadingProgress>, PathBuf)> {
        if self.opening.is_some() || self.is_open() {
            return None;
        }
        let progress = Arc::<ReadingProgress>::default();
        self.opening = Some(progress.clone());
        Some((progress, self.folder.clone()))
    }

    /// How much of the journal has been read, in hundredths, while it is.
    pub(super) fn reading(&self) -> Option<u64> {
        self.opening.as_ref().map(|progress| progress.percent())
    }

    pub(super) fn opened(&mut self, journal: Journal) {
        (self.journal, self.opening, self.fault) = (Some(journal), None, None);
    }

    /// It is tried again when somebody asks.
    pub(super) fn not_opened(&mut self, why: String) {
        (self.opening, self.fault) = (None, Some(why));
    }

    /// A compaction of the journal, when it is time for one.
    pub(super) fn due_compaction(&mut self, now: Moment) -> Option<Result<Compaction, JournalError>> {
        let journal = self.journal.as_mut().filter(|_| !self.is_compacting)?;
        let due = journal.due_compaction(now.wall)?;
        self.is_compacting = true;
        Some(due)
    }

    pub(super) fn not_compacted(&mut self) {
        self.is_compacting = false;
    }

    /// The compaction's result is the journal from now on; the old file, to be closed.
    pub(super) fn take_over(
        &mut self,
        compacted: Compacted,
    ) -> Result<Option<impl Send + use<>>, JournalError> {
        self.is_compacting = false;
        self.journal.as_mut().map(|journal| journal.take_over(compacted)).transpose()
    }

    /// Takes records for the next write.
    pub(super) fn record(&mut self, records: Vec<JournalRecord>) {
        let Some(journal) = &mut self.journal else { return };
        for record in &records {
            journal.append(record);
        }
        self.records.extend(records);
    }

    /// The place after all that has been taken so far.
    pub(super) fn border(&self) -> GroupBorder {
        let journal = self.journal.as_ref().map(Journal::border).unwrap_or_default();
        GroupBorder { records: self.records.len(), journal }
    }

    /// What was taken after this place, and is not on disk, is not to get there.
    pub(super) fn go_back(&mut self, border: GroupBorder) {
        self.records.truncate(border.records);
        if let Some(journal) = &mut self.journal {
            journal.go_back(border.journal);
        }
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
        let is_due = self.retry_at.map_or(!self.records.is_empty(), |at| at <= now.instant);
        if !is_due && !is_new {
            return Written::Nothing;
        }
        // After a failure there may be nothing left to write; whether there could be is what matters then.
        match if journal.is_dirty() { journal.commit() } else { journal.reserve(0) } {
            Ok(()) => {
                self.retry_at = None;
                self.backoff.works(now.instant);
                self.fault = None;
                Written::Durable(std::mem::take(&mut self.records))
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
