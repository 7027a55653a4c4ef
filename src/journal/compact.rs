//! Compaction: writing the journal anew with what is still of use.
//!
//! Kept as they stand are the records of open requests and of the newest runs, and of each action's last run
//! and last success however old. Of any other request its id is kept as long as history is.
//!
//! The new file takes the journal's place in one step, after it is on the disk. So a crash at any point
//! leaves either the old journal, perhaps beside a leftover that [`Journal::open`] removes, or the new one.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::names::{ActionName, RequestId};
use crate::request::Request;

use super::disk::Disk;
use super::entry::Entry;
use super::error::JournalError;
use super::file::{Journal, NEW_NAME, sync_folder};
use super::ids::Ids;
use super::lines::{Line, Lines};
use super::record::{NoEntry, Record};
use super::recovered::{LastRuns, Open};
use super::replay::Replay;

/// How much history a compaction keeps.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// How long history is kept, and ids are remembered. Never longer, but for each action's last runs.
    pub age: SignedDuration,
    /// How many requests' history is kept, should `age` hold more.
    pub runs: usize,
}

impl Default for Keep {
    /// 90 days, and 10,000 runs.
    fn default() -> Self {
        Self { age: SignedDuration::from_hours(90 * 24), runs: 10_000 }
    }
}

/// How much a journal grows, besides doubling, before it is compacted, in bytes.
pub const GROWTH: u64 = 1 << 20;

/// The size at which a journal is compacted that had `size` bytes after the last time.
pub(super) fn due_after(size: u64) -> u64 {
    2 * size + GROWTH
}

impl Journal {
    /// [Compacts](Journal::compact) the journal when it has grown enough since the last time; whether it did.
    ///
    /// # Errors
    /// As for [`Journal::compact`]. The next try is made when the journal has grown by another [`GROWTH`].
    pub fn compact_if_due(&mut self, now: Timestamp) -> Result<bool, JournalError> {
        if self.durable < self.compact_at {
            return Ok(false);
        }
        self.compact_at = self.durable + GROWTH;
        self.compact(&Keep::default(), now).map(|()| true)
    }

    /// Writes the journal anew with what is still of use. What is appended and not durable stays so.
    ///
    /// # Errors
    /// When the new one cannot be written. The old one is as good as before.
    pub fn compact(&mut self, keep: &Keep, now: Timestamp) -> Result<(), JournalError> {
        let path = self.folder.join(NEW_NAME);
        self.replace(&path, keep, now).map_err(|why| {
            let _ = fs::remove_file(&path);
            JournalError::new("write the compacted journal", &path, why)
        })
    }

    fn replace(&mut self, path: &Path, keep: &Keep, now: Timestamp) -> io::Result<()> {
        let old = self.disk.file();
        let mut new = create(path)?;
        let written = write(&self.folder, old, self.durable, &mut new, keep, now)?;
        let room = self.allocated.map(|allocated| allocated.saturating_sub(self.durable));
        if let Some(room) = room.filter(|&room| room > 0) {
            new.allocate(written.length + room)?;
        }
        new.sync_all()?;
        fs::rename(path, &self.path)?;
        // The old one may be back after a crash as long as the folder is not on the disk: until it is,
        // nothing that is written to the new one is durable.
        self.is_unsettled = sync_folder(&self.folder).is_err();
        self.is_soiled = false;
        self.allocated = room.map(|room| if room > 0 { written.length + room } else { 0 });
        self.disk = Box::new(new);
        self.durable = written.length;
        self.ids = written.ids;
        self.compact_at = due_after(written.length);
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// A journal written anew.
struct Written {
    length: u64,
    ids: Ids,
}

/// Writes what is of use of the old file's first `length` bytes to the new one.
fn write(
    folder: &Path,
    old: &File,
    length: u64,
    new: &mut File,
    keep: &Keep,
    now: Timestamp,
) -> io::Result<Written> {
    let cutoff = now.checked_sub(keep.age).unwrap_or(Timestamp::MIN);
    let (mut kept, last, since) = choose(folder, old, length, keep.runs, cutoff)?;
    let mut output = Output::new(folder, new);
    output.entry(&Entry::header(since.unwrap_or(now)))?;
    for (action, last) in last {
        output.entry(&Entry::Seen { at: last.first_seen, action })?;
    }
    let mut lines = Lines::new(old, length);
    while let Some(line) = lines.next()? {
        let Ok(record) = Record::parse(line.text) else { continue };
        // What a replay passes over as damaged must not use an id up.
        if !matches!(Entry::of(&record), Err(NoEntry::Damaged(_))) {
            output.take(&line, &record, &mut kept, cutoff)?;
        }
    }
    output.entry(&Entry::Compacted { at: now })?;
    output.text.flush()?;
    Ok(Written { length: output.length, ids: output.ids })
}

type Last = BTreeMap<ActionName, LastRuns>;

/// Which requests' records are kept; and the actions, and the journal's beginning, on the way.
fn choose(
    folder: &Path,
    old: &File,
    length: u64,
    runs: usize,
    cutoff: Timestamp,
) -> io::Result<(Kept, Last, Option<Timestamp>)> {
    let hasher = RandomState::new();
    let hash = |id: &RequestId| hash_of(&hasher, id.as_str());
    let mut newest = VecDeque::new();
    let replay = Replay::read(folder, old, length, |open: &Open, entry| {
        if entry.at() >= cutoff {
            newest.push_back(hash(&open.request.id));
        }
        if newest.len() > runs {
            newest.pop_front();
        }
    })?;
    let mut requests = Vec::from(newest);
    let last_runs = replay.last.values().flat_map(|last| [&last.last, &last.last_success]).flatten();
    requests.extend(last_runs.map(|summary| hash(&summary.id)));
    requests.extend(replay.open.keys().map(hash));
    requests.sort_unstable();
    Ok((Kept { requests, joined: HashSet::new(), hasher }, replay.last, replay.since))
}

/// Whose records are kept, as hashes of their ids: should two share one, more is kept.
struct Kept {
    /// The requests, in order.
    requests: Vec<u32>,
    /// Those that joined them.
    joined: HashSet<u32>,
    hasher: RandomState,
}

impl Kept {
    fn hash(&self, id: &str) -> u32 {
        hash_of(&self.hasher, id)
    }

    fn has_request(&self, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.requests.binary_search(&self.hash(id)).is_ok())
    }

    fn has(&self, id: &str) -> bool {
        self.has_request(Some(id)) || self.joined.contains(&self.hash(id))
    }
}

fn hash_of(hasher: &RandomState, id: &str) -> u32 {
    (hasher.hash_one(id) >> 32) as u32
}

/// The new journal while it is written.
struct Output<'a> {
    text: BufWriter<&'a mut File>,
    length: u64,
    ids: Ids,
}

impl<'a> Output<'a> {
    fn new(folder: &Path, file: &'a mut File) -> Self {
        Self { text: BufWriter::with_capacity(64 * 1024, file), length: 0, ids: Ids::new(folder) }
    }

    /// Takes over what is of use of a line of the old journal.
    fn take(
        &mut self,
        line: &Line<'_>,
        record: &Record<'_>,
        kept: &mut Kept,
        cutoff: Timestamp,
    ) -> io::Result<()> {
        let Some(id) = record.id else { return Ok(()) };
        let is_young = record.at.is_some_and(|at| at >= cutoff);
        match record.event {
            "accepted" | "joined" if kept.has_request(Some(id)) => self.acceptance(id, line.text),
            "joined" if kept.has_request(record.with) => {
                kept.joined.insert(kept.hash(id));
                self.acceptance(id, line.text)
            }
            "accepted" | "joined" if is_young => match forget(record) {
                Some(known) => {
                    let mut text = Vec::new();
                    known.write_to(&mut text);
                    self.acceptance(id, text.trim_ascii_end())
                }
                None => Ok(()),
            },
            "known" if is_young => self.acceptance(id, line.text),
            "accepted" | "joined" | "known" => Ok(()),
            // Also what a later version has to say about it.
            _ if kept.has(id) => self.line(line.text),
            _ => Ok(()),
        }
    }

    /// A line that uses this id up.
    fn acceptance(&mut self, id: &str, text: &[u8]) -> io::Result<()> {
        if let Ok(id) = id.parse::<RequestId>() {
            self.ids.insert(&id, self.length);
        }
        self.line(text)
    }

    fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let mut text = Vec::new();
        entry.write_to(&mut text);
        self.line(text.trim_ascii_end())
    }

    fn line(&mut self, text: &[u8]) -> io::Result<()> {
        self.length += text.len() as u64 + 1;
        self.text.write_all(text)?;
        self.text.write_all(b"\n")
    }
}

/// What is left of an acceptance whose request's history goes.
fn forget(record: &Record<'_>) -> Option<Entry> {
    let request = Request { id: record.id().ok()?, user: record.user().ok()?, action: record.action().ok()? };
    Some(Entry::Known { at: record.at().ok()?, request })
}
