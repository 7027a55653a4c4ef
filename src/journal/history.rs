//! What was done: runs read back from a journal, the newest first. Anybody may read while the supervisor
//! writes, who may read the file at all.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::names::{ActionName, RequestId};

use super::backward::LinesBack;
use super::error::JournalError;
use super::file::NAME;
use super::record::JournalRecord;
use super::run::{Joined, Run};

/// Ids that are named when a shortened one fits several.
const MOST_NAMED: usize = 20;

/// Which runs are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Those of this action only.
    pub action: Option<ActionName>,
    /// Those that [failed](Run::has_failed) only.
    pub failed_only: bool,
    /// Those accepted at or after this instant only.
    pub since: Option<Timestamp>,
    /// At most so many, the newest.
    pub limit: usize,
}

impl Query {
    fn wants(&self, run: &Run) -> bool {
        self.action.as_ref().is_none_or(|action| *action == run.action)
            && self.since.is_none_or(|since| since <= run.accepted_at)
            && (!self.failed_only || run.has_failed())
    }
}

/// The run that a shortened id means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// There is none; its history may have gone.
    None,
    /// This one: the id is its own, or that of a request that joined it.
    One(Box<Run>),
    /// Several, and these are the ids, up to 20, the newest first.
    Many(Vec<RequestId>),
}

/// A journal as it was at an instant, to be read when there is time, and wherever.
#[derive(Debug)]
pub struct Snapshot {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

impl Snapshot {
    /// The journal in `folder` as it is now; an empty one where there is none yet.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub fn take(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(NAME);
        let opened = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened.map_err(JournalError::while_("open the journal", &path))?),
        };
        let length = opened.as_ref().map_or(Ok(0), |file| file.metadata().map(|metadata| metadata.len()));
        let length = length.map_err(JournalError::while_("open the journal", &path))?;
        Ok(Self { path, file: opened, length })
    }

    /// The runs that are wanted, the newest request first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn history(self, query: &Query) -> Result<Vec<Run>, JournalError> {
        let mut found = Vec::new();
        self.read(|run| {
            if query.wants(&run) {
                found.push(run);
            }
            found.len() < query.limit
        })?;
        found.truncate(query.limit);
        Ok(found)
    }

    /// The run whose id, or that of a request that joined it, begins with `prefix`; a whole id means its own
    /// run, though others begin with it too.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn find(self, prefix: &str) -> Result<Found, JournalError> {
        let (mut whole, mut first, mut named, mut fitting) = (None, None, Vec::new(), 0);
        self.read(|run| {
            let ids = || std::iter::once(&run.id).chain(run.joined.iter().map(|joined| &joined.id));
            if ids().any(|id| id.as_str() == prefix) {
                whole = Some(run);
                return false;
            }
            let before = named.len();
            named.extend(ids().filter(|id| id.as_str().starts_with(prefix)).cloned());
            if named.len() > before {
                fitting += 1;
                first.get_or_insert(run);
            }
            named.truncate(MOST_NAMED);
            true
        })?;
        Ok(match (whole, first) {
            (Some(run), _) => Found::One(Box::new(run)),
            (None, Some(run)) if fitting == 1 => Found::One(Box::new(run)),
            (None, Some(_)) => Found::Many(named),
            (None, None) => Found::None,
        })
    }

    /// Gives the runs out, the newest request first, until `wants_more` says no.
    fn read(self, wants_more: impl FnMut(Run) -> bool) -> Result<(), JournalError> {
        let Some(file) = self.file else { return Ok(()) };
        let read = Runs::default().read(LinesBack::new(file, self.length), wants_more);
        read.map_err(JournalError::while_("read the journal", &self.path))
    }
}

/// The runs in the journal in `folder` that are wanted, as [`Snapshot::history`] has them now.
///
/// # Errors
/// When the journal cannot be read.
pub fn history(folder: &Path, query: &Query) -> Result<Vec<Run>, JournalError> {
    Snapshot::take(folder)?.history(query)
}

/// The run that `prefix` means, as [`Snapshot::find`] finds it now.
///
/// # Errors
/// When the journal cannot be read.
pub fn find(folder: &Path, prefix: &str) -> Result<Found, JournalError> {
    Snapshot::take(folder)?.find(prefix)
}

/// Runs of which the end has been read, and not the beginning.
#[derive(Default)]
struct Runs(HashMap<RequestId, Partial>);

/// What became of a request, the last first.
#[derive(Default)]
struct Partial {
    events: Vec<JournalRecord>,
    joined: Vec<Run>,
}

impl Runs {
    fn read(mut self, mut lines: LinesBack, mut wants_more: impl FnMut(Run) -> bool) -> io::Result<()> {
        while let Some(line) = lines.next()? {
            let Ok(record) = JournalRecord::parse(line) else { continue };
            if let Some(run) = self.take(record)
                && !wants_more(run)
            {
                return Ok(());
            }
        }
        // What joined a request whose record is damaged stands for itself.
        let alone = self.0.into_values().flat_map(|partial| partial.joined);
        for run in alone {
            if !wants_more(run) {
                break;
            }
        }
        Ok(())
    }

    /// Takes in the record before the one taken last; the run that begins with it.
    fn take(&mut self, record: JournalRecord) -> Option<Run> {
        match &record {
            JournalRecord::Accepted { .. } => self.begin(&record),
            JournalRecord::Joined { with, .. } => {
                let run = self.begin(&record)?;
                self.0.entry(with.clone()).or_default().joined.push(run);
                None
            }
            JournalRecord::Started { id, .. }
            | JournalRecord::PutBack { id, .. }
            | JournalRecord::Retried { id, .. }
            | JournalRecord::Ended { id, .. } => {
                self.0.entry(id.clone()).or_default().events.push(record);
                None
            }
            JournalRecord::Journal { .. }
            | JournalRecord::Known { .. }
            | JournalRecord::Seen { .. }
            | JournalRecord::Compacted { .. } => None,
        }
    }

    fn begin(&mut self, acceptance: &JournalRecord) -> Option<Run> {
        let mut run = Run::accepted(acceptance)?;
        let partial = self.0.remove(&run.id).unwrap_or_default();
        for event in partial.events.iter().rev() {
            run.take(event);
        }
        run.joined = partial.joined.into_iter().rev().map(Joined::from).collect();
        Some(run)
    }
}

impl From<Run> for Joined {
    fn from(run: Run) -> Self {
        let Run { id, by, accepted_at, ended_at, outcome, .. } = run;
        Self { id, by, accepted_at, ended_at, outcome }
    }
}
