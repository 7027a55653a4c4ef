//! Which ids are used up: for each, a hash and the place of its record, eight bytes together.
//!
//! The id itself, and what it was used for, stand in the journal at that place. So a hash that two ids
//! share costs a second look there, and never a wrong answer.

use std::hash::{BuildHasher, RandomState};

use crate::names::RequestId;

/// Ids that are looked through one by one before they are put in order.
const MOST_RECENT: usize = 512;

/// Ids with the places of their records.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// In order of their hashes.
    sorted: Vec<Slot>,
    /// Not yet in order, and few.
    recent: Vec<Slot>,
    hasher: RandomState,
}

/// An id's hash and its record's place, in bytes from the file's beginning.
type Slot = (u32, u32);

impl Ids {
    /// Takes an id whose record stands at `at`.
    pub(super) fn insert(&mut self, id: &RequestId, at: u64) {
        // The journal refuses to grow to where this would not hold (see `file::LARGEST`).
        let Ok(at) = u32::try_from(at) else { return };
        self.recent.push((self.hash(id), at));
        if self.recent.len() >= MOST_RECENT {
            self.merge();
        }
    }

    /// The places where the record of this id may stand.
    pub(super) fn places(&self, id: &RequestId) -> impl Iterator<Item = u64> {
        let hash = self.hash(id);
        let from = self.sorted.partition_point(|slot| slot.0 < hash);
        let sorted = self.sorted[from..].iter().take_while(move |slot| slot.0 == hash);
        let recent = self.recent.iter().filter(move |slot| slot.0 == hash);
        sorted.chain(recent).map(|slot| u64::from(slot.1))
    }

    /// Gives back the memory that is not needed.
    pub(super) fn settle(&mut self) {
        self.merge();
        self.recent.shrink_to_fit();
    }

    fn hash(&self, id: &RequestId) -> u32 {
        (self.hasher.hash_one(id) >> 32) as u32
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_at_its_place_however_many_there_are() {
        let mut ids = Ids::default();
        let id = |n: u64| format!("id-{n}").parse::<RequestId>().unwrap();
        for n in 0..20_000 {
            ids.insert(&id(n), n * 100);
        }
        for n in 0..20_000 {
            assert!(ids.places(&id(n)).any(|place| place == n * 100), "{n}");
        }
        let strangers = (20_000..40_000).filter(|&n| ids.places(&id(n)).next().is_some()).count();
        assert!(strangers < 20, "{strangers} of 20,000 strangers need a look");
        ids.settle();
        assert_eq!(ids.sorted.len(), 20_000);
        assert!(ids.sorted.is_sorted());
    }
}
