//! What happens on an event: the supervisor's whole behaviour, as a pure state machine.
//!
//! [`Machine::handle`] takes an [`Event`] and the time, and answers with [`Action`]s in the order in which
//! they are to be done. It starts no process, sends no signal and reads no clock, so every path can be
//! tested by itself; [`super::engine`] does what it says and tells it what came of it.

use std::time::Instant;

use crate::listener::pool::{self, Pool, Purpose, Stage};
use crate::names::{ActionName, RequestId, UserName};
use crate::outcome::Outcome;
use crate::process::{Pid, Status};
use crate::queue::{self, Admission, Finished, Queue};
use crate::request::{Answer, Refusal, RefusalCode, Request};
use crate::signals::{self, Number};

use super::health::{Checks, Health};
use super::life::{Due, Life, OWN_FAULT, Service, Setting};
use super::notify::Progress;

const KILL: Number = 9;
const TERM: Number = 15;
const INT: Number = 2;

/// Who waits for an answer.
pub type Caller = u64;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The supervisor is ready to begin.
    Begin,
    /// `entrypoint.sh` runs, as this process.
    ServiceStarted(Pid),
    /// `entrypoint.sh` cannot be executed: the status to leave with, and why.
    ServiceNotStarted(u8, String),
    /// The personality says something.
    Set(Setting),
    /// A listener runs, as this process.
    ListenerStarted(pool::Key, Pid),
    /// A listener could not be started.
    ListenerNotStarted(pool::Key, String),
    /// A listener has read its callbacks, these functions.
    ListenerReady(pool::Key, Vec<String>),
    /// A request could not be written to its listener.
    NotHanded(pool::Key),
    /// The callbacks' file is another than before.
    CallbacksChanged,
    /// A request that its sender may make.
    Asked(Caller, Request),
    /// Somebody wants to know whether the service is healthy.
    HealthAsked(Caller),
    /// A signal for the supervisor, other than CHLD.
    Signal(Number),
    /// A child has ended; with the last lines it said, where they were kept.
    Ended(Pid, Status, Option<String>),
    /// The last child, and with it the last descendant, is gone.
    NoneLeft,
    /// A sweep is done.
    Swept(Sweep),
    /// The time that [`Machine::deadline`] named has come.
    DeadlinePassed,
}

/// What a sweep of the descendants met.
#[derive(Debug, Clone, Default)]
pub struct Sweep {
    /// Those that got the signal, as "name (pid N)".
    pub signalled: Vec<String>,
    /// Those that may not be signalled.
    pub refused: Vec<String>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Run `entrypoint.sh`.
    StartService,
    /// Run `listener.sh`.
    StartListener(pool::Key, Purpose),
    /// Write the request to the listener.
    Hand(pool::Key, Request),
    /// Send a signal to a process.
    Signal(Pid, Number),
    /// Send a signal to a process group.
    SignalGroup(Pid, Number),
    /// Send a signal to every descendant, save those in the groups of these leaders.
    Sweep(Number, Vec<Pid>),
    /// Answer a request.
    Answer(Caller, Answer),
    /// Answer a question for health.
    AnswerHealth(Caller, Health),
    /// Tell who started us how far the service is.
    Notify(Progress),
    /// Say something in the container log.
    Say(Level, String),
    /// Leave, with this status.
    Leave(u8),
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Not as it should be, and things go on.
    Warn,
    /// Something wanted did not happen.
    Error,
}

/// The supervisor's state.
#[derive(Debug)]
pub struct Machine {
    life: Life,
    pool: Pool,
    queue: Queue,
    checks: Checks,
    /// Requests that came before it was known which actions there are.
    undecided: Vec<(Caller, Request)>,
    actions: Vec<Action>,
}

impl Machine {
    /// Nothing has happened yet. `seed` is for the jitter of waits.
    pub fn new(seed: u64) -> Self {
        Self {
            life: Life::default(),
            pool: Pool::new(seed),
            queue: Queue::default(),
            checks: Checks::default(),
            undecided: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Takes an event; what is to be done about it, in order.
    pub fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Begin => self.act(Action::StartService),
            Event::ServiceStarted(pid) => self.life.service = Service::Starting(pid),
            Event::ServiceNotStarted(code, why) => {
                self.say(Level::Error, why);
                self.act(Action::Leave(code));
            }
            Event::Set(setting) => self.set(setting),
            Event::ListenerStarted(key, pid) => self.listener_started(key, pid),
            Event::ListenerNotStarted(key, why) => self.listener_not_started(key, why, now),
            Event::ListenerReady(key, callbacks) => self.listener_ready(key, &callbacks, now),
            Event::NotHanded(key) => self.queue.put_back(key),
            Event::CallbacksChanged => self.callbacks_changed(),
            Event::Asked(caller, request) => self.asked(caller, request),
            Event::HealthAsked(caller) => self.health_asked(caller),
            Event::Signal(number) => self.signal(number, now),
            Event::Ended(pid, status, said) => self.ended(pid, status, said, now),
            Event::NoneLeft => self.none_left(now),
            Event::Swept(sweep) => self.swept(sweep, now),
            Event::DeadlinePassed => self.deadline_passed(now),
        }
        self.pump(now);
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::DeadlinePassed`] is next due, if nothing else happens before.
    pub fn deadline(&self) -> Option<Instant> {
        let retry = if self.life.is_stopping() { None } else { self.pool.deadline() };
        [self.life.deadline(), retry, self.queue.deadline(), self.checks.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether the stop has begun, so that the last child's end is what is waited for.
    pub fn is_stopping(&self) -> bool {
        self.life.is_stopping()
    }

    /// The service's process, for its callbacks.
    pub fn service_pid(&self) -> Option<Pid> {
        self.life.pid()
    }

    /// How things are, as the `status` call tells it.
    pub fn status(&self) -> serde_json::Value {
        serde_json::json!({
            "ok": true,
            "state": self.life.state(),
            "pid": self.life.pid(),
            "actions": self.pool.actions().map(|actions| actions.iter().map(ToString::to_string).collect::<Vec<_>>()),
            "waiting": self.queue.waiting(),
            "running": self.queue.running(),
            "degraded": self.pool.broken().map(|broken| format!("callbacks: {broken}")).into_iter().collect::<Vec<_>>(),
        })
    }

    fn set(&mut self, setting: Setting) {
        self.life.set(setting);
        if setting == Setting::Prepared {
            self.act(Action::Notify(Progress::Ready));
            if let Service::Running(pid) = self.life.service {
                self.say(Level::Info, format!("the service runs, pid {pid}"));
            }
        }
    }

    fn signal(&mut self, number: Number, now: Instant) {
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

    /// Asks everything to end: the service by its signal, the runs and the idle listeners by TERM.
    fn begin_stop(&mut self, why: &str, now: Instant) {
        let to_service = self.life.begin_stop(why, now);
        self.say(Level::Info, self.life.announcement());
        self.act(Action::Notify(Progress::Stopping));
        if let Some((pid, number)) = to_service {
            self.act(Action::Signal(pid, number));
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
        self.answer_checks(&Health::unhealthy("the service is stopping"));
        for (caller, _) in std::mem::take(&mut self.undecided) {
            self.answer(caller, Answer::Refused(stopping()));
        }
        if to_service.is_none() {
            self.end_stragglers();
        }
    }

    /// The service has gone: what it left behind has nobody else to tell it to end.
    fn end_stragglers(&mut self) {
        let told_already = self.pool.pids();
        self.act(Action::Sweep(TERM, told_already));
    }

    fn kill(&mut self, now: Instant) {
        self.life.begin_kill(now);
        self.act(Action::Sweep(KILL, Vec::new()));
    }

    fn ended(&mut self, pid: Pid, status: Status, said: Option<String>, now: Instant) {
        if self.life.pid() == Some(pid) {
            self.service_ended(status, now);
        } else if let Some(ended) = self.pool.ended(pid, &status, now) {
            self.listener_ended(&ended, status, said, now);
        }
        if self.life.is_killing() {
            // Whoever forked while the last sweep passed is met by the next one.
            self.act(Action::Sweep(KILL, Vec::new()));
        }
    }

    fn service_ended(&mut self, status: Status, now: Instant) {
        if !self.life.ended(status) {
            self.say(Level::Info, "there is no service to start, only callbacks");
        } else if self.life.is_stopping() {
            self.end_stragglers();
        } else {
            self.say(Level::Error, format!("the service {status}"));
            self.begin_stop("the service's end", now);
        }
    }

    fn none_left(&mut self, now: Instant) {
        if self.life.is_stopping() {
            self.say(Level::Info, self.life.summary(now));
            self.act(Action::Leave(self.life.exit_code()));
        }
    }

    fn swept(&mut self, sweep: Sweep, now: Instant) {
        if !self.life.is_killing() {
            return;
        }
        let only_refused = sweep.signalled.is_empty() && !sweep.refused.is_empty();
        self.life.killed(sweep.signalled);
        if only_refused {
            self.give_up(&sweep.refused.join(", "), now);
        }
    }

    fn give_up(&mut self, survivors: &str, now: Instant) {
        self.say(Level::Error, format!("{}; could not be ended: {survivors}", self.life.summary(now)));
        self.act(Action::Leave(OWN_FAULT));
    }

    fn deadline_passed(&mut self, now: Instant) {
        match self.life.due(now) {
            Some(Due::Kill) => self.kill(now),
            Some(Due::GiveUp) => self.give_up("what was killed above", now),
            None => {}
        }
        for due in self.queue.due(now) {
            match due {
                queue::Due::Terminate(key) => {
                    self.say(Level::Warn, "a run is over its time: it is asked to end");
                    self.signal_listener(key, TERM);
                }
                queue::Due::Kill(key) => self.signal_listener(key, KILL),
            }
        }
        if self.checks.is_overdue(now)
            && let Some(key) = self.checks.listener()
        {
            self.signal_listener(key, KILL);
        }
        self.pool.deadline_passed(now);
    }

    fn listener_started(&mut self, key: pool::Key, pid: Pid) {
        self.pool.started(key, pid);
    }

    fn listener_not_started(&mut self, key: pool::Key, why: String, now: Instant) {
        if self.checks.listener() == Some(key) {
            let health = Health::healthy(vec![format!("health check: {why}")]);
            self.answer_checks(&health);
        }
        self.pool.not_started(key, why, now);
        self.say_broken();
    }

    fn listener_ready(&mut self, key: pool::Key, callbacks: &[String], now: Instant) {
        if self.pool.ready(key, callbacks) {
            self.say(Level::Info, "the callbacks can be read again");
        }
        if self.checks.listener() == Some(key) {
            self.pool.busy(key);
            self.checks.begun(now);
            let (id, user) = (RequestId::of_health_check(), UserName::root());
            self.act(Action::Hand(key, Request { id, user, action: ActionName::health_check() }));
        }
        self.decide();
    }

    fn listener_ended(&mut self, ended: &pool::Ended, status: Status, said: Option<String>, now: Instant) {
        match (ended.purpose, ended.stage) {
            (Purpose::Health, Stage::Starting) => {
                let degraded = format!("callbacks: the health check's listener {status} before it began");
                self.answer_checks(&Health::healthy(vec![degraded]));
            }
            (Purpose::Health, _) => {
                let health = self.checks.judge(status, said, self.pool.broken());
                self.answer_checks(&health);
            }
            (Purpose::Request, Stage::Busy) => {
                if let Some(finished) = self.queue.finish(ended.key, status, now) {
                    self.report(&finished);
                }
            }
            (Purpose::Request, Stage::Dismissed) => {}
            (Purpose::Request, Stage::Starting | Stage::Ready) => self.say_broken(),
        }
    }

    fn say_broken(&mut self) {
        let Some(broken) = self.pool.broken().map(str::to_owned) else { return };
        self.say(Level::Error, format!("degraded: {broken}; the service runs on"));
        self.decide();
    }

    fn callbacks_changed(&mut self) {
        self.pool.callbacks_changed();
        for pid in self.pool.dismiss_idle() {
            self.act(Action::SignalGroup(pid, TERM));
        }
    }

    fn asked(&mut self, caller: Caller, request: Request) {
        if self.life.is_stopping() {
            self.answer(caller, Answer::Refused(stopping()));
        } else {
            self.undecided.push((caller, request));
            self.decide();
        }
    }

    /// Answers the requests that could not be answered before the callbacks were read.
    fn decide(&mut self) {
        if self.pool.actions().is_none() && self.pool.broken().is_none() {
            return;
        }
        for (caller, request) in std::mem::take(&mut self.undecided) {
            let answer = self.admit(request).map_or_else(Answer::Refused, Answer::Accepted);
            self.answer(caller, answer);
        }
        for caller in self.checks.take_undecided() {
            self.health_asked(caller);
        }
    }

    fn admit(&mut self, request: Request) -> Result<RequestId, Refusal> {
        let Some(actions) = self.pool.actions() else {
            let broken = self.pool.broken().unwrap_or_default();
            return Err(Refusal::new(RefusalCode::Callbacks, broken));
        };
        if request.action == ActionName::health_check() {
            let message = format!("`{}` is for the supervisor itself: ask for health", request.action);
            return Err(Refusal::new(RefusalCode::NotAllowed, message));
        }
        if !actions.contains(&request.action) {
            let message = format!("there is no action `{}` here", request.action);
            return Err(Refusal::new(RefusalCode::UnknownAction, message));
        }
        let id = request.id.clone();
        let name = format!("{} {}", request.action, id.short());
        if let Admission::Joined(earlier) = self.queue.admit(request)? {
            self.say(Level::Info, format!("{name} joins {}, which waits", earlier.short()));
        }
        Ok(id)
    }

    fn health_asked(&mut self, caller: Caller) {
        let health = match (self.life.service, self.pool.actions(), self.pool.broken()) {
            _ if self.life.is_stopping() => Health::unhealthy("the service is stopping"),
            (Service::Unstarted, ..) => Health::unhealthy("the service is not started"),
            (Service::Ended(status), ..) => Health::unhealthy(format!("the service {status}")),
            (_, _, Some(broken)) => Health::healthy(vec![format!("callbacks: {broken}")]),
            (_, None, None) => return self.checks.defer(caller),
            (_, Some(actions), None) if actions.contains(&ActionName::health_check()) => {
                return self.check(caller);
            }
            _ => Health::healthy(Vec::new()),
        };
        self.act(Action::AnswerHealth(caller, health));
    }

    /// Runs the service's own check, unless one is on already: that one answers all who wait.
    fn check(&mut self, caller: Caller) {
        if self.checks.join(caller) {
            let key = self.pool.add(Purpose::Health);
            self.checks.started(key);
            self.act(Action::StartListener(key, Purpose::Health));
        }
    }

    fn answer_checks(&mut self, health: &Health) {
        for caller in self.checks.finish() {
            self.act(Action::AnswerHealth(caller, health.clone()));
        }
    }

    /// Gives the requests that can start to the listeners that wait, and has more listeners started.
    fn pump(&mut self, now: Instant) {
        if self.life.is_stopping() || self.life.service == Service::Unstarted {
            return;
        }
        while self.queue.startable() > 0
            && let Some(key) = self.pool.take()
            && let Some(request) = self.queue.start(key, now)
        {
            let name = format!("{} {}", request.action, request.id.short());
            self.say(Level::Info, format!("{name} starts for {}", request.user));
            self.act(Action::Hand(key, request));
        }
        let startable = self.queue.startable();
        for _ in 0..self.pool.wanted(startable, now) {
            let key = self.pool.add(Purpose::Request);
            self.act(Action::StartListener(key, Purpose::Request));
        }
        for pid in self.pool.dismiss_surplus(startable) {
            self.act(Action::SignalGroup(pid, TERM));
        }
    }

    fn report(&mut self, finished: &Finished) {
        let Finished { request, outcome, took, .. } = finished;
        let level = match outcome {
            Outcome::Succeeded => Level::Info,
            Outcome::Interrupted | Outcome::Cancelled | Outcome::Skipped => Level::Warn,
            Outcome::Failed(_) | Outcome::TimedOut => Level::Error,
        };
        let name = format!("{} {}", request.action, request.id.short());
        self.say(level, format!("{name} {outcome} after {:.3} s", took.as_secs_f64()));
    }

    fn signal_listener(&mut self, key: pool::Key, number: Number) {
        if let Some(pid) = self.pool.pid(key) {
            self.act(Action::SignalGroup(pid, number));
        }
    }

    fn answer(&mut self, caller: Caller, answer: Answer) {
        self.act(Action::Answer(caller, answer));
    }

    fn say(&mut self, level: Level, text: impl Into<String>) {
        self.act(Action::Say(level, text.into()));
    }

    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }
}

fn stopping() -> Refusal {
    Refusal::new(RefusalCode::Stopping, "the service is stopping")
}
