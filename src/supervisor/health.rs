//! Whether the service is healthy: what is answered, and the one check that may be on. Pure.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::listener::pool;
use crate::process::Status;
use crate::wire::{Degradations, Health};

use super::event::Caller;

/// How long the service's own check may take before it counts as failed.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The check of the service that is on, and who waits for it.
#[derive(Debug, Default)]
pub struct Checks {
    waiting: Vec<Caller>,
    undecided: Vec<Caller>,
    listener: Option<pool::Key>,
    deadline: Option<Instant>,
    /// What was answered last, and when.
    last: Option<(Timestamp, Health)>,
}

impl Checks {
    /// This is the answer to a question for health.
    pub fn answered(&mut self, health: &Health, at: Timestamp) {
        self.last = Some((at, health.clone()));
    }

    /// What the last question for health was answered, and when.
    pub fn last(&self) -> Option<&(Timestamp, Health)> {
        self.last.as_ref()
    }

    /// Somebody waits for a check. True when none is on yet.
    pub fn join(&mut self, caller: Caller) -> bool {
        self.waiting.push(caller);
        self.listener.is_none()
    }

    /// It cannot be said yet whether the service has a check.
    pub fn defer(&mut self, caller: Caller) {
        self.undecided.push(caller);
    }

    /// Those for whom it could not be said.
    pub fn take_undecided(&mut self) -> Vec<Caller> {
        std::mem::take(&mut self.undecided)
    }

    /// This listener is to do the check.
    pub fn started(&mut self, listener: pool::Key) {
        self.listener = Some(listener);
    }

    /// The check itself begins.
    pub fn begun(&mut self, now: Instant) {
        self.deadline = Some(now + TIMEOUT);
    }

    /// The listener that does the check.
    pub fn listener(&self) -> Option<pool::Key> {
        self.listener
    }

    /// When the check is over its time.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether it is; said once.
    pub fn is_overdue(&mut self, now: Instant) -> bool {
        let overdue = self.deadline.is_some_and(|at| at <= now);
        if overdue {
            self.deadline = None;
        }
        overdue
    }

    /// What the end of the check's listener means for the service's health.
    pub fn judge(&self, status: Status, said: Option<String>, degraded: &Degradations) -> Health {
        if status == Status::Exited(0) {
            return Health::healthy(degraded);
        }
        let said = said.filter(|said| !said.is_empty()).map(|said| format!(": {said}"));
        let reason = format!("the health check {status}{}", said.unwrap_or_default());
        Health { healthy: false, reason: Some(reason), ..Health::healthy(degraded) }
    }

    /// No check is on any more: who waited for one.
    pub fn finish(&mut self) -> Vec<Caller> {
        self.listener = None;
        self.deadline = None;
        let mut callers = std::mem::take(&mut self.waiting);
        callers.append(&mut self.undecided);
        callers
    }
}
