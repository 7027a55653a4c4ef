//! The journal's file: opening and repairing it, growing it by whole groups of records, and keeping room.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use jiff::Timestamp;

use crate::names::{ActionName, RequestId, UserName};

use super::disk::Disk;
use super::error::JournalError;
use super::fields::RecordFields;
use super::ids::Ids;
use super::limits::Limits;
use super::lines::{Line, line_at};
use super::record::JournalRecord;
use super::recovered::Recovered;
use super::replay::{Replay, in_order, is_record_of};
use super::shelf;

/// The journal's name in the service's state folder.
pub const NAME: &str = "journal.jsonl";
/// The name of a compaction's result before it takes the journal's place.
pub(super) const NEW_NAME: &str = "journal.jsonl.new";
/// Room for one acceptance, in bytes: more than the longest such record takes.
pub const ROOM_TO_ACCEPT: u64 = 512;
/// Room for what follows an acceptance, in bytes: two starts, a retry and the outcome, at their longest.
pub const ROOM_TO_END: u64 = 2048;
/// Room is allocated in steps of this, in bytes, so that few requests pay for it.
const STEP: u64 = 64 * 1024;

/// The durable record of a service's requests and runs.
///
/// One program at a time may have it open; the supervisor's lock sees to that. Reading it meanwhile is free
/// to all (see [`super::history`]).
#[derive(Debug)]
pub struct Journal {
    pub(super) folder: PathBuf,
    pub(super) path: PathBuf,
    pub(super) disk: Box<dyn Disk>,
    /// How much of the file is whole records on the disk.
    pub(super) durable: u64,
    /// Whether there may be something in the file beyond that.
    pub(super) is_soiled: bool,
    /// Whether the folder may, after a crash, still hold the file that a compaction replaced.
    pub(super) is_unsettled: bool,
    /// The records not yet durable.
    buffer: Vec<u8>,
    /// The ids that they use up, with places counted from the buffer's beginning.
    buffered: Vec<(RequestId, usize)>,
    pub(super) ids: Ids,
    /// Up to where there is room on the disk for certain; none when the file system cannot promise any.
    pub(super) allocated: Option<u64>,
    /// Since when the service has had a journal.
    pub(super) since: Timestamp,
    pub(super) limits: Limits,
    /// The size at which the next compaction is due.
    pub(super) compact_at: u64,
    /// When the last compaction was begun by this supervisor.
    pub(super) compacted_at: Option<Timestamp>,
    /// [`Journal::durable`], for who copies it beside us.
    pub(super) published: Arc<AtomicU64>,
}

/// How far a journal has been read, for who waits for it.
#[derive(Debug, Default)]
pub struct ReadingProgress {
    read: AtomicU64,
    length: AtomicU64,
}

impl ReadingProgress {
    /// How much of it has been read, in hundredths.
    pub fn percent(&self) -> u64 {
        let length = self.length.load(Relaxed).max(1);
        self.read.load(Relaxed).min(length) * 100 / length
    }
}

/// A place among what was appended and is not durable yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct BufferBorder {
    buffer: usize,
    buffered: usize,
}

/// What a used-up id was used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// When it was accepted.
    pub at: Timestamp,
    /// On whose behalf.
    pub user: UserName,
    /// What was to be done.
    pub action: ActionName,
    /// Whether this is all that is left: what became of it is too old to be kept.
    pub is_all: bool,
}

impl Remembered {
    /// Whether a request under the same id asks for the same: only then it gets the first one's answer.
    pub fn matches(&self, user: &UserName, action: &ActionName) -> bool {
        self.user == *user && self.action == *action
    }
}

impl Journal {
    /// Opens the journal in `folder`, making both where they are missing; `now` is the beginning of a new one.
    ///
    /// The leftover of an interrupted compaction is removed. A last line that a crash has torn is cut off, or
    /// completed where only its newline is missing; what stands whole before it is honoured.
    ///
    /// # Errors
    /// When the file cannot be made, read, repaired or brought to the disk.
    pub fn open(folder: &Path, now: Timestamp) -> Result<(Self, Recovered), JournalError> {
        Self::open_with(folder, now, Limits::default(), &ReadingProgress::default())
    }

    /// As [`Journal::open`], with other limits, and telling how far it has come.
    pub fn open_with(
        folder: &Path,
        now: Timestamp,
        limits: Limits,
        progress: &ReadingProgress,
    ) -> Result<(Self, Recovered), JournalError> {
        let path = folder.join(NAME);
        fs::create_dir_all(folder).map_err(JournalError::while_("make the folder", folder))?;
        let leftover = folder.join(NEW_NAME);
        match fs::remove_file(&leftover) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::new("remove what a compaction left,", &leftover, why));
            }
            _ => {}
        }
        // Another leftover, of no harm but for its room.
        let _ = fs::remove_file(folder.join(shelf::NAME));
        let mut file = open_file(&path).map_err(JournalError::while_("open the journal", &path))?;
        let length = file.metadata().map(|metadata| metadata.len());
        let replay = length.and_then(|length| {
            progress.length.store(length, Relaxed);
            let read = |line: &Line<'_>| progress.read.store(line.next, Relaxed);
            Replay::read(folder, &file, length, read, |_, _| {})
        });
        let mut replay = replay.map_err(JournalError::while_("read the journal", &path))?;
        let repaired = repair(&mut file, &mut replay, now).and_then(|()| sync_folder(folder));
        repaired.map_err(JournalError::while_("repair the journal", &path))?;
        let mut journal = Self {
            folder: folder.to_owned(),
            path,
            disk: Box::new(file),
            durable: replay.end,
            is_soiled: false,
            is_unsettled: false,
            buffer: Vec::new(),
            buffered: Vec::new(),
            ids: replay.ids,
            allocated: Some(0),
            since: replay.since.unwrap_or(now),
            limits,
            compact_at: limits.due_after(replay.compacted),
            compacted_at: None,
            published: Arc::new(AtomicU64::new(replay.end)),
        };
        journal.ids.write_beside();
        let recovered = Recovered {
            last: replay.last,
            since: journal.since,
            notes: replay.remarks.sentences(),
            open: in_order(replay.open),
        };
        Ok((journal, recovered))
    }

    /// How much of the file is whole records on the disk, in bytes.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Takes a record in. It is not durable, and promises nothing, before [`Journal::commit`].
    pub fn append(&mut self, record: &JournalRecord) {
        if let JournalRecord::Accepted { request, .. } | JournalRecord::Joined { request, .. } = record {
            self.buffered.push((request.id.clone(), self.buffer.len()));
        }
        record.write_to(&mut self.buffer);
    }

    /// Whether something was appended that is not durable yet.
    pub fn is_dirty(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Makes all that was appended durable, with one write and one `fdatasync`.
    ///
    /// # Errors
    /// When the disk does not take it. The file is cut back to what was durable, and what was appended is
    /// kept: another commit may succeed, after [`Journal::go_back`] before what has been refused meanwhile.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        if self.buffer.is_empty() && !self.is_soiled {
            return Ok(());
        }
        if let Err(why) = self.write_buffer() {
            self.is_soiled = true;
            // Should this fail too, the next commit does it.
            let _ = self.clean();
            return Err(JournalError::new("write to the journal", &self.path, why));
        }
        for (id, at) in self.buffered.drain(..) {
            self.ids.insert(&id, self.durable + at as u64);
        }
        self.durable += self.buffer.len() as u64;
        self.published.store(self.durable, Relaxed);
        self.buffer.clear();
        // A burst is no reason to keep its memory.
        self.buffer.shrink_to(16 * 1024);
        self.buffered.shrink_to(64);
        Ok(())
    }

    fn write_buffer(&mut self) -> io::Result<()> {
        if self.is_unsettled {
            sync_folder(&self.folder)?;
            self.is_unsettled = false;
        }
        if self.is_soiled {
            self.clean()?;
        }
        self.disk.write(&self.buffer, self.durable)?;
        self.disk.sync()
    }

    /// Cuts off what a commit that failed may have left: who was told "refused" must not be served after a
    /// crash.
    fn clean(&mut self) -> io::Result<()> {
        self.disk.cut(self.durable)?;
        self.disk.sync()?;
        self.is_soiled = false;
        if let Some(room) = self.allocated {
            // To cut a file gives back what was allocated beyond its end. Should somebody else have taken it
            // meanwhile, the next reservation says so.
            self.allocated = Some(0);
            let _ = self.allocate(room);
        }
        Ok(())
    }

    /// The place after all that has been appended so far, for [`Journal::go_back`].
    pub fn border(&self) -> BufferBorder {
        BufferBorder { buffer: self.buffer.len(), buffered: self.buffered.len() }
    }

    /// Takes out again what was appended after this place and is not durable: it is being refused.
    pub fn go_back(&mut self, border: BufferBorder) {
        self.buffer.truncate(border.buffer);
        self.buffered.truncate(border.buffered);
    }

    /// Makes sure, before a request is accepted while `open` others have no outcome yet, that there is room
    /// for the starts and outcomes of them all, and for each acceptance: it may be that of none is written yet.
    ///
    /// Where the file system cannot allocate ahead this does nothing, and where it copies on write (btrfs,
    /// zfs) it promises less.
    ///
    /// # Errors
    /// When there is no room, or the journal has grown to its [largest size](Limits::largest).
    pub fn reserve(&mut self, open: usize) -> Result<(), JournalError> {
        let room = (open as u64 + 1) * (ROOM_TO_ACCEPT + ROOM_TO_END);
        let end = self.durable + self.buffer.len() as u64 + room;
        let is_full = end > self.limits.largest;
        let reserved = if is_full { Err(io::ErrorKind::FileTooLarge.into()) } else { self.allocate(end) };
        reserved.map_err(JournalError::while_("reserve room in the journal", &self.path))
    }

    /// Whether it has grown so large that no more requests are accepted.
    pub(super) fn is_full(&self) -> bool {
        self.durable + ROOM_TO_ACCEPT + ROOM_TO_END > self.limits.largest
    }

    /// Allocates room up to `end`, and some more where there is some.
    fn allocate(&mut self, end: u64) -> io::Result<()> {
        let Some(allocated) = self.allocated else { return Ok(()) };
        if end <= allocated {
            return Ok(());
        }
        let ample = end.next_multiple_of(STEP);
        let done = self.disk.allocate(ample).map(|()| ample);
        match done.or_else(|_| self.disk.allocate(end).map(|()| end)) {
            Ok(end) => self.allocated = Some(end),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => self.allocated = None,
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What this id was used for in the last 90 days, if it was; appended records count.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn remembered(&self, id: &RequestId) -> Result<Option<Remembered>, JournalError> {
        let on_disk = self.remembered_on_disk(id);
        let on_disk = on_disk.map_err(JournalError::while_("read the journal", &self.path))?;
        if on_disk.is_some() {
            return Ok(on_disk);
        }
        let Some(&(_, at)) = self.buffered.iter().find(|(buffered, _)| buffered == id) else {
            return Ok(None);
        };
        let line = self.buffer[at..].split(|&byte| byte == b'\n').next().unwrap_or_default();
        Ok(remembered_of(line, id))
    }

    fn remembered_on_disk(&self, id: &RequestId) -> io::Result<Option<Remembered>> {
        for place in self.ids.places(id)? {
            let line = line_at(self.disk.file(), place)?;
            if let Some(remembered) = remembered_of(&line, id) {
                return Ok(Some(remembered));
            }
        }
        Ok(None)
    }
}

fn remembered_of(line: &[u8], id: &RequestId) -> Option<Remembered> {
    let fields = RecordFields::parse(line).ok().filter(|_| is_record_of(line, id))?;
    let (at, user, action) = (fields.at().ok()?, fields.user().ok()?, fields.action().ok()?);
    Some(Remembered { at, user, action, is_all: fields.event == "known" })
}

fn open_file(path: &Path) -> io::Result<File> {
    // Who asked for what, and what came of it, is the operator's to know.
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Makes the file end with a whole line, begins it where it is empty, and brings it to the disk.
fn repair(file: &mut File, replay: &mut Replay, now: Timestamp) -> io::Result<()> {
    let metadata = file.metadata()?;
    if metadata.len() > replay.end {
        file.cut(replay.end)?;
        // As in `clean`: the room for outcomes is still needed.
        let _ = file.allocate(metadata.blocks() * 512);
        replay.remarks.add("a line that a crash has torn is cut off", replay.end);
    }
    let mut text = Vec::new();
    if replay.lacks_newline {
        text.push(b'\n');
    }
    if replay.end == 0 {
        JournalRecord::header(now).write_to(&mut text);
        replay.compacted = text.len() as u64;
    }
    if !text.is_empty() {
        file.write(&text, replay.end)?;
    }
    replay.end += text.len() as u64;
    // What is honoured from here on must not be lost to a crash of the machine: it may not yet be on the disk.
    file.sync_all()
}

/// Brings a folder's names to the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
