//! One service that is asked: what waits to be delivered to it, and when to try.

use std::collections::BTreeMap;

use super::occurrence::{Occurrence, OccurrenceKey};

/// The longest wait between two tries, in seconds.
const LONGEST_WAIT: i64 = 60;

/// A service and the occurrences that it has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// What is to be sent.
    waiting: BTreeMap<OccurrenceKey, Undelivered>,
    /// What the delivery that is under way has sent, and what is not answered yet.
    sent: BTreeMap<OccurrenceKey, Undelivered>,
    /// Whether a delivery to it is under way; there is one at a time.
    busy: bool,
    /// How often in a row it could not be reached.
    pub(crate) failures: u32,
    /// Since when it cannot be reached, while that is so.
    away_since: Option<i64>,
    /// Not before this second is it tried again.
    try_at: i64,
}

/// An occurrence that is to be delivered.
#[derive(Debug)]
struct Undelivered {
    occurrence: Occurrence,
    refusals: u32,
    try_at: i64,
}

impl Target {
    /// Takes on an occurrence; one that waits already stays as it is.
    pub(crate) fn add(&mut self, occurrence: Occurrence) {
        let key = occurrence.key();
        if !self.sent.contains_key(&key) {
            let waiting = Undelivered { refusals: 0, try_at: occurrence.due, occurrence };
            self.waiting.entry(key).or_insert(waiting);
        }
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty() && !self.busy
    }

    /// What it has not taken yet, with how often it refused it.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (&Occurrence, u32)> {
        let all = self.sent.values().chain(self.waiting.values());
        all.map(|waiting| (&waiting.occurrence, waiting.refusals))
    }

    /// Begins a delivery: the occurrences that are to be sent now; none while one is under way.
    pub(crate) fn send(&mut self, now: i64) -> Vec<Occurrence> {
        if self.busy || self.try_at > now {
            return Vec::new();
        }
        self.sent = take_if(&mut self.waiting, |waiting| waiting.try_at <= now);
        self.busy = !self.sent.is_empty();
        self.sent.values().map(|waiting| waiting.occurrence.clone()).collect()
    }

    /// It took an occurrence.
    pub(crate) fn accepted(&mut self, key: OccurrenceKey) -> Option<Occurrence> {
        (self.failures, self.away_since) = (0, None);
        self.sent.remove(&key).map(|waiting| waiting.occurrence)
    }

    /// It refused an occurrence, which is put off; tells how often it has been refused by now.
    pub(crate) fn refused(&mut self, key: OccurrenceKey, now: i64) -> Option<(&Occurrence, u32)> {
        (self.failures, self.away_since) = (0, None);
        let mut waiting = self.sent.remove(&key)?;
        waiting.refusals += 1;
        waiting.try_at = now + wait(waiting.refusals);
        let waiting = self.waiting.entry(key).or_insert(waiting);
        Some((&waiting.occurrence, waiting.refusals))
    }

    /// The delivery is over; what was not answered is to be sent again, after a while if it `failed`.
    pub(crate) fn closed(&mut self, failed: bool, now: i64) {
        self.busy = false;
        self.waiting.append(&mut self.sent);
        if failed {
            self.failures += 1;
            self.away_since.get_or_insert(now);
            self.try_at = now + wait(self.failures);
        } else {
            (self.failures, self.away_since) = (0, None);
            self.try_at = now;
        }
    }

    /// For how many seconds it could not be reached.
    pub(crate) fn away_for(&self, now: i64) -> i64 {
        self.away_since.map_or(0, |since| now - since)
    }

    /// Gives up what is too late and not just being sent.
    pub(crate) fn expire(&mut self, now: i64) -> Vec<Occurrence> {
        self.remove(|occurrence| occurrence.until <= now)
    }

    /// The clock was set back: no try may now lie further ahead than the longest wait, but delays hold.
    pub(crate) fn clock_set(&mut self, now: i64) {
        let latest = now + LONGEST_WAIT;
        self.try_at = self.try_at.min(latest);
        self.away_since = self.away_since.map(|since| since.min(now));
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.refusals > 0) {
            waiting.try_at = waiting.try_at.min(latest);
        }
    }

    /// The clock was wrong: what waits for an instant that has not been yet, after all, is not due.
    pub(crate) fn forget_after(&mut self, now: i64) -> Vec<Occurrence> {
        self.remove(|occurrence| occurrence.at > now)
    }

    fn remove(&mut self, which: impl Fn(&Occurrence) -> bool) -> Vec<Occurrence> {
        let removed = take_if(&mut self.waiting, |waiting| which(&waiting.occurrence));
        removed.into_values().map(|waiting| waiting.occurrence).collect()
    }

    /// When something is to be sent or given up next.
    pub(crate) fn wake_at(&self) -> Option<i64> {
        let give_up = self.waiting.values().map(|waiting| waiting.occurrence.until).min();
        let send = self.waiting.values().map(|waiting| waiting.try_at).min().filter(|_| !self.busy);
        let send = send.map(|at| at.max(self.try_at));
        [give_up, send].into_iter().flatten().min()
    }
}

type AllUndelivered = BTreeMap<OccurrenceKey, Undelivered>;

/// Takes some out of what waits.
fn take_if(waiting: &mut AllUndelivered, which: impl Fn(&Undelivered) -> bool) -> AllUndelivered {
    let keys: Vec<_> = waiting.iter().filter(|(_, waiting)| which(waiting)).map(|(key, _)| *key).collect();
    keys.into_iter().filter_map(|key| waiting.remove_entry(&key)).collect()
}

/// How many seconds to wait after so many failures: 1, 2, 4 and so on, to a minute.
///
/// There is no jitter: a stack has one scheduler, and what it sends at once are lines on one connection.
fn wait(failures: u32) -> i64 {
    (1 << (failures.clamp(1, 7) - 1)).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let waits: Vec<i64> = [1, 2, 3, 4, 5, 6, 7, 8, 1_000].map(wait).to_vec();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
