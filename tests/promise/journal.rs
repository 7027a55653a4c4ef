//! The journal as a test reads it: the story of each request.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use lamplighter::journal::{End, JournalRecord, NAME};
use lamplighter::names::RequestId;
use lamplighter::outcome::Outcome;

use crate::common::{Running, wait_for};

/// The records of the journal in a state folder, in their order.
pub(crate) fn records(state: &Path) -> Vec<JournalRecord> {
    let text = fs::read(state.join(NAME)).expect("a journal");
    let lines = text.split_inclusive(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    let parse = |line| {
        JournalRecord::parse(line)
            .unwrap_or_else(|error| panic!("{error} in the journal: {}", String::from_utf8_lossy(line)))
    };
    lines.map(parse).collect()
}

/// What became of one request.
#[derive(Debug, Default, Clone)]
pub(crate) struct Story {
    /// What was to be done.
    pub(crate) action: String,
    /// How often it was accepted.
    pub(crate) acceptances: usize,
    /// The request that it joined.
    pub(crate) with: Option<RequestId>,
    /// The attempts that began and were not put back, with their numbers.
    pub(crate) started: Vec<u32>,
    /// Whether an attempt is on.
    pub(crate) is_on: bool,
    /// How the attempts ended that others followed.
    pub(crate) retried: Vec<End>,
    /// How it ended, and what was said about it.
    pub(crate) ended: Vec<(End, Option<String>)>,
    /// What happened in an order in which it cannot.
    pub(crate) faults: Vec<String>,
}

impl Story {
    fn attempts(&self) -> u32 {
        u32::try_from(self.started.len()).expect("a handful of attempts")
    }

    /// Its one outcome.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self.ended[..] {
            [(end, _)] => Some(end.outcome),
            _ => None,
        }
    }

    /// What was said about its end.
    pub(crate) fn note(&self) -> &str {
        self.ended.first().and_then(|(_, note)| note.as_deref()).unwrap_or_default()
    }

    fn take(&mut self, record: &JournalRecord) {
        let over = !self.ended.is_empty();
        match record {
            JournalRecord::Accepted { request, .. } | JournalRecord::Joined { request, .. } => {
                self.acceptances += 1;
                self.action = request.action.to_string();
                if let JournalRecord::Joined { with, .. } = record {
                    self.with = Some(with.clone());
                }
            }
            JournalRecord::Started { attempt, .. } => {
                let expected = self.attempts() + 1;
                if self.is_on || over || self.acceptances == 0 || *attempt != expected {
                    self.faults.push(format!("{record:?} where attempt {expected} was to come"));
                }
                self.started.push(*attempt);
                self.is_on = true;
            }
            JournalRecord::PutBack { .. } => {
                if !std::mem::take(&mut self.is_on) {
                    self.faults.push(format!("{record:?} of what was not on"));
                }
                self.started.pop();
            }
            JournalRecord::Retried { end, .. } => {
                if !std::mem::take(&mut self.is_on) || Some(&end.attempt) != self.started.last() {
                    self.faults.push(format!("{record:?} of what was not on"));
                }
                self.retried.push(*end);
            }
            JournalRecord::Ended { end, note, .. } => {
                self.is_on = false;
                if over || end.attempt != self.attempts() {
                    self.faults.push(format!("{record:?} after {} attempts", self.started.len()));
                }
                self.ended.push((*end, note.clone()));
            }
            _ => {}
        }
    }
}

/// The stories of all requests.
pub(crate) fn stories(records: &[JournalRecord]) -> BTreeMap<RequestId, Story> {
    let mut stories = BTreeMap::<RequestId, Story>::new();
    for record in records {
        if let Some(id) = record.id() {
            stories.entry(id.clone()).or_default().take(record);
        }
    }
    stories
}

/// Waits until a request has its outcome; what became of it.
pub(crate) fn ended(service: &Running, id: &RequestId) -> Story {
    wait_for(&format!("an outcome of {id}"), || {
        stories(&records(&service.path("state"))).remove(id).filter(|story| !story.ended.is_empty())
    })
}

/// When what is looked for was recorded first.
pub(crate) fn when(service: &Running, is_it: impl Fn(&JournalRecord) -> bool) -> Timestamp {
    records(&service.path("state")).iter().find(|record| is_it(record)).expect("it is in the journal").at()
}
