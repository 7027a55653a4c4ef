//! The scheduler's memory on disk: `scheduler.jsonl`, appended to, and written anew when it has grown.

use std::borrow::Borrow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::record::{Memory, Record};
use crate::durable;

/// The file is not written anew before it has this many bytes.
const SMALL: u64 = 1 << 20;

/// So many bytes are written at once.
const PIECE: usize = 1 << 16;

/// The open file.
#[derive(Debug)]
pub struct MemoryFile {
    path: PathBuf,
    /// Where it can be written: none before the first time that it could.
    file: Option<File>,
    /// How many bytes it has.
    length: u64,
    /// How many it had when it was last written anew.
    fresh: u64,
}

impl MemoryFile {
    /// Reads the memory in a folder; where there is none, it is empty. Nothing is written yet, so that a disk that
    /// is full or cannot be written does not keep anybody from reading.
    ///
    /// A last line that was torn by a crash does not count; whole lines that cannot be understood are skipped,
    /// and their number is told.
    ///
    /// # Errors
    /// When there is a file that cannot be read.
    pub fn open(folder: &Path) -> io::Result<(Self, Memory, usize)> {
        let path = folder.join("scheduler.jsonl");
        let (mut memory, mut skipped, mut whole) = (Memory::default(), 0, 0);
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?),
        };
        let mut reader = file.map(BufReader::new);
        let mut line = Vec::new();
        while let Some(reader) = &mut reader
            && reader.read_until(b'\n', &mut line)? > 0
            && line.ends_with(b"\n")
        {
            whole += line.len() as u64;
            match serde_json::from_slice(&line) {
                Ok(record) => memory.apply(record),
                Err(_) => skipped += 1,
            }
            line.clear();
        }
        Ok((Self { path, file: None, length: whole, fresh: whole }, memory, skipped))
    }

    /// The file, to append to; what a crash has torn off at its end is cut off before.
    fn writable(&mut self) -> io::Result<&mut File> {
        let file = if let Some(file) = self.file.take() {
            file
        } else {
            self.make_folder()?;
            let file = durable::open_to_append(&self.path)?;
            file.set_len(self.length)?;
            file
        };
        Ok(self.file.insert(file))
    }

    fn make_folder(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), durable::make_private_folder)
    }

    /// Appends records; they are on disk on return.
    pub fn append(&mut self, records: &[Record]) -> io::Result<()> {
        self.append_lazily(records)?;
        self.writable()?.sync_data()
    }

    /// Appends records that may be lost in a crash.
    pub fn append_lazily(&mut self, records: &[Record]) -> io::Result<()> {
        let length = self.length;
        let file = self.writable()?;
        let written = write(file, records);
        match written {
            Ok(written) => self.length += written,
            // Half a line, as a full disk leaves it, would spoil the next one.
            Err(_) => file.set_len(length)?,
        }
        written.map(drop)
    }

    /// Whether most of it is likely history.
    pub fn has_grown(&self) -> bool {
        self.length > SMALL && self.length > 4 * self.fresh
    }

    /// Writes it anew, in one step, with no more than these records.
    pub fn replace(&mut self, records: impl IntoIterator<Item = Record>) -> io::Result<()> {
        self.make_folder()?;
        self.fresh = durable::replace(&self.path, durable::PRIVATE, |file| write(file, records))?;
        self.length = self.fresh;
        // What was open is no longer this file.
        self.file = None;
        self.writable()?;
        Ok(())
    }
}

/// Writes records, a piece at a time, since a long schedule has many; how many bytes there were.
fn write<R: Borrow<Record>>(file: &mut File, records: impl IntoIterator<Item = R>) -> io::Result<u64> {
    let mut length = 0;
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record.borrow())?;
        lines.push(b'\n');
        if lines.len() >= PIECE {
            file.write_all(&lines)?;
            length += lines.len() as u64;
            lines.clear();
        }
    }
    file.write_all(&lines)?;
    Ok(length + lines.len() as u64)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_whole_ones_count() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, memory, _) = MemoryFile::open(folder.path()).unwrap();
        assert_eq!(memory, Memory::default());
        store.append(&[Record::Boot("one".to_owned())]).unwrap();
        let path = folder.path().join("scheduler.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"{\"boot\":\"tw"].concat()).unwrap();

        let (mut store, memory, skipped) = MemoryFile::open(folder.path()).unwrap();
        assert_eq!((memory.boot.as_deref(), skipped), (Some("one"), 0));
        store.append(&[Record::Boot("three".to_owned())]).unwrap();
        let (_, memory, skipped) = MemoryFile::open(folder.path()).unwrap();
        assert_eq!((memory.boot.as_deref(), skipped), (Some("three"), 0));
    }

    #[test]
    fn a_memory_that_is_only_looked_at_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scheduler.jsonl");
        let (_, memory, _) = MemoryFile::open(folder.path()).unwrap();
        assert!(memory == Memory::default() && !path.exists());
        let torn = "{\"boot\":\"one\"}\n{\"boot\":\"tw";
        fs::write(&path, torn).unwrap();
        let (_, memory, _) = MemoryFile::open(folder.path()).unwrap();
        assert_eq!(
            (memory.boot.as_deref(), fs::read_to_string(&path).unwrap().as_str()),
            (Some("one"), torn)
        );
    }

    #[test]
    fn a_line_that_nobody_understands_is_counted_and_hurts_no_other() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scheduler.jsonl"), "\u{0}\n{\"boot\":\"one\"}\n{\"later\":1}\n")
            .unwrap();
        let (_, memory, skipped) = MemoryFile::open(folder.path()).unwrap();
        assert_eq!((memory.boot.as_deref(), skipped), (Some("one"), 2));
    }

    #[test]
    fn it_shrinks_to_what_is_to_be_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _, _) = MemoryFile::open(folder.path()).unwrap();
        let records = vec![Record::Boot("one".to_owned()); 100_000];
        assert!(!store.has_grown());
        store.append_lazily(&records).unwrap();
        assert!(store.has_grown());
        store.replace(records[..1].to_vec()).unwrap();
        assert!(!store.has_grown());
        store.append(&[Record::Boot("two".to_owned())]).unwrap();
        let (_, memory, _) = MemoryFile::open(folder.path()).unwrap();
        assert_eq!(memory.boot.as_deref(), Some("two"));
    }

    #[test]
    fn what_it_remembers_is_its_users_own_to_read_also_what_an_earlier_version_left() {
        use std::os::unix::fs::PermissionsExt;

        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("state");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let (mut store, _, _) = MemoryFile::open(&folder).unwrap();
        store.append(&[Record::Boot("one".to_owned())]).unwrap();
        assert_eq!((mode(&folder), mode(&store.path)), (0o700, 0o600));
        for write in [MemoryFile::append as fn(&mut MemoryFile, &[Record]) -> _, |store, _| store.replace([])]
        {
            fs::set_permissions(&store.path, fs::Permissions::from_mode(0o644)).unwrap();
            let (mut store, _, _) = MemoryFile::open(&folder).unwrap();
            write(&mut store, &[]).unwrap();
            assert_eq!(mode(&store.path), 0o600);
        }
        let alarms = crate::scheduler::alarms::store::AlarmsFile::new(&folder);
        alarms.save(&crate::scheduler::alarms::memory::Memory::new(jiff::Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(mode(alarms.path()), 0o600);
    }
}
