//! The entries in force, and which of them is due next.
//!
//! Each entry has a *mark*, the instant up to which its occurrences have been taken care of; what lies between
//! the mark and now is due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

use super::last_good::{self, Merged};
use super::record::{EntryRecord, Record};
use crate::schedule::{Entry, EntryKey, Schedule};

/// More missed occurrences of an entry than this are not counted.
pub(crate) const MOST_COUNTED: usize = 1_000;

/// The entries in force.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: Vec<Scheduled>,
    /// When each entry is due next, with its place in `entries`.
    due: BinaryHeap<Reverse<(i64, usize)>>,
    /// Whether a schedule is in force; what was remembered is not, until it is known what became of the file.
    in_force: bool,
}

/// An entry that is in force.
#[derive(Debug)]
struct Scheduled {
    entry: Rc<Entry>,
    key: EntryKey,
    mark: i64,
}

/// An entry that is due.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) entry: Rc<Entry>,
    /// The latest instant that it is due for.
    pub(crate) latest: i64,
    /// Its next one.
    pub(crate) next: Option<i64>,
    /// How many came before the latest.
    pub(crate) missed: usize,
}

/// What a new schedule changed.
#[derive(Debug)]
pub(crate) struct Replaced {
    pub(crate) records: Vec<Record>,
    /// The numbers of the bad lines, each with the entry that goes on in its place.
    pub(crate) kept: Vec<(usize, String)>,
    /// How many entries keep options that stand in doubt.
    pub(crate) settled: usize,
}

impl Agenda {
    /// The entries that were remembered, each with its mark; not yet in force.
    pub(crate) fn new(entries: impl IntoIterator<Item = (EntryKey, (Rc<Entry>, i64))>) -> Self {
        let known = |(key, (entry, mark))| Scheduled { entry, key, mark };
        let mut entries: Vec<Scheduled> = entries.into_iter().map(known).collect();
        entries.sort_by_key(|scheduled| scheduled.entry.line);
        Self { entries, ..Self::default() }
    }

    /// Puts what was remembered into force.
    pub(crate) fn begin(&mut self) {
        if !self.in_force {
            self.in_force = true;
            self.rebuild();
        }
    }

    /// Puts a new schedule into force; entries that were there before keep their marks.
    pub(crate) fn replace(&mut self, now: i64, schedule: Schedule) -> Replaced {
        let previous: Vec<&Entry> = self.entries.iter().map(|scheduled| &*scheduled.entry).collect();
        let Merged { entries, kept, settled } = last_good::merge(&previous, schedule);
        let places: HashMap<EntryKey, usize> =
            self.entries.iter().enumerate().map(|(place, scheduled)| (scheduled.key, place)).collect();
        let mut gone: HashSet<EntryKey> = places.keys().copied().collect();
        let mut records = Vec::new();
        let mut scheduled = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = entry.key();
            let before = places.get(&key).map(|&place| &self.entries[place]);
            gone.remove(&key);
            let (entry, mark) = (Rc::new(entry), before.map_or(now, |before| before.mark));
            if before.is_none_or(|before| before.entry != entry) {
                records.push(Record::Entry(EntryRecord { entry: entry.clone(), mark }));
            }
            scheduled.push(Scheduled { entry, key, mark });
        }
        records.extend(gone.into_iter().map(Record::Gone));
        self.entries = scheduled;
        self.in_force = true;
        self.rebuild();
        Replaced { records, kept, settled }
    }

    /// The clock was wrong: no mark is later than this.
    pub(crate) fn reset(&mut self, to: i64) {
        for scheduled in &mut self.entries {
            scheduled.mark = scheduled.mark.min(to);
        }
        self.rebuild();
    }

    /// The latest mark of the entries that follow the wall clock.
    pub(crate) fn latest_of_patterns(&self) -> Option<i64> {
        let patterns = self.entries.iter().filter(|scheduled| scheduled.entry.is_pattern());
        patterns.map(|scheduled| scheduled.mark).max()
    }

    /// The clock was set back a little: the entries that follow it go on from there.
    pub(crate) fn set_back(&mut self, to: i64) {
        for scheduled in self.entries.iter_mut().filter(|scheduled| scheduled.entry.is_pattern()) {
            scheduled.mark = scheduled.mark.min(to);
        }
        self.rebuild();
    }

    fn rebuild(&mut self) {
        let due = self.entries.iter().enumerate().filter_map(|(place, scheduled)| {
            let next = scheduled.entry.next(scheduled.mark)?;
            Some(Reverse((next + i64::from(scheduled.entry.delay()), place)))
        });
        self.due = due.collect();
    }

    /// When an entry is due next.
    pub(crate) fn wake_at(&self) -> Option<i64> {
        self.due.peek().map(|Reverse((due, _))| *due).filter(|_| self.in_force)
    }

    /// An entry that is due by now; none when all are taken care of.
    pub(crate) fn take_due(&mut self, now: i64) -> Option<Due> {
        let due = self.wake_at().filter(|&due| due <= now)?;
        let Reverse((_, place)) = self.due.pop()?;
        let scheduled = &mut self.entries[place];
        let entry = scheduled.entry.clone();
        let delay = i64::from(entry.delay());
        let (first, until) = (due - delay, now - delay);
        let (mut latest, mut next, mut missed) = (first, entry.next(first), 0);
        if next.is_some_and(|next| next <= until) {
            latest = entry.latest(first, until).unwrap_or(first);
            next = entry.next(latest);
            let before = std::iter::successors(Some(first), |&at| entry.next(at).filter(|&at| at < latest));
            missed = before.take(MOST_COUNTED + 1).count();
        }
        scheduled.mark = latest;
        if let Some(next) = next {
            self.due.push(Reverse((next + delay, place)));
        }
        Some(Due { entry, latest, next, missed })
    }

    /// The entries, in the order of their lines, each with its mark.
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = (&Rc<Entry>, i64)> {
        self.entries.iter().map(|scheduled| (&scheduled.entry, scheduled.mark))
    }
}
