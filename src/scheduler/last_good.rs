//! Keeps what a bad line was before it was bad.
//!
//! A line that cannot be read does not say which entry it was. It stands between two lines that can be read
//! and were there before, though, and what stood between them then are its candidates: the one with the bad
//! line's own service and action, else one that no new line between the two has taken the place of.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::schedule::{Diagnostic, Entry, EntryKey, Schedule, Severity};

/// A schedule with the last good forms of its bad lines.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) entries: Vec<Entry>,
    /// Each bad line's number, with the entry that goes on in its place.
    pub(crate) kept: Vec<(usize, Entry)>,
}

/// Puts the entries that bad lines were before, in `previous`, into a schedule.
pub(crate) fn merge(previous: &[Entry], schedule: Schedule) -> Merged {
    let places: HashMap<EntryKey, usize> =
        previous.iter().enumerate().map(|(place, entry)| (entry.key(), place)).collect();
    let good: Vec<(usize, Option<usize>)> =
        schedule.entries.iter().map(|entry| (entry.line, places.get(&entry.key()).copied())).collect();
    let mut taken: HashSet<usize> = good.iter().filter_map(|(_, place)| *place).collect();
    let mut kept = Vec::new();
    let errors = schedule.diagnostics.iter().filter(|fault| fault.severity == Severity::Error);
    for fault in errors.filter(|fault| !fault.text.contains('=')) {
        let between = Between::of(&good, fault.line, previous.len());
        let free: Vec<usize> = between.places.filter(|place| !taken.contains(place)).collect();
        if let Some(place) = choose(previous, &free, between.new_lines, fault) {
            taken.insert(place);
            kept.push((fault.line, previous[place].clone()));
        }
    }
    let mut entries = schedule.entries;
    entries.extend(kept.iter().map(|(line, entry)| Entry { line: *line, ..entry.clone() }));
    entries.sort_by_key(|entry| entry.line);
    Merged { entries, kept }
}

/// What lies between the two nearest good lines that were there before.
struct Between {
    /// The places that the entries between them had before.
    places: Range<usize>,
    /// How many good lines between them are new.
    new_lines: usize,
}

impl Between {
    /// Around a line; `good` has the number of each good line and the place it had before, if it had one.
    fn of(good: &[(usize, Option<usize>)], line: usize, end: usize) -> Self {
        let split = good.partition_point(|&(number, _)| number < line);
        let (above, below) = good.split_at(split);
        let from = above.iter().rev().find_map(|(_, place)| *place).map_or(0, |place| place + 1);
        let to = below.iter().find_map(|(_, place)| *place).unwrap_or(end).max(from);
        let is_new = |(_, place): &&(usize, Option<usize>)| place.is_none();
        let new_lines =
            above.iter().rev().take_while(is_new).count() + below.iter().take_while(is_new).count();
        Self { places: from..to, new_lines }
    }
}

/// Which of the free places a bad line had.
fn choose(previous: &[Entry], free: &[usize], new_lines: usize, fault: &Diagnostic) -> Option<usize> {
    let words: Vec<&str> = fault.text.split_whitespace().collect();
    let named = |&&place: &&usize| {
        let entry = &previous[place];
        words.contains(&entry.service.as_str()) && words.contains(&entry.action.as_str())
    };
    let same_line = |&&place: &&usize| previous[place].line == fault.line;
    let unnamed = || free.iter().find(same_line).or(free.last()).filter(|_| free.len() > new_lines);
    free.iter().find(named).or_else(unnamed).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Zone, parse};

    fn merged(before: &str, after: &str) -> Vec<String> {
        let before = parse(before.as_bytes(), &Zone::utc()).entries;
        let after = parse(after.as_bytes(), &Zone::utc());
        merge(&before, after).entries.iter().map(Entry::to_string).collect()
    }

    #[test]
    fn a_line_gone_bad_goes_on_as_it_was() {
        assert_eq!(
            merged(
                "5 4 * * * a x\n5 5 * * * a y\n5 6 * * * a z",
                "5 4 * * * a x\n5 55 * * * a y\n5 6 * * * a z"
            ),
            ["5 4 * * * root a x", "5 5 * * * root a y", "5 6 * * * root a z"]
        );
    }

    #[test]
    fn a_line_that_has_become_unreadable_is_known_by_its_neighbours() {
        assert_eq!(
            merged("5 4 * * * a x\n5 5 * * * a y\n5 6 * * * a z", "5 4 * * * a x\n???\n5 6 * * * a z"),
            ["5 4 * * * root a x", "5 5 * * * root a y", "5 6 * * * root a z"]
        );
    }

    #[test]
    fn a_removed_entry_does_not_come_back_for_a_bad_line_elsewhere() {
        assert_eq!(
            merged("5 4 * * * a x\n5 5 * * * a y\n5 6 * * * a z", "5 5 * * * a y\nbad\n5 6 * * * a z"),
            ["5 5 * * * root a y", "5 6 * * * root a z"]
        );
    }

    #[test]
    fn a_good_line_that_took_an_entrys_place_leaves_it_to_no_bad_one() {
        assert_eq!(merged("5 4 * * * a x", "5 4 * * * a y\n5 55 * * * a z"), ["5 4 * * * root a y"]);
    }

    #[test]
    fn a_new_line_that_is_bad_keeps_nothing() {
        assert_eq!(merged("", "5 55 * * * a y"), [""; 0]);
        assert_eq!(merged("5 4 * * * a x", "5 6 * * * a x\n5 55 * * * b y"), ["5 6 * * * root a x"]);
    }
}
