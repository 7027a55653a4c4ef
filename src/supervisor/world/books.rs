//! What the journal of a world says, checked line by line: what is accepted has one outcome, what has started an end in
//! order, and nothing is called off that nobody calls off.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::{End, JournalRecord, LastRuns, Tally, Totals};
use crate::names::{ActionName, RequestId};
use crate::outcome::Outcome;
use crate::request::Refusal;

use super::super::event::Caller;

/// The action whose requests replace each other.
const REPLACED: &str = "action-2";

/// A request without an outcome.
#[derive(Debug)]
struct Promised {
    action: ActionName,
    joined: Vec<RequestId>,
    /// Attempts that have begun and were not put back.
    attempts: u32,
    is_running: bool,
    /// A later one has taken its place.
    is_replaced: bool,
}

#[derive(Debug, Default)]
pub(super) struct Books {
    open: BTreeMap<RequestId, Promised>,
    ended: BTreeSet<RequestId>,
    joined: BTreeSet<RequestId>,
    /// Who calls what off, and has not been refused.
    cancels: BTreeMap<Caller, RequestId>,
    totals: BTreeMap<ActionName, Totals>,
}

impl Books {
    /// What an earlier supervisor has left, with the attempts that had begun.
    pub(super) fn left_open(&mut self, id: &RequestId, action: &ActionName, attempts: u32) {
        let promised = Promised {
            action: action.clone(),
            joined: Vec::new(),
            attempts,
            is_running: attempts > 0,
            is_replaced: false,
        };
        self.open.insert(id.clone(), promised);
    }

    /// Requests without an outcome.
    pub(super) fn open(&self) -> Vec<&RequestId> {
        self.open.keys().collect()
    }

    /// Whether the id is on the disk.
    pub(super) fn has(&self, id: &RequestId) -> bool {
        self.open.contains_key(id) || self.ended.contains(id) || self.joined.contains(id)
    }

    pub(super) fn cancel_asked(&mut self, caller: Caller, id: &RequestId) {
        self.cancels.insert(caller, id.clone());
    }

    pub(super) fn cancel_answered(&mut self, caller: Caller, answer: &Result<(), Refusal>) {
        if answer.is_err() {
            self.cancels.remove(&caller);
        }
    }

    /// This is on the disk now.
    pub(super) fn record(&mut self, record: &JournalRecord) {
        match record {
            JournalRecord::Accepted { request, .. } => {
                assert!(!self.has(&request.id), "{request:?} is accepted twice");
                if request.action.as_str() == REPLACED {
                    let same = self.open.values_mut().filter(|promised| promised.action == request.action);
                    same.for_each(|promised| promised.is_replaced = true);
                }
                self.left_open(&request.id, &request.action, 0);
            }
            JournalRecord::Joined { request, with, .. } => {
                assert!(!self.has(&request.id), "{request:?} is accepted twice");
                self.joined.insert(request.id.clone());
                self.promised(with).joined.push(request.id.clone());
            }
            JournalRecord::Started { id, attempt, .. } => {
                let promised = self.promised(id);
                assert!(!promised.is_running, "{id} starts and runs already");
                assert_eq!(*attempt, promised.attempts + 1, "{id} starts out of order");
                (promised.attempts, promised.is_running) = (*attempt, true);
            }
            JournalRecord::PutBack { id, .. } => {
                let promised = self.promised(id);
                assert!(promised.is_running, "{id} is put back and does not run");
                (promised.attempts, promised.is_running) = (promised.attempts - 1, false);
            }
            JournalRecord::Retried { id, end, .. } => self.end_attempt(id, *end, false, false),
            JournalRecord::Ended { id, end, note, .. } => {
                let is_tired = note.as_ref().is_some_and(|note| note.contains("has not come up within"));
                self.end_attempt(id, *end, is_tired, true);
                self.conclude(id, end.outcome);
            }
            _ => {}
        }
    }

    /// Each attempt that has started has its own end; one that could not start, or was tired of waiting, has only that.
    fn end_attempt(&mut self, id: &RequestId, end: End, is_tired: bool, is_final: bool) {
        let promised = self.promised(id);
        let began = u32::from(!promised.is_running && end.outcome == Outcome::Failed(126));
        assert_eq!(end.attempt, promised.attempts + began, "{id}: {end:?} ends another attempt");
        let is_after_all = is_tired || matches!(end.outcome, Outcome::Cancelled | Outcome::Skipped);
        assert!(promised.is_running || began == 1 || is_after_all, "{id}: {end:?} ends what did not run");
        let had_begun = promised.is_running;
        (promised.attempts, promised.is_running) = (end.attempt, false);
        let action = promised.action.clone();
        self.totals.entry(action).or_default().count(Tally { end, had_begun, is_final });
    }

    /// What is told as counted is what the journal has by now, no more and no less.
    pub(super) fn assert_counted(&self, last: &BTreeMap<ActionName, LastRuns>) {
        for (action, runs) in last {
            assert_eq!(self.totals.get(action).cloned().unwrap_or_default(), runs.totals, "{action}");
        }
        assert!(self.totals.keys().all(|action| last.contains_key(action)), "{last:?}");
    }

    fn conclude(&mut self, id: &RequestId, outcome: Outcome) {
        let promised = self.open.remove(id).unwrap();
        self.ended.insert(id.clone());
        let is_called_off = |asked: &RequestId| asked == id || promised.joined.contains(asked);
        let is_meant = promised.is_replaced || self.cancels.values().any(is_called_off);
        assert!(outcome != Outcome::Cancelled || is_meant, "{id} is called off by nobody");
    }

    fn promised(&mut self, id: &RequestId) -> &mut Promised {
        self.open.get_mut(id).unwrap_or_else(|| panic!("{id} is not open"))
    }
}
