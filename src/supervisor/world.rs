//! A world for the machine to live in, made of nothing: processes that obey or do not, time that jumps.
//! Properties are checked over random histories of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use crate::clock::Moment;
use crate::journal::Entry;
use crate::listener::pool::Key;
use crate::names::RequestId;
use crate::policy::Policy;
use crate::process::{Pid, Status};
use crate::request::{Answer, Request};

use super::event::{Action, Caller, Event, Sweep};
use super::life::Setting;
use super::machine::{Beginning, Machine};
use super::overdue::Overdue;

/// One action of each kind of overlap; the first is tried again.
const POLICY: &str = "
[action.action-0]
retry = { attempts = 3, backoff = '5s' }
[action.action-1]
overlap = 'allow'
[action.action-2]
overlap = 'replace'
[action.action-3]
overlap = 'skip'
run-as = 'request'
";
const TERM: i32 = 15;
const KILL: i32 = 9;

/// What may happen in a history, in any order.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Ask(u8),
    AskHealth,
    ServicePrepared,
    ServiceDies(u8),
    ListenerReady(usize),
    ListenerBreaks(usize),
    CallbackEnds(usize, u8),
    Orphan,
    CallbacksChange,
    Cancel(u64),
    Signal(i32),
    TimePasses(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0u8..5).prop_map(Happening::Ask),
        1 => Just(Happening::AskHealth),
        2 => Just(Happening::ServicePrepared),
        1 => any::<u8>().prop_map(Happening::ServiceDies),
        6 => (0usize..8).prop_map(Happening::ListenerReady),
        2 => (0usize..8).prop_map(Happening::ListenerBreaks),
        4 => (0usize..8, any::<u8>()).prop_map(|(which, code)| Happening::CallbackEnds(which, code)),
        1 => Just(Happening::Orphan),
        1 => Just(Happening::CallbacksChange),
        1 => (1u64..20).prop_map(Happening::Cancel),
        1 => prop_oneof![Just(1), Just(10), Just(TERM), Just(2), Just(40)].prop_map(Happening::Signal),
        3 => (0u64..8000).prop_map(Happening::TimePasses),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    Listener(Key),
    Orphan,
}

struct World {
    machine: Machine,
    now: Moment,
    processes: BTreeMap<Pid, Kind>,
    next_pid: Pid,
    /// Whether the processes of this world end on TERM, or only on KILL.
    obedient: bool,
    dying: BTreeSet<Pid>,
    waiting: BTreeSet<Caller>,
    next_caller: Caller,
    handed: BTreeMap<Key, Request>,
    open: BTreeSet<RequestId>,
    left: Option<u8>,
}

impl World {
    fn new(obedient: bool) -> Self {
        let now = Moment::now();
        let policy = Policy::parse(POLICY, "housekeeping.toml").map_err(|error| error.to_string());
        let overdue = Overdue::new(BTreeMap::new(), now.wall);
        let beginning = Beginning { seed: 7, has_last_good: false, policy, overdue };
        let mut world = Self {
            machine: Machine::new(beginning),
            now,
            processes: BTreeMap::new(),
            next_pid: 100,
            obedient,
            dying: BTreeSet::new(),
            waiting: BTreeSet::new(),
            next_caller: 0,
            handed: BTreeMap::new(),
            open: BTreeSet::new(),
            left: None,
        };
        world.feed(Event::Begin);
        world
    }

    fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            if self.left.is_some() {
                return;
            }
            for action in self.machine.handle(event, self.now) {
                events.extend(self.act(action));
            }
        }
    }

    fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::StartService => {
                let pid = self.spawn(Kind::Service);
                return Some(Event::ServiceStarted(pid));
            }
            Action::StartListener(key, ..) => {
                let pid = self.spawn(Kind::Listener(key));
                return Some(Event::ListenerStarted(key, pid, format!("token-{key}")));
            }
            Action::SignalRemains(key, ..) => return Some(Event::Remains(key, Vec::new())),
            Action::Record(entry) => self.record(&entry),
            Action::Hand(key, request) => {
                assert!(self.listeners().any(|(_, alive)| alive == key), "a request is handed to nobody");
                assert!(self.handed.insert(key, request).is_none(), "a listener gets a second request");
                return Some(Event::Handed);
            }
            Action::Signal(pid, number) | Action::SignalGroup(pid, number) => self.signal(pid, number),
            Action::Sweep(number, except) => {
                let targets: Vec<_> =
                    self.processes.keys().copied().filter(|pid| !except.contains(pid)).collect();
                let signalled = targets.iter().map(|pid| format!("pid {pid}")).collect();
                for pid in targets {
                    self.signal(pid, number);
                }
                return Some(Event::Swept(Sweep { signalled, refused: Vec::new() }));
            }
            Action::Answer(caller, answer) => {
                let accepted = matches!(answer, Answer::Accepted(_));
                assert!(!(accepted && self.machine.is_stopping()), "accepted while stopping");
                assert!(self.waiting.remove(&caller), "caller {caller} is answered twice");
            }
            Action::AnswerHealth(caller, _) | Action::AnswerCancel(caller, _) => {
                assert!(self.waiting.remove(&caller), "caller {caller} is answered twice");
            }
            Action::Say(..) | Action::Tell(_) | Action::Notify(_) | Action::KeepCallbacks => {}
            Action::Leave(code) => {
                assert!(self.processes.is_empty(), "left behind: {:?}", self.processes);
                self.left = Some(code);
            }
        }
        None
    }

    /// The journal's view: what is accepted has one final outcome, and what starts was accepted and is open.
    fn record(&mut self, entry: &Entry) {
        match entry {
            Entry::Accepted { request, .. } => {
                assert!(self.open.insert(request.id.clone()), "{request:?} is accepted twice");
            }
            Entry::Joined { with, .. } => assert!(self.open.contains(with), "{with} is joined and not open"),
            Entry::Started { id, .. } | Entry::Retried { id, .. } | Entry::PutBack { id, .. } => {
                assert!(self.open.contains(id), "{entry:?} is about nothing open");
            }
            Entry::Ended { id, .. } => assert!(self.open.remove(id), "{entry:?} is about nothing open"),
            _ => {}
        }
    }

    fn spawn(&mut self, kind: Kind) -> Pid {
        self.next_pid += 1;
        self.processes.insert(self.next_pid, kind);
        self.next_pid
    }

    /// Signals take effect later, as in the real world: see [`World::settle`].
    fn signal(&mut self, pid: Pid, number: i32) {
        if number == KILL || (number == TERM && self.obedient) {
            self.dying.insert(pid);
        }
    }

    /// What was signalled ends; its end may lead to more signals.
    fn settle(&mut self) {
        while let Some(pid) = self.dying.pop_first() {
            let number = if self.obedient { TERM } else { KILL };
            self.end(pid, Status::Killed(number));
        }
        if self.machine.is_stopping() && self.processes.is_empty() {
            self.feed(Event::NoneLeft);
        }
    }

    fn end(&mut self, pid: Pid, status: Status) {
        let Some(kind) = self.processes.remove(&pid) else { return };
        if let Kind::Listener(key) = kind {
            self.handed.remove(&key);
        }
        self.feed(Event::Ended(pid, status, None));
    }

    fn listeners(&self) -> impl Iterator<Item = (Pid, Key)> + '_ {
        self.processes.iter().filter_map(|(&pid, &kind)| match kind {
            Kind::Listener(key) => Some((pid, key)),
            _ => None,
        })
    }

    /// The listener at this place, among those that have a request or that have none.
    fn nth_listener(&self, nth: usize, with_request: bool) -> Option<(Pid, Key)> {
        let wanted = |&(_, key): &(Pid, Key)| self.handed.contains_key(&key) == with_request;
        let listeners: Vec<_> = self.listeners().filter(wanted).collect();
        listeners.get(nth % listeners.len().max(1)).copied()
    }

    fn service(&self) -> Option<Pid> {
        self.processes.iter().find(|(_, kind)| **kind == Kind::Service).map(|(&pid, _)| pid)
    }

    fn caller(&mut self) -> Caller {
        self.next_caller += 1;
        self.waiting.insert(self.next_caller);
        self.next_caller
    }

    fn happen(&mut self, happening: Happening) {
        if self.left.is_some() {
            return;
        }
        match happening {
            Happening::Ask(action) => {
                let caller = self.caller();
                let request = Request {
                    id: format!("id{caller}").parse().unwrap(),
                    user: "forum".parse().unwrap(),
                    action: format!("action-{action}").parse().unwrap(),
                };
                self.feed(Event::Asked(caller, request, 0));
            }
            Happening::AskHealth => {
                let caller = self.caller();
                self.feed(Event::HealthAsked(caller));
            }
            Happening::ServicePrepared => self.feed(Event::Set(Setting::Prepared)),
            Happening::ServiceDies(code) => {
                if let Some(pid) = self.service() {
                    self.end(pid, Status::Exited(code));
                }
            }
            Happening::ListenerReady(nth) => {
                if let Some((_, key)) = self.nth_listener(nth, false) {
                    let callbacks = (0..4).map(|n| format!("CB_action_{n}"));
                    let callbacks = callbacks.chain(["CB_health_check".to_owned()]).collect();
                    self.feed(Event::ListenerReady(key, callbacks));
                }
            }
            Happening::ListenerBreaks(nth) => {
                if let Some((pid, _)) = self.nth_listener(nth, false) {
                    self.end(pid, Status::Exited(1));
                }
            }
            Happening::CallbackEnds(nth, code) => {
                if let Some((pid, _)) = self.nth_listener(nth, true) {
                    self.end(pid, Status::Exited(code));
                }
            }
            Happening::Orphan => {
                self.spawn(Kind::Orphan);
            }
            Happening::Cancel(asked) => {
                let caller = self.caller();
                self.feed(Event::CancelAsked(caller, format!("id{asked}").parse().unwrap()));
            }
            Happening::CallbacksChange => self.feed(Event::CallbacksChanged),
            Happening::Signal(number) => self.feed(Event::Signal(number)),
            Happening::TimePasses(milliseconds) => self.pass(Duration::from_millis(milliseconds)),
        }
        self.settle();
    }

    /// Lets time pass, with every deadline on the way met at its instant.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.left.is_none()
            && let Some(deadline) = self.machine.deadline(self.now).filter(|&at| at <= end.instant)
        {
            self.now = self.now + deadline.saturating_duration_since(self.now.instant);
            self.feed(Event::DeadlinePassed);
            self.settle();
        }
        self.now = self.now + end.instant.saturating_duration_since(self.now.instant);
    }
}

fn history() -> impl Strategy<Value = Vec<Happening>> {
    proptest::collection::vec(happening(), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stop_always_ends_and_leaves_nobody_behind(history in history(), obedient: bool) {
        let mut world = World::new(obedient);
        for happening in history {
            world.happen(happening);
        }
        world.happen(Happening::Signal(TERM));
        world.pass(Duration::from_secs(60));
        prop_assert!(world.left.is_some(), "still there a minute after TERM: {:?}", world.processes);
        prop_assert!(world.waiting.is_empty(), "never answered: {:?}", world.waiting);
    }

    #[test]
    fn a_second_term_ends_even_who_ignores_the_first(history in history()) {
        let mut world = World::new(false);
        for happening in history {
            world.happen(happening);
        }
        world.happen(Happening::Signal(TERM));
        world.happen(Happening::Signal(TERM));
        prop_assert!(world.left.is_some(), "survived a second TERM: {:?}", world.processes);
    }

    #[test]
    fn nobody_waits_for_ever_for_an_answer_or_a_run(history in history()) {
        let mut world = World::new(true);
        for happening in history {
            world.happen(happening);
        }
        // From here on everything that can go well does.
        for _ in 0..200 {
            world.happen(Happening::TimePasses(61_000));
            world.happen(Happening::ListenerReady(0));
            world.happen(Happening::ListenerReady(1));
            world.happen(Happening::ListenerReady(2));
            world.happen(Happening::CallbackEnds(0, 0));
        }
        prop_assert!(world.waiting.is_empty(), "never answered: {:?}", world.waiting);
        prop_assert!(world.handed.is_empty() || world.left.is_some(), "never done: {:?}", world.handed);
        if world.left.is_none() {
            prop_assert_eq!(world.machine.open(), 0);
            prop_assert!(world.open.is_empty(), "accepted, and no outcome: {:?}", world.open);
        }
    }

    #[test]
    fn when_idle_there_is_no_deadline(asked in 0usize..5) {
        let mut world = World::new(true);
        world.happen(Happening::ServicePrepared);
        for _ in 0..asked {
            world.happen(Happening::Ask(0));
            world.happen(Happening::ListenerReady(0));
            world.happen(Happening::ListenerReady(0));
            world.happen(Happening::CallbackEnds(0, 0));
            world.happen(Happening::ListenerReady(0));
        }
        for _ in 0..10 {
            world.happen(Happening::ListenerReady(0));
            world.happen(Happening::CallbackEnds(0, 0));
        }
        prop_assert_eq!(world.machine.deadline(world.now), None);
    }
}
