//! How often an action has come to which end, as the sockets tell it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lenient;
use super::outcome::Outcome;
use crate::journal;

/// The totals of an action since its service has had a journal: they outlive its history, and never go down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// How many requests had which outcome, by its word; those that joined another one are not counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "lenient::by_name")]
    pub requests: BTreeMap<String, u64>,
    /// How many runs ended in which way, by its word: attempts that had begun, also those that another one followed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "lenient::by_name")]
    pub runs: BTreeMap<String, u64>,
    /// What the lengths of runs are told apart by, in milliseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "lenient::list")]
    pub up_to_ms: Vec<u64>,
    /// How many runs took so long and no longer; the last number, of which there is one more, is of those beyond.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "lenient::list")]
    pub took: Vec<u64>,
    /// How long they took together, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub took_ms: Option<u64>,
}

/// What became of the scheduler's alarms since it has had a notifier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmTotals {
    /// How many were told.
    #[serde(default, deserialize_with = "lenient::field")]
    pub told: u64,
    /// How often the notifier was run for one and did not tell it.
    #[serde(default, deserialize_with = "lenient::field")]
    pub failed: u64,
    /// How many are still to be told.
    #[serde(default, deserialize_with = "lenient::field")]
    pub waiting: u64,
}

impl From<&journal::Totals> for Totals {
    fn from(totals: &journal::Totals) -> Self {
        let words = |counted: &mut dyn Iterator<Item = (crate::outcome::Outcome, u64)>| {
            counted.map(|(outcome, count)| (Outcome::from(outcome).word.to_string(), count)).collect()
        };
        let has_lengths = totals.took().iter().any(|&count| count > 0);
        let lengths = |all: &[u64]| if has_lengths { all.to_vec() } else { Vec::new() };
        Self {
            requests: words(&mut totals.requests()),
            runs: words(&mut totals.runs()),
            up_to_ms: lengths(&journal::BOUNDS_MS),
            took: lengths(totals.took()),
            took_ms: has_lengths.then(|| totals.took_ms()),
        }
    }
}
