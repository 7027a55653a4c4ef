//! A sorted file of ids: where in the journal each one's record stands.
//!
//! The file has no name, so that nothing is left of it when its last descriptor is closed. Of each block the
//! first hash is in memory: to find an id is to read the one block, seldom two, in which it may be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// An id's hash and its record's place, in bytes from the journal's beginning.
pub(super) type Slot = (u32, u32);

/// The file's name in the moment of its making.
pub(super) const NAME: &str = "ids.new";
/// Bytes of a slot: hash and place, the lowest byte of each first.
const SLOT: usize = 8;
/// Slots of a block, which is a page on most machines.
const BLOCK: usize = 512;
/// Who makes a file has its name alone: the journal and its compaction both need one at times.
pub(super) static NAMING: Mutex<()> = Mutex::new(());

/// Slots in a file, in order.
#[derive(Debug)]
pub(super) struct Shelf {
    file: File,
    count: usize,
    /// The first hash of each block.
    firsts: Vec<u32>,
}

impl Shelf {
    /// A new one in `folder`, of the slots of an older one and others, which are in order.
    ///
    /// # Errors
    /// When it cannot be written, or the older one not be read.
    pub(super) fn merged(folder: &Path, old: Option<&Self>, others: &[Slot]) -> io::Result<Self> {
        let mut writer = Writer::new(nameless(folder)?);
        let mut others = others.iter().copied().peekable();
        for block in 0..old.map_or(0, |old| old.firsts.len()) {
            // There is a block only where there is an older one.
            for slot in old.map_or_else(|| Ok(Vec::new()), |old| old.block(block))? {
                while let Some(other) = others.next_if(|other| *other <= slot) {
                    writer.push(other)?;
                }
                writer.push(slot)?;
            }
        }
        for other in others {
            writer.push(other)?;
        }
        writer.finish()
    }

    /// How many slots it has.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// The places that stand with this hash.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn places(&self, hash: u32) -> io::Result<Vec<u64>> {
        let mut places = Vec::new();
        // The block before the first that begins with it may end with it.
        let from = self.firsts.partition_point(|&first| first < hash).saturating_sub(1);
        for (block, _) in self.firsts.iter().enumerate().skip(from).take_while(|(_, first)| **first <= hash) {
            let slots = self.block(block)?;
            let from = slots.partition_point(|slot| slot.0 < hash);
            let found = slots[from..].iter().take_while(|slot| slot.0 == hash);
            places.extend(found.map(|slot| u64::from(slot.1)));
        }
        Ok(places)
    }

    fn block(&self, number: usize) -> io::Result<Vec<Slot>> {
        let first = number * BLOCK;
        let mut bytes = vec![0; SLOT * BLOCK.min(self.count - first)];
        self.file.read_exact_at(&mut bytes, (first * SLOT) as u64)?;
        let slot = |&[a, b, c, d, e, f, g, h]: &[u8; SLOT]| {
            (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
        };
        Ok(bytes.as_chunks().0.iter().map(slot).collect())
    }
}

/// Writes slots, which come in order.
struct Writer {
    file: BufWriter<File>,
    count: usize,
    firsts: Vec<u32>,
}

impl Writer {
    fn new(file: File) -> Self {
        Self { file: BufWriter::new(file), count: 0, firsts: Vec::new() }
    }

    fn push(&mut self, slot: Slot) -> io::Result<()> {
        if self.count.is_multiple_of(BLOCK) {
            self.firsts.push(slot.0);
        }
        self.count += 1;
        self.file.write_all(&slot.0.to_le_bytes())?;
        self.file.write_all(&slot.1.to_le_bytes())
    }

    fn finish(self) -> io::Result<Shelf> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Shelf { file, count: self.count, firsts: self.firsts })
    }
}

/// A fresh file without a name. One that a crash has left its name is taken over.
fn nameless(folder: &Path) -> io::Result<File> {
    let _one_at_a_time = NAMING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = folder.join(NAME);
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_that_fills_whole_blocks_has_all_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let slots: Vec<Slot> = (0..3000).map(|n| (if n < 300 { 1 } else { 7 }, n)).collect();
        let (even, odd): (Vec<Slot>, Vec<Slot>) = slots.iter().partition(|slot| slot.1 % 2 == 0);
        let half = Shelf::merged(folder.path(), None, &even).unwrap();
        let whole = Shelf::merged(folder.path(), Some(&half), &odd).unwrap();
        assert_eq!(whole.len(), 3000);
        assert_eq!(whole.places(1).unwrap(), (0..300).collect::<Vec<_>>());
        assert_eq!(whole.places(7).unwrap(), (300..3000).collect::<Vec<_>>());
        for stranger in [0, 3, 8] {
            assert_eq!(whole.places(stranger).unwrap(), [0; 0]);
        }
    }

    #[test]
    fn what_a_crash_left_under_the_name_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "x".repeat(100_000)).unwrap();
        let shelf = Shelf::merged(folder.path(), None, &[(1, 2), (3, 4)]).unwrap();
        assert_eq!((shelf.places(1).unwrap(), shelf.places(3).unwrap()), (vec![2], vec![4]));
        assert!(!folder.path().join(NAME).exists());
    }
}
