//! What happens on an event: the supervisor's whole behaviour, as a pure state machine.
//!
//! [`Machine::handle`] takes an [`Event`] and the time, and answers with a [`Turn`]: what is to be recorded, what is to
//! be done at once, and what when that is on disk. It starts no process, sends no signal and reads no clock, so every path
//! can be tested by itself; [`super::engine`] does what it says and tells it what came of it.
//!
//! This file has the service's life; [`super::stopping`] the stop, [`super::requests`] what is asked, [`super::group`] what
//! is promised, [`super::listeners`] who carries it out.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;

use crate::clock::Moment;
use crate::journal::JournalRecord;
use crate::listener::pool::{Key, Pool};
use crate::names::{OperatorName, RequestId};
use crate::policy::Policy;
use crate::process::{Pid, Status};
use crate::queue::{DueRun, Queue};
use crate::request::{Answer, Request};
use crate::signals::{self, Number};

use super::coming_up::ComingUp;
use super::event::{Action, Caller, Event, Level, Remains, Turn};
use super::group::{Group, UndecidedCalls};
use super::health::Checks;
use super::life::{Life, Service, Setting, StopStep};
use super::listeners::EndedRun;
use super::notify::ServiceProgress;
use super::overdue::{News, Overdue};
use super::problems::Problems;

pub(super) const KILL: Number = 9;
pub(super) const TERM: Number = 15;
const INT: Number = 2;
/// Of what a listener says that cannot read its callbacks, so many lines are shown: bash's errors have two.
const LAST_LINES: usize = 2;

/// The supervisor's state.
#[derive(Debug)]
pub struct Machine {
    pub(super) life: Life,
    pub(super) pool: Pool,
    pub(super) queue: Queue,
    pub(super) checks: Checks,
    pub(super) coming_up: ComingUp,
    pub(super) policy: Policy,
    /// What is wrong with the policy's file, and whether there is no good one to go on with.
    pub(super) policy_fault: Option<(String, bool)>,
    pub(super) overdue: Overdue,
    /// What is asked and not decided yet.
    pub(super) asked: UndecidedCalls,
    /// What is decided and not on the disk yet.
    pub(super) group: Group,
    /// Runs whose listener has ended, and who may have left something behind.
    pub(super) ending: BTreeMap<Key, EndedRun>,
    /// What runs left behind, and when it is killed.
    pub(super) remains: Vec<(Instant, Key, Remains)>,
    /// Runs that people of the web console have called off, until they have ended.
    pub(super) called_off: BTreeMap<RequestId, OperatorName>,
    /// When successors of the listeners are due that have got requests, should nobody wait for one.
    pub(super) successors_at: Option<Instant>,
    /// Why nothing can be recorded at the moment.
    pub(super) unrecorded: Option<String>,
    /// Whether it is known what was before: the journal has been read.
    pub(super) remembers: bool,
    /// How much of the journal has been read, in hundredths, while it is.
    pub(super) reading: Option<u64>,
    /// Why there is no room for another request in the journal.
    pub(super) no_room: Option<String>,
    /// What callbacks have left as wrong.
    pub(super) problems: Problems,
    /// What was said last of broken callbacks: said once, however often they are tried.
    pub(super) said_broken: Option<String>,
    /// What was said last of why runs read the callbacks themselves.
    pub(super) said_unforkable: Option<String>,
    /// When the first event was handled.
    pub(super) started_at: Option<Timestamp>,
    /// Since when the service has been in its state.
    pub(super) since: Option<Timestamp>,
    pub(super) turn: Turn,
}

/// What a machine goes on from.
#[derive(Debug)]
pub struct Beginning {
    /// For the jitter of waits.
    pub seed: u64,
    /// Whether there is a copy of callbacks that could be read.
    pub has_last_good: bool,
    /// The rules, or what is wrong with their file.
    pub policy: Result<Policy, String>,
    /// The last runs.
    pub overdue: Overdue,
    /// Why no listener can be forked here.
    pub never_forks: Option<String>,
}

impl Machine {
    /// Nothing has happened yet.
    pub fn new(beginning: Beginning) -> Self {
        let (policy, policy_fault) = match beginning.policy {
            Ok(policy) => (policy, None),
            Err(fault) => (Policy::default(), Some((fault, true))),
        };
        let mut queue = Queue::default();
        queue.hold();
        Self {
            life: Life::default(),
            pool: Pool::new(beginning.seed, beginning.has_last_good, beginning.never_forks),
            queue,
            checks: Checks::default(),
            coming_up: ComingUp::new(beginning.seed),
            policy,
            policy_fault,
            overdue: beginning.overdue,
            asked: UndecidedCalls::default(),
            group: Group::default(),
            ending: BTreeMap::new(),
            remains: Vec::new(),
            called_off: BTreeMap::new(),
            successors_at: None,
            unrecorded: None,
            remembers: false,
            reading: None,
            no_room: None,
            problems: Problems::new(),
            said_broken: None,
            said_unforkable: None,
            started_at: None,
            since: None,
            turn: Turn::default(),
        }
    }

    /// Takes an event; what it leads to.
    pub fn handle(&mut self, event: Event, now: Moment) -> Turn {
        let state = self.life.state();
        match event {
            Event::Begin => self.act(Action::StartService),
            Event::Reading(percent) => self.reading = percent,
            Event::Remembered(overdue) => (self.overdue, self.remembers) = (overdue, true),
            Event::TakeUp(open) => open.into_iter().for_each(|open| self.take_up(open, now)),
            Event::ServiceStarted(pid) => self.life.service = Service::Starting(pid),
            Event::ServiceNotStarted(code, why) => {
                self.say(Level::Error, why);
                self.act(Action::Leave(code));
            }
            Event::Set(setting) => self.set(setting),
            Event::ListenerStarted(key, pid, token) => self.pool.started(key, pid, token),
            Event::ListenerNotStarted(key, why) => self.listener_not_started(key, why, now),
            Event::ListenerReady(key, callbacks, unforkable) => {
                self.listener_ready(key, &callbacks, unforkable, now);
            }
            Event::Forked(key, pid, token) => self.forked(key, pid, token),
            Event::NotForked(keys, why) => self.not_forked(&keys, &why, now),
            Event::Handed(key) => self.pool.handed(key),
            Event::NotHanded(key) => self.not_handed(key, now),
            Event::CallbacksChanged => self.callbacks_changed(),
            Event::PolicyChanged(policy) => self.policy_changed(policy),
            Event::Asked(caller, request, by) => self.asked(caller, request, by),
            Event::CancelAsked(caller, id, operator) => self.asked.cancels.push((caller, id, operator)),
            Event::HealthAsked(caller) => self.health_asked(caller, now),
            Event::Decide => self.decide(now),
            Event::Durable => self.durable(now),
            Event::NotDurable(why) => self.not_durable(why),
            Event::Room(fault) => self.room(fault),
            Event::Problems(problems) => self.problems_changed(problems, now),
            Event::Signal(number) => self.signal(number, now),
            Event::Ended(pid, status, said) => self.ended(pid, status, said, now),
            Event::Remains(key, names) => self.run_ended(key, &names, now),
            Event::NoneLeft => self.none_left(now),
            Event::Swept(sweep) => self.swept(sweep, now),
            Event::DeadlinePassed => self.deadline_passed(now),
        }
        self.see_service(now);
        self.tell_overdue(now);
        self.started_at.get_or_insert(now.wall);
        if self.since.is_none() || self.life.state() != state {
            self.since = Some(now.wall);
        }
        std::mem::take(&mut self.turn)
    }

    /// Says which actions have become overdue, and which are no longer. While the service stops nobody is to act
    /// on that.
    fn tell_overdue(&mut self, now: Moment) {
        if self.life.is_stopping() {
            return;
        }
        for news in self.overdue.news(&self.policy, now) {
            match &news {
                News::Overdue(_, _, sentence) => self.say(Level::Error, sentence.clone()),
                News::Recovered(_, action) => self.say(Level::Info, format!("{action} is no longer overdue")),
            }
            self.act(Action::Tell(news));
        }
    }

    fn problems_changed(&mut self, problems: Problems, now: Moment) {
        self.act(Action::TellProblems(problems.clone(), now.wall));
        self.problems = problems;
    }

    /// The problems that callbacks have left, as far as they were looked at.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }

    /// When [`Event::DeadlinePassed`] is next due, if nothing else happens before.
    pub fn deadline(&self, now: Moment) -> Option<Instant> {
        let remains = self.remains.iter().map(|(at, ..)| *at).min();
        let while_stopping =
            [self.life.deadline(), self.checks.deadline(), self.queue.kill_deadline(), remains];
        let stopping = while_stopping.into_iter().flatten().min();
        if self.life.is_stopping() {
            return stopping;
        }
        let overdue = self.overdue.deadline(&self.policy, now);
        let coming_up = self.coming_up_deadline();
        let running = [self.pool.deadline(), self.queue.deadline(), self.successors_at, coming_up, overdue];
        running.into_iter().chain([stopping]).flatten().min()
    }

    /// Whether the stop has begun, so that the last child's end is what is waited for.
    pub fn is_stopping(&self) -> bool {
        self.life.is_stopping()
    }

    /// Whether the next request meets a listener that waits for it, and no other is being started.
    pub fn is_warm(&self) -> bool {
        self.pool.is_at_rest()
    }

    /// The service's process, for its callbacks.
    pub fn service_pid(&self) -> Option<Pid> {
        self.life.pid()
    }

    /// Whether this listener does the check of the service's health.
    pub fn checks_health(&self, listener: Key) -> bool {
        self.checks.listener() == Some(listener)
    }

    /// What the processes of a listener carry.
    pub fn token(&self, listener: Key) -> Option<&str> {
        self.pool.token(listener)
    }

    /// The rules in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Why there is no room for another request in the journal, as far as is known.
    pub fn no_room(&self) -> Option<&String> {
        self.no_room.as_ref()
    }

    /// Requests whose outcome is still to come: those that are accepted, and those that may be once it is known
    /// which actions there are.
    pub fn open(&self) -> usize {
        self.asked.requests.len() + self.queue.open() + self.ending.len()
    }

    fn set(&mut self, setting: Setting) {
        self.life.set(setting);
        if setting == Setting::Prepared {
            self.act(Action::Notify(ServiceProgress::Ready));
            if let Service::Running(pid) = self.life.service {
                self.say(Level::Info, format!("the service runs, pid {pid}"));
            }
        }
    }

    fn signal(&mut self, number: Number, now: Moment) {
        if number != TERM && number != INT {
            if let Some(pid) = self.life.pid() {
                self.act(Action::Signal(pid, number));
            }
        } else if self.life.is_stopping() {
            self.kill(now);
        } else {
            self.begin_stop(&signals::name(number), now);
        }
    }

    fn ended(&mut self, pid: Pid, status: Status, said: Option<String>, now: Moment) {
        if self.life.pid() == Some(pid) {
            self.service_ended(status, now);
        } else if let Some(ended) = self.pool.ended(pid, &status, &last_lines(said.as_deref()), now.instant) {
            self.listener_ended(ended, status, said, now);
        }
        if self.life.is_killing() {
            // Whoever forked while the last sweep passed is met by the next one.
            self.act(Action::Sweep(KILL, Vec::new()));
        }
    }

    fn service_ended(&mut self, status: Status, now: Moment) {
        if !self.life.ended(status) {
            self.say(Level::Info, "there is no service to start, only callbacks");
            // Those that wait would tell their runs of a service's process, which was the one that has prepared it.
            for pid in self.pool.dismiss_idle() {
                self.act(Action::SignalGroup(pid, TERM));
            }
        } else if self.life.is_killing() {
            // Everybody is met by the sweeps with KILL.
        } else if self.life.is_stopping() {
            self.end_stragglers();
        } else {
            self.say(Level::Error, format!("the service {status}"));
            self.begin_stop("the service's end", now);
        }
    }

    fn deadline_passed(&mut self, now: Moment) {
        match self.life.due(now.instant) {
            Some(StopStep::Kill) => self.kill(now),
            Some(StopStep::GiveUp) => self.give_up("what was killed above", now),
            None => {}
        }
        if !self.life.is_stopping() {
            self.end_what_is_tired(now);
        }
        for due in self.queue.due(now.instant) {
            match due {
                DueRun::Terminate(key) => {
                    let name = self.queue.request(key).map(Request::label).unwrap_or_default();
                    self.say(Level::Warn, format!("{name} is over its time: it is asked to end"));
                    self.signal_listener(key, TERM);
                }
                DueRun::Kill(key) => self.signal_listener(key, KILL),
            }
        }
        let due = self.remains.extract_if(.., |(at, ..)| *at <= now.instant).collect::<Vec<_>>();
        for (_, key, remains) in due {
            self.act(Action::SignalRemains(key, remains, KILL));
        }
        if self.checks.is_overdue(now.instant)
            && let Some(key) = self.checks.listener()
        {
            self.signal_listener(key, KILL);
        }
        for pid in self.pool.deadline_passed(now.instant) {
            self.act(Action::SignalGroup(pid, KILL));
        }
    }

    pub(super) fn signal_listener(&mut self, key: Key, number: Number) {
        if let Some(pid) = self.pool.pid(key) {
            self.act(Action::SignalGroup(pid, number));
        }
    }

    pub(super) fn answer(&mut self, caller: Caller, answer: Answer) {
        self.act(Action::Answer(caller, answer));
    }

    pub(super) fn say(&mut self, level: Level, text: impl Into<String>) {
        self.act(Action::Say(level, text.into()));
    }

    /// This happens at once.
    pub(super) fn act(&mut self, action: Action) {
        self.turn.now.push(action);
    }

    /// This happens when what is recorded is on disk.
    pub(super) fn then(&mut self, action: Action) {
        self.turn.then.push(action);
    }

    pub(super) fn record(&mut self, record: JournalRecord) {
        self.turn.records.push(record);
    }
}

/// The end of what a listener said, as a part of a sentence.
fn last_lines(said: Option<&str>) -> String {
    let lines: Vec<_> = said.unwrap_or_default().lines().map(untimed).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("; ")
}

/// A line of our scripts' log (`TIME LEVEL TEXT`) without its time and level; any other as it is.
pub(super) fn untimed(line: &str) -> &str {
    let text = line.split_once(' ').filter(|(time, _)| time.parse::<Timestamp>().is_ok());
    let text = text.and_then(|(_, rest)| rest.split_once(' ')).map(|(_, text)| text.trim_start());
    text.unwrap_or(line)
}
