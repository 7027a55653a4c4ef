//! What is promised, a group at a time: all that came in together is decided together, goes to the disk with one write,
//! and stands or falls as one.
//!
//! What has happened (a run's end, a listener's, a signal) is taken in at once and cannot be refused: its records are
//! written as soon as that works. What is promised changes the state when it is decided, since one promise builds on
//! another, and everybody else hears of it when it is on the disk. Should it not get there, the state is what it was at the
//! group's border, and what was asked is decided again, now that nothing can be promised: so it is refused.

use crate::clock::Moment;
use crate::journal::JournalRecord;
use crate::listener::pool::Key;
use crate::names::RequestId;
use crate::queue::Cancelled;
use crate::request::{Answer, Refusal, RefusalCode, Request};

use super::event::{Action, Caller, Level};
use super::life::Service;
use super::machine::{Machine, TERM};
use super::requests::Conclusion;

/// What is noted of a request that was called off in time.
pub(super) const NOT_STARTED: &str = "called off before it started";

/// A request that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct UndecidedRequest {
    /// Who waits for the answer: more than one, when it was sent again.
    pub(super) callers: Vec<Caller>,
    /// What is asked.
    pub(super) request: Request,
    /// The uid of who asked.
    pub(super) by: u32,
}

/// The calls that are not decided yet.
#[derive(Debug, Default)]
pub(super) struct UndecidedCalls {
    /// Requests, in the order in which they came.
    pub(super) requests: Vec<UndecidedRequest>,
    /// Who calls which request off.
    pub(super) cancels: Vec<(Caller, RequestId)>,
}

/// What was decided and is not on the disk yet.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// What was asked, to be decided again should this fall.
    asked: UndecidedCalls,
    /// Listeners that are to get requests.
    taken: Vec<Key>,
    /// Requests that have their outcome, without a run.
    concluded: Vec<(Request, JournalRecord)>,
}

impl Machine {
    /// Decides on all that has come in and can be decided, and starts what can start.
    pub(super) fn decide(&mut self, now: Moment) {
        debug_assert!(self.group.is_empty(), "the last group neither stands nor has fallen");
        if self.pool.actions().is_some() {
            for undecided in std::mem::take(&mut self.asked.requests) {
                self.decide_request(undecided, now);
            }
            for caller in self.checks.take_undecided() {
                self.health_asked(caller, now);
            }
        }
        for (caller, id) in std::mem::take(&mut self.asked.cancels) {
            self.decide_cancel(caller, id, now);
        }
        self.pump(now);
        if self.turn.records.is_empty() {
            // Nothing waits for the disk.
            self.settle(now);
            let answers = std::mem::take(&mut self.turn.answers);
            self.turn.now.extend(answers.into_iter().map(|(caller, answer)| Action::Answer(caller, answer)));
            self.turn.now.append(&mut self.turn.then);
        }
    }

    fn decide_request(&mut self, undecided: UndecidedRequest, now: Moment) {
        match self.admit(undecided.request.clone(), undecided.by, now) {
            Ok(()) => {
                let accepted = Answer::Accepted(undecided.request.id.clone());
                self.turn.answers.extend(undecided.callers.iter().map(|&caller| (caller, accepted.clone())));
                self.group.asked.requests.push(undecided);
            }
            Err(refusal) => {
                for caller in undecided.callers {
                    self.answer(caller, Answer::Refused(refusal.clone()));
                }
            }
        }
    }

    fn decide_cancel(&mut self, caller: Caller, id: RequestId, now: Moment) {
        let answer = match &self.unrecorded {
            // It would run after a restart, though its sender was told that it does not.
            Some(why) if self.queue.waits(&id) => Err(Refusal::new(RefusalCode::Journal, why)),
            _ => self.cancel(&id, now),
        };
        self.then(Action::AnswerCancel(caller, answer));
        self.group.asked.cancels.push((caller, id));
    }

    fn cancel(&mut self, id: &RequestId, now: Moment) -> Result<(), Refusal> {
        match self.queue.cancel(id, now.instant) {
            None => {
                let message = "no request with this id waits or runs";
                return Err(Refusal::new(RefusalCode::UnknownId, message));
            }
            Some(Cancelled::Running(key)) => self.end_then(key),
            Some(Cancelled::Waiting(request, attempt)) => {
                let conclusion = Conclusion::cancelled(&request, attempt, NOT_STARTED, now);
                self.conclude_in_group(&request, conclusion);
            }
        }
        Ok(())
    }

    /// Gives the requests that can start to the listeners that wait, and has more listeners started.
    fn pump(&mut self, now: Moment) {
        if self.life.is_stopping() || self.life.service == Service::Unstarted {
            return;
        }
        let mut needs = self.queue.needs(&self.policy, now.instant);
        let mut hands_out = false;
        if self.unrecorded.is_none() {
            let offered = needs.clone();
            for need in &offered {
                let Some(key) = self.pool.take(need) else { continue };
                let Some((request, attempt)) = self.queue.start(key, need, &self.policy, now.instant) else {
                    self.pool.untake(key);
                    continue;
                };
                self.group.taken.push(key);
                self.hand(key, request, attempt, now);
                hands_out = true;
            }
            needs = self.queue.needs(&self.policy, now.instant);
        }
        // To start a successor takes longer than to hand a request over: that comes first, unless more wait.
        if hands_out && needs.is_empty() {
            return;
        }
        for (purpose, source) in self.pool.wanted(&needs, now.instant) {
            let key = self.pool.add(purpose.clone(), source, now.instant);
            self.act(Action::StartListener(key, purpose, source));
        }
        for pid in self.pool.dismiss_surplus(&needs) {
            self.act(Action::SignalGroup(pid, TERM));
        }
    }

    /// The request's outcome is part of what is decided.
    pub(super) fn conclude_in_group(&mut self, request: &Request, conclusion: Conclusion) {
        let Conclusion { level, sentence, record } = conclusion;
        self.then(Action::Say(level, sentence));
        self.group.concluded.push((request.clone(), record.clone()));
        self.record(record);
    }

    /// A run is told to end, should the group stand.
    pub(super) fn end_then(&mut self, key: Key) {
        if let Some(pid) = self.pool.pid(key) {
            self.then(Action::SignalGroup(pid, TERM));
        }
    }

    /// The group stands: it is on the disk.
    pub(super) fn durable(&mut self, now: Moment) {
        self.settle(now);
        if self.unrecorded.take().is_some() {
            self.say(Level::Info, "the journal can be written again");
        }
    }

    fn settle(&mut self, now: Moment) {
        self.queue.settle();
        for (request, record) in std::mem::take(&mut self.group).concluded {
            self.overdue.update(&request, &record, now);
        }
    }

    /// The group falls: what was to be recorded could not be. What was asked is to be decided again.
    pub(super) fn not_durable(&mut self, why: String) {
        self.queue.go_back();
        let Group { asked, taken, .. } = std::mem::take(&mut self.group);
        for key in taken {
            self.pool.untake(key);
        }
        self.asked.requests.splice(0..0, asked.requests);
        self.asked.cancels.splice(0..0, asked.cancels);
        if self.unrecorded.is_none() {
            self.say(Level::Error, format!("degraded: {why}; the service runs on, nothing is promised"));
        }
        self.unrecorded = Some(why);
    }
}

impl Group {
    fn is_empty(&self) -> bool {
        let UndecidedCalls { requests, cancels } = &self.asked;
        self.taken.is_empty() && self.concluded.is_empty() && requests.is_empty() && cancels.is_empty()
    }
}
