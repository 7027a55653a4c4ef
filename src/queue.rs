//! Who is next: the requests that wait and the runs that are on. Pure: no processes, no clock of its own.
//!
//! Different actions run side by side, up to [`MOST_RUNS`]; an action never overlaps itself unless its rule
//! allows it. What the rules say (docs/POLICY.md) is carried out here.
//!
//! What is promised ([`Queue::admit`], [`Queue::start`], [`Queue::cancel`]) can be taken back as long as it is not on the
//! disk: see [`Queue::settle`] and [`Queue::go_back`]. What has happened cannot.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::journal::RetriedAttempt;
use crate::names::{ActionName, RequestId, UserName};
use crate::outcome::Outcome;
use crate::policy::{Overlap, Policy, RunAs};
use crate::process::Status;
use crate::request::{Refusal, RefusalCode, Request};

mod held;
mod runs;
mod undo;

pub use held::Tired;
pub use runs::{DueRun, GRACE};
use runs::{Ending, Run};
use undo::Undo;

/// Runs side by side, of all actions together.
pub const MOST_RUNS: usize = 8;
/// Requests that wait, joined ones counted.
pub const MOST_WAITING: usize = 4096;

/// A run's name: that of the listener that carries it out.
pub type RunKey = u64;

/// The requests of one service.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<WaitingRequest>,
    runs: BTreeMap<RunKey, Run>,
    /// What has changed since the last time that all stood for certain.
    undo: Vec<Undo>,
    /// Whether those that need the service wait until it is up.
    holds: bool,
}

/// A request that waits, with those that joined it.
#[derive(Debug, Clone)]
pub struct WaitingRequest {
    /// What is asked.
    pub request: Request,
    /// The requests that its run serves too.
    pub joined: Vec<RequestId>,
    /// Attempts that have begun.
    pub attempt: u32,
    /// Not to be started before, after a failed attempt.
    pub not_before: Option<Instant>,
    /// Since when it waits; not before this supervisor's start.
    pub since: Instant,
    /// The last attempt that this one follows.
    pub failed: Option<RetriedAttempt>,
}

/// What became of a request that was offered.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// It waits for its turn.
    Waits,
    /// The run of this earlier request serves it too.
    Joined(RequestId),
    /// Its action is on or waits already, and its rule says to skip it then.
    Skipped,
    /// It waits for its turn, and takes the place of these.
    Replaces {
        /// Requests that waited, with the attempts that had begun; and with them what had joined them.
        waiting: Vec<(Request, u32)>,
        /// Runs to be ended.
        runs: Vec<RunKey>,
    },
}

/// Whose rights a request's listener needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The supervisor's own: the listener that is always warm.
    Own,
    /// Those of this user.
    User(UserName),
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What it carried out.
    pub request: Request,
    /// Which attempt it was, counted from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
    /// How long to wait before the next attempt, when there is one: the request waits again then.
    pub retry_after: Option<Duration>,
}

/// What became of a request that was called off.
#[derive(Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and waits no more; with the attempts that had begun.
    Waiting(Request, u32),
    /// It runs, and is to be told to end.
    Running(RunKey),
}

/// What became of a request that did not reach its listener.
#[derive(Debug, PartialEq, Eq)]
pub enum PutBack {
    /// It is the next again.
    Waits(RequestId),
    /// It was called off before it could start; with the attempts that had begun.
    CalledOff(Request, u32),
}

impl Queue {
    /// Takes a request in, as the rule of its action says.
    ///
    /// # Errors
    /// Refused as busy when [`MOST_WAITING`] requests wait.
    pub fn admit(&mut self, request: Request, policy: &Policy, now: Instant) -> Result<Admission, Refusal> {
        if self.is_full() {
            let message = format!("{MOST_WAITING} requests wait already");
            return Err(Refusal::new(RefusalCode::Busy, message));
        }
        let mut admission = Admission::Waits;
        match policy.rule(&request.action).overlap {
            Overlap::Allow => {}
            Overlap::Queue => {
                if let Some(at) = self.place_of_same(&request) {
                    let earlier = &mut self.waiting[at];
                    earlier.joined.push(request.id);
                    // Who asks anew, while it pauses after a failure, wants it now.
                    let not_before = earlier.not_before.take();
                    self.undo.push(Undo::Joined { at, not_before });
                    return Ok(Admission::Joined(earlier.request.id.clone()));
                }
            }
            Overlap::Skip => {
                if self.is_on(&request.action) {
                    return Ok(Admission::Skipped);
                }
            }
            Overlap::Replace => admission = self.replace(&request.action, now),
        }
        self.waiting.push_back(WaitingRequest::new(request, now));
        self.undo.push(Undo::Admitted);
        Ok(admission)
    }

    /// Whether [`MOST_WAITING`] requests wait.
    pub fn is_full(&self) -> bool {
        self.waiting.iter().map(|waiting| 1 + waiting.joined.len()).sum::<usize>() >= MOST_WAITING
    }

    /// Takes back what an earlier supervisor had accepted.
    pub fn restore(&mut self, waiting: WaitingRequest) {
        self.waiting.push_back(waiting);
    }

    /// The needs of the requests that could start now, had they listeners.
    pub fn needs(&self, policy: &Policy, now: Instant) -> Vec<Need> {
        self.first_needs(MOST_RUNS.saturating_sub(self.runs.len()), policy, now)
    }

    /// The needs of those, and of the requests that could start by the time that as many runs as there may be have ended
    /// twice.
    pub fn needs_soon(&self, policy: &Policy, now: Instant) -> Vec<Need> {
        self.first_needs(2 * MOST_RUNS, policy, now)
    }

    /// The needs of the first requests that could start, had they listeners, and were so many runs free.
    fn first_needs(&self, mut free: usize, policy: &Policy, now: Instant) -> Vec<Need> {
        let mut busy = self.busy_actions();
        let mut needs = Vec::new();
        for waiting in &self.waiting {
            if free == 0 {
                break;
            }
            if self.can_start(waiting, &busy, policy, now) {
                free -= 1;
                busy.insert(&waiting.request.action);
                needs.push(need(&waiting.request, policy));
            }
        }
        needs
    }

    /// Starts the first request that can start with this kind of listener, as the run `key`: the request and
    /// the number of the attempt.
    pub fn start(
        &mut self,
        key: RunKey,
        with: &Need,
        policy: &Policy,
        now: Instant,
    ) -> Option<(Request, u32)> {
        if self.runs.len() >= MOST_RUNS {
            return None;
        }
        let at = self.first_for(with, policy, now)?;
        let mut waiting = self.waiting.remove(at)?;
        waiting.attempt += 1;
        let not_before = waiting.not_before.take();
        self.undo.push(Undo::Started { key, at, not_before });
        let started = (waiting.request.clone(), waiting.attempt);
        let timeout_at = now + policy.rule(&waiting.request.action).timeout;
        self.runs.insert(key, Run { waiting, started: now, timeout_at, ending: None });
        Some(started)
    }

    /// A request that was started did not reach its listener: it is the next again, unless it was called off
    /// meanwhile.
    pub fn put_back(&mut self, key: RunKey) -> Option<PutBack> {
        let Run { mut waiting, ending, .. } = self.runs.remove(&key)?;
        waiting.attempt -= 1;
        if ending.is_some_and(|ending| ending.outcome == Outcome::Cancelled) {
            return Some(PutBack::CalledOff(waiting.request, waiting.attempt));
        }
        let id = waiting.request.id.clone();
        self.waiting.push_front(waiting);
        Some(PutBack::Waits(id))
    }

    /// The run has ended with `status`; where its rule has it tried again, it waits again.
    pub fn finish(&mut self, key: RunKey, status: Status, policy: &Policy, now: Instant) -> Option<Finished> {
        let Run { waiting, started, ending, .. } = self.runs.remove(&key)?;
        let outcome = ending.map_or(Outcome::of(status), |ending| ending.outcome);
        Some(self.end_attempt(waiting, outcome, now - started, policy, now))
    }

    /// No listener of this kind can be had: an attempt of the first request that could start with one has failed, with
    /// `code`.
    pub fn fail_first(&mut self, with: &Need, code: u8, policy: &Policy, now: Instant) -> Option<Finished> {
        let mut waiting = self.waiting.remove(self.first_for(with, policy, now)?)?;
        waiting.attempt += 1;
        waiting.not_before = None;
        Some(self.end_attempt(waiting, Outcome::Failed(code), Duration::ZERO, policy, now))
    }

    fn end_attempt(
        &mut self,
        mut waiting: WaitingRequest,
        outcome: Outcome,
        took: Duration,
        policy: &Policy,
        now: Instant,
    ) -> Finished {
        let (request, attempt) = (waiting.request.clone(), waiting.attempt);
        let may_retry = matches!(outcome, Outcome::Failed(_) | Outcome::TimedOut | Outcome::Interrupted);
        let retry_after =
            may_retry.then(|| policy.rule(&request.action).retry.pause_after(attempt)).flatten();
        if let Some(pause) = retry_after {
            waiting.not_before = Some(now + pause);
            self.waiting.push_back(waiting);
        }
        Finished { request, attempt, outcome, took, retry_after }
    }

    /// The place of the first request that can start with this kind of listener.
    fn first_for(&self, with: &Need, policy: &Policy, now: Instant) -> Option<usize> {
        let busy = self.busy_actions();
        self.waiting.iter().position(|waiting| {
            self.can_start(waiting, &busy, policy, now) && need(&waiting.request, policy) == *with
        })
    }

    /// Whether a request with this id waits, or one that joined it.
    pub fn waits(&self, id: &RequestId) -> bool {
        self.waiting.iter().any(|waiting| waiting.is(id))
    }

    /// Calls a request off, by its own id or that of one that joined it.
    pub fn cancel(&mut self, id: &RequestId, now: Instant) -> Option<Cancelled> {
        if let Some(index) = self.waiting.iter().position(|waiting| waiting.is(id)) {
            let (request, attempt) = self.remove(index)?;
            return Some(Cancelled::Waiting(request, attempt));
        }
        let (&key, run) = self.runs.iter_mut().find(|(_, run)| run.waiting.is(id))?;
        self.undo.push(Undo::CalledOff { key, ending: run.call_off(now) });
        Some(Cancelled::Running(key))
    }

    /// The requests that wait, joined ones not counted.
    pub fn waiting(&self) -> impl Iterator<Item = &WaitingRequest> {
        self.waiting.iter()
    }

    /// What is to be said of an attempt whose request waits for the next one.
    pub fn note_failure(&mut self, id: &RequestId, failed: RetriedAttempt) {
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.request.id == *id) {
            waiting.failed = Some(failed);
        }
    }

    /// Accepted requests whose outcome is still to come, joined ones not counted.
    pub fn open(&self) -> usize {
        self.waiting.len() + self.runs.len()
    }

    /// The place of the request that waits for the same, on behalf of the same user.
    fn place_of_same(&self, request: &Request) -> Option<usize> {
        let is_same = |waiting: &WaitingRequest| {
            waiting.request.action == request.action && waiting.request.user == request.user
        };
        self.waiting.iter().position(is_same)
    }

    /// Takes out the request at this place; with the attempts that had begun.
    fn remove(&mut self, at: usize) -> Option<(Request, u32)> {
        let waiting = self.waiting.remove(at)?;
        let removed = (waiting.request.clone(), waiting.attempt);
        self.undo.push(Undo::Removed { at, waiting: Box::new(waiting) });
        Some(removed)
    }

    fn replace(&mut self, action: &ActionName, now: Instant) -> Admission {
        let (mut replaced, mut at) = (Vec::new(), 0);
        while let Some(waiting) = self.waiting.get(at) {
            if waiting.request.action == *action {
                replaced.extend(self.remove(at));
            } else {
                at += 1;
            }
        }
        let of_action = self.runs.iter_mut().filter(|(_, run)| run.waiting.request.action == *action);
        let mut runs = Vec::new();
        for (&key, run) in of_action {
            self.undo.push(Undo::CalledOff { key, ending: run.call_off(now) });
            runs.push(key);
        }
        if replaced.is_empty() && runs.is_empty() {
            return Admission::Waits;
        }
        Admission::Replaces { waiting: replaced, runs }
    }

    fn is_on(&self, action: &ActionName) -> bool {
        self.busy_actions().contains(action)
            || self.waiting().any(|waiting| waiting.request.action == *action)
    }

    fn can_start(
        &self,
        waiting: &WaitingRequest,
        busy: &BTreeSet<&ActionName>,
        policy: &Policy,
        now: Instant,
    ) -> bool {
        let action = &waiting.request.action;
        let overlaps = busy.contains(action) && policy.rule(action).overlap != Overlap::Allow;
        let is_due = waiting.not_before.is_none_or(|at| at <= now);
        !overlaps && is_due && !self.waits_for_service(&waiting.request, policy)
    }

    fn busy_actions(&self) -> BTreeSet<&ActionName> {
        self.runs.values().map(|run| &run.waiting.request.action).collect()
    }
}

impl WaitingRequest {
    /// A request just accepted.
    fn new(request: Request, now: Instant) -> Self {
        Self { request, joined: Vec::new(), attempt: 0, not_before: None, since: now, failed: None }
    }

    /// Whether this is the request with that id, or was joined by it.
    fn is(&self, id: &RequestId) -> bool {
        self.request.id == *id || self.joined.contains(id)
    }
}

fn need(request: &Request, policy: &Policy) -> Need {
    match policy.rule(&request.action).run_as {
        RunAs::Root => Need::Own,
        RunAs::Request => Need::User(request.user.clone()),
    }
}

#[cfg(test)]
mod tests;
