//! How often an action has come to which end, and how long its runs took, since the journal began: numbers that never
//! go down, so that they outlive the records that they were counted from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

use super::fields::{outcome_of, word_of};
use super::record::End;

/// The outcomes, a count each; a failure's status makes no difference.
const OUTCOMES: [Outcome; 6] = [
    Outcome::Succeeded,
    Outcome::Failed(1),
    Outcome::TimedOut,
    Outcome::Interrupted,
    Outcome::Cancelled,
    Outcome::Skipped,
];

/// What the lengths of runs are told apart by, in milliseconds: a run belongs to the first that it did not exceed.
pub const BOUNDS_MS: [u64; 12] =
    [10, 100, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 10_800_000, 21_600_000];

/// The totals of an action. They take the same memory however large they are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Told", into = "Told")]
pub struct Totals {
    requests: [u64; OUTCOMES.len()],
    runs: [u64; OUTCOMES.len()],
    took: [u64; BOUNDS_MS.len() + 1],
    took_ms: u64,
}

/// The end of an attempt, or of a request, or of both, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// How it ended.
    pub end: End,
    /// Whether the attempt had begun: a request that is called off while it waits ends without a run.
    pub had_begun: bool,
    /// Whether the request has its outcome with that.
    pub is_final: bool,
}

impl Totals {
    /// Counts an end.
    pub fn count(&mut self, Tally { end, had_begun, is_final }: Tally) {
        let place = place_of(end.outcome);
        if is_final {
            add(&mut self.requests[place], 1);
        }
        if had_begun {
            add(&mut self.runs[place], 1);
            self.count_length(end);
        }
    }

    fn count_length(&mut self, end: End) {
        // It is not known of what died with its supervisor.
        if end.outcome == Outcome::Interrupted && end.took_ms == 0 {
            return;
        }
        add(&mut self.took[BOUNDS_MS.partition_point(|&bound| bound < end.took_ms)], 1);
        add(&mut self.took_ms, end.took_ms);
    }

    /// How many requests ended in which way; what never happened is left out.
    pub fn requests(&self) -> impl Iterator<Item = (Outcome, u64)> {
        counted(&self.requests)
    }

    /// How many runs ended in which way; what never happened is left out.
    pub fn runs(&self) -> impl Iterator<Item = (Outcome, u64)> {
        counted(&self.runs)
    }

    /// How many runs took as long as each of [`BOUNDS_MS`] says, and no longer; the last number is of those that took
    /// longer than all of these.
    pub fn took(&self) -> &[u64] {
        &self.took
    }

    /// How long they took together, in milliseconds.
    pub fn took_ms(&self) -> u64 {
        self.took_ms
    }
}

fn place_of(outcome: Outcome) -> usize {
    let word = word_of(outcome).0;
    OUTCOMES.iter().position(|known| word_of(*known).0 == word).unwrap_or_default()
}

fn counted(counts: &[u64; OUTCOMES.len()]) -> impl Iterator<Item = (Outcome, u64)> {
    OUTCOMES.into_iter().zip(*counts).filter(|(_, count)| *count > 0)
}

/// Beyond what can be counted it stays: a number that went down would be taken for a new beginning.
fn add(count: &mut u64, more: u64) {
    *count = count.saturating_add(more);
}

/// Totals as a record tells them. Lengths come with their bounds, since another version may have others.
#[derive(Serialize, Deserialize)]
struct Told {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    requests: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    runs: BTreeMap<String, u64>,
    #[serde(default)]
    took_ms: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    up_to_ms: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    took: Vec<u64>,
}

impl From<Totals> for Told {
    fn from(totals: Totals) -> Self {
        let words = |counts: &[u64; OUTCOMES.len()]| {
            counted(counts).map(|(outcome, count)| (word_of(outcome).0.to_owned(), count)).collect()
        };
        let has_lengths = totals.took.iter().any(|&count| count > 0);
        let lengths = |all: &[u64]| if has_lengths { all.to_vec() } else { Vec::new() };
        let (up_to_ms, took) = (lengths(&BOUNDS_MS), lengths(&totals.took));
        let (requests, runs) = (words(&totals.requests), words(&totals.runs));
        Self { requests, runs, took_ms: totals.took_ms, up_to_ms, took }
    }
}

impl From<Told> for Totals {
    fn from(told: Told) -> Self {
        let mut totals = Self { took_ms: told.took_ms, ..Self::default() };
        let of_words = [(&mut totals.requests, &told.requests), (&mut totals.runs, &told.runs)];
        for (counts, told) in of_words {
            for (word, count) in told {
                add(&mut counts[place_of(outcome_of(word, Some(1)))], *count);
            }
        }
        // A bound that is none of ours lies below one of ours, or above all.
        let bounds = told.up_to_ms.into_iter().chain([u64::MAX]);
        for (bound, count) in bounds.zip(told.took) {
            add(&mut totals.took[BOUNDS_MS.partition_point(|&own| own < bound)], count);
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(outcome: Outcome, took_ms: u64, had_begun: bool, is_final: bool) -> Tally {
        Tally { end: End { attempt: 1, outcome, took_ms }, had_begun, is_final }
    }

    fn written(totals: &Totals) -> String {
        serde_json::to_string(totals).unwrap()
    }

    #[test]
    fn requests_and_runs_are_counted_by_outcome_and_runs_by_length() {
        let mut totals = Totals::default();
        assert_eq!(written(&totals), r#"{"took_ms":0}"#);
        totals.count(tally(Outcome::Failed(3), 10, true, false));
        totals.count(tally(Outcome::Failed(4), 11, true, true));
        totals.count(tally(Outcome::Cancelled, 0, false, true));
        totals.count(tally(Outcome::Interrupted, 0, true, true));
        totals.count(tally(Outcome::Succeeded, 90_000_000, true, true));
        let expected = r#"{"requests":{"cancelled":1,"failed":1,"interrupted":1,"succeeded":1},"runs":{"failed":2,"interrupted":1,"succeeded":1},"took_ms":90000021,"up_to_ms":[10,100,1000,5000,10000,30000,60000,300000,900000,3600000,10800000,21600000],"took":[1,1,0,0,0,0,0,0,0,0,0,0,1]}"#;
        assert_eq!(written(&totals), expected);
        assert_eq!(serde_json::from_str::<Totals>(expected).unwrap(), totals);
    }

    #[test]
    fn an_action_costs_the_supervisor_little_however_often_it_runs() {
        assert!(size_of::<Totals>() <= 256, "{} bytes for each action", size_of::<Totals>());
    }

    #[test]
    fn what_another_version_has_counted_is_counted_with_the_bounds_and_words_of_this_one() {
        let told = r#"{"runs":{"hibernated":2,"interrupted":1},"took_ms":9,"up_to_ms":[50,100],"took":[1,2,4],"later":1}"#;
        let totals: Totals = serde_json::from_str(told).unwrap();
        assert_eq!(totals.runs().collect::<Vec<_>>(), [(Outcome::Interrupted, 3)]);
        assert_eq!(totals.took()[..3], [0, 3, 0]);
        assert_eq!(totals.took()[BOUNDS_MS.len()], 4);
    }

    #[test]
    fn what_cannot_be_counted_any_more_stays_what_it_was() {
        let told = format!(r#"{{"runs":{{"succeeded":{0}}},"took_ms":{0}}}"#, u64::MAX);
        let mut totals: Totals = serde_json::from_str(&told).unwrap();
        let before = totals.clone();
        totals.count(tally(Outcome::Succeeded, 7, true, false));
        assert_eq!((&totals.runs, totals.took_ms), (&before.runs, u64::MAX));
    }
}
