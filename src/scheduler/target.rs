//! One service that is asked: what waits to be delivered to it, and when to try.

use std::collections::BTreeMap;

use super::occurrence::{Occurrence, OccurrenceKey};

/// The longest wait between two tries, in seconds.
const LONGEST_WAIT: i64 = 60;

/// A service and the occurrences that it has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Target {
    waiting: BTreeMap<OccurrenceKey, Waiting>,
    /// Whether a delivery to it is under way; there is one at a time.
    pub(crate) busy: bool,
    /// How often in a row it could not be reached.
    pub(crate) failures: u32,
    /// Not before this second is it tried again.
    try_at: i64,
}

/// An occurrence that is to be delivered.
#[derive(Debug)]
struct Waiting {
    occurrence: Occurrence,
    refusals: u32,
    try_at: i64,
    sent: bool,
}

impl Target {
    /// Takes on an occurrence; one that waits already stays as it is.
    pub(crate) fn add(&mut self, occurrence: Occurrence) {
        let waiting = Waiting { refusals: 0, try_at: occurrence.due, sent: false, occurrence };
        self.waiting.entry(waiting.occurrence.key()).or_insert(waiting);
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty() && !self.busy
    }

    /// What waits for it, oldest first.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Occurrence> {
        self.waiting.values().map(|waiting| &waiting.occurrence)
    }

    /// Begins a delivery: the occurrences that are to be sent now; none while one is under way.
    pub(crate) fn send(&mut self, now: i64) -> Vec<Occurrence> {
        if self.busy || self.try_at > now {
            return Vec::new();
        }
        let ready = self.waiting.values_mut().filter(|waiting| waiting.try_at <= now);
        let batch: Vec<Occurrence> = ready
            .map(|waiting| {
                waiting.sent = true;
                waiting.occurrence.clone()
            })
            .collect();
        self.busy = !batch.is_empty();
        batch
    }

    /// It took an occurrence.
    pub(crate) fn accepted(&mut self, key: OccurrenceKey) -> Option<Occurrence> {
        self.failures = 0;
        self.waiting.remove(&key).map(|waiting| waiting.occurrence)
    }

    /// It refused an occurrence, which is put off; tells how often it has been refused by now.
    pub(crate) fn refused(&mut self, key: OccurrenceKey, now: i64) -> Option<(&Occurrence, u32)> {
        self.failures = 0;
        let waiting = self.waiting.get_mut(&key)?;
        waiting.sent = false;
        waiting.refusals += 1;
        waiting.try_at = now + wait(waiting.refusals);
        Some((&waiting.occurrence, waiting.refusals))
    }

    /// The delivery is over; what was not answered is to be sent again, after a while if it `failed`.
    pub(crate) fn closed(&mut self, failed: bool, now: i64) {
        self.busy = false;
        for waiting in self.waiting.values_mut() {
            waiting.sent = false;
        }
        if failed {
            self.failures += 1;
            self.try_at = now + wait(self.failures);
        } else {
            self.failures = 0;
            self.try_at = now;
        }
    }

    /// Gives up what is too late and not just being sent.
    pub(crate) fn expire(&mut self, now: i64) -> Vec<Occurrence> {
        let late = |waiting: &Waiting| !waiting.sent && waiting.occurrence.until <= now;
        let mut missed = Vec::new();
        self.waiting.retain(|_, waiting| {
            let keep = !late(waiting);
            if !keep {
                missed.push(waiting.occurrence.clone());
            }
            keep
        });
        missed
    }

    /// The clock was set back: no try may now lie further ahead than the longest wait, but delays hold.
    pub(crate) fn clock_set(&mut self, now: i64) {
        let latest = now + LONGEST_WAIT;
        self.try_at = self.try_at.min(latest);
        for waiting in self.waiting.values_mut().filter(|waiting| waiting.refusals > 0) {
            waiting.try_at = waiting.try_at.min(latest);
        }
    }

    /// When something is to be sent or given up next.
    pub(crate) fn wake_at(&self) -> Option<i64> {
        let unsent = || self.waiting.values().filter(|waiting| !waiting.sent);
        let give_up = unsent().map(|waiting| waiting.occurrence.until).min();
        let send = unsent().map(|waiting| waiting.try_at).min().filter(|_| !self.busy);
        let send = send.map(|at| at.max(self.try_at));
        [give_up, send].into_iter().flatten().min()
    }
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
