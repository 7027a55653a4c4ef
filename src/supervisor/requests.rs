//! What is asked of the service: taken in or refused, started when its turn comes, called off.

use crate::clock::Moment;
use crate::journal::{End, Entry, FailedAttempt, Open};
use crate::listener::pool::Key;
use crate::names::{ActionName, RequestId};
use crate::outcome::Outcome;
use crate::policy::Policy;
use crate::queue::{Admission, Cancelled, Finished, PutBack, Waiting};
use crate::request::{Answer, Refusal, RefusalCode, Request};

use super::event::{Action, Caller, Level};
use super::life::Service;
use super::machine::{Machine, TERM, stopping};

/// What is noted of a request that was called off in time.
const NOT_STARTED: &str = "called off before it started";
/// What is noted of an attempt whose supervisor died.
const SUPERVISOR_ENDED: &str = "the supervisor ended before it";

/// A request that cannot be answered before it is known which actions there are.
#[derive(Debug)]
pub(super) struct Undecided {
    /// Who waits for the answer: more than one, when it was sent again.
    pub(super) callers: Vec<Caller>,
    /// What is asked.
    pub(super) request: Request,
    /// The uid of who asked.
    pub(super) by: u32,
}

impl Machine {
    /// Takes up what an earlier supervisor had promised: what had not started waits again, what had was
    /// interrupted.
    pub(super) fn take_up(&mut self, open: Open, now: Moment) {
        let Open { request, joined, attempt, started, not_before, failed, .. } = open;
        let name = request.label();
        let waits = |request, not_before, failed| Waiting { request, joined, attempt, not_before, failed };
        if started.is_none() {
            self.say(Level::Info, format!("{name}, accepted before, waits for its turn"));
            let not_before = not_before.map(|at| now.instant_of(at));
            return self.queue.restore(waits(request, not_before, failed));
        }
        // How long it ran is not known: the supervisor died with it.
        let end = End { attempt, outcome: Outcome::Interrupted, took_ms: 0 };
        let note = Some(SUPERVISOR_ENDED.to_owned());
        match self.policy.rule(&request.action).retry.pause_after(attempt) {
            Some(pause) => {
                self.say(Level::Warn, format!("{name} was interrupted: it is tried again"));
                let failed =
                    FailedAttempt { ended_at: now.wall, end, not_before: now.wall_after(pause), note };
                self.record(retried(&request.id, failed.clone()));
                self.queue.restore(waits(request, Some(now.instant + pause), Some(failed)));
            }
            None => self.conclude(&request, end, note, now),
        }
    }

    pub(super) fn asked(&mut self, caller: Caller, request: Request, by: u32, now: Moment) {
        if self.life.is_stopping() {
            return self.answer(caller, Answer::Refused(stopping()));
        }
        match self.undecided.iter_mut().find(|undecided| undecided.request.id == request.id) {
            // Sent again before it could be answered.
            Some(undecided) if undecided.request == request => undecided.callers.push(caller),
            Some(_) => {
                let message = format!("the id `{}` was used for another request", request.id);
                self.answer(caller, Answer::Refused(Refusal::new(RefusalCode::IdTaken, message)));
            }
            None => self.undecided.push(Undecided { callers: vec![caller], request, by }),
        }
        self.decide(now);
    }

    /// Answers the requests that could not be answered before the callbacks were read.
    pub(super) fn decide(&mut self, now: Moment) {
        if self.pool.actions().is_none() {
            return;
        }
        for Undecided { callers, request, by } in std::mem::take(&mut self.undecided) {
            let id = request.id.clone();
            let answer = self.admit(request, by, now).map_or_else(Answer::Refused, |()| Answer::Accepted(id));
            for caller in callers {
                self.answer(caller, answer.clone());
            }
        }
        for caller in self.checks.take_undecided() {
            self.health_asked(caller, now);
        }
    }

    fn admit(&mut self, request: Request, by: u32, now: Moment) -> Result<(), Refusal> {
        self.check_action(&request.action)?;
        if let Some((fault, true)) = &self.policy_fault {
            return Err(Refusal::new(RefusalCode::Policy, fault));
        }
        if let Some(why) = &self.unrecorded {
            return Err(Refusal::new(RefusalCode::Journal, why));
        }
        let admission = self.queue.admit(request.clone(), &self.policy, now.instant)?;
        let (at, id, name) = (now.wall, request.id.clone(), request.label());
        if let Admission::Joined(with) = admission {
            self.say(Level::Info, format!("{name} joins {}, which waits", with.short()));
            self.record(Entry::Joined { at, request, by, with });
            return Ok(());
        }
        self.record(Entry::Accepted { at, request: request.clone(), by });
        match admission {
            Admission::Waits | Admission::Joined(_) => {}
            Admission::Skipped => {
                let end = End { attempt: 0, outcome: Outcome::Skipped, took_ms: 0 };
                self.conclude(&request, end, Some("its action was on already".into()), now);
            }
            Admission::Replaces { waiting, runs } => {
                for id in waiting {
                    let replaced = Request { id, ..request.clone() };
                    self.cancelled(&replaced, 0, &format!("{name} takes its place"), now);
                }
                for key in runs {
                    self.say(Level::Info, format!("{} replaces what runs: that is asked to end", id.short()));
                    self.signal_listener(key, TERM);
                }
            }
        }
        Ok(())
    }

    fn check_action(&self, action: &ActionName) -> Result<(), Refusal> {
        let actions = match self.pool.actions() {
            Some(Ok(actions)) => actions,
            Some(Err(broken)) => return Err(Refusal::new(RefusalCode::Callbacks, broken)),
            None => return Err(Refusal::new(RefusalCode::Callbacks, "they have not been read yet")),
        };
        if *action == ActionName::health_check() {
            let message = format!("`{action}` is for the supervisor itself: ask for health");
            return Err(Refusal::new(RefusalCode::NotAllowed, message));
        }
        if !actions.contains(action) {
            let message = format!("there is no action `{action}` here");
            return Err(Refusal::new(RefusalCode::UnknownAction, message));
        }
        Ok(())
    }

    pub(super) fn cancel_asked(&mut self, caller: Caller, id: &RequestId, now: Moment) {
        let cancelled = self.queue.cancel(id, now.instant);
        match &cancelled {
            None => {}
            Some(Cancelled::Running(key)) => self.signal_listener(*key, TERM),
            Some(Cancelled::Waiting(request, attempt)) => {
                self.cancelled(request, *attempt, NOT_STARTED, now);
            }
        }
        self.act(Action::AnswerCancel(caller, cancelled.is_some()));
    }

    fn cancelled(&mut self, request: &Request, attempt: u32, note: &str, now: Moment) {
        let end = End { attempt, outcome: Outcome::Cancelled, took_ms: 0 };
        self.conclude(request, end, Some(note.to_owned()), now);
    }

    /// What was to be recorded could not be. It is as if these had never been asked, and never started.
    pub(super) fn not_recorded(&mut self, ids: &[RequestId], keys: &[Key], why: String, now: Moment) {
        for &key in keys {
            let put_back = self.queue.put_back(key);
            self.pool.untake(key);
            if let Some(PutBack::CalledOff(request, attempt)) = put_back
                && !ids.contains(&request.id)
            {
                self.cancelled(&request, attempt, NOT_STARTED, now);
            }
        }
        for id in ids {
            self.queue.forget(id);
        }
        if self.unrecorded.is_none() {
            self.say(Level::Error, format!("degraded: {why}; the service runs on, nothing is promised"));
        }
        self.unrecorded = Some(why);
    }

    pub(super) fn recorded(&mut self) {
        if self.unrecorded.take().is_some() {
            self.say(Level::Info, "the journal can be written again");
        }
    }

    /// Whether there is room for another request in the journal has changed. Who is refused for that is in the
    /// log; on a full disk each outcome may make room, and each request take it.
    pub(super) fn room(&mut self, fault: Option<String>) {
        self.no_room = fault;
    }

    pub(super) fn policy_changed(&mut self, policy: Result<Policy, String>) {
        match policy {
            Ok(policy) => {
                (self.policy, self.policy_fault) = (policy, None);
                self.say(Level::Info, "the policy was read again");
            }
            Err(fault) => {
                let had_none = self.policy_fault.as_ref().is_some_and(|(_, had_none)| *had_none);
                let goes_on = if had_none { "every request is refused" } else { "the last good one goes on" };
                self.say(Level::Error, format!("degraded: policy: {fault}; {goes_on}"));
                self.policy_fault = Some((fault, had_none));
            }
        }
    }

    /// Gives the requests that can start to the listeners that wait, and has more listeners started.
    pub(super) fn pump(&mut self, now: Moment) {
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

    fn hand(&mut self, key: Key, request: Request, attempt: u32, now: Moment) {
        let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        self.say(Level::Info, format!("{} starts for {}{again}", request.label(), request.user));
        let token = self.pool.token(key).unwrap_or_default().to_owned();
        self.record(Entry::Started { at: now.wall, id: request.id.clone(), attempt, token });
        self.act(Action::Hand(key, request));
    }

    /// The listener was gone when it was to get its request: the next one gets it.
    pub(super) fn not_handed(&mut self, key: Key, now: Moment) {
        let at = now.wall;
        match self.queue.put_back(key) {
            Some(PutBack::Waits(id)) => self.record(Entry::PutBack { at, id }),
            Some(PutBack::CalledOff(request, attempt)) => {
                self.record(Entry::PutBack { at, id: request.id.clone() });
                self.cancelled(&request, attempt, NOT_STARTED, now);
            }
            None => {}
        }
    }

    /// A run is over, with what it left behind told to end.
    pub(super) fn report(&mut self, finished: &Finished, note: Option<String>, now: Moment) {
        let Finished { request, attempt, outcome, took, retry_after } = finished;
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let end = End { attempt: *attempt, outcome: *outcome, took_ms };
        let Some(pause) = *retry_after else { return self.conclude(request, end, note, now) };
        let name = request.label();
        let pause_s = pause.as_secs();
        let noted = noted(note.as_deref());
        self.say(
            Level::Warn,
            format!("{name} {outcome} on attempt {attempt}{noted}: tried again in {pause_s} s"),
        );
        let failed = FailedAttempt { ended_at: now.wall, end, not_before: now.wall_after(pause), note };
        self.record(retried(&request.id, failed.clone()));
        self.queue.note_failure(&request.id, failed);
    }

    /// The final outcome of a request: recorded, kept for the status, and said.
    pub(super) fn conclude(&mut self, request: &Request, end: End, note: Option<String>, now: Moment) {
        let level = match end.outcome {
            Outcome::Succeeded | Outcome::Skipped => Level::Info,
            Outcome::Interrupted | Outcome::Cancelled => Level::Warn,
            Outcome::Failed(_) | Outcome::TimedOut => Level::Error,
        };
        let seconds = std::time::Duration::from_millis(end.took_ms).as_secs_f64();
        let noted = noted(note.as_deref());
        self.say(level, format!("{} {} after {seconds:.3} s{noted}", request.label(), end.outcome));
        let entry = Entry::Ended { at: now.wall, id: request.id.clone(), end, note };
        self.overdue.update(request, &entry, now);
        self.record(entry);
    }

    pub(super) fn record(&mut self, entry: Entry) {
        self.act(Action::Record(entry));
    }
}

/// That an attempt has ended which another one follows.
fn retried(id: &RequestId, failed: FailedAttempt) -> Entry {
    let FailedAttempt { ended_at, end, not_before, note } = failed;
    Entry::Retried { at: ended_at, id: id.clone(), end, not_before, note }
}

fn noted(note: Option<&str>) -> String {
    note.map(|note| format!(" ({note})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::process::Status;
    use crate::supervisor::event::Event;
    use crate::supervisor::machine::Beginning;
    use crate::supervisor::overdue::Overdue;

    /// A machine whose service runs, and the listener that waits.
    fn machine_with_listener(now: Moment) -> (Machine, Key) {
        let overdue = Overdue::new(BTreeMap::new(), now.wall);
        let beginning = Beginning { seed: 1, has_last_good: false, policy: Ok(Policy::default()), overdue };
        let mut machine = Machine::new(beginning);
        machine.handle(Event::Begin, now);
        let actions = machine.handle(Event::ServiceStarted(10), now);
        let started = actions.iter().find_map(|action| match action {
            Action::StartListener(key, ..) => Some(*key),
            _ => None,
        });
        let key = started.expect("a listener is started beside the service");
        machine.handle(Event::ListenerStarted(key, 11, "token".into()), now);
        machine.handle(Event::ListenerReady(key, vec!["CB_ok".into()]), now);
        (machine, key)
    }

    fn request() -> Request {
        let [user, action, id] = ["root", "ok", "a"];
        Request { id: id.parse().unwrap(), user: user.parse().unwrap(), action: action.parse().unwrap() }
    }

    #[test]
    fn a_request_is_handed_over_before_its_listeners_successor_is_started() {
        let now = Moment::now();
        let (mut machine, key) = machine_with_listener(now);
        let starts = |actions: &[Action]| {
            actions.iter().filter(|action| matches!(action, Action::StartListener(..))).count()
        };
        let actions = machine.handle(Event::Asked(1, request(), 0), now);
        assert!(actions.contains(&Action::Hand(key, request())), "{actions:?}");
        assert_eq!(starts(&actions), 0, "{actions:?}");
        let actions = machine.handle(Event::Handed(key), now);
        assert_eq!(starts(&actions), 1, "{actions:?}");
    }

    #[test]
    fn room_is_kept_for_what_came_before_it_was_known_which_actions_there_are() {
        let now = Moment::now();
        let overdue = Overdue::new(BTreeMap::new(), now.wall);
        let mut machine =
            Machine::new(Beginning { seed: 1, has_last_good: false, policy: Ok(Policy::default()), overdue });
        machine.handle(Event::Begin, now);
        assert_eq!(machine.open(), 0);
        machine.handle(Event::Asked(1, request(), 0), now);
        assert_eq!(machine.open(), 1);
    }

    /// Of both the supervisor may hear in one turn, before the request is on disk.
    #[test]
    fn a_listener_that_ends_before_it_has_its_request_costs_that_nothing() {
        let now = Moment::now();
        let (mut machine, key) = machine_with_listener(now);
        machine.handle(Event::Asked(1, request(), 0), now);
        let actions = machine.handle(Event::Ended(11, Status::Killed(9), None), now);
        let put_back = Action::Record(Entry::PutBack { at: now.wall, id: request().id });
        assert!(actions.contains(&put_back), "{actions:?}");
        assert!(
            !actions.iter().any(|action| matches!(action, Action::Record(Entry::Ended { .. }))),
            "{actions:?}"
        );
        assert_eq!(machine.queue.open(), 1);
        // What was held for the disk is found to have nobody to go to, later on.
        machine.handle(Event::NotHanded(key), now);
        assert_eq!(machine.queue.open(), 1);
    }

    #[test]
    fn what_is_called_off_before_it_reached_its_listener_does_not_wait_again() {
        let now = Moment::now();
        let (mut machine, key) = machine_with_listener(now);
        machine.handle(Event::Asked(1, request(), 0), now);
        let actions = machine.handle(Event::CancelAsked(2, request().id), now);
        assert!(actions.contains(&Action::SignalGroup(11, TERM)), "{actions:?}");
        // That ended the listener before the request was written to it.
        let actions = machine.handle(Event::NotHanded(key), now);
        let end = End { attempt: 0, outcome: Outcome::Cancelled, took_ms: 0 };
        let (at, id, note) = (now.wall, request().id, Some(NOT_STARTED.to_owned()));
        assert!(actions.contains(&Action::Record(Entry::Ended { at, id, end, note })), "{actions:?}");
        assert_eq!(machine.queue.open(), 0);
    }
}
