//! What a journal means, in the plainest words: the tests compare what was recovered with this.

use std::collections::BTreeMap;

use lamplighter::journal::{JournalRecord, LastRuns, Recovered, RetriedAttempt, Tally, UnfinishedRequest};
use lamplighter::names::{ActionName, RequestId};
use lamplighter::request::Request;

/// What should be recovered.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) open: Vec<UnfinishedRequest>,
    pub(crate) last: BTreeMap<ActionName, LastRuns>,
    /// Each id that is used up, with what it was used for first.
    pub(crate) used: BTreeMap<RequestId, Request>,
}

impl Model {
    pub(crate) fn of(records: &[JournalRecord]) -> Self {
        let mut model = Self::default();
        for record in records {
            model.take(record);
        }
        model
    }

    pub(crate) fn take(&mut self, record: &JournalRecord) {
        match record {
            JournalRecord::Accepted { at, request, by } | JournalRecord::Joined { at, request, by, .. } => {
                if self.used.contains_key(&request.id) {
                    return;
                }
                self.used.insert(request.id.clone(), request.clone());
                if let JournalRecord::Joined { with, .. } = record
                    && let Some(open) = self.find(with)
                {
                    open.joined.push(request.id.clone());
                    return;
                }
                self.last.entry(request.action.clone()).or_insert_with(|| LastRuns::new(*at));
                self.open.push(UnfinishedRequest {
                    request: request.clone(),
                    by: by.clone(),
                    accepted_at: *at,
                    joined: Vec::new(),
                    attempt: 0,
                    started: None,
                    not_before: None,
                    failed: None,
                });
            }
            JournalRecord::Started { id, attempt, token, .. } => {
                if let Some(open) = self.find(id) {
                    (open.attempt, open.started) = (*attempt, Some(token.clone()));
                }
            }
            JournalRecord::PutBack { id, .. } => {
                if let Some(open) = self.find(id).filter(|open| open.started.is_some()) {
                    (open.attempt, open.started) = (open.attempt - 1, None);
                }
            }
            JournalRecord::Retried { at, id, end, not_before, note } => {
                if let Some(open) = self.find(id) {
                    let (action, had_begun) = (open.request.action.clone(), open.started.is_some());
                    (open.attempt, open.started, open.not_before) = (end.attempt, None, Some(*not_before));
                    let (ended_at, end, not_before, note) = (*at, *end, *not_before, note.clone());
                    open.failed = Some(RetriedAttempt { ended_at, end, not_before, note });
                    let tally = Tally { end, had_begun, is_final: false };
                    self.last.get_mut(&action).unwrap().totals.count(tally);
                }
            }
            JournalRecord::Ended { id, end, .. } => {
                for open in &mut self.open {
                    open.joined.retain(|joined| joined != id);
                }
                if let Some(open) = self.find(id).cloned() {
                    self.open.retain(|open| open.request.id != *id);
                    let runs = self.last.get_mut(&open.request.action).unwrap();
                    runs.update(&open.request, record);
                    let had_begun = open.started.is_some();
                    runs.totals.count(Tally { end: *end, had_begun, is_final: true });
                }
            }
            JournalRecord::Journal { .. }
            | JournalRecord::Known { .. }
            | JournalRecord::Seen { .. }
            | JournalRecord::Totals { .. }
            | JournalRecord::Compacted { .. } => {}
        }
    }

    fn find(&mut self, id: &RequestId) -> Option<&mut UnfinishedRequest> {
        self.open.iter_mut().find(|open| open.request.id == *id)
    }

    /// Panics unless this is what was recovered.
    pub(crate) fn assert_is(&self, recovered: &Recovered, when: &str) {
        assert_eq!(recovered.open, self.open, "{when}");
        assert_eq!(recovered.last, self.last, "{when}");
    }
}
