//! What a journal leaves to the supervisor that opens it: the requests still to be done, and how each
//! action last ended.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::names::{ActionName, RequestId, UserName};
use crate::outcome::Outcome;
use crate::request::{By, Request};

use super::record::{End, JournalRecord};
use super::totals::Totals;

/// What stood in the journal when it was opened.
#[derive(Debug)]
pub struct Recovered {
    /// The requests without a final outcome, in the order in which they were accepted.
    pub open: Vec<UnfinishedRequest>,
    /// How each action last ended.
    pub last: BTreeMap<ActionName, LastRuns>,
    /// Since when the service has had a journal.
    pub since: Timestamp,
    /// What was found to be wrong, for the log.
    pub notes: Vec<String>,
}

/// A request that was accepted and has no final outcome yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedRequest {
    /// What was asked for.
    pub request: Request,
    /// The uid of who asked.
    pub by: By,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// The requests that joined it.
    pub joined: Vec<RequestId>,
    /// Attempts begun.
    pub attempt: u32,
    /// The token of the attempt that had started and whose end nobody recorded.
    pub started: Option<String>,
    /// When the next attempt may begin, where one has ended.
    pub not_before: Option<Timestamp>,
    /// The last attempt that another one was to follow.
    pub failed: Option<RetriedAttempt>,
}

/// The end of an attempt that another one follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetriedAttempt {
    /// When it ended.
    pub ended_at: Timestamp,
    /// How.
    pub end: End,
    /// When the next one may begin.
    pub not_before: Timestamp,
    /// What else is to be said about its end.
    pub note: Option<String>,
}

impl UnfinishedRequest {
    /// A request just accepted.
    pub(super) fn new(request: Request, by: By, accepted_at: Timestamp) -> Self {
        Self {
            request,
            by,
            accepted_at,
            joined: Vec::new(),
            attempt: 0,
            started: None,
            not_before: None,
            failed: None,
        }
    }
}

/// How an action last ended, and when it last succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRuns {
    /// When it was first asked for.
    pub first_seen: Timestamp,
    /// Its last request that has a final outcome.
    pub last: Option<RunSummary>,
    /// The last one that succeeded.
    pub last_success: Option<RunSummary>,
    /// The last one whose callback said that there was nothing to do.
    pub last_skip: Option<RunSummary>,
    /// How often it has come to which end.
    pub totals: Totals,
}

/// How a request ended, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Which request.
    pub id: RequestId,
    /// On whose behalf.
    pub user: UserName,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How its last attempt ended.
    pub end: End,
}

impl LastRuns {
    /// An action that is asked for the first time.
    pub fn new(first_seen: Timestamp) -> Self {
        Self { first_seen, last: None, last_success: None, last_skip: None, totals: Totals::default() }
    }

    /// Takes in what the journal is told about `request`.
    pub fn update(&mut self, request: &Request, record: &JournalRecord) {
        let JournalRecord::Ended { at, end, .. } = record else { return };
        let summary =
            RunSummary { id: request.id.clone(), user: request.user.clone(), ended_at: *at, end: *end };
        if end.outcome.is_success() {
            self.last_success = Some(summary.clone());
        }
        // What was never begun was not looked at either.
        if end.outcome == Outcome::Skipped && end.attempt > 0 {
            self.last_skip = Some(summary.clone());
        }
        self.last = Some(summary);
    }
}
