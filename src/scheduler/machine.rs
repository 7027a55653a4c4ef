//! What the scheduler does on an event: pure, with the time as a parameter.
//!
//! [`Machine::handle`] takes an [`Event`] and the second it happened in, and answers with [`Action`]s in the
//! order in which they are to be done. Each entry has a *mark*, the instant up to which its occurrences have
//! been taken care of; what lies between the mark and now is due. An occurrence is recorded before it is sent,
//! and waits at its target until it is accepted or its time is up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use super::last_good;
use super::occurrence::{Instant, Occurrence, OccurrenceKey};
use super::record::{EntryRecord, Memory, Record};
use super::target::Target;
use crate::names::{RequestId, ServiceName};
use crate::schedule::{CatchUp, Entry, EntryKey, Schedule, When};

/// A clock set back by more than this many seconds was wrong before; by less, it catches up by itself.
pub const SMALL_STEP: i64 = 3 * 60 * 60;

/// Up to so many seconds after its instant, an occurrence is on time and no matter of catching up.
const ON_TIME: i64 = 60;

/// More missed occurrences of an entry than this are not counted.
const MOST_COUNTED: usize = 1_000;

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
    entries: Vec<Scheduled>,
    /// When each entry is due next, with its place in `entries`.
    agenda: BinaryHeap<Reverse<(i64, usize)>>,
    targets: BTreeMap<ServiceName, Target>,
    /// The latest second ever seen.
    seen: i64,
    /// The name of this start of the container, and of the one whose `@reboot` entries had their turn.
    boot: String,
    booted: Option<String>,
    /// Whether a schedule is in force; what was remembered is not, until it is known what became of the file.
    in_force: bool,
    actions: Vec<Action>,
    records: Vec<Record>,
}

/// An entry that is in force.
#[derive(Debug)]
struct Scheduled {
    entry: Entry,
    key: EntryKey,
    mark: i64,
}

impl Machine {
    /// Goes on from what was remembered, in the start of the container that is known by `boot`.
    pub fn new(memory: Memory, boot: impl Into<String>) -> Self {
        let mut machine = Self {
            entries: Vec::new(),
            agenda: BinaryHeap::new(),
            targets: BTreeMap::new(),
            seen: i64::MIN,
            boot: boot.into(),
            booted: memory.boot,
            in_force: false,
            actions: Vec::new(),
            records: Vec::new(),
        };
        for (key, (entry, mark)) in memory.entries {
            machine.seen = machine.seen.max(mark);
            machine.entries.push(Scheduled { entry, key, mark });
        }
        machine.entries.sort_by_key(|scheduled| scheduled.entry.line);
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
        let due = self.agenda.peek().map(|Reverse((due, _))| *due).filter(|_| self.in_force);
        let targets = self.targets.values().filter_map(Target::wake_at).min();
        [due, targets].into_iter().flatten().min()
    }

    /// All that is to be remembered, without its history.
    pub fn snapshot(&self) -> Vec<Record> {
        let entries =
            self.entries.iter().map(|known| Record::Entry(EntryRecord::new(&known.entry, known.mark)));
        let waiting = self.targets.values().flat_map(Target::waiting).cloned().map(Record::Due);
        // An occurrence's record moves its entry's mark, so the entries come last.
        waiting.chain(entries).chain(self.booted.clone().map(Record::Boot)).collect()
    }

    /// The entries in force, in the order of their lines.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|scheduled| &scheduled.entry)
    }

    fn target(&mut self, service: &ServiceName) -> &mut Target {
        self.targets.entry(service.clone()).or_default()
    }

    fn tell(&mut self, level: Level, text: String) {
        self.actions.push(Action::Tell(level, text));
    }

    fn note_clock(&mut self, now: i64) {
        if now >= self.seen {
            self.seen = now;
            return;
        }
        for target in self.targets.values_mut() {
            target.clock_set(now);
        }
        if self.seen - now <= SMALL_STEP {
            return;
        }
        let (from, to) = (Instant(self.seen), Instant(now));
        self.tell(Level::Warn, format!("the clock was set back from {from} to {to}: going on from there"));
        self.seen = now;
        self.records.push(Record::Reset(now));
        for scheduled in &mut self.entries {
            scheduled.mark = scheduled.mark.min(now);
        }
        self.rebuild_agenda();
    }

    fn rebuild_agenda(&mut self) {
        let due = self.entries.iter().enumerate().filter_map(|(index, scheduled)| {
            let next = scheduled.entry.next(scheduled.mark)?;
            Some(Reverse((next + i64::from(scheduled.entry.delay()), index)))
        });
        self.agenda = due.collect();
    }

    fn collect_due(&mut self, now: i64) {
        while self.in_force
            && let Some(&Reverse((due, index))) = self.agenda.peek()
            && due <= now
        {
            self.agenda.pop();
            let delay = i64::from(self.entries[index].entry.delay());
            if let Some(next) = self.due(now, index, due - delay) {
                self.agenda.push(Reverse((next + delay, index)));
            }
        }
    }

    /// An entry is due, first for `first`; tells its next instant after now.
    fn due(&mut self, now: i64, index: usize, first: i64) -> Option<i64> {
        let scheduled = &mut self.entries[index];
        let entry = &scheduled.entry;
        let until = now - i64::from(entry.delay());
        let mut next = entry.next(first);
        let mut latest = first;
        let mut missed = 0;
        if next.is_some_and(|next| next <= until) {
            latest = entry.latest(first, until).unwrap_or(first);
            next = entry.next(latest);
            let all = std::iter::successors(Some(first), |&at| entry.next(at).filter(|&at| at < latest));
            missed = all.take(MOST_COUNTED + 1).count();
        }
        scheduled.mark = latest;
        let occurrence = Occurrence::new(entry, latest, next);
        let late = now - occurrence.due >= ON_TIME;
        let leave = occurrence.until <= now || (late && entry.options.catch_up == CatchUp::None);
        let shown = entry.to_string();
        if leave {
            self.records.push(Record::Passed { entry: occurrence.entry, at: latest });
            let last = Instant(latest);
            let times = times(missed + 1);
            self.tell(
                Level::Warn,
                format!("`{shown}` was missed {times}, last for {last}, and is not made up for"),
            );
            return next;
        }
        if missed > 0 {
            let times = times(missed);
            self.tell(
                Level::Warn,
                format!("`{shown}` was missed {times}; made up for once, as {}", Instant(latest)),
            );
        }
        self.records.push(Record::Due(occurrence.clone()));
        self.target(&occurrence.service).add(occurrence);
        next
    }

    fn load(&mut self, now: i64, schedule: Schedule) {
        let previous: Vec<Entry> = self.entries.iter().map(|known| known.entry.clone()).collect();
        let known: HashMap<EntryKey, Scheduled> =
            self.entries.drain(..).map(|scheduled| (scheduled.key, scheduled)).collect();
        let merged = last_good::merge(&previous, schedule);
        for (bad, kept) in &merged.kept {
            let text = format!("line {bad} is bad: `{kept}` goes on in its place");
            self.actions.push(Action::Tell(Level::Warn, text));
        }
        let mut gone = known;
        for entry in merged.entries {
            let key = entry.key();
            let before = gone.remove(&key);
            let mark = before.as_ref().map_or(now, |before| before.mark);
            if before.is_none_or(|before| before.entry != entry) {
                self.records.push(Record::Entry(EntryRecord::new(&entry, mark)));
            }
            self.entries.push(Scheduled { entry, key, mark });
        }
        self.records.extend(gone.into_keys().map(Record::Gone));
        let count = self.entries.len();
        self.tell(
            Level::Info,
            format!("{count} {} in force", if count == 1 { "entry is" } else { "entries are" }),
        );
        self.boot(now);
        self.in_force = true;
        self.rebuild_agenda();
    }

    /// Lets the `@reboot` entries have their turn, once for each start of the container.
    fn boot(&mut self, now: i64) {
        if self.booted.as_ref() == Some(&self.boot) {
            return;
        }
        let at_start = self.entries.iter().filter(|scheduled| scheduled.entry.when == When::Reboot);
        let due: Vec<Occurrence> =
            at_start.map(|scheduled| Occurrence::new(&scheduled.entry, now, None)).collect();
        for occurrence in due {
            self.records.push(Record::Due(occurrence.clone()));
            self.target(&occurrence.service).add(occurrence);
        }
        self.records.push(Record::Boot(self.boot.clone()));
        self.booted = Some(self.boot.clone());
    }

    fn unreadable(&mut self, why: &str) {
        let going_on = match self.entries.len() {
            0 => "waiting for it".to_owned(),
            1 => "the one entry known before goes on".to_owned(),
            count => format!("the {count} entries known before go on"),
        };
        self.tell(Level::Error, format!("{why}; {going_on}"));
        if !self.in_force {
            self.in_force = true;
            self.rebuild_agenda();
        }
    }

    fn answered(&mut self, now: i64, service: &ServiceName, key: OccurrenceKey, answer: &Answer) {
        let target = self.target(service);
        let failed_before = target.failures > 0;
        match answer {
            Answer::Accepted(id) => {
                let Some(occurrence) = target.accepted(key) else { return };
                self.actions.push(Action::RecordLazily(vec![Record::Done { entry: key.1, at: key.0 }]));
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
        if let Some(problem) = problem
            && failures.is_power_of_two()
        {
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
                self.records.push(Record::Done { entry: missed.entry, at: missed.at });
                let until = Instant(missed.until);
                let text = format!("{missed} was missed: it could not be delivered until {until}");
                self.actions.push(Action::Tell(Level::Error, text));
            }
            let batch = target.send(now);
            if !batch.is_empty() {
                sends.push(Action::Send(service.clone(), batch));
            }
        }
        self.targets.retain(|_, target| !target.is_done());
        let mut actions = Vec::new();
        if !self.records.is_empty() {
            actions.push(Action::Record(std::mem::take(&mut self.records)));
        }
        actions.append(&mut self.actions);
        actions.append(&mut sends);
        actions
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2..=MOST_COUNTED => format!("{count} times"),
        _ => format!("more than {MOST_COUNTED} times"),
    }
}
