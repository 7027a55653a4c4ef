//! The stop: everything is asked to end, what is left in time is killed, and who cannot be killed is left behind.

use crate::clock::Moment;
use crate::request::{Answer, Refusal, RefusalCode};
use crate::signals::Number;
use crate::wire::Health;

use super::event::{Action, Level, Sweep};
use super::life::OWN_FAULT;
use super::machine::{KILL, Machine, TERM};
use super::notify::ServiceProgress;

const CONT: Number = 18;

impl Machine {
    /// Asks everything to end: the service by its signal, the runs and the idle listeners by TERM.
    pub(super) fn begin_stop(&mut self, why: &str, now: Moment) {
        let to_service = self.life.begin_stop(why, now.instant);
        self.say(Level::Info, self.life.announcement());
        self.act(Action::Notify(ServiceProgress::Stopping));
        if let Some((pid, number)) = to_service {
            self.act(Action::Signal(pid, number));
            // One that was suspended could not take it.
            self.act(Action::Signal(pid, CONT));
        }
        for key in self.queue.interrupt_all() {
            self.signal_listener(key, TERM);
        }
        for pid in self.pool.dismiss_idle() {
            self.act(Action::SignalGroup(pid, TERM));
        }
        if let Some(key) = self.checks.listener() {
            self.signal_listener(key, KILL);
        }
        self.answer_checks(&Health::unhealthy("the service is stopping"), now);
        for undecided in std::mem::take(&mut self.asked.requests) {
            for caller in undecided.callers {
                self.answer(caller, Answer::Refused(stopping()));
            }
        }
        if to_service.is_none() {
            self.end_stragglers();
        }
    }

    /// The service has gone: what it left behind has nobody else to tell it to end.
    pub(super) fn end_stragglers(&mut self) {
        let told_already = self.pool.pids();
        self.act(Action::Sweep(TERM, told_already));
    }

    pub(super) fn kill(&mut self, now: Moment) {
        self.life.begin_kill(now.instant);
        self.act(Action::Sweep(KILL, Vec::new()));
    }

    pub(super) fn none_left(&mut self, now: Moment) {
        if self.life.is_stopping() {
            self.say(Level::Info, self.life.summary(now.instant));
            self.act(Action::Leave(self.life.exit_code()));
        }
    }

    pub(super) fn swept(&mut self, sweep: Sweep, now: Moment) {
        if !self.life.is_killing() {
            return;
        }
        let only_refused = sweep.signalled.is_empty() && !sweep.refused.is_empty();
        self.life.killed(sweep.signalled);
        if only_refused {
            self.give_up(&sweep.refused.join(", "), now);
        }
    }

    pub(super) fn give_up(&mut self, survivors: &str, now: Moment) {
        let summary = self.life.summary(now.instant);
        self.say(Level::Error, format!("{summary}; could not be ended: {survivors}"));
        self.act(Action::Leave(OWN_FAULT));
    }
}

pub(super) fn stopping() -> Refusal {
    Refusal::new(RefusalCode::Stopping, "the service is stopping")
}
