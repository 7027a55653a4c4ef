//! What is worth telling, and what was told: pure, with the time as a parameter.
//!
//! [`Alarms::handle`] takes an [`Event`] and the second it is handled in, and answers with [`Action`]s in the order
//! in which they are to be done. What goes wrong with an action of a service is told at once, then at most once
//! an hour, and that it is well again once.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::memory::{Memory, Trouble, key};
use super::notice::{Kind, NamedRequest, Notice};
use super::outbox::{Ended, Message};
use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::outcome::Outcome;
use crate::wire::AlarmTotals;

/// The same is told again after so many seconds at the earliest.
pub const PAUSE: i64 = 60 * 60;

/// So many ids of each service are remembered, so that none raises an alarm twice: more than a history tells.
const MOST_KNOWN: usize = 2 * MOST_ASKED;

/// So many failed runs are asked for of a service's history.
pub(crate) const MOST_ASKED: usize = 100;

/// What the notifier wants besides alarms and recoveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Starts and successes too.
    pub all: bool,
    /// A sign of life every so many seconds.
    pub sign_of_life: Option<i64>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A run began.
    Started(RunMoment),
    /// A run has its final outcome.
    Ended {
        /// Which.
        run: RunMoment,
        /// How it ended.
        outcome: Outcome,
        /// What else is known of that.
        note: Option<String>,
    },
    /// An action succeeded at this instant, which was learnt later.
    HadSucceeded(ServiceName, ActionName, Timestamp),
    /// An occurrence of the schedule was given up, for this reason.
    Missed(RunMoment, String),
    /// An action has not succeeded for too long; in a sentence.
    Overdue(ServiceName, ActionName, Timestamp, Option<String>),
    /// An action is not overdue.
    OnTime(ServiceName, ActionName, Timestamp),
    /// A service has not taken its requests for a while; why not.
    Unreachable(ServiceName, Timestamp, String),
    /// A service takes requests.
    Reachable(ServiceName, Timestamp),
    /// The problems of a service are these now, by what they are about: what is not among them is over.
    Problems(ServiceName, Timestamp, BTreeMap<String, String>),
    /// The notifier has ended: nothing, or why nobody was told.
    Told(Option<String>),
    /// The second that [`Alarms::wake_at`] named has come, or the clock was set.
    Tick,
}

/// A run, or what should have become one, and when that happened to it which an event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunMoment {
    /// Whose it is.
    pub service: ServiceName,
    /// What was to be done.
    pub action: ActionName,
    /// On whose behalf.
    pub user: UserName,
    /// Its request.
    pub id: RequestId,
    /// When.
    pub at: Timestamp,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Put what is to be remembered on disk before anything that follows.
    Save,
    /// Run the notifier.
    Run(Message),
    /// Say in the log that something is not told, and why.
    Complain(String),
}

/// The state.
#[derive(Debug)]
pub struct Alarms {
    memory: Memory,
    wishes: Wishes,
    /// When the next sign of life is due.
    alive_at: Option<i64>,
    is_changed: bool,
    complaints: Vec<String>,
    /// The scheduler stops: what is to be told is told after its next start.
    is_stopping: bool,
}

impl Alarms {
    /// Goes on from what is remembered.
    pub fn new(memory: Memory, wishes: Wishes) -> Self {
        let alive_at = wishes.sign_of_life.map(|_| i64::MIN);
        Self { memory, wishes, alive_at, is_changed: false, complaints: Vec::new(), is_stopping: false }
    }

    /// What is to be remembered.
    pub fn memory(&self) -> Memory {
        Memory { outbox: self.memory.outbox.lasting(), ..self.memory.clone() }
    }

    /// What became of the alarms so far.
    pub fn totals(&self) -> AlarmTotals {
        let Memory { told, failed, outbox, .. } = &self.memory;
        AlarmTotals { told: *told, failed: *failed, waiting: outbox.alarms() as u64 }
    }

    /// The second at which something is to be done next, should nothing happen before.
    pub fn wake_at(&self) -> Option<i64> {
        [self.memory.outbox.wake_at(), self.alive_at].into_iter().flatten().min()
    }

    /// Begins to tell nothing more; whether something is still being told.
    pub fn stop(&mut self) -> bool {
        self.is_stopping = true;
        self.memory.outbox.is_telling()
    }

    /// Does what an event asks for.
    pub fn handle(&mut self, now: i64, event: Event) -> Vec<Action> {
        self.is_changed |= self.memory.mistrust_the_future(now);
        match event {
            Event::Started(run) => self.pass_on(Kind::Started, &run, None),
            Event::Ended { run, outcome, note } => self.ended(now, &run, outcome, note),
            Event::HadSucceeded(service, action, at) => self.recovered(&service, Some(&action), at, None),
            Event::Missed(run, why) => {
                let notice = run.notice(Kind::Missed);
                self.run_went_wrong(now, &run, Notice { note: Some(why), ..notice });
            }
            Event::Overdue(service, action, at, note) => {
                let notice = Notice::new(Kind::Overdue, service, Some(action), at);
                self.raise(now, Notice { note, ..notice });
            }
            Event::OnTime(service, action, at) => {
                self.recovered(&service, Some(&action), at, Some(Kind::Overdue));
            }
            Event::Unreachable(service, at, why) => {
                let notice = Notice::new(Kind::Unreachable, service, None, at);
                self.raise(now, Notice { note: Some(why), ..notice });
            }
            Event::Reachable(service, at) => self.recovered(&service, None, at, None),
            Event::Problems(service, at, problems) => self.problems(now, &service, at, problems),
            Event::Told(problem) => self.told(now, problem),
            Event::Tick => self.memory.outbox.clock_set(now),
        }
        self.give_sign_of_life(now);
        self.actions(now)
    }

    fn ended(&mut self, now: i64, run: &RunMoment, outcome: Outcome, note: Option<String>) {
        if let Some(kind) = Kind::of(outcome) {
            let notice = run.notice(kind).with_outcome(outcome);
            self.run_went_wrong(now, run, Notice { note, ..notice });
        } else if outcome.is_success() {
            self.recovered(&run.service, Some(&run.action), run.at, None);
            self.pass_on(Kind::Succeeded, run, Some(outcome));
        }
    }

    /// Tells what is told only to who wants to know everything.
    fn pass_on(&mut self, kind: Kind, run: &RunMoment, outcome: Option<Outcome>) {
        if self.wishes.all {
            let notice = run.notice(kind);
            self.add(outcome.map_or(notice.clone(), |outcome| notice.with_outcome(outcome)));
        }
    }

    /// Raises an alarm for a run, unless it has or is from before our time.
    fn run_went_wrong(&mut self, now: i64, run: &RunMoment, notice: Notice) {
        if run.at < self.memory.since {
            return;
        }
        let known = self.memory.known.entry(run.service.clone()).or_default();
        if known.contains(&run.id) {
            return;
        }
        known.push_back(run.id.clone());
        if known.len() > MOST_KNOWN {
            known.pop_front();
        }
        self.raise(now, notice);
    }

    fn raise(&mut self, now: i64, mut notice: Notice) {
        let Some(service) = notice.service.clone() else { return };
        let kinds = self.memory.troubles.entry(service).or_default().entry(key(&notice)).or_default();
        let trouble = kinds.get_mut(&notice.kind);
        if trouble.is_some() && notice.kind.is_state() {
            return;
        }
        self.is_changed = true;
        let mut suppressed = 0;
        if let Some(before) = trouble {
            let is_told_lately = (now - before.told).abs() < PAUSE;
            if is_told_lately || before.untold.is_some() || self.memory.outbox.waits(&notice) {
                before.at = before.at.max(notice.at);
                before.suppressed = before.suppressed.saturating_add(1);
                return;
            }
            suppressed = before.suppressed;
        }
        notice.suppressed = suppressed;
        kinds.insert(notice.kind, Trouble { at: notice.at, told: now, suppressed: 0, untold: None });
        self.add(notice);
    }

    fn problems(
        &mut self,
        now: i64,
        service: &ServiceName,
        at: Timestamp,
        mut problems: BTreeMap<String, String>,
    ) {
        let told = self.memory.problems_of(service);
        let over: Vec<_> = told.filter(|about| !problems.contains_key(about)).collect();
        for about in over {
            let notice = Notice::new(Kind::Recovered, service.clone(), None, at);
            self.end(Notice { problem: Some(about), ..notice }, Some(Kind::Problem));
        }
        while let Some((about, text)) = problems.pop_first() {
            let notice = Notice::new(Kind::Problem, service.clone(), None, at);
            self.raise(now, Notice { problem: Some(about), note: Some(text), ..notice });
        }
    }

    /// What was told of an action, or of one kind of it, is over, unless it happened later.
    fn recovered(
        &mut self,
        service: &ServiceName,
        action: Option<&ActionName>,
        at: Timestamp,
        only: Option<Kind>,
    ) {
        self.end(Notice::new(Kind::Recovered, service.clone(), action.cloned(), at), only);
    }

    /// Ends what was told of what this recovery is about, or one kind of it.
    fn end(&mut self, mut notice: Notice, only: Option<Kind>) {
        let Some(service) = &notice.service else { return };
        let Some(actions) = self.memory.troubles.get_mut(service) else { return };
        let key = key(&notice);
        let at = notice.at;
        let Some(kinds) = actions.get_mut(&key) else { return };
        let is_over =
            |kind: Kind, trouble: &Trouble| only.is_none_or(|only| only == kind) && trouble.at <= at;
        let all = std::mem::take(kinds);
        let (over, standing): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(kind, trouble)| is_over(*kind, trouble));
        *kinds = standing;
        if kinds.is_empty() {
            actions.remove(&key);
        }
        if over.is_empty() {
            return;
        }
        self.is_changed = true;
        let names: Vec<String> = over.keys().map(ToString::to_string).collect();
        notice.note = Some(format!("it was {}", names.join(" and ")));
        notice.suppressed = over.values().map(|trouble| trouble.suppressed).fold(0, u32::saturating_add);
        self.add(notice);
    }

    fn told(&mut self, now: i64, problem: Option<String>) {
        self.memory.count(problem.is_none());
        let ended = self.memory.outbox.ended(now, problem.is_none());
        self.is_changed = true;
        self.memory.tell_untold();
        let why = problem.unwrap_or_default();
        self.complaints.extend(match ended {
            Ended::Told => None,
            Ended::Failed => Some(format!("{why}; it is run again")),
            Ended::PutOff(notice) => {
                let what = notice.summary();
                Some(format!("{why}; nobody is told yet, and it is run again once an hour: {what}"))
            }
            Ended::GivenUp(notice) => Some(format!("{why}; nobody is told: {}", notice.summary())),
        });
    }

    fn give_sign_of_life(&mut self, now: i64) {
        let (Some(every), Some(at)) = (self.wishes.sign_of_life, self.alive_at) else { return };
        // A clock that was set back must not silence it.
        if at <= now || at > now + every {
            self.alive_at = Some(now + every);
            if !self.memory.outbox.has(Kind::Alive) {
                self.add(Notice::alive(Timestamp::from_second(now).unwrap_or_default()));
            }
        }
    }

    fn add(&mut self, notice: Notice) {
        self.is_changed |= notice.kind.is_lasting();
        let Some(dropped) = self.memory.outbox.add(notice) else { return };
        let what = dropped.summary();
        let is_told_later = self.memory.leave_untold(dropped);
        let yet = if is_told_later { " yet" } else { "" };
        self.complaints.push(format!("too much is to be told; nobody is told{yet}: {what}"));
    }

    fn actions(&mut self, now: i64) -> Vec<Action> {
        let message = if self.is_stopping { None } else { self.memory.outbox.begin(now) };
        let save = std::mem::take(&mut self.is_changed).then_some(Action::Save);
        let complaints = self.complaints.drain(..).map(Action::Complain);
        save.into_iter().chain(complaints).chain(message.map(Action::Run)).collect()
    }
}

impl RunMoment {
    fn notice(&self, kind: Kind) -> Notice {
        let Self { service, action, user, id, at } = self.clone();
        Notice { asked: Some(NamedRequest { id, user }), ..Notice::new(kind, service, Some(action), at) }
    }
}
