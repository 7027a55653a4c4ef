//! What is promised, a group at a time: all that came in together is decided together, goes to the disk with one write,
//! and stands or falls as one.
//!
//! What has happened (a run's end, a listener's, a signal) is taken in at once and cannot be refused: its records are
//! written as soon as that works. What is promised changes the state when it is decided, since one promise builds on
//! another, and everybody else hears of it when it is on the disk. Should it not get there, the state is what it was at the
//! group's border, and what was asked is decided again, now that nothing can be promised: so it is refused.

use std::time::Duration;

use crate::clock::Moment;
use crate::journal::{JournalRecord, Tally};
use crate::listener::pool::Key;
use crate::names::{OperatorName, RequestId};
use crate::queue::{Cancelled, Need};
use crate::request::{Answer, By, Refusal, RefusalCode, Request};

use super::event::{Action, Caller, Level};
use super::life::Service;
use super::machine::{Machine, TERM};
use super::requests::Conclusion;

/// A run is ahead of its listener's successor by so much: to fork that takes a processor for most of a millisecond.
const HEAD_START: Duration = Duration::from_millis(1);
/// What is noted of a request that was called off in time.
pub(super) const NOT_STARTED: &str = "called off before it started";

/// A request that is not answered yet.
#[derive(Debug, Clone)]
pub(super) struct UndecidedRequest {
    /// Who waits for the answer: more than one, when it was sent again.
    pub(super) callers: Vec<Caller>,
    /// What is asked.
    pub(super) request: Request,
    /// Who asked.
    pub(super) by: By,
}

/// The calls that are not decided yet.
#[derive(Debug, Default)]
pub(super) struct UndecidedCalls {
    /// Requests, in the order in which they came.
    pub(super) requests: Vec<UndecidedRequest>,
    /// Who calls which request off; the person, where it is one of the web console.
    pub(super) cancels: Vec<(Caller, RequestId, Option<OperatorName>)>,
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
        for (caller, id, operator) in std::mem::take(&mut self.asked.cancels) {
            self.decide_cancel(caller, (id, operator), now);
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
        match self.admit(undecided.request.clone(), undecided.by.clone(), now) {
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

    fn decide_cancel(
        &mut self,
        caller: Caller,
        (id, operator): (RequestId, Option<OperatorName>),
        now: Moment,
    ) {
        let answer = match &self.unrecorded {
            // It would run after a restart, though its sender was told that it does not.
            Some(why) if self.queue.waits(&id) => Err(Refusal::new(RefusalCode::Journal, why)),
            _ => self.cancel(&id, operator.as_ref(), now),
        };
        self.then(Action::AnswerCancel(caller, answer));
        self.group.asked.cancels.push((caller, id, operator));
    }

    fn cancel(
        &mut self,
        id: &RequestId,
        operator: Option<&OperatorName>,
        now: Moment,
    ) -> Result<(), Refusal> {
        match self.queue.cancel(id, now.instant) {
            None => {
                let message = "no request with this id waits or runs";
                return Err(Refusal::new(RefusalCode::UnknownId, message));
            }
            Some(Cancelled::Running(key)) => {
                match operator {
                    Some(operator) => drop(self.called_off.insert(id.clone(), operator.clone())),
                    None => drop(self.called_off.remove(id)),
                }
                self.end_then(key);
            }
            Some(Cancelled::Waiting(request, attempt)) => {
                let by = operator.map(|operator| format!(" by console/{operator}")).unwrap_or_default();
                let note = format!("{NOT_STARTED}{by}");
                let conclusion = Conclusion::cancelled(&request, attempt, &note, now);
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
        if hands_out && needs.is_empty() {
            // To start a successor takes longer than to hand a request over: that comes first, unless more wait.
            self.successors_at = Some(now.instant + HEAD_START);
            return;
        }
        let soon = self.queue.needs_soon(&self.policy, now.instant);
        if self.is_too_early(&needs, &soon, now) {
            return;
        }
        self.successors_at = None;
        self.prepare_listeners(&needs, &soon, now);
    }

    /// Whether the processors are better left to who has just got a request: nobody waits, and it has not ended yet.
    fn is_too_early(&self, needs: &[Need], soon: &[Need], now: Moment) -> bool {
        let is_early = self.successors_at.is_some_and(|at| now.instant < at);
        is_early && needs.is_empty() && soon.is_empty() && self.queue.running().next().is_some()
    }

    /// Has listeners started and forked for the requests that wait, and one for who comes next.
    fn prepare_listeners(&mut self, needs: &[Need], soon: &[Need], now: Moment) {
        for (purpose, source) in self.pool.wanted(needs, now.instant) {
            let key = self.pool.add(purpose.clone(), source, now.instant);
            self.act(Action::StartListener(key, purpose, source));
        }
        let own = |needs: &[Need]| needs.iter().filter(|need| **need == Need::Own).count();
        let soon = own(soon);
        if let Some((forking, count)) = self.pool.wanted_forks(own(needs), soon) {
            let forks = (0..count).map(|_| self.pool.add_fork(forking, now.instant)).collect();
            self.act(Action::Fork(forking, forks));
        }
        // As many forks stay as there are runs: they may be the next ones.
        for pid in self.pool.dismiss_surplus(needs, soon.max(self.queue.running().count())) {
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
        self.overdue.durable(now);
        if self.unrecorded.take().is_some() {
            self.say(Level::Info, "the journal can be written again");
        }
    }

    fn settle(&mut self, now: Moment) {
        self.queue.settle();
        for (request, record) in std::mem::take(&mut self.group).concluded {
            self.overdue.update(&request, &record, now);
            if let JournalRecord::Ended { end, .. } = record {
                self.overdue.ended(&request.action, Tally { end, had_begun: false, is_final: true });
            }
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
