//! Which ids are used up: for each, a hash and the place of its record, eight bytes together.
//!
//! The id itself, and what it was used for, stand in the journal at that place. So a hash that two ids
//! share costs a second look there, and never a wrong answer.
//!
//! Only the newest are in memory, where their number stays small; the others are in a sorted file without a
//! name ([`Shelf`]), which is made anew from the journal at every start. Where no such file can be written
//! they stay in memory. Once the journal serves requests, the file is written on a thread of its own.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::names::RequestId;
use crate::process;

use super::shelf::{Shelf, Slot};

/// Ids that are looked through one by one before they are put in order.
const MOST_RECENT: usize = 256;
/// Ids in memory, in order, before they go to the file.
const MOST_SORTED: usize = 4096;
/// What the thread that writes the file needs of stack, in bytes.
const STACK: usize = 128 * 1024;

/// Ids with the places of their records.
#[derive(Debug)]
pub(super) struct Ids {
    folder: PathBuf,
    shelf: Option<Arc<Shelf>>,
    leaving: Option<Leaving>,
    /// Whether the file is written beside who inserts.
    is_beside: bool,
    /// In order of their hashes.
    sorted: Vec<Slot>,
    /// How many of those are too many.
    most_sorted: usize,
    /// Not yet in order, and few.
    recent: Vec<Slot>,
    hasher: RandomState,
}

/// Ids on their way to the file.
#[derive(Debug)]
struct Leaving {
    /// In order of their hashes.
    slots: Arc<Vec<Slot>>,
    written: JoinHandle<io::Result<Shelf>>,
}

impl Ids {
    /// No ids yet; should they become many, they are kept in a file in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            shelf: None,
            leaving: None,
            is_beside: false,
            sorted: Vec::new(),
            most_sorted: MOST_SORTED,
            recent: Vec::new(),
            hasher: RandomState::new(),
        }
    }

    /// From now on nobody waits in [`Ids::insert`] for the file.
    pub(super) fn write_beside(&mut self) {
        self.is_beside = true;
    }

    /// Takes an id whose record stands at `at`, in bytes from the journal's beginning.
    pub(super) fn insert(&mut self, id: &RequestId, at: u64) {
        // The journal refuses to grow to where this would not hold (see `limits::LARGEST`).
        let Ok(at) = u32::try_from(at) else { return };
        self.recent.push((self.hash(id), at));
        if self.recent.len() < MOST_RECENT {
            return;
        }
        self.merge();
        if let Some(leaving) = self.leaving.take_if(|leaving| leaving.written.is_finished()) {
            let written = leaving.written.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()));
            self.shelved(leaving.slots, written);
        }
        if self.sorted.len() >= self.most_sorted && self.leaving.is_none() {
            self.shelve();
        }
    }

    /// The places where the record of this id may stand.
    ///
    /// # Errors
    /// When the file with the older ones cannot be read.
    pub(super) fn places(&self, id: &RequestId) -> io::Result<Vec<u64>> {
        let hash = self.hash(id);
        let leaving = self.leaving.iter().flat_map(|leaving| with_hash(&leaving.slots, hash));
        let recent = self.recent.iter().filter(|slot| slot.0 == hash);
        let slots = leaving.chain(with_hash(&self.sorted, hash)).chain(recent);
        let mut places: Vec<_> = slots.map(|slot| u64::from(slot.1)).collect();
        if let Some(shelf) = &self.shelf {
            places.extend(shelf.places(hash)?);
        }
        Ok(places)
    }

    fn hash(&self, id: &RequestId) -> u32 {
        (self.hasher.hash_one(id) >> 32) as u32
    }

    /// Has the ids in memory written to the file.
    fn shelve(&mut self) {
        let slots = Arc::new(std::mem::take(&mut self.sorted));
        let (folder, old, others) = (self.folder.clone(), self.shelf.clone(), slots.clone());
        let write = move || Shelf::merged(&folder, old.as_deref(), &others);
        if !self.is_beside {
            return self.shelved(slots, write());
        }
        let write = move || {
            process::be_patient();
            write()
        };
        match thread::Builder::new().name("ids".into()).stack_size(STACK).spawn(write) {
            Ok(written) => self.leaving = Some(Leaving { slots, written }),
            Err(error) => self.shelved(slots, Err(error)),
        }
    }

    /// These are in the file now. Where that has failed they stay in memory, and it is tried again when there are twice as
    /// many.
    fn shelved(&mut self, slots: Arc<Vec<Slot>>, written: io::Result<Shelf>) {
        if let Ok(whole) = written {
            // Each time the whole file is written: seldom enough that this costs little for each id.
            self.most_sorted = MOST_SORTED.max(whole.len() / 16);
            self.shelf = Some(Arc::new(whole));
        } else {
            self.recent.append(&mut self.sorted);
            self.sorted = Arc::unwrap_or_clone(slots);
            self.merge();
            self.most_sorted = 2 * self.sorted.len();
        }
    }

    /// Merges the recent ones in, from the back, so that no second copy is needed.
    fn merge(&mut self) {
        self.recent.sort_unstable();
        let mut old = self.sorted.len();
        let mut to = old + self.recent.len();
        self.sorted.reserve_exact(self.recent.len());
        self.sorted.resize(to, (0, 0));
        while let Some(&recent) = self.recent.last() {
            to -= 1;
            if old > 0 && self.sorted[old - 1] > recent {
                old -= 1;
                self.sorted[to] = self.sorted[old];
            } else {
                self.sorted[to] = recent;
                self.recent.pop();
            }
        }
    }
}

/// Those of `slots`, which are in order, that have this hash.
fn with_hash(slots: &[Slot], hash: u32) -> impl Iterator<Item = &Slot> {
    let from = slots.partition_point(|slot| slot.0 < hash);
    slots[from..].iter().take_while(move |slot| slot.0 == hash)
}

#[cfg(test)]
mod tests {
    use super::super::shelf;
    use super::*;

    fn id(n: u64) -> RequestId {
        format!("id-{n}").parse().unwrap()
    }

    fn filled(folder: &Path, count: u64) -> Ids {
        let mut ids = Ids::new(folder);
        for n in 0..count {
            ids.insert(&id(n), n * 100);
        }
        ids
    }

    fn assert_has(ids: &Ids, count: u64) {
        for n in 0..count {
            assert!(ids.places(&id(n)).unwrap().contains(&(n * 100)), "{n}");
        }
        let strangers = (count..2 * count).filter(|&n| !ids.places(&id(n)).unwrap().is_empty()).count();
        assert!(strangers < 20, "{strangers} of {count} strangers need a look");
    }

    #[test]
    fn every_id_is_found_at_its_place_however_many_there_are_and_few_are_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let ids = filled(folder.path(), 30_000);
        assert_has(&ids, 30_000);
        assert!(ids.sorted.capacity() <= MOST_SORTED, "{}", ids.sorted.capacity());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn ids_that_cannot_go_to_a_file_stay_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("gone");
        let mut ids = filled(&gone, 20_000);
        assert!(ids.shelf.is_none());
        assert_has(&ids, 20_000);
        std::fs::create_dir(&gone).unwrap();
        for n in 20_000..60_000 {
            ids.insert(&id(n), n * 100);
        }
        assert!(ids.shelf.is_some(), "it is tried again");
        assert_has(&ids, 60_000);
    }

    #[test]
    fn nobody_waits_for_the_file_once_requests_are_served_and_every_id_is_known_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let mut ids = filled(folder.path(), 5_000);
        ids.write_beside();
        let writers_wait = shelf::NAMING.lock().unwrap();
        for n in 5_000..20_000 {
            ids.insert(&id(n), n * 100);
        }
        assert!(ids.leaving.is_some(), "they are on their way");
        assert_has(&ids, 20_000);
        drop(writers_wait);
        while !ids.leaving.as_ref().unwrap().written.is_finished() {
            thread::yield_now();
        }
        let before = ids.sorted.len();
        for n in 20_000..21_000 {
            ids.insert(&id(n), n * 100);
        }
        assert!(ids.sorted.len() < before, "the file was taken, and the next is due");
        assert_has(&ids, 21_000);
    }

    #[test]
    fn ids_that_cannot_go_to_a_file_beside_come_back_to_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut ids = Ids::new(&folder.path().join("gone"));
        ids.write_beside();
        for n in 0..30_000 {
            ids.insert(&id(n), n * 100);
        }
        assert!(ids.shelf.is_none());
        assert_has(&ids, 30_000);
    }
}
