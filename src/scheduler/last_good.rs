//! Keeps what a bad line was before it was bad.
//!
//! A line that cannot be read does not say which entry it was. It stands between two lines that can be read
//! and were there before, though, and what stood between them then are its candidates: the one with the bad
//! line's own service and action, else one that no new line between the two has taken the place of.
//!
//! An option line that cannot be read leaves its option in doubt for the entries below it. Each of them keeps
//! the option of the entry that it was before: the one with the same time, user, service and action.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Severity};
use crate::names::{ActionName, ServiceName, UserName};
use crate::schedule::{Entry, EntryKey, OptionKey, Schedule, When, is_option};

/// A schedule with the last good forms of its bad lines.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) entries: Vec<Entry>,
    /// The numbers of the bad lines, each with the entry that goes on in its place.
    pub(crate) kept: Vec<(usize, String)>,
    /// How many entries keep options that stand in doubt.
    pub(crate) settled: usize,
}

/// Puts the entries that bad lines were before into a schedule; `previous` has them in the order of their
/// lines.
pub(crate) fn merge(previous: &[&Entry], mut schedule: Schedule) -> Merged {
    let settled = settle_doubts(previous, &mut schedule);
    let Schedule { mut entries, diagnostics, .. } = schedule;
    let is_bad_entry = |fault: &&Diagnostic| fault.severity == Severity::Error && !is_option(&fault.text);
    let faults: Vec<&Diagnostic> = diagnostics.iter().filter(is_bad_entry).collect();
    if faults.is_empty() || previous.is_empty() {
        return Merged { entries, kept: Vec::new(), settled };
    }
    let kept = Keeper::new(previous, &entries).keep(&faults);
    entries.extend(kept.iter().map(|&(line, place)| Entry { line, ..previous[place].clone() }));
    entries.sort_by_key(|entry| entry.line);
    let kept = kept.into_iter().map(|(line, place)| (line, previous[place].to_string())).collect();
    Merged { entries, kept, settled }
}

/// What stays of an entry when its options change.
type Core<'a> = (When, &'a UserName, &'a ServiceName, &'a ActionName);

fn core(entry: &Entry) -> Core<'_> {
    (entry.when, &entry.user, &entry.service, &entry.action)
}

/// Gives entries whose options are in doubt those they had; tells how many there are.
fn settle_doubts(previous: &[&Entry], schedule: &mut Schedule) -> usize {
    if schedule.doubts.is_empty() {
        return 0;
    }
    let mut before: HashMap<Core<'_>, Vec<&Entry>> = HashMap::new();
    for entry in previous {
        before.entry(core(entry)).or_default().push(entry);
    }
    let in_doubt: HashSet<usize> = schedule.doubts.iter().map(|(index, _)| *index).collect();
    let certain = schedule.entries.iter().enumerate().filter(|(index, _)| !in_doubt.contains(index));
    let mut taken: HashSet<EntryKey> = certain.map(|(_, entry)| entry.key()).collect();
    let mut settled = 0;
    for (index, keys) in &schedule.doubts {
        let entry = &mut schedule.entries[*index];
        let candidates = before.get(&core(entry)).map_or(&[][..], Vec::as_slice);
        let free = || candidates.iter().filter(|candidate| !taken.contains(&candidate.key()));
        let same = |candidate: &&&Entry| adopt(entry, candidate, keys).options == candidate.options;
        if let Some(was) = free().find(same).or_else(|| free().next()) {
            *entry = adopt(entry, was, keys);
            settled += 1;
        }
        taken.insert(entry.key());
    }
    // What was in doubt may have become what stands elsewhere already.
    let mut seen = HashSet::new();
    schedule.entries.retain(|entry| seen.insert(entry.key()));
    settled
}

/// The entry with some of another's options.
fn adopt(entry: &Entry, from: &Entry, keys: &[OptionKey]) -> Entry {
    let mut entry = entry.clone();
    for &key in keys {
        entry.options.take(key, &from.options);
    }
    entry
}

/// Finds the places, in the previous schedule, of lines that are bad now.
struct Keeper<'a> {
    previous: &'a [&'a Entry],
    /// The number of each good line, and the place it had before, if it had one.
    good: Vec<(usize, Option<usize>)>,
    /// The places that no good line has, and those of each service and action among them.
    free: BTreeSet<usize>,
    named: HashMap<(&'a str, &'a str), BTreeSet<usize>>,
}

impl<'a> Keeper<'a> {
    fn new(previous: &'a [&'a Entry], entries: &[Entry]) -> Self {
        let places: HashMap<EntryKey, usize> =
            previous.iter().enumerate().map(|(place, entry)| (entry.key(), place)).collect();
        let good: Vec<_> =
            entries.iter().map(|entry| (entry.line, places.get(&entry.key()).copied())).collect();
        let mut free: BTreeSet<usize> = (0..previous.len()).collect();
        for place in good.iter().filter_map(|(_, place)| *place) {
            free.remove(&place);
        }
        let mut named: HashMap<_, BTreeSet<usize>> = HashMap::new();
        for &place in &free {
            let entry = previous[place];
            named.entry((entry.service.as_str(), entry.action.as_str())).or_default().insert(place);
        }
        Self { previous, good, free, named }
    }

    /// The lines of these faults, each with the place it had, as far as that can be told.
    fn keep(mut self, faults: &[&Diagnostic]) -> Vec<(usize, usize)> {
        let mut kept = Vec::new();
        let split = |fault: &Diagnostic| self.good.partition_point(|&(line, _)| line < fault.line);
        let splits: Vec<usize> = faults.iter().map(|fault| split(fault)).collect();
        let mut start = 0;
        for run in splits.chunk_by(|one, next| one == next) {
            let faults = &faults[start..start + run.len()];
            start += run.len();
            let (places, new_lines) = self.between(run[0]);
            let enough = new_lines + faults.len();
            let mut spare = self.free.range(places.clone()).take(enough).count().saturating_sub(new_lines);
            for fault in faults {
                let place = self.named_place(fault, &places);
                let place = place.or_else(|| self.any_place(fault, &places).filter(|_| spare > 0));
                if let Some(place) = place {
                    self.take(place);
                    spare = spare.saturating_sub(1);
                    kept.push((fault.line, place));
                }
            }
        }
        kept
    }

    /// What lies between the good lines on both sides of a place among them that were there before: the
    /// places that they had between them, and how many lines there are new.
    fn between(&self, split: usize) -> (Range<usize>, usize) {
        let (above, below) = self.good.split_at(split);
        let from = above.iter().rev().find_map(|(_, place)| *place).map_or(0, |place| place + 1);
        let to = below.iter().find_map(|(_, place)| *place).unwrap_or(self.previous.len()).max(from);
        let is_new = |(_, place): &&(usize, Option<usize>)| place.is_none();
        let new_above = above.iter().rev().take_while(is_new).count();
        (from..to, new_above + below.iter().take_while(is_new).count())
    }

    /// The first place of an entry whose service and action stand in the bad line.
    fn named_place(&self, fault: &Diagnostic, places: &Range<usize>) -> Option<usize> {
        let words: Vec<&str> = fault.text.split_whitespace().collect();
        let mut named = words.windows(2).filter_map(|pair| self.named.get(&(pair[0], pair[1])));
        named.find_map(|of_name| of_name.range(places.clone()).next().copied())
    }

    /// The place of an entry of the same line, else the last.
    fn any_place(&self, fault: &Diagnostic, places: &Range<usize>) -> Option<usize> {
        let same = self.previous.binary_search_by_key(&fault.line, |entry| entry.line).ok();
        let same = same.filter(|place| places.contains(place) && self.free.contains(place));
        same.or_else(|| self.free.range(places.clone()).next_back().copied())
    }

    fn take(&mut self, place: usize) {
        self.free.remove(&place);
        let entry = self.previous[place];
        if let Some(places) = self.named.get_mut(&(entry.service.as_str(), entry.action.as_str())) {
            places.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Zone, parse};

    fn read(text: &str) -> Schedule {
        parse(text.as_bytes(), &Zone::utc())
    }

    fn merged(before: &str, after: &str) -> Vec<String> {
        let before = read(before).entries;
        let merged = merge(&before.iter().collect::<Vec<_>>(), read(after));
        merged.entries.iter().map(|entry| format!("{} {entry}", entry.zone()).replace("UTC ", "")).collect()
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

    #[test]
    fn entries_below_an_option_gone_bad_keep_theirs() {
        let good = "CRON_TZ=Asia/Tokyo\n5 4 * * * a x\nCRON_TZ=Europe/Berlin\n5 4 * * * a x\n5 5 * * * a y";
        for bad in ["CRON_TZ=Europe/Berln", "CRONTZ=Europe/Berlin", "TZ=Europe/Berlin"] {
            assert_eq!(
                merged(good, &good.replace("CRON_TZ=Europe/Berlin", bad)),
                [
                    "Asia/Tokyo 5 4 * * * root a x",
                    "Europe/Berlin 5 4 * * * root a x",
                    "Europe/Berlin 5 5 * * * root a y"
                ],
                "{bad}"
            );
        }
        // An entry that is new has none that it could keep: it goes as if the bad line were not there.
        assert_eq!(
            merged(good, "CRON_TZ=Asia/Tokyo\n5 4 * * * a x\nCRON_TZ=Mars\n5 7 * * * a new"),
            ["Asia/Tokyo 5 4 * * * root a x", "Asia/Tokyo 5 7 * * * root a new"]
        );
        assert_eq!(merged("", "CRON_TZ=Mars\n5 4 * * * a x\nCRON_TZ=Pluto\n5 4 * * * a x").len(), 1);
    }

    #[test]
    fn an_option_that_is_no_longer_in_doubt_is_the_new_one() {
        let after = "CRON_TZ=Mars\nCRON_TZ=Asia/Tokyo\n5 4 * * * a x";
        assert_eq!(merged("CRON_TZ=Europe/Berlin\n5 4 * * * a x", after), ["Asia/Tokyo 5 4 * * * root a x"]);
        let before = read("DEADLINE=2h\n@daily a x").entries;
        let after = merge(&[&before[0]], read("DEADLINE=2x\nRANDOM_DELAY=5\n@daily a x")).entries;
        assert_eq!((after[0].options.deadline, after[0].options.random_delay), (Some(7_200), 300));
    }

    #[test]
    fn a_long_schedule_of_which_every_line_goes_bad_is_kept_at_once() {
        let lines = |hour: &str| -> String {
            let lines = (0..10_000).map(|n| format!("{} {hour} * * * a job-{n}", n % 60));
            lines.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(merged(&lines("4"), &lines("24")).len(), 10_000);
        assert_eq!(merged(&lines("4"), &"?\n".repeat(10_000)).len(), 10_000);
    }
}
