//! The scheduler's memory on disk: `scheduler.jsonl`, appended to, and written anew when it has grown.

use std::borrow::Borrow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::record::{Memory, Record};

/// The file is not written anew before it has this many bytes.
const SMALL: u64 = 1 << 20;

/// So many bytes are written at once.
const PIECE: usize = 1 << 16;

/// The open file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    file: File,
    /// How many bytes it has.
    length: u64,
    /// How many it had when it was last written anew.
    fresh: u64,
}

impl Store {
    /// Opens the memory in a folder, made when it is missing, and reads it.
    ///
    /// A last line that was torn by a crash is cut off; whole lines that cannot be understood are skipped,
    /// and their number is told.
    ///
    /// # Errors
    /// When the folder or the file cannot be made, read or written.
    pub fn open(folder: &Path) -> io::Result<(Self, Memory, usize)> {
        fs::create_dir_all(folder)?;
        let path = folder.join("scheduler.jsonl");
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        let (mut memory, mut skipped, mut whole) = (Memory::default(), 0, 0);
        let mut reader = BufReader::new(&file);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            whole += line.len() as u64;
            match serde_json::from_slice(&line) {
                Ok(record) => memory.apply(record),
                Err(_) => skipped += 1,
            }
            line.clear();
        }
        file.set_len(whole)?;
        Ok((Self { path, file, length: whole, fresh: whole }, memory, skipped))
    }

    /// Appends records; they are on disk on return.
    pub fn append(&mut self, records: &[Record]) -> io::Result<()> {
        self.append_lazily(records)?;
        self.file.sync_data()
    }

    /// Appends records that may be lost in a crash.
    pub fn append_lazily(&mut self, records: &[Record]) -> io::Result<()> {
        let written = write(&mut self.file, records);
        match written {
            Ok(length) => self.length += length,
            // Half a line, as a full disk leaves it, would spoil the next one.
            Err(_) => self.file.set_len(self.length)?,
        }
        written.map(drop)
    }

    /// Whether most of it is likely history.
    pub fn has_grown(&self) -> bool {
        self.length > SMALL && self.length > 4 * self.fresh
    }

    /// Writes it anew, in one step, with no more than these records.
    pub fn replace(&mut self, records: impl IntoIterator<Item = Record>) -> io::Result<()> {
        let fresh = self.path.with_extension("jsonl.new");
        let mut file = File::create(&fresh)?;
        self.fresh = write(&mut file, records)?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.length = self.fresh;
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
    use super::*;

    #[test]
    fn a_torn_last_line_is_cut_off_and_the_whole_ones_count() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, memory, _) = Store::open(folder.path()).unwrap();
        assert_eq!(memory, Memory::default());
        store.append(&[Record::Boot("one".to_owned())]).unwrap();
        let path = folder.path().join("scheduler.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [&whole[..], b"{\"boot\":\"tw"].concat()).unwrap();

        let (mut store, memory, skipped) = Store::open(folder.path()).unwrap();
        assert_eq!((memory.boot.as_deref(), skipped), (Some("one"), 0));
        store.append(&[Record::Boot("three".to_owned())]).unwrap();
        let (_, memory, skipped) = Store::open(folder.path()).unwrap();
        assert_eq!((memory.boot.as_deref(), skipped), (Some("three"), 0));
    }

    #[test]
    fn a_line_that_nobody_understands_is_counted_and_hurts_no_other() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("scheduler.jsonl"), "\u{0}\n{\"boot\":\"one\"}\n{\"later\":1}\n")
            .unwrap();
        let (_, memory, skipped) = Store::open(folder.path()).unwrap();
        assert_eq!((memory.boot.as_deref(), skipped), (Some("one"), 2));
    }

    #[test]
    fn it_shrinks_to_what_is_to_be_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (mut store, _, _) = Store::open(folder.path()).unwrap();
        let records = vec![Record::Boot("one".to_owned()); 100_000];
        assert!(!store.has_grown());
        store.append_lazily(&records).unwrap();
        assert!(store.has_grown());
        store.replace(records[..1].to_vec()).unwrap();
        assert!(!store.has_grown());
        store.append(&[Record::Boot("two".to_owned())]).unwrap();
        let (_, memory, _) = Store::open(folder.path()).unwrap();
        assert_eq!(memory.boot.as_deref(), Some("two"));
    }
}
