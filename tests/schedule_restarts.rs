//! The scheduler dies at every moment of random histories, goes on from what its store holds, and nobody can tell
//! afterwards from what the services were asked for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lamplighter::names::{RequestId, ServiceName};
use lamplighter::schedule::{Zone, parse};
use lamplighter::scheduler::machine::{Action, Answer, Event, Machine};
use lamplighter::scheduler::occurrence::{Occurrence, OccurrenceKey};
use lamplighter::scheduler::record::{Memory, Record};
use lamplighter::scheduler::set_back::SMALL_STEP;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// 2026-05-01 03:58:50 UTC: a nightly entry and a full hour are near.
const START: i64 = 1_777_607_930;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Nothing is ever too late for the entries of these, which has to arrive.
const SCHEDULES: [&str; 4] = [
    "DEADLINE=43200\n*/10 * * * * a often\n5 4 * * * forum b nightly\n@reboot a warm-up",
    "DEADLINE=43200\n5 4 * * * forum b nightly\n*/7 * * * * b odd\n5 24 * * * a bad",
    "DEADLINE=43200\nRANDOM_DELAY=30\n0 * * * * a spread\n*/10 * * * * a often\n0 * * * * b hourly",
    "",
];

/// What is given up sooner has to arrive, or to be told as missed.
const IMPATIENT: &str =
    "\nRANDOM_DELAY=0\nDEADLINE=3\n*/15 * * * * a soon\nCATCH_UP=none\n*/20 * * * * b now-or-never";

/// What happens to a scheduler.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Its file changes.
    Change(&'static str, bool),
    /// Time passes.
    Pass(i64),
    /// The clock is set, or the machine was suspended.
    Set(i64),
    /// A service begins to behave so.
    Behave(&'static str, Manner),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Takes,
    Refuses,
    IsAway,
    /// It takes what it is sent, and goes away before it says so.
    TakesSilently,
}

fn step() -> impl Strategy<Value = Step> {
    let manner = select(&[Manner::Takes, Manner::Refuses, Manner::IsAway, Manner::TakesSilently][..]);
    prop_oneof![
        2 => (select(&SCHEDULES[..]), any::<bool>()).prop_map(|(text, more)| Step::Change(text, more)),
        3 => (1..25 * MINUTE).prop_map(Step::Pass),
        1 => (-HOUR..30 * HOUR).prop_map(Step::Set),
        2 => (select(&["a", "b"][..]), manner).prop_map(|(service, manner)| Step::Behave(service, manner)),
    ]
}

/// When the scheduler dies, and how.
#[derive(Debug, Clone, Copy)]
struct Death {
    /// Before its so many-th deed.
    at: usize,
    /// With the whole machine, so that what was not synchronised is lost.
    with_the_machine: bool,
}

/// A stack whose scheduler dies once, or never.
struct World {
    machine: Machine,
    now: i64,
    latest: i64,
    file: String,
    /// The lines of its store, and how many of them a power failure cannot take.
    disk: Vec<String>,
    synchronised: usize,
    manners: BTreeMap<ServiceName, Manner>,
    /// The ids under which each occurrence arrived.
    taken: BTreeMap<OccurrenceKey, BTreeSet<RequestId>>,
    missed: BTreeSet<OccurrenceKey>,
    deeds: usize,
    death: Option<Death>,
}

/// The scheduler has died.
struct Died;

impl World {
    fn new(death: Option<Death>) -> Self {
        let mut world = Self {
            machine: Machine::new(Memory::default(), "this boot"),
            now: START,
            latest: START,
            file: SCHEDULES[0].to_owned(),
            disk: Vec::new(),
            synchronised: 0,
            manners: BTreeMap::new(),
            taken: BTreeMap::new(),
            missed: BTreeSet::new(),
            deeds: 0,
            death,
        };
        world.load();
        world
    }

    /// All that happens, and then time for what still waits.
    fn after(steps: &[Step], death: Option<Death>) -> Self {
        let mut world = Self::new(death);
        for step in steps {
            world.step(*step);
        }
        world.manners.clear();
        world.pass(3 * MINUTE);
        world
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Change(text, has_more) => {
                self.file = format!("{text}{}", if has_more { IMPATIENT } else { "" });
                self.load();
            }
            Step::Pass(seconds) => self.pass(seconds),
            Step::Set(seconds) => {
                // Farther back, and what has been comes again, under other ids.
                self.now = (self.now + seconds).max(self.latest - SMALL_STEP);
                self.latest = self.latest.max(self.now);
                self.event(Event::Tick);
            }
            Step::Behave(service, manner) => drop(self.manners.insert(service.parse().unwrap(), manner)),
        }
    }

    fn pass(&mut self, seconds: i64) {
        let end = self.now + seconds;
        while let Some(wake) = self.machine.wake_at().filter(|&wake| wake <= end) {
            self.now = self.now.max(wake);
            self.event(Event::Tick);
        }
        self.now = end;
        self.latest = self.latest.max(end);
    }

    fn load(&mut self) {
        self.event(Event::Loaded(parse(self.file.as_bytes(), &Zone::utc())));
    }

    fn event(&mut self, event: Event) {
        if self.live_through(event).is_err() {
            let kept = if self.death.take().is_some_and(|death| death.with_the_machine) {
                self.synchronised
            } else {
                self.disk.len()
            };
            self.disk.truncate(kept);
            let mut memory = Memory::default();
            for line in &self.disk {
                memory.apply(serde_json::from_str(line).unwrap());
            }
            self.machine = Machine::new(memory, "this boot");
            self.load();
        }
    }

    fn live_through(&mut self, event: Event) -> Result<(), Died> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.machine.handle(self.now, event) {
                events.extend(self.perform(action)?);
            }
        }
        Ok(())
    }

    /// Between any two of its deeds it may die.
    fn deed(&mut self) -> Result<(), Died> {
        self.deeds += 1;
        if self.death.is_some_and(|death| death.at == self.deeds) { Err(Died) } else { Ok(()) }
    }

    fn perform(&mut self, action: Action) -> Result<Vec<Event>, Died> {
        self.deed()?;
        match action {
            Action::Record(records) => {
                self.write(&records)?;
                self.synchronised = self.disk.len();
            }
            Action::RecordLazily(records) => self.write(&records)?,
            Action::Missed(occurrence, _) => drop(self.missed.insert(occurrence.key())),
            Action::Send(service, occurrences) => return self.send(&service, &occurrences),
            Action::Tell(..) | Action::Unreachable(..) | Action::Reachable(_) => {}
        }
        Ok(Vec::new())
    }

    fn write(&mut self, records: &[Record]) -> Result<(), Died> {
        // Which entry goes on in the place of a bad line is a guess, and who has read half a change guesses from
        // something else.
        let may_be_torn = !self.file.contains("bad");
        for record in records {
            if may_be_torn {
                self.deed()?;
            }
            self.disk.push(serde_json::to_string(record).unwrap());
        }
        Ok(())
    }

    fn send(&mut self, service: &ServiceName, occurrences: &[Occurrence]) -> Result<Vec<Event>, Died> {
        let manner = self.manners.get(service).copied().unwrap_or(Manner::Takes);
        let mut events = Vec::new();
        for occurrence in occurrences {
            let intent = serde_json::to_string(&Record::Due(occurrence.clone())).unwrap();
            assert!(
                self.disk[..self.synchronised].contains(&intent),
                "{occurrence} was sent before it was on disk"
            );
            self.deed()?;
            if matches!(manner, Manner::Takes | Manner::TakesSilently) {
                self.taken.entry(occurrence.key()).or_default().insert(occurrence.id());
            }
            let answer = match manner {
                Manner::Takes => Answer::Accepted(occurrence.id()),
                Manner::Refuses => Answer::Refused("busy: not now".to_owned()),
                Manner::IsAway | Manner::TakesSilently => continue,
            };
            events.push(Event::Answered(service.clone(), occurrence.key(), answer));
        }
        let is_silent = matches!(manner, Manner::IsAway | Manner::TakesSilently);
        events.push(Event::Closed(service.clone(), is_silent.then(|| "cannot reach it".to_owned())));
        Ok(events)
    }

    /// What arrived or was told as missed: an occurrence may be both, where that it arrived was not said.
    fn settled(&self) -> BTreeSet<OccurrenceKey> {
        self.taken.keys().chain(&self.missed).copied().collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whenever_it_dies_nothing_is_lost_and_nothing_has_two_ids(steps in vec(step(), 3..8)) {
        let undisturbed = World::after(&steps, None);
        for at in 1..=undisturbed.deeds {
            for with_the_machine in [false, true] {
                let death = Death { at, with_the_machine };
                let world = World::after(&steps, Some(death));
                prop_assert!(world.death.is_none(), "it did not die: {death:?}");
                prop_assert_eq!(world.settled(), undisturbed.settled(), "{:?}", death);
                prop_assert!(world.taken.values().all(|ids| ids.len() == 1), "{:?}: {:?}", death, world.taken);
                if undisturbed.missed.is_empty() && world.missed.is_empty() {
                    prop_assert_eq!(&world.taken, &undisturbed.taken, "{:?}", death);
                }
            }
        }
    }
}
