//! What is asked of the service: taken in or refused, started when its turn comes, ended.

use crate::clock::Moment;
use crate::journal::{End, JournalRecord, RetriedAttempt, Tally, UnfinishedRequest};
use crate::listener::pool::Key;
use crate::names::{ActionName, RequestId};
use crate::outcome::Outcome;
use crate::policy::Policy;
use crate::queue::{Admission, Finished, PutBack, WaitingRequest};
use crate::request::{Answer, By, Refusal, RefusalCode, Request};

use super::event::{Action, Caller, Level};
use super::group::{NOT_STARTED, UndecidedRequest};
use super::machine::Machine;
use super::stopping::stopping;

/// What is noted of an attempt whose supervisor died.
const SUPERVISOR_ENDED: &str = "the supervisor ended before it";

/// A request's final outcome: as it is recorded, and as it is said.
pub(super) struct Conclusion {
    pub(super) level: Level,
    pub(super) sentence: String,
    pub(super) record: JournalRecord,
}

impl Machine {
    /// Takes up what an earlier supervisor had promised: what had not started waits again, what had was
    /// interrupted.
    pub(super) fn take_up(&mut self, open: UnfinishedRequest, now: Moment) {
        let UnfinishedRequest { request, joined, attempt, started, not_before, failed, .. } = open;
        let name = request.label();
        let since = now.instant;
        let waits = |request, not_before, failed| WaitingRequest {
            request,
            joined,
            attempt,
            not_before,
            since,
            failed,
        };
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
                    RetriedAttempt { ended_at: now.wall, end, not_before: now.wall_after(pause), note };
                self.overdue.ended(&request.action, Tally { end, had_begun: true, is_final: false });
                self.record(retried(&request.id, failed.clone()));
                self.queue.restore(waits(request, Some(now.instant + pause), Some(failed)));
            }
            None => self.conclude(&request, Tally { end, had_begun: true, is_final: true }, note, now),
        }
    }

    pub(super) fn asked(&mut self, caller: Caller, request: Request, by: By) {
        if self.life.is_stopping() {
            return self.answer(caller, Answer::Refused(stopping()));
        }
        match self.asked.requests.iter_mut().find(|undecided| undecided.request.id == request.id) {
            // Sent again before it could be answered.
            Some(undecided) if undecided.request == request => undecided.callers.push(caller),
            Some(_) => {
                let message = format!("the id `{}` was used for another request", request.id);
                self.answer(caller, Answer::Refused(Refusal::new(RefusalCode::IdTaken, message)));
            }
            None => self.asked.requests.push(UndecidedRequest { callers: vec![caller], request, by }),
        }
    }

    /// Promises the request, as far as the queue can.
    pub(super) fn admit(&mut self, request: Request, by: By, now: Moment) -> Result<(), Refusal> {
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
            let joins = format!("{name} joins {}, which waits", with.short());
            self.then(Action::Say(Level::Info, joins));
            self.record(JournalRecord::Joined { at, request, by, with });
            return Ok(());
        }
        self.record(JournalRecord::Accepted { at, request: request.clone(), by });
        self.say_that_it_waits(&request);
        match admission {
            Admission::Waits | Admission::Joined(_) => {}
            Admission::Skipped => {
                let end = End { attempt: 0, outcome: Outcome::Skipped, took_ms: 0 };
                let note = Some("its action was on already".to_owned());
                self.conclude_in_group(&request, Conclusion::new(&request, end, note, now));
            }
            Admission::Replaces { waiting, runs } => {
                let note = format!("{name} takes its place");
                for (replaced, attempt) in waiting {
                    let conclusion = Conclusion::cancelled(&replaced, attempt, &note, now);
                    self.conclude_in_group(&replaced, conclusion);
                }
                for key in runs {
                    let replaces = format!("{} replaces what runs: that is asked to end", id.short());
                    self.then(Action::Say(Level::Info, replaces));
                    self.end_then(key);
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

    pub(super) fn hand(&mut self, key: Key, request: Request, attempt: u32, now: Moment) {
        let again = if attempt > 1 { format!(", attempt {attempt}") } else { String::new() };
        let starts = format!("{} starts for {}{again}", request.label(), request.user);
        self.then(Action::Say(Level::Info, starts));
        let token = self.pool.token(key).unwrap_or_default().to_owned();
        self.record(JournalRecord::Started { at: now.wall, id: request.id.clone(), attempt, token });
        self.then(Action::Hand(key, request));
    }

    /// The listener was gone when it was to get its request: the next one gets it.
    pub(super) fn not_handed(&mut self, key: Key, now: Moment) {
        let at = now.wall;
        match self.queue.put_back(key) {
            Some(PutBack::Waits(id)) => self.record(JournalRecord::PutBack { at, id }),
            Some(PutBack::CalledOff(request, attempt)) => {
                self.record(JournalRecord::PutBack { at, id: request.id.clone() });
                let end = End { attempt, outcome: Outcome::Cancelled, took_ms: 0 };
                let tally = Tally { end, had_begun: false, is_final: true };
                self.conclude(&request, tally, Some(NOT_STARTED.to_owned()), now);
            }
            None => {}
        }
    }

    /// A run is over, with what it left behind told to end; or it could not begin.
    pub(super) fn report(&mut self, finished: &Finished, had_begun: bool, note: Option<String>, now: Moment) {
        let Finished { request, attempt, outcome, took, retry_after } = finished;
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let end = End { attempt: *attempt, outcome: *outcome, took_ms };
        let tally = Tally { end, had_begun, is_final: retry_after.is_none() };
        let Some(pause) = *retry_after else { return self.conclude(request, tally, note, now) };
        let name = request.label();
        let pause_s = pause.as_secs();
        let noted = noted(note.as_deref());
        self.say(
            Level::Warn,
            format!("{name} {outcome} on attempt {attempt}{noted}: tried again in {pause_s} s"),
        );
        let failed = RetriedAttempt { ended_at: now.wall, end, not_before: now.wall_after(pause), note };
        self.overdue.ended(&request.action, tally);
        self.record(retried(&request.id, failed.clone()));
        self.queue.note_failure(&request.id, failed);
    }

    /// The final outcome of a request that was carried out: recorded, kept for the status, and said.
    pub(super) fn conclude(&mut self, request: &Request, tally: Tally, note: Option<String>, now: Moment) {
        let by = self.called_off.remove(&request.id).filter(|_| tally.end.outcome == Outcome::Cancelled);
        let by = by.map(|operator| format!("called off by console/{operator}"));
        let note = match (by, note) {
            (Some(by), Some(note)) => Some(format!("{by}; {note}")),
            (by, note) => by.or(note),
        };
        let Conclusion { level, sentence, record } = Conclusion::new(request, tally.end, note, now);
        self.say(level, sentence);
        self.overdue.update(request, &record, now);
        self.overdue.ended(&request.action, tally);
        self.record(record);
    }
}

impl Conclusion {
    pub(super) fn new(request: &Request, end: End, note: Option<String>, now: Moment) -> Self {
        let level = match end.outcome {
            Outcome::Succeeded | Outcome::Skipped => Level::Info,
            Outcome::Interrupted | Outcome::Cancelled => Level::Warn,
            Outcome::Failed(_) | Outcome::TimedOut => Level::Error,
        };
        let seconds = std::time::Duration::from_millis(end.took_ms).as_secs_f64();
        let noted = noted(note.as_deref());
        let sentence = format!("{} {} after {seconds:.3} s{noted}", request.label(), end.outcome);
        Self {
            level,
            sentence,
            record: JournalRecord::Ended { at: now.wall, id: request.id.clone(), end, note },
        }
    }

    /// It was called off while it waited, after so many attempts.
    pub(super) fn cancelled(request: &Request, attempt: u32, note: &str, now: Moment) -> Self {
        let end = End { attempt, outcome: Outcome::Cancelled, took_ms: 0 };
        Self::new(request, end, Some(note.to_owned()), now)
    }
}

/// That an attempt has ended which another one follows.
fn retried(id: &RequestId, failed: RetriedAttempt) -> JournalRecord {
    let RetriedAttempt { ended_at, end, not_before, note } = failed;
    JournalRecord::Retried { at: ended_at, id: id.clone(), end, not_before, note }
}

fn noted(note: Option<&str>) -> String {
    note.map(|note| format!(" ({note})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::process::Status;
    use crate::supervisor::event::{Event, Turn};
    use crate::supervisor::life::Setting;
    use crate::supervisor::machine::Beginning;
    use crate::supervisor::overdue::Overdue;

    /// A machine whose service runs, and the listener that waits.
    fn machine_with_listener(now: Moment) -> (Machine, Key) {
        let overdue = Overdue::new(BTreeMap::new(), now.wall);
        let beginning = Beginning {
            seed: 1,
            has_last_good: false,
            policy: Ok(Policy::default()),
            overdue,
            never_forks: Some("not here".to_owned()),
        };
        let mut machine = Machine::new(beginning);
        machine.handle(Event::Begin, now);
        machine.handle(Event::ServiceStarted(10), now);
        let turn = machine.handle(Event::Decide, now);
        let started = turn.now.iter().find_map(|action| match action {
            Action::StartListener(key, ..) => Some(*key),
            _ => None,
        });
        let key = started.expect("a listener is started beside the service");
        machine.handle(Event::ListenerStarted(key, 11, "token".into()), now);
        machine.handle(Event::ListenerReady(key, vec!["CB_ok".into(), "CB_other".into()], None), now);
        machine.handle(Event::Set(Setting::Prepared), now);
        machine.handle(Event::Decide, now);
        (machine, key)
    }

    /// What is asked is decided.
    fn decided(machine: &mut Machine, event: Event, now: Moment) -> Turn {
        assert_eq!(machine.handle(event, now), Turn::default(), "nothing happens before all has come in");
        machine.handle(Event::Decide, now)
    }

    fn request() -> Request {
        let [user, action, id] = ["root", "ok", "a"];
        Request { id: id.parse().unwrap(), user: user.parse().unwrap(), action: action.parse().unwrap() }
    }

    fn starts(turn: &Turn) -> usize {
        turn.now.iter().filter(|action| matches!(action, Action::StartListener(..))).count()
    }

    /// A machine whose listener has got a request at this moment.
    fn machine_with_run(now: Moment) -> (Machine, Key) {
        let (mut machine, key) = machine_with_listener(now);
        let turn = decided(&mut machine, Event::Asked(1, request(), 0.into()), now);
        assert!(turn.then.contains(&Action::Hand(key, request())), "{turn:?}");
        assert_eq!(starts(&turn), 0, "{turn:?}");
        machine.handle(Event::Durable, now);
        machine.handle(Event::Handed(key), now);
        (machine, key)
    }

    #[test]
    fn a_run_has_a_head_start_of_its_listeners_successor() {
        let now = Moment::now();
        let (mut machine, _) = machine_with_run(now);
        assert_eq!(starts(&machine.handle(Event::Decide, now)), 0);
        let due = machine.deadline(now).expect("the successor is due");
        let later = Moment { instant: due, ..now };
        machine.handle(Event::DeadlinePassed, later);
        let turn = machine.handle(Event::Decide, later);
        assert_eq!(starts(&turn), 1, "{turn:?}");
        assert!(machine.deadline(later).is_none_or(|next| next > due), "and it is not due twice");
    }

    #[test]
    fn a_run_has_no_head_start_of_who_waits() {
        let now = Moment::now();
        let (mut machine, _) = machine_with_run(now);
        let waits = Request { id: "b".parse().unwrap(), action: "other".parse().unwrap(), ..request() };
        let turn = decided(&mut machine, Event::Asked(2, waits, 0.into()), now);
        assert_eq!(starts(&turn), 1, "{turn:?}");
    }

    #[test]
    fn a_run_that_has_ended_needs_no_head_start() {
        let now = Moment::now();
        let (mut machine, key) = machine_with_run(now);
        machine.handle(Event::Ended(11, Status::Exited(0), None), now);
        machine.handle(Event::Remains(key, Vec::new()), now);
        let turn = machine.handle(Event::Decide, now);
        assert_eq!(starts(&turn), 1, "{turn:?}");
    }

    #[test]
    fn room_is_kept_for_what_came_before_it_was_known_which_actions_there_are() {
        let now = Moment::now();
        let overdue = Overdue::new(BTreeMap::new(), now.wall);
        let mut machine = Machine::new(Beginning {
            seed: 1,
            has_last_good: false,
            policy: Ok(Policy::default()),
            overdue,
            never_forks: None,
        });
        machine.handle(Event::Begin, now);
        assert_eq!(machine.open(), 0);
        machine.handle(Event::Asked(1, request(), 0.into()), now);
        assert_eq!(machine.open(), 1);
        machine.handle(Event::Decide, now);
        assert_eq!(machine.open(), 1);
    }

    #[test]
    fn what_could_not_be_recorded_is_refused_and_all_is_as_before() {
        let now = Moment::now();
        let (mut machine, key) = machine_with_listener(now);
        let accepted = decided(&mut machine, Event::Asked(1, request(), 0.into()), now);
        assert_eq!(accepted.records.len(), 2, "{accepted:?}");
        assert_eq!(accepted.answers, [(1, Answer::Accepted(request().id))]);
        machine.handle(Event::NotDurable("the disk is full".into()), now);
        let refused = machine.handle(Event::Decide, now);
        let refusal = Refusal::new(RefusalCode::Journal, "the disk is full");
        assert!(refused.now.contains(&Action::Answer(1, Answer::Refused(refusal))), "{refused:?}");
        assert_eq!((refused.records.len(), machine.open()), (0, 0));
        // The listener waits on, and is the first to be used when the disk works again.
        machine.handle(Event::Durable, now);
        let accepted = decided(&mut machine, Event::Asked(2, request(), 0.into()), now);
        assert!(accepted.then.contains(&Action::Hand(key, request())), "{accepted:?}");
    }

    #[test]
    fn what_is_called_off_in_the_moment_in_which_it_is_asked_for_does_not_start() {
        let now = Moment::now();
        let (mut machine, _) = machine_with_listener(now);
        machine.handle(Event::Asked(1, request(), 0.into()), now);
        let turn = decided(&mut machine, Event::CancelAsked(2, request().id, None), now);
        let end = End { attempt: 0, outcome: Outcome::Cancelled, took_ms: 0 };
        let (at, id, note) = (now.wall, request().id, Some(NOT_STARTED.to_owned()));
        assert_eq!(turn.records[1..], [JournalRecord::Ended { at, id, end, note }]);
        assert!(turn.then.contains(&Action::AnswerCancel(2, Ok(()))), "{turn:?}");
        assert_eq!(machine.queue.open(), 0);
    }

    #[test]
    fn what_its_listener_did_not_get_waits_for_the_next_one() {
        let now = Moment::now();
        let (mut machine, key) = machine_with_listener(now);
        decided(&mut machine, Event::Asked(1, request(), 0.into()), now);
        machine.handle(Event::Durable, now);
        let turn = machine.handle(Event::NotHanded(key), now);
        assert_eq!(turn.records, [JournalRecord::PutBack { at: now.wall, id: request().id }]);
        assert_eq!(machine.queue.open(), 1);
    }
}
