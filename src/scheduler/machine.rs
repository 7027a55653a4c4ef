//! What the scheduler does on an event: pure, with the time as a parameter.
//!
//! [`Machine::handle`] takes an [`Event`] and the second it happened in, and answers with [`Action`]s in the
//! order in which they are to be done. What is due the `agenda` knows. An occurrence is recorded before it is
//! sent, and waits at its `target` until it is accepted or its time is up.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::agenda::{Agenda, Due, MOST_COUNTED};
use super::occurrence::{Instant, Occurrence, OccurrenceKey};
use super::record::{EntryRecord, Memory, Record, SetBack};
use super::target::Target;
use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::schedule::{CatchUp, Coming, Entry, Places, Schedule, When, upcoming};

/// A service that requests wait for and that cannot be reached for so many seconds is an alarm.
pub const UNREACHABLE_AFTER: i64 = 5 * 60;

/// Up to so many seconds after its instant, an occurrence is on time and no matter of catching up.
const ON_TIME: i64 = 60;

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// The second that [`Machine::wake_at`] named has come, or the clock was set.
    Tick,
    /// The schedule's file was read.
    Loaded(Schedule),
    /// The schedule's file cannot be read, for this reason.
    Unreadable(String),
    /// A service answered to an occurrence.
    Answered(ServiceName, OccurrenceKey, Answer),
    /// A delivery to a service is over; with what went wrong.
    Closed(ServiceName, Option<String>),
}

/// What a service said to an occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It will be done, under this id.
    Accepted(RequestId),
    /// It will not be done, for this reason. The reason's code makes no difference here: whatever it is, the
    /// request is tried again until its time is up.
    Refused(String),
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Put these on disk before anything that follows.
    Record(Vec<Record>),
    /// Put these on disk some time; should they be lost, something is sent again that was answered before.
    RecordLazily(Vec<Record>),
    /// Send these to a service.
    Send(ServiceName, Vec<Occurrence>),
    /// Tell people.
    Tell(Level, String),
    /// Raise an alarm: an occurrence is given up, for this reason. It comes before the record of that.
    Missed(Occurrence, String),
    /// Raise an alarm: a service could not be reached for a while, for this reason.
    Unreachable(ServiceName, String),
    /// A service answers that could not be reached, or had not been tried since the start.
    Reachable(ServiceName),
}

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Not as it should be, and things go on.
    Warn,
    /// Something wanted did not happen.
    Error,
}

/// The scheduler's state.
#[derive(Debug)]
pub struct Machine {
    pub(super) agenda: Agenda,
    /// Which lines of the schedule are of which file.
    places: Places,
    pub(super) targets: BTreeMap<ServiceName, Target>,
    /// The services that answered when they were last tried. It outlives their targets: whether one is back is
    /// learnt with what comes next for it.
    reachable: BTreeSet<ServiceName>,
    /// The second of the last event; before the first one it is not known.
    pub(super) clock: Option<i64>,
    /// The latest second seen since the clock was set back far.
    pub(super) seen: i64,
    /// How often the clock was set back far.
    pub(super) era: u32,
    /// How it was set back a little.
    pub(super) set_back: SetBack,
    /// The name of this start of the container, and of the one whose `@reboot` entries had their turn.
    boot: String,
    booted: Option<String>,
    actions: Vec<Action>,
    pub(super) records: Vec<Record>,
    /// Alarms for what is given up, which come before its record: who dies in between raises them again.
    missed: Vec<Action>,
}

/// A service with requests that it has not taken yet.
#[derive(Debug)]
pub struct Backlog<'a> {
    /// The service.
    pub service: &'a ServiceName,
    /// What waits for it, with how often it refused that.
    pub requests: Vec<(&'a Occurrence, u32)>,
    /// How often in a row it could not be reached.
    pub failures: u32,
}

impl Backlog<'_> {
    /// Whether it refused something of that.
    pub fn is_refused(&self) -> bool {
        self.requests.iter().any(|(_, refusals)| *refusals > 0)
    }
}

impl Machine {
    /// Goes on from what was remembered, in the start of the container that is known by `boot`.
    pub fn new(memory: Memory, boot: impl Into<String>) -> Self {
        let seen = memory.entries.values().map(|(_, mark)| *mark).max();
        let mut machine = Self {
            agenda: Agenda::new(memory.entries),
            places: Places::default(),
            targets: BTreeMap::new(),
            reachable: BTreeSet::new(),
            clock: None,
            seen: seen.unwrap_or(i64::MIN),
            era: memory.era,
            set_back: memory.set_back,
            boot: boot.into(),
            booted: memory.boot,
            actions: Vec::new(),
            records: Vec::new(),
            missed: Vec::new(),
        };
        for occurrence in memory.waiting.into_values() {
            machine.target(&occurrence.service).add(occurrence);
        }
        machine
    }

    /// Does what an event at the second `now` asks for.
    pub fn handle(&mut self, now: i64, event: Event) -> Vec<Action> {
        self.note_clock(now);
        // What was due before the event comes first, so that a new schedule cannot swallow it.
        self.collect_due(now);
        match event {
            Event::Tick => {}
            Event::Loaded(schedule) => self.load(now, schedule),
            Event::Unreadable(why) => self.unreadable(&why),
            Event::Answered(service, key, answer) => self.answered(now, &service, key, &answer),
            Event::Closed(service, problem) => self.closed(now, &service, problem),
        }
        self.collect_due(now);
        self.deliver(now)
    }

    /// The second at which something is to be done next, should nothing happen before.
    pub fn wake_at(&self) -> Option<i64> {
        let targets = self.targets.values().filter_map(Target::wake_at).min();
        [self.agenda.wake_at(), targets].into_iter().flatten().min()
    }

    /// All that is to be remembered, without its history.
    pub fn snapshot(&self) -> impl Iterator<Item = Record> {
        let known =
            |(entry, mark): (&Rc<Entry>, i64)| Record::Entry(EntryRecord { entry: entry.clone(), mark });
        let waiting = self.targets.values().flat_map(Target::waiting);
        let waiting = waiting.map(|(occurrence, _)| Record::Due(occurrence.clone()));
        let era = (self.era > 0).then_some(Record::Era(self.era));
        let set_back = (self.set_back.count > 0).then_some(Record::SetBack(self.set_back));
        // Both these and an occurrence's record move entries' marks, so the entries come after.
        let entries = set_back.into_iter().chain(waiting).chain(self.agenda.entries().map(known));
        entries.chain(self.booted.clone().map(Record::Boot)).chain(era)
    }

    /// The line of an entry in the schedule's own file; nothing where it stands in one that was added.
    pub fn line(&self, entry: &Entry) -> Option<usize> {
        self.places.is_first(entry.line).then_some(entry.line)
    }

    /// How many entries are in force.
    pub fn len(&self) -> usize {
        self.agenda.entries().len()
    }

    /// Whether an entry in force names this action of a service, for this user.
    pub fn names(&self, service: &ServiceName, user: &UserName, action: &ActionName) -> bool {
        let is_it =
            |entry: &Entry| entry.service == *service && entry.user == *user && entry.action == *action;
        self.agenda.entries().any(|(entry, _)| is_it(entry))
    }

    /// Whether no entry is in force.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What comes next, in the order of time.
    pub fn upcoming(&self) -> impl Iterator<Item = Coming<'_>> {
        upcoming(self.agenda.entries().map(|(entry, mark)| (&**entry, mark)))
    }

    /// The services with requests that they have not taken yet.
    pub fn waiting(&self) -> impl Iterator<Item = Backlog<'_>> {
        self.targets.iter().map(|(service, target)| Backlog {
            service,
            requests: target.waiting().collect(),
            failures: target.failures,
        })
    }

    fn target(&mut self, service: &ServiceName) -> &mut Target {
        self.targets.entry(service.clone()).or_default()
    }

    pub(super) fn tell(&mut self, level: Level, text: String) {
        self.actions.push(Action::Tell(level, text));
    }

    fn collect_due(&mut self, now: i64) {
        while let Some(due) = self.agenda.take_due(now) {
            self.due(now, &due);
        }
    }

    /// An entry is due.
    fn due(&mut self, now: i64, due: &Due) {
        let Due { entry, latest, next, missed } = due;
        let (latest, missed) = (*latest, *missed);
        let occurrence = self.occurrence(entry, latest, *next);
        let late = now - occurrence.due >= ON_TIME;
        if late && entry.is_pattern() && latest <= self.set_back.from {
            // It had its turn before the clock was set back.
            self.records.push(Record::Passed { entry: occurrence.entry, at: latest });
            return;
        }
        if occurrence.until <= now || (late && entry.options.catch_up == CatchUp::None) {
            self.records.push(Record::Passed { entry: occurrence.entry, at: latest });
            let (times, last) = (times(missed + 1), Instant(latest));
            let missed = format!("missed {times}, last for {last}, and is not made up for");
            self.missed.push(Action::Missed(occurrence, missed.clone()));
            return self.tell(Level::Warn, format!("`{entry}` was {missed}"));
        }
        if missed > 0 {
            let (times, last) = (times(missed), Instant(latest));
            self.tell(Level::Warn, format!("`{entry}` was missed {times}; made up for once, as {last}"));
        }
        self.take_on(occurrence);
    }

    fn occurrence(&self, entry: &Entry, at: i64, next: Option<i64>) -> Occurrence {
        let set_back = if entry.is_pattern() { self.set_back.count } else { 0 };
        Occurrence { era: self.era + set_back, ..Occurrence::new(entry, at, next) }
    }

    /// Records that an occurrence is to be delivered, and hands it to its target.
    fn take_on(&mut self, occurrence: Occurrence) {
        self.records.push(Record::Due(occurrence.clone()));
        self.target(&occurrence.service).add(occurrence);
    }

    fn load(&mut self, now: i64, schedule: Schedule) {
        self.places = schedule.places.clone();
        let replaced = self.agenda.replace(now, schedule);
        self.records.extend(replaced.records);
        for (line, entry) in replaced.kept {
            let place = self.places.in_words(line);
            self.tell(Level::Warn, format!("{place} is bad: `{entry}` goes on in its place"));
        }
        match replaced.settled {
            0 => {}
            1 => self.tell(Level::Warn, "the entry below keeps the options that it had".to_owned()),
            count => self.tell(Level::Warn, format!("{count} entries below keep the options that they had")),
        }
        let count = self.len();
        let are = if count == 1 { "entry is" } else { "entries are" };
        self.tell(Level::Info, format!("{count} {are} in force"));
        self.boot(now);
    }

    /// Lets the `@reboot` entries have their turn, once for each start of the container.
    fn boot(&mut self, now: i64) {
        if self.booted.as_ref() == Some(&self.boot) {
            return;
        }
        let at_start = self.agenda.entries().filter(|(entry, _)| entry.when == When::Reboot);
        let due: Vec<Occurrence> = at_start.map(|(entry, _)| self.occurrence(entry, now, None)).collect();
        for occurrence in due {
            self.take_on(occurrence);
        }
        self.records.push(Record::Boot(self.boot.clone()));
        self.booted = Some(self.boot.clone());
    }

    fn unreadable(&mut self, why: &str) {
        let going_on = match self.len() {
            0 => "waiting for it".to_owned(),
            1 => "the one entry known before goes on".to_owned(),
            count => format!("the {count} entries known before go on"),
        };
        self.tell(Level::Error, format!("{why}; {going_on}"));
        self.agenda.begin();
    }

    fn answered(&mut self, now: i64, service: &ServiceName, key: OccurrenceKey, answer: &Answer) {
        // A refusal is an answer, too.
        if self.reachable.insert(service.clone()) {
            self.actions.push(Action::Reachable(service.clone()));
        }
        let target = self.target(service);
        let failed_before = target.failures > 0;
        match answer {
            Answer::Accepted(id) => {
                let Some(occurrence) = target.accepted(key) else { return };
                self.actions.push(Action::RecordLazily(vec![done(key)]));
                let again = if failed_before { ", reachable again," } else { "" };
                self.tell(Level::Info, format!("{service}{again} accepted {occurrence} as {id}"));
            }
            Answer::Refused(reason) => {
                let Some((occurrence, refusals)) = target.refused(key, now) else { return };
                let until = Instant(occurrence.until);
                let text = format!("{service} refused {occurrence}: {reason}; trying again until {until}");
                if refusals.is_power_of_two() {
                    self.tell(Level::Warn, text);
                }
            }
        }
    }

    fn closed(&mut self, now: i64, service: &ServiceName, problem: Option<String>) {
        let target = self.target(service);
        target.closed(problem.is_some(), now);
        let failures = target.failures;
        let waiting = target.waiting().count();
        let target_is_away = target.away_for(now) >= UNREACHABLE_AFTER;
        let Some(problem) = problem else { return };
        self.reachable.remove(service);
        if target_is_away {
            self.actions.push(Action::Unreachable(service.clone(), problem.clone()));
        }
        if failures.is_power_of_two() {
            let requests = if waiting == 1 { "request" } else { "requests" };
            self.tell(
                Level::Warn,
                format!("{problem}; {waiting} {requests} for {service} will be tried again"),
            );
        }
    }

    /// Gives up what is too late and sends what can be sent; everything to do, in order.
    fn deliver(&mut self, now: i64) -> Vec<Action> {
        let mut sends = Vec::new();
        for (service, target) in &mut self.targets {
            for missed in target.expire(now) {
                self.records.push(done(missed.key()));
                let until = Instant(missed.until);
                let why = format!("it could not be delivered until {until}");
                self.actions.push(Action::Tell(Level::Error, format!("{missed} was missed: {why}")));
                self.missed.push(Action::Missed(missed, why));
            }
            let batch = target.send(now);
            if !batch.is_empty() {
                sends.push(Action::Send(service.clone(), batch));
            }
        }
        self.targets.retain(|_, target| !target.is_done());
        let mut actions = std::mem::take(&mut self.missed);
        if !self.records.is_empty() {
            actions.push(Action::Record(std::mem::take(&mut self.records)));
        }
        actions.append(&mut self.actions);
        actions.append(&mut sends);
        actions
    }
}

pub(super) fn done((at, entry, era): OccurrenceKey) -> Record {
    Record::Done { entry, at, era }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2..=MOST_COUNTED => format!("{count} times"),
        _ => format!("more than {MOST_COUNTED} times"),
    }
}
