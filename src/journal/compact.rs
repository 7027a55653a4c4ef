//! Compaction: writing the journal anew with what is still of use.
//!
//! Kept as they stand are the records of open requests and of the newest runs, and of each action's last run
//! and last success however old; of all that goes, what each action's totals were. Of any other request its id is kept as long as history is.
//!
//! That is done beside the supervisor's loop: a [`Compaction`] reads the old file by a descriptor of its own while the
//! journal goes on growing, follows it until little is missing, and is [taken over](Journal::take_over) with the rest.
//!
//! The new file takes the journal's place in one step, after it is on the disk. So a crash at any point
//! leaves either the old journal, perhaps beside a leftover that [`Journal::open`] removes, or the new one.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jiff::{SignedDuration, Timestamp};

use crate::names::{ActionName, RequestId};
use crate::request::Request;

use super::disk::Disk;
use super::error::JournalError;
use super::fields::{NoRecord, RecordFields};
use super::file::{Journal, NEW_NAME, sync_folder};
use super::ids::Ids;
use super::lines::{Line, Lines};
use super::record::JournalRecord;
use super::recovered::{LastRuns, UnfinishedRequest};
use super::replay::Replay;

/// What is being done, in an error's words.
const WRITE: &str = "write the compacted journal";

/// How much history a compaction keeps.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// How long history is kept, and ids are remembered. Never longer, but for each action's last runs.
    pub age: SignedDuration,
    /// How many requests' history is kept, should `age` hold more: of the action that has the most, the oldest goes first.
    pub runs: usize,
}

impl Default for Keep {
    /// 90 days, and 10,000 runs.
    fn default() -> Self {
        Self { age: SignedDuration::from_hours(90 * 24), runs: 10_000 }
    }
}

/// Of what the journal has grown by meanwhile, so much may be left to who takes the compaction over, in bytes.
const LITTLE: u64 = 16 * 1024;
/// It is followed so often, should it grow as fast as it is read.
const MOST_ROUNDS: u32 = 10;
/// So much is written before it is brought to the disk: all at the end would keep the journal's own writes waiting.
const AT_ONCE: u64 = 4 << 20;
/// A journal that is full is compacted once in this long: what was too young the last time may go.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// A compaction that is on, beside the journal.
#[derive(Debug)]
pub struct Compaction {
    folder: PathBuf,
    path: PathBuf,
    old: File,
    /// How much of the old file is durable at the time.
    durable: Arc<AtomicU64>,
    keep: Keep,
    now: Timestamp,
}

/// A journal written anew, which has all of the old one up to a place.
#[derive(Debug)]
pub struct Compacted {
    path: PathBuf,
    file: File,
    length: u64,
    ids: Ids,
    /// Where the records end that it has, with what stands for it, in the new file.
    own: u64,
    /// How much of the old file it has.
    taken: u64,
}

impl Journal {
    /// A compaction, when it is time for one: the journal has grown enough since the last time, or it is full and what
    /// was too young then may be old enough now.
    ///
    /// # Errors
    /// When there can be no second descriptor. The next one is due when the journal has grown by another
    /// [`super::GROWTH`].
    pub fn due_compaction(&mut self, now: Timestamp) -> Option<Result<Compaction, JournalError>> {
        let waited = self.compacted_at.is_none_or(|at| now.duration_since(at).abs() >= PATIENCE);
        if self.durable < self.compact_at && !(self.is_full() && waited) {
            return None;
        }
        self.compact_at = self.durable + self.limits.growth;
        self.compacted_at = Some(now);
        Some(self.compaction(&Keep::default(), now))
    }

    /// A compaction of what there is by now. There may be one at a time.
    ///
    /// # Errors
    /// When there can be no second descriptor.
    pub fn compaction(&self, keep: &Keep, now: Timestamp) -> Result<Compaction, JournalError> {
        let path = self.folder.join(NEW_NAME);
        let old = self.disk.file().try_clone().map_err(JournalError::while_(WRITE, &path))?;
        let (folder, durable) = (self.folder.clone(), self.published.clone());
        Ok(Compaction { folder, path, old, durable, keep: *keep, now })
    }

    /// Writes the journal anew with what is still of use. What is appended and not durable stays so.
    ///
    /// # Errors
    /// When the new one cannot be written. The old one is as good as before.
    pub fn compact(&mut self, keep: &Keep, now: Timestamp) -> Result<(), JournalError> {
        let compacted = self.compaction(keep, now)?.run()?;
        self.take_over(compacted).map(drop)
    }

    /// Puts a compaction's result in the journal's place, with what the journal has grown by since. To close the old file,
    /// which this gives back, may take some time: its room is given back with it.
    ///
    /// # Errors
    /// When the new one cannot be written. The old one is as good as before.
    pub fn take_over(&mut self, compacted: Compacted) -> Result<impl Send + use<>, JournalError> {
        let path = compacted.path.clone();
        self.replace(compacted).map_err(|why| {
            let _ = fs::remove_file(&path);
            JournalError::new(WRITE, &path, why)
        })
    }

    fn replace(&mut self, mut new: Compacted) -> io::Result<Box<dyn Disk>> {
        new.follow(self.disk.file(), self.durable)?;
        let room = self.allocated.map(|allocated| allocated.saturating_sub(self.durable));
        if let Some(room) = room.filter(|&room| room > 0) {
            new.file.allocate(new.length + room)?;
        }
        new.file.sync_all()?;
        fs::rename(&new.path, &self.path)?;
        // The old one may be back after a crash as long as the folder is not on the disk: until it is,
        // nothing that is written to the new one is durable.
        self.is_unsettled = sync_folder(&self.folder).is_err();
        self.is_soiled = false;
        self.allocated = room.map(|room| if room > 0 { new.length + room } else { 0 });
        let old = std::mem::replace(&mut self.disk, Box::new(new.file));
        self.durable = new.length;
        self.published = Arc::new(AtomicU64::new(new.length));
        self.ids = new.ids;
        self.ids.write_beside();
        self.compact_at = self.limits.due_after(new.own);
        Ok(old)
    }
}

impl Compaction {
    /// Writes the new journal, beside the old one. For a thread that has the time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn run(self) -> Result<Compacted, JournalError> {
        self.write().map_err(|why| {
            let _ = fs::remove_file(&self.path);
            JournalError::new(WRITE, &self.path, why)
        })
    }

    fn write(&self) -> io::Result<Compacted> {
        let mut file = create(&self.path)?;
        let taken = self.durable.load(Relaxed);
        let (length, ids) = write(&self.folder, &self.old, taken, &mut file, &self.keep, self.now)?;
        let mut new = Compacted { path: self.path.clone(), file, length, ids, own: length, taken };
        for _ in 0..MOST_ROUNDS {
            new.file.sync_data()?;
            let durable = self.durable.load(Relaxed);
            if durable - new.taken <= LITTLE {
                break;
            }
            new.follow(&self.old, durable)?;
        }
        Ok(new)
    }
}

impl Compacted {
    /// Takes over what the old file has grown by, up to `durable`, as it stands.
    fn follow(&mut self, old: &File, durable: u64) -> io::Result<()> {
        let mut text = Vec::new();
        let mut lines = Lines::between(old, self.taken, durable);
        while let Some(line) = lines.next()? {
            if let Ok(JournalRecord::Accepted { request, .. } | JournalRecord::Joined { request, .. }) =
                JournalRecord::parse(line.text)
            {
                self.ids.insert(&request.id, self.length + text.len() as u64);
            }
            text.extend_from_slice(line.text);
            text.push(b'\n');
            if text.len() as u64 >= AT_ONCE {
                self.append(&mut text)?;
            }
        }
        self.taken = durable;
        self.append(&mut text)
    }

    fn append(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        self.file.write_all_at(text, self.length)?;
        self.length += text.len() as u64;
        text.clear();
        Ok(())
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Writes what is of use of the old file's first `length` bytes to the new one: its length, and the ids in it.
fn write(
    folder: &Path,
    old: &File,
    length: u64,
    new: &mut File,
    keep: &Keep,
    now: Timestamp,
) -> io::Result<(u64, Ids)> {
    let cutoff = now.checked_sub(keep.age).unwrap_or(Timestamp::MIN);
    let (mut kept, last, since) = choose(folder, old, length, keep.runs, cutoff)?;
    let mut output = NewJournal::new(folder, new);
    output.record(&JournalRecord::header(since.unwrap_or(now)))?;
    for (action, last) in &last {
        output.record(&JournalRecord::Seen { at: last.first_seen, action: action.clone() })?;
    }
    let mut lines = Lines::new(old, length);
    while let Some(line) = lines.next()? {
        let Ok(fields) = RecordFields::parse(line.text) else { continue };
        // What a replay passes over as damaged must not use an id up.
        if !matches!(JournalRecord::of(&fields), Err(NoRecord::Damaged(_))) {
            output.take(&line, &fields, &mut kept, cutoff)?;
        }
    }
    // After what is kept, since that is counted in them.
    for (action, last) in last {
        output.record(&JournalRecord::Totals { at: now, action, totals: Box::new(last.totals) })?;
    }
    output.record(&JournalRecord::Compacted { at: now })?;
    output.text.flush()?;
    Ok((output.length, output.ids))
}

type Last = BTreeMap<ActionName, LastRuns>;

/// Which requests' records are kept; and the actions, and the journal's beginning, on the way.
fn choose(
    folder: &Path,
    old: &File,
    length: u64,
    runs: usize,
    cutoff: Timestamp,
) -> io::Result<(KeptIds, Last, Option<Timestamp>)> {
    let hasher = RandomState::new();
    let hash = |id: &RequestId| hash_of(&hasher, id.as_str());
    // By action, so that one that runs each minute costs none of the nights of another.
    let mut newest: BTreeMap<ActionName, VecDeque<u32>> = BTreeMap::new();
    let mut count = 0;
    let replay = Replay::read(
        folder,
        old,
        length,
        |_| {},
        |open: &UnfinishedRequest, record| {
            if record.at() >= cutoff {
                newest.entry(open.request.action.clone()).or_default().push_back(hash(&open.request.id));
                count += 1;
            }
            if count > runs {
                let most = newest.values_mut().max_by_key(|of_one| of_one.len());
                count -= usize::from(most.and_then(VecDeque::pop_front).is_some());
            }
        },
    )?;
    let mut requests: Vec<_> = newest.into_values().flatten().collect();
    let last_runs =
        replay.last.values().flat_map(|last| [&last.last, &last.last_success, &last.last_skip]).flatten();
    requests.extend(last_runs.map(|summary| hash(&summary.id)));
    requests.extend(replay.open.keys().map(hash));
    requests.sort_unstable();
    Ok((KeptIds { requests, joined: HashSet::new(), hasher }, replay.last, replay.since))
}

/// Whose records are kept, as hashes of their ids: should two share one, more is kept.
struct KeptIds {
    /// The requests, in order.
    requests: Vec<u32>,
    /// Those that joined them.
    joined: HashSet<u32>,
    hasher: RandomState,
}

impl KeptIds {
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
struct NewJournal<'a> {
    text: BufWriter<&'a mut File>,
    length: u64,
    ids: Ids,
}

impl<'a> NewJournal<'a> {
    fn new(folder: &Path, file: &'a mut File) -> Self {
        Self { text: BufWriter::with_capacity(64 * 1024, file), length: 0, ids: Ids::new(folder) }
    }

    /// Takes over what is of use of a line of the old journal.
    fn take(
        &mut self,
        line: &Line<'_>,
        fields: &RecordFields<'_>,
        kept: &mut KeptIds,
        cutoff: Timestamp,
    ) -> io::Result<()> {
        let Some(id) = fields.id else { return Ok(()) };
        let is_young = fields.at.is_some_and(|at| at >= cutoff);
        match fields.event {
            "accepted" | "joined" if kept.has_request(Some(id)) => self.acceptance(id, line.text),
            "joined" if kept.has_request(fields.with) => {
                kept.joined.insert(kept.hash(id));
                self.acceptance(id, line.text)
            }
            "accepted" | "joined" if is_young => match forget(fields) {
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

    fn record(&mut self, record: &JournalRecord) -> io::Result<()> {
        let mut text = Vec::new();
        record.write_to(&mut text);
        self.line(text.trim_ascii_end())
    }

    fn line(&mut self, text: &[u8]) -> io::Result<()> {
        let before = self.length / AT_ONCE;
        self.length += text.len() as u64 + 1;
        self.text.write_all(text)?;
        self.text.write_all(b"\n")?;
        if self.length / AT_ONCE > before {
            self.text.flush()?;
            self.text.get_ref().sync_data()?;
        }
        Ok(())
    }
}

/// What is left of an acceptance whose request's history goes.
fn forget(fields: &RecordFields<'_>) -> Option<JournalRecord> {
    let request = Request { id: fields.id().ok()?, user: fields.user().ok()?, action: fields.action().ok()? };
    Some(JournalRecord::Known { at: fields.at().ok()?, request })
}
