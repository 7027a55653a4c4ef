//! What may happen in a world, and how it comes about.

use std::time::Duration;

use proptest::prelude::*;

use crate::listener::pool::Key;
use crate::policy::Policy;
use crate::process::{Pid, Status};
use crate::request::Request;

use super::super::event::Event;
use super::super::life::Setting;
use super::{Kind, POLICY, TERM, World};

/// What may happen in a history, in any order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happening {
    Ask(u8),
    /// The request that came last is sent again.
    AskAgain,
    AskHealth,
    ServicePrepared,
    ServiceDies(u8),
    ListenerReady(usize),
    /// The same, of callbacks that cannot be forked.
    ListenerReadyAlone(usize),
    /// Who was asked for them has forked listeners, or could not.
    Forks(bool),
    ListenerBreaks(usize),
    CallbackEnds(usize, u8),
    Orphan,
    Stranger,
    Stuck,
    CallbacksChange,
    Cancel(u64),
    Signal(i32),
    TimePasses(u64),
    /// The turn ends: what waits for the disk gets there, or does not.
    Written(bool),
    /// The next listener cannot be started.
    NoProcess,
    /// The next run leaves something behind.
    LeavesBehind,
    /// The rules are others from now on, or broken.
    PolicyChanges(bool),
}

pub(super) fn history() -> impl Strategy<Value = Vec<Happening>> {
    proptest::collection::vec(happening(), 0..60)
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0u8..5).prop_map(Happening::Ask),
        2 => Just(Happening::Ask(2)),
        1 => Just(Happening::AskAgain),
        1 => Just(Happening::AskHealth),
        2 => Just(Happening::ServicePrepared),
        1 => any::<u8>().prop_map(Happening::ServiceDies),
        6 => (0usize..8).prop_map(Happening::ListenerReady),
        1 => (0usize..8).prop_map(Happening::ListenerReadyAlone),
        6 => prop_oneof![9 => Just(true), 1 => Just(false)].prop_map(Happening::Forks),
        2 => (0usize..8).prop_map(Happening::ListenerBreaks),
        4 => (0usize..8, any::<u8>()).prop_map(|(which, code)| Happening::CallbackEnds(which, code)),
        2 => Just(Happening::Orphan),
        1 => prop_oneof![Just(Happening::Stranger), Just(Happening::Stuck)],
        1 => Just(Happening::CallbacksChange),
        2 => (1u64..20).prop_map(Happening::Cancel),
        1 => prop_oneof![Just(1), Just(10), Just(TERM), Just(2), Just(40)].prop_map(Happening::Signal),
        3 => (0u64..8000).prop_map(Happening::TimePasses),
        12 => prop_oneof![4 => Just(true), 1 => Just(false)].prop_map(Happening::Written),
        1 => Just(Happening::NoProcess),
        1 => Just(Happening::LeavesBehind),
        1 => any::<bool>().prop_map(Happening::PolicyChanges),
    ]
}

impl World {
    pub(super) fn happen(&mut self, happening: Happening) {
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
                self.last_asked = Some(request.clone());
                self.feed(Event::Asked(caller, request, 0.into()));
            }
            Happening::AskAgain => {
                // What is on the disk already is answered from there.
                if let Some(request) = self.last_asked.clone().filter(|request| !self.books.has(&request.id))
                {
                    let caller = self.caller();
                    self.feed(Event::Asked(caller, request, 0.into()));
                }
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
            Happening::ListenerReady(nth) => self.listener_is_ready(nth, None),
            Happening::ListenerReadyAlone(nth) => {
                self.listener_is_ready(nth, Some("they set a trap".to_owned()));
            }
            Happening::Forks(works) => self.fork(works),
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
            // Whoever is killed begets nobody.
            Happening::Orphan | Happening::Stranger | Happening::Stuck if self.machine.life.is_killing() => {}
            Happening::Orphan => drop(self.spawn(Kind::Orphan)),
            Happening::Stranger => drop(self.spawn(Kind::Stranger)),
            Happening::Stuck => drop(self.spawn(Kind::Stuck)),
            Happening::Cancel(asked) => {
                let caller = self.caller();
                let id = format!("id{asked}").parse().unwrap();
                self.books.cancel_asked(caller, &id);
                self.feed(Event::CancelAsked(caller, id, None));
            }
            Happening::CallbacksChange => self.feed(Event::CallbacksChanged),
            Happening::Signal(number) => self.feed(Event::Signal(number)),
            Happening::TimePasses(milliseconds) => self.pass(Duration::from_millis(milliseconds)),
            Happening::Written(true) => self.write(),
            Happening::Written(false) => self.flush(false),
            Happening::NoProcess => self.ahead.cannot_start = true,
            Happening::LeavesBehind => self.ahead.leaves_behind = true,
            Happening::PolicyChanges(good) => {
                let text = if good { POLICY } else { "broken" };
                let policy = Policy::parse(text, "housekeeping.toml").map_err(|error| error.to_string());
                self.feed(Event::PolicyChanged(policy));
            }
        }
        self.settle();
    }

    fn listener_is_ready(&mut self, nth: usize, unforkable: Option<String>) {
        if let Some((_, key)) = self.nth_listener(nth, false) {
            let callbacks = (0..4).map(|n| format!("CB_action_{n}"));
            let callbacks = callbacks.chain(["CB_health_check".to_owned()]).collect();
            self.feed(Event::ListenerReady(key, callbacks, unforkable));
        }
    }

    fn fork(&mut self, works: bool) {
        let Some((_, forks)) = self.asked_forks.pop_front() else { return };
        if !works {
            return self.feed(Event::NotForked(forks, "the listener could not fork".to_owned()));
        }
        for key in forks {
            let pid = self.spawn(Kind::Listener(key));
            self.feed(Event::Forked(key, pid, format!("token-{key}")));
        }
    }

    /// The listener at this place, among those that have a request or that have none.
    fn nth_listener(&self, nth: usize, with_request: bool) -> Option<(Pid, Key)> {
        let wanted = |&(_, key): &(Pid, Key)| self.handed.contains_key(&key) == with_request;
        let listeners: Vec<_> = self.listeners().filter(wanted).collect();
        listeners.get(nth % listeners.len().max(1)).copied()
    }
}
