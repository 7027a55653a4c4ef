//! A world for the machine to live in, made of nothing: processes that obey or do not, time that jumps.
//! Properties are checked over random histories of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::clock::Moment;
use crate::journal::{JournalRecord, UnfinishedRequest};
use crate::listener::pool::Key;
use crate::names::ActionName;
use crate::policy::Policy;
use crate::process::{Pid, Status};
use crate::request::{Answer, Request};

use super::event::{Action, Caller, Event, Sweep, Turn};
use super::life::OWN_FAULT;
use super::machine::{Beginning, Machine};
use super::overdue::Overdue;

mod books;
mod happenings;
mod properties;

use books::Books;

/// One action of each kind of overlap; the first and the one that is replaced are tried again.
const POLICY: &str = "
[action.action-0]
retry = { attempts = 3, backoff = '5s' }
[action.action-1]
overlap = 'allow'
needs = 'nothing'
[action.action-2]
overlap = 'replace'
retry = { attempts = 2, backoff = '3s' }
[action.action-3]
overlap = 'skip'
run-as = 'request'
";
const TERM: i32 = 15;
const KILL: i32 = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    Listener(Key),
    Orphan,
    /// One that is not ours to kill.
    Stranger,
    /// One that the kernel does not let go, whatever it is sent.
    Stuck,
}

impl Kind {
    fn can_end(self) -> bool {
        !matches!(self, Kind::Stranger | Kind::Stuck)
    }
}

#[derive(Default)]
struct Ahead {
    cannot_start: bool,
    leaves_behind: bool,
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
    /// The listeners that are to be forked, each lot with who is to do it.
    asked_forks: VecDeque<(Key, Vec<Key>)>,
    /// What is not on the disk yet.
    records: Vec<JournalRecord>,
    cannot_write: bool,
    books: Books,
    last_asked: Option<Request>,
    /// Whether the service has been up: its check has succeeded once.
    was_up: bool,
    /// What is in store for the next listener that is started, and for the next run that ends.
    ahead: Ahead,
    left: Option<u8>,
}

impl World {
    /// One in which listeners can be forked, or cannot.
    fn new(obedient: bool, forks: bool) -> Self {
        let now = Moment::now();
        let policy = Policy::parse(POLICY, "housekeeping.toml").map_err(|error| error.to_string());
        let overdue = Overdue::new(BTreeMap::new(), now.wall);
        let never_forks = (!forks).then(|| "nobody is forked in this world".to_owned());
        let beginning = Beginning { seed: 7, has_last_good: false, policy, overdue, never_forks };
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
            asked_forks: VecDeque::new(),
            records: Vec::new(),
            cannot_write: false,
            books: Books::default(),
            last_asked: None,
            was_up: false,
            ahead: Ahead::default(),
            left: None,
        };
        // An earlier supervisor left two requests, one of which had started.
        let open =
            [("old-0", None), ("old-1", Some("token-0"))].map(|(id, started)| world.left_open(id, started));
        world.feed(Event::TakeUp(open.into()));
        world.feed(Event::Begin);
        world
    }

    fn left_open(&mut self, id: &str, started: Option<&str>) -> UnfinishedRequest {
        let [action, user] = ["action-0", "forum"];
        let request =
            Request { id: id.parse().unwrap(), user: user.parse().unwrap(), action: action.parse().unwrap() };
        self.books.left_open(&request.id, &request.action, started.iter().len().try_into().unwrap());
        let (accepted_at, started) = (self.now.wall, started.map(str::to_owned));
        let attempt = started.iter().len().try_into().unwrap();
        let (joined, not_before, failed) = (Vec::new(), None, None);
        UnfinishedRequest { request, by: 0.into(), accepted_at, joined, attempt, started, not_before, failed }
    }

    fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let is_of_disk = matches!(event, Event::Durable | Event::NotDurable(_));
            if self.left.is_some() && !is_of_disk {
                return;
            }
            let may_end = matches!(event, Event::DeadlinePassed | Event::Signal(_) | Event::Ended(..));
            let turn = self.machine.handle(event, self.now);
            assert!(turn.answers.is_empty() && turn.then.is_empty(), "only what is decided waits: {turn:?}");
            self.records.extend(turn.records);
            for action in turn.now {
                self.check_end(&action, may_end);
                events.extend(self.act(action));
            }
        }
    }

    /// Nobody who carries out a request is told to end without a reason.
    fn check_end(&self, action: &Action, may_end: bool) {
        if let Action::SignalGroup(pid, _) = action
            && let Some(Kind::Listener(key)) = self.processes.get(pid)
            && let Some(request) =
                self.handed.get(key).filter(|request| request.action != ActionName::health_check())
        {
            assert!(may_end || self.machine.is_stopping(), "{request:?} is ended for nothing");
        }
    }

    fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::StartService => {
                let pid = self.spawn(Kind::Service);
                return Some(Event::ServiceStarted(pid));
            }
            Action::StartListener(key, ..) if std::mem::take(&mut self.ahead.cannot_start) => {
                return Some(Event::ListenerNotStarted(key, "there is no process to be had".to_owned()));
            }
            Action::StartListener(key, ..) => {
                let pid = self.spawn(Kind::Listener(key));
                return Some(Event::ListenerStarted(key, pid, format!("token-{key}")));
            }
            Action::Fork(forking, forks) => {
                assert!(!forks.is_empty(), "it is asked for nobody");
                // When it has ended, that is told by its end.
                if self.listeners().any(|(_, alive)| alive == forking) {
                    self.asked_forks.push_back((forking, forks));
                }
            }
            Action::SignalRemains(key, ..) => {
                let left = std::mem::take(&mut self.ahead.leaves_behind).then(|| "daemon (pid 7)".to_owned());
                return Some(Event::Remains(key, left.into_iter().collect()));
            }
            Action::Hand(key, request) => {
                if !self.listeners().any(|(_, alive)| alive == key) {
                    return Some(Event::NotHanded(key));
                }
                let is_free = ["health-check", "action-1"].contains(&request.action.as_str());
                assert!(self.was_up || is_free, "{request:?} is started before the service is up");
                assert!(self.handed.insert(key, request).is_none(), "a listener gets a second request");
                return Some(Event::Handed(key));
            }
            Action::Answer(caller, answer) => self.answer(caller, &answer),
            Action::AnswerCancel(caller, answer) => {
                self.books.cancel_answered(caller, &answer);
                self.answered(caller);
            }
            Action::Signal(pid, number) | Action::SignalGroup(pid, number) => self.signal(pid, number),
            Action::Sweep(number, except) => {
                let targets: Vec<_> =
                    self.processes.keys().copied().filter(|pid| !except.contains(pid)).collect();
                let is_stranger = |pid: &&Pid| self.processes[*pid] == Kind::Stranger;
                let (refused, signalled): (Vec<_>, Vec<_>) = targets.iter().partition(is_stranger);
                let named = |pids: Vec<&Pid>| pids.into_iter().map(|pid| format!("pid {pid}")).collect();
                let sweep = Sweep { signalled: named(signalled), refused: named(refused) };
                for pid in targets {
                    self.signal(pid, number);
                }
                return Some(Event::Swept(sweep));
            }
            Action::AnswerHealth(caller, _) => self.answered(caller),
            Action::Say(..)
            | Action::Tell(_)
            | Action::TellProblems(..)
            | Action::Notify(_)
            | Action::KeepCallbacks => {}
            Action::Leave(code) => {
                let mut left = self.processes.values();
                assert!(left.all(|kind| !kind.can_end()), "left behind: {:?}", self.processes);
                assert!(self.processes.is_empty() || code == OWN_FAULT, "somebody is left behind: {code}");
                self.left = Some(code);
            }
        }
        None
    }

    fn answer(&mut self, caller: Caller, answer: &Answer) {
        if let Answer::Accepted(id) = answer {
            assert!(self.books.has(id), "{id} is accepted and not on the disk");
        }
        self.answered(caller);
    }

    fn answered(&mut self, caller: Caller) {
        assert!(self.waiting.remove(&caller), "caller {caller} is answered twice");
    }

    /// What was recorded is on the disk, and what waited for that happens; as the engine does it.
    fn write(&mut self) {
        self.flush(true);
    }

    /// A turn of the loop, with a disk that works or does not.
    fn flush(&mut self, works: bool) {
        while self.flush_group(works) {
            self.settle();
        }
    }

    fn flush_group(&mut self, works: bool) -> bool {
        // Also while what has ended is not on the disk yet, or cannot get there.
        self.books.assert_counted(&self.machine.overdue.last);
        let (before, border) = ((!works).then(|| self.promises()), self.records.len());
        let Turn { records, now, answers, then } = self.machine.handle(Event::Decide, self.now);
        let (is_group, mut is_something) = (!records.is_empty(), !now.is_empty());
        let replaces = records.iter().any(
            |record| matches!(record, JournalRecord::Accepted { request, .. } if request.action.as_str() == "action-2"),
        );
        let is_cancel = |action: &Action| matches!(action, Action::AnswerCancel(_, Ok(())));
        let may_end = replaces || now.iter().chain(&then).any(is_cancel);
        self.records.extend(records);
        let mut events = Vec::new();
        for action in now {
            self.check_end(&action, may_end);
            events.extend(self.act(action));
        }
        if works && (self.cannot_write || !self.records.is_empty()) {
            is_something = true;
            self.cannot_write = false;
            for record in std::mem::take(&mut self.records) {
                self.books.record(&record);
            }
            self.feed(Event::Durable);
            self.books.assert_counted(&self.machine.overdue.last);
            for (caller, answer) in answers {
                self.answer(caller, &answer);
            }
            for action in then {
                self.check_end(&action, may_end);
                if let Some(event) = self.act(action) {
                    self.feed(event);
                }
            }
        } else if is_group || (!self.cannot_write && !self.records.is_empty()) {
            is_something = true;
            self.cannot_write = true;
            self.records.truncate(border);
            self.feed(Event::NotDurable("no space left".to_owned()));
            assert_eq!(Some(self.promises()), before, "not what it was at the group's border");
        }
        for event in events {
            self.feed(event);
        }
        is_something
    }

    /// All that is promised, as the machine sees it.
    fn promises(&self) -> String {
        let Machine { queue, overdue, .. } = &self.machine;
        format!("{queue:?} {:?}", overdue.last)
    }

    fn spawn(&mut self, kind: Kind) -> Pid {
        self.next_pid += 1;
        self.processes.insert(self.next_pid, kind);
        self.next_pid
    }

    /// Signals take effect later, as in the real world: see [`World::settle`].
    fn signal(&mut self, pid: Pid, number: i32) {
        let can_end = self.processes.get(&pid).is_some_and(|kind| kind.can_end());
        if can_end && (number == KILL || (number == TERM && self.obedient)) {
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
            self.asked_forks.retain(|(forking, _)| *forking != key);
            if let Some(request) = self.handed.remove(&key) {
                self.was_up |= request.action == ActionName::health_check() && status == Status::Exited(0);
            }
        }
        self.feed(Event::Ended(pid, status, None));
    }

    fn listeners(&self) -> impl Iterator<Item = (Pid, Key)> + '_ {
        self.processes.iter().filter_map(|(&pid, &kind)| match kind {
            Kind::Listener(key) => Some((pid, key)),
            _ => None,
        })
    }

    fn service(&self) -> Option<Pid> {
        self.processes.iter().find(|(_, kind)| **kind == Kind::Service).map(|(&pid, _)| pid)
    }

    fn caller(&mut self) -> Caller {
        self.next_caller += 1;
        self.waiting.insert(self.next_caller);
        self.next_caller
    }

    /// Lets time pass, with every deadline on the way met at its instant.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.write();
        while self.left.is_none()
            && let Some(deadline) = self.machine.deadline(self.now).filter(|&at| at <= end.instant)
        {
            self.now = self.now + deadline.saturating_duration_since(self.now.instant);
            self.feed(Event::DeadlinePassed);
            self.settle();
            self.write();
        }
        self.now = self.now + end.instant.saturating_duration_since(self.now.instant);
    }
}
