//! What runs printed: the end of each one's output, in memory while it runs and in a file afterwards.
//!
//! None of this is promised: a run whose output cannot be kept is as good as any other, and nothing here
//! waits for the disk.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::{self, DirEntry, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::durable::{self, make_private_folder};
use crate::names::RequestId;

/// How much of a run's output is kept, in bytes: the end of it.
pub const KEPT: usize = 64 * 1024;
/// How much room the outputs of a service's runs take together, in bytes.
pub const MOST_KEPT: u64 = 16 << 20;
/// The folder in the service's state folder.
const FOLDER: &str = "output";
/// What the shortest file takes on most disks, in bytes.
const BLOCK: u64 = 4096;

/// The end of what a run prints. Takes no more memory than there was output, and never more than about
/// [`KEPT`].
#[derive(Debug, Default)]
pub struct Tail {
    kept: VecDeque<u8>,
    dropped: u64,
}

impl Tail {
    /// Takes more output.
    pub fn push(&mut self, bytes: &[u8]) {
        let beyond = (self.kept.len() + bytes.len()).saturating_sub(KEPT);
        self.dropped += beyond as u64;
        let old = beyond.min(self.kept.len());
        self.kept.drain(..old);
        self.kept.extend(&bytes[beyond - old..]);
    }

    /// Whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How much output came before what is kept, in bytes.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// What is kept, after a line that says how much is not, where that is so.
    pub fn text(&self) -> Vec<u8> {
        let mut head = String::new();
        if self.dropped > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(head, "[{} bytes before this are not kept]", self.dropped);
        }
        let mut text = head.into_bytes();
        let (first, second) = self.kept.as_slices();
        text.extend_from_slice(first);
        text.extend_from_slice(second);
        text
    }
}

/// How much output came before a text that [`Tail::text`] made, in bytes.
pub fn dropped_before(text: &[u8]) -> u64 {
    let head = || {
        let rest = text.strip_prefix(b"[")?;
        let (count, rest) = rest.split_at_checked(rest.iter().position(|&byte| byte == b' ')?)?;
        rest.starts_with(b" bytes before this are not kept]\n").then_some(count)
    };
    head().and_then(|count| str::from_utf8(count).ok()?.parse().ok()).unwrap_or_default()
}

/// The files with the outputs of a service's runs, one for each request, named by its id.
#[derive(Debug)]
pub struct OutputStore {
    folder: PathBuf,
    most: u64,
    /// The room that the files take, once that is known.
    taken: Option<u64>,
}

impl OutputStore {
    /// The outputs kept in a service's state folder.
    pub fn new(state: &Path) -> Self {
        Self::with_most(state, MOST_KEPT)
    }

    /// As [`OutputStore::new`], with another limit on the room that they take, in bytes.
    pub fn with_most(state: &Path, most: u64) -> Self {
        Self { folder: state.join(FOLDER), most, taken: None }
    }

    /// Keeps what a run printed, in place of what an earlier attempt did. Those printed longest ago are
    /// removed when all together take too much room.
    ///
    /// # Errors
    /// When the file cannot be written, or the folder not read. The run is none the worse.
    pub fn save(&mut self, id: &RequestId, tail: &Tail) -> io::Result<()> {
        let path = self.path(id);
        let before = room_of(&path);
        if tail.is_empty() {
            if before == 0 {
                return Ok(());
            }
            fs::remove_file(&path)?;
        } else {
            self.write(&path, &tail.text())?;
        }
        let taken = match self.taken {
            Some(taken) => taken + room_of(&path) - before.min(taken),
            None => self.files()?.iter().map(|file| file.room).sum(),
        };
        self.taken = Some(taken);
        if taken > self.most { self.remove_oldest(&path) } else { Ok(()) }
    }

    /// What a run printed, where that is still kept.
    pub fn load(&self, id: &RequestId) -> Option<Vec<u8>> {
        fs::read(self.path(id)).ok()
    }

    fn path(&self, id: &RequestId) -> PathBuf {
        // An id is a safe name for a file: it begins with a letter or digit and has no slash.
        self.folder.join(id.as_str())
    }

    fn write(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let written = match write_private(path, text) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_private_folder(&self.folder)?;
                write_private(path, text)
            }
            written => written,
        };
        // A part would pass for the whole.
        written.inspect_err(|_| drop(fs::remove_file(path)))
    }

    /// Makes room, and some more, so that not every run pays for it; the file at `newest` stays.
    fn remove_oldest(&mut self, newest: &Path) -> io::Result<()> {
        let mut files = self.files()?;
        files.sort_by_key(|file| file.written);
        let mut taken = files.iter().map(|file| file.room).sum();
        for file in files.into_iter().filter(|file| file.path != newest) {
            if taken <= self.most / 8 * 7 {
                break;
            }
            fs::remove_file(&file.path)?;
            taken -= file.room;
        }
        self.taken = Some(taken);
        Ok(())
    }

    fn files(&self) -> io::Result<Vec<OutputFile>> {
        match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries?.map(|entry| OutputFile::of(&entry?)).collect(),
        }
    }
}

/// A file in the store.
struct OutputFile {
    path: PathBuf,
    room: u64,
    written: SystemTime,
}

impl OutputFile {
    fn of(entry: &DirEntry) -> io::Result<Self> {
        let metadata = entry.metadata()?;
        Ok(Self { path: entry.path(), room: room(metadata.len()), written: metadata.modified()? })
    }
}

/// The room that a file of this length takes.
fn room(length: u64) -> u64 {
    length.next_multiple_of(BLOCK).max(BLOCK)
}

fn room_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| room(metadata.len()))
}

/// What callbacks print is the operator's to read.
fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(durable::PRIVATE).open(path)?;
    file.write_all(text)
}
