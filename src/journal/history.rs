//! What was done: requests read back from a journal, the newest first. Anybody may read while the supervisor
//! writes, who may read the file at all.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::names::{ActionName, RequestId};
use crate::outcome::Outcome;

use super::backward::LinesBack;
use super::error::JournalError;
use super::file::NAME;
use super::record::JournalRecord;
use super::request::{JoinedRequest, RecordedRequest};

/// Ids that are named when a shortened one fits several.
const MOST_NAMED: usize = 20;

/// Which requests are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Those of this action only.
    pub action: Option<ActionName>,
    /// Those that [failed](RecordedRequest::has_failed) only.
    pub failed_only: bool,
    /// Those accepted at or after this instant only.
    pub since: Option<Timestamp>,
    /// Of each action at most so many that have succeeded or were skipped, the newest: what runs each minute leaves room for what runs each night.
    pub successes: usize,
    /// At most so many, the newest.
    pub limit: usize,
}

impl Query {
    fn wants(&self, request: &RecordedRequest) -> bool {
        self.action.as_ref().is_none_or(|action| *action == request.action)
            && self.since.is_none_or(|since| since <= request.accepted_at)
            && (!self.failed_only || request.has_failed())
    }

    /// Whether a request that is wanted is one success too many, of those that were counted so far.
    fn has_enough(&self, request: &RecordedRequest, counted: &mut HashMap<ActionName, usize>) -> bool {
        if self.successes == usize::MAX
            || !matches!(request.outcome, Some(Outcome::Succeeded | Outcome::Skipped))
        {
            return false;
        }
        let count = counted.entry(request.action.clone()).or_default();
        *count += 1;
        *count > self.successes
    }
}

/// The request that a shortened id means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdMatch {
    /// There is none; its history may have gone.
    None,
    /// This one: the id is its own, or that of a request that joined it.
    One(Box<RecordedRequest>),
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

    /// The requests that are wanted, the newest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn history(self, query: &Query) -> Result<Vec<RecordedRequest>, JournalError> {
        let (mut found, mut counted) = (Vec::new(), HashMap::new());
        self.read(|request| {
            if query.wants(&request) && !query.has_enough(&request, &mut counted) {
                found.push(request);
            }
            found.len() < query.limit
        })?;
        found.truncate(query.limit);
        Ok(found)
    }

    /// The request whose id, or that of a request that joined it, begins with `prefix`; a whole id means its own
    /// request, though others begin with it too.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn find(self, prefix: &str) -> Result<IdMatch, JournalError> {
        let (mut whole, mut first, mut named, mut fitting) = (None, None, Vec::new(), 0);
        self.read(|request| {
            let ids = || std::iter::once(&request.id).chain(request.joined.iter().map(|joined| &joined.id));
            if ids().any(|id| id.as_str() == prefix) {
                whole = Some(request);
                return false;
            }
            let before = named.len();
            named.extend(ids().filter(|id| id.as_str().starts_with(prefix)).cloned());
            if named.len() > before {
                fitting += 1;
                first.get_or_insert(request);
            }
            named.truncate(MOST_NAMED);
            true
        })?;
        Ok(match (whole, first) {
            (Some(request), _) => IdMatch::One(Box::new(request)),
            (None, Some(request)) if fitting == 1 => IdMatch::One(Box::new(request)),
            (None, Some(_)) => IdMatch::Many(named),
            (None, None) => IdMatch::None,
        })
    }

    /// Gives the requests out, the newest first, until `wants_more` says no.
    fn read(self, wants_more: impl FnMut(RecordedRequest) -> bool) -> Result<(), JournalError> {
        let Some(file) = self.file else { return Ok(()) };
        let read = PartialRequests::default().read(LinesBack::new(file, self.length), wants_more);
        read.map_err(JournalError::while_("read the journal", &self.path))
    }
}

/// The requests in the journal in `folder` that are wanted, as [`Snapshot::history`] has them now.
///
/// # Errors
/// When the journal cannot be read.
pub fn history(folder: &Path, query: &Query) -> Result<Vec<RecordedRequest>, JournalError> {
    Snapshot::take(folder)?.history(query)
}

/// The request that `prefix` means, as [`Snapshot::find`] finds it now.
///
/// # Errors
/// When the journal cannot be read.
pub fn find(folder: &Path, prefix: &str) -> Result<IdMatch, JournalError> {
    Snapshot::take(folder)?.find(prefix)
}

/// Requests of which the end has been read, and not the beginning.
#[derive(Default)]
struct PartialRequests(HashMap<RequestId, PartialRequest>);

/// What became of a request, the last first.
#[derive(Default)]
struct PartialRequest {
    events: Vec<JournalRecord>,
    joined: Vec<RecordedRequest>,
}

impl PartialRequests {
    fn read(
        mut self,
        mut lines: LinesBack,
        mut wants_more: impl FnMut(RecordedRequest) -> bool,
    ) -> io::Result<()> {
        while let Some(line) = lines.next()? {
            let Ok(record) = JournalRecord::parse(line) else { continue };
            if let Some(request) = self.take(record)
                && !wants_more(request)
            {
                return Ok(());
            }
        }
        // What joined a request whose record is damaged stands for itself.
        let alone = self.0.into_values().flat_map(|partial| partial.joined);
        for request in alone {
            if !wants_more(request) {
                break;
            }
        }
        Ok(())
    }

    /// Takes in the record before the one taken last; the request that begins with it.
    fn take(&mut self, record: JournalRecord) -> Option<RecordedRequest> {
        match &record {
            JournalRecord::Accepted { .. } => self.begin(&record),
            JournalRecord::Joined { with, .. } => {
                let request = self.begin(&record)?;
                self.0.entry(with.clone()).or_default().joined.push(request);
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
            | JournalRecord::Totals { .. }
            | JournalRecord::Compacted { .. } => None,
        }
    }

    fn begin(&mut self, acceptance: &JournalRecord) -> Option<RecordedRequest> {
        let mut request = RecordedRequest::accepted(acceptance)?;
        let partial = self.0.remove(&request.id).unwrap_or_default();
        for event in partial.events.iter().rev() {
            request.take(event);
        }
        request.joined = partial.joined.into_iter().rev().map(JoinedRequest::from).collect();
        Some(request)
    }
}

impl From<RecordedRequest> for JoinedRequest {
    fn from(request: RecordedRequest) -> Self {
        let RecordedRequest { id, by, accepted_at, ended_at, outcome, .. } = request;
        Self { id, by, accepted_at, ended_at, outcome }
    }
}
