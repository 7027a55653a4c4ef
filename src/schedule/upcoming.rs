//! What comes next, of all entries together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::entry::Entry;

/// An entry at one of its instants to come.
#[derive(Debug, Clone, Copy)]
pub struct Coming<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// The instant that it names, in seconds since 1970-01-01 00:00 UTC.
    pub at: i64,
    /// When it is asked for: the instant and the entry's delay.
    pub due: i64,
}

/// The instants of entries, each from after its own second on, in the order in which they are due; of those
/// due together, in the order of their lines.
pub fn upcoming<'a>(entries: impl IntoIterator<Item = (&'a Entry, i64)>) -> impl Iterator<Item = Coming<'a>> {
    let entries: Vec<(&Entry, i64)> = entries.into_iter().collect();
    let place = |index: usize, after: i64| {
        let entry: &Entry = entries[index].0;
        let at = entry.next(after)?;
        Some(Reverse((at + i64::from(entry.delay()), entry.line, index, at)))
    };
    let heap: BinaryHeap<_> =
        entries.iter().enumerate().filter_map(|(index, (_, after))| place(index, *after)).collect();
    Merged { entries, heap }
}

struct Merged<'a> {
    entries: Vec<(&'a Entry, i64)>,
    /// When each is due next, its line, its place, and its instant.
    heap: BinaryHeap<Reverse<(i64, usize, usize, i64)>>,
}

impl<'a> Iterator for Merged<'a> {
    type Item = Coming<'a>;

    fn next(&mut self) -> Option<Coming<'a>> {
        let Reverse((due, line, index, at)) = self.heap.pop()?;
        let entry = self.entries[index].0;
        if let Some(next) = entry.next(at) {
            self.heap.push(Reverse((next + i64::from(entry.delay()), line, index, next)));
        }
        Some(Coming { entry, at, due })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Zone, parse};

    #[test]
    fn entries_come_in_the_order_of_time_and_of_their_lines() {
        let text = "0 12 * * * a noon\n@reboot a start\n0 */6 * * * a often\n0 0 31 2 * a never";
        let schedule = parse(text.as_bytes(), &Zone::utc());
        let day = 1_777_593_600;
        let coming = upcoming(schedule.entries.iter().map(|entry| (entry, day)));
        let shown: Vec<_> =
            coming.take(5).map(|c| format!("{} {}", (c.at - day) / 3_600, c.entry.action)).collect();
        assert_eq!(shown, ["6 often", "12 noon", "12 often", "18 often", "24 often"]);
    }
}
