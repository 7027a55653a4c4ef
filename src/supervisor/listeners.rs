//! Who carries requests out: listeners that come, serve once and go, and the checks of the service.

use std::time::Duration;

use crate::clock::Moment;
use crate::listener::pool::{self, Key, Purpose, Stage};
use crate::names::{ActionName, RequestId, UserName};
use crate::outcome::Outcome;
use crate::process::{Pid, Status};
use crate::queue::{MOST_WAITING, Need};
use crate::request::Request;
use crate::wire::{Degradation, Degradations, DegradedKind, Health};

use super::event::{Action, Caller, Level, Remains};
use super::life::Service;
use super::machine::{Machine, TERM, untimed};

/// How long what a run left behind has to end by itself after TERM, before KILL.
const GRACE: Duration = Duration::from_secs(2);
/// What a run failed with when no listener could be had for its user, as shells have it for programs that
/// cannot be executed.
const CANNOT_EXECUTE: u8 = 126;

/// A run whose listener has ended, and who may have left something behind.
#[derive(Debug)]
pub(super) struct EndedRun {
    /// How the listener ended.
    status: Status,
    /// Why it did nothing, where that is so.
    said: Option<String>,
    remains: Remains,
}

impl Machine {
    pub(super) fn listener_not_started(&mut self, key: Key, why: String, now: Moment) {
        if self.checks.listener() == Some(key) {
            self.answer_checks(&unchecked(DegradedKind::HealthCheck, format!("health check: {why}")), now);
        }
        match self.pool.not_started(key, why.clone(), now.instant) {
            Some(Purpose::Request(Need::Own) | Purpose::Forking) => self.say_broken(""),
            Some(Purpose::Request(need)) => self.no_listener_for(&need, why, now),
            _ => {}
        }
    }

    pub(super) fn listener_ready(
        &mut self,
        key: Key,
        callbacks: &[String],
        unforkable: Option<String>,
        now: Moment,
    ) {
        let was_broken = self.pool.broken().is_some();
        if self.pool.ready(key, callbacks, unforkable, now.instant) {
            self.act(Action::KeepCallbacks);
        }
        self.say_unforkable();
        if was_broken && self.pool.broken().is_none() {
            self.said_broken = None;
            self.say(Level::Info, "the callbacks can be read again");
        }
        if self.checks.listener() == Some(key) {
            self.pool.handed(key);
            self.checks.begun(now.instant);
            let (id, user) = (RequestId::of_health_check(), UserName::root());
            self.act(Action::Hand(key, Request { id, user, action: ActionName::health_check() }));
        }
    }

    pub(super) fn forked(&mut self, key: Key, pid: Pid, token: String) {
        if let Some(pid) = self.pool.forked(key, pid, token) {
            self.act(Action::SignalGroup(pid, TERM));
        }
    }

    pub(super) fn not_forked(&mut self, keys: &[Key], why: &str, now: Moment) {
        for &key in keys {
            if let Some(pid) = self.pool.not_forked(key, why, now.instant) {
                self.act(Action::SignalGroup(pid, TERM));
            }
        }
        self.say_unforkable();
    }

    /// Runs cost more than they could: said when it is news.
    fn say_unforkable(&mut self) {
        let unforkable = self.pool.unforkable().map(str::to_owned);
        if unforkable != self.said_unforkable {
            if let Some(why) = &unforkable {
                self.say(Level::Info, format!("each run reads the callbacks itself: {why}"));
            }
            self.said_unforkable = unforkable;
        }
    }

    pub(super) fn listener_ended(
        &mut self,
        ended: pool::EndedListener,
        status: Status,
        said: Option<String>,
        now: Moment,
    ) {
        let pool::EndedListener { key, pid, token, purpose, stage } = ended;
        match (purpose, stage) {
            (Purpose::Health, Stage::Starting) => {
                let degraded = format!("callbacks: the health check's listener {status} before it began");
                self.answer_checks(&unchecked(DegradedKind::Callbacks, degraded), now);
            }
            (Purpose::Health, _) => {
                let health = self.checks.judge(status, said, &self.degraded(now));
                if health.healthy {
                    self.service_is_up();
                }
                self.checks.answered(&health, now.wall);
                self.answer_checks(&health, now);
                self.act(Action::SignalRemains(key, Remains { leader: pid, token }, super::machine::KILL));
            }
            (Purpose::Request(_), Stage::Busy) => {
                let remains = Remains { leader: pid, token };
                self.ending.insert(key, EndedRun { status, said, remains: remains.clone() });
                self.act(Action::SignalRemains(key, remains, TERM));
            }
            // It ended in the same turn in which it was chosen: its request has not been written to it.
            (Purpose::Request(_), Stage::Taken) => self.not_handed(key, now),
            (Purpose::Forking, Stage::Dismissed) => {}
            (Purpose::Forking, _) | (Purpose::Request(Need::Own), Stage::Starting | Stage::Ready) => {
                self.say_broken(said.as_deref().unwrap_or_default());
            }
            (Purpose::Request(need), Stage::Starting) => {
                self.pass_on(said.as_deref().unwrap_or_default());
                self.no_listener_for(&need, format!("its listener {status} before it began"), now);
            }
            (Purpose::Request(_), Stage::Dismissed | Stage::Ready | Stage::Forking) => {}
        }
    }

    /// What the run left behind has been told to end, and so the run is over.
    pub(super) fn run_ended(&mut self, key: Key, names: &[String], now: Moment) {
        let Some(EndedRun { status, said, remains }) = self.ending.remove(&key) else { return };
        let left = (!names.is_empty()).then(|| format!("left behind and ended: {}", names.join(", ")));
        if left.is_some() {
            self.remains.push((now.instant + GRACE, key, remains));
        }
        if let Some(finished) = self.queue.finish(key, status, &self.policy, now.instant) {
            let why = said.filter(|_| finished.outcome == Outcome::Skipped);
            let notes: Vec<String> = why.into_iter().chain(left).collect();
            self.report(&finished, true, (!notes.is_empty()).then(|| notes.join("; ")), now);
        }
    }

    /// The first request that needs such a listener has failed with it; others get their own try.
    fn no_listener_for(&mut self, need: &Need, why: String, now: Moment) {
        if let Some(failed) = self.queue.fail_first(need, CANNOT_EXECUTE, &self.policy, now.instant) {
            self.report(&failed, false, Some(why), now);
        }
    }

    /// The callbacks cannot be read. They are tried again and again, and this is told when it is news.
    fn say_broken(&mut self, said: &str) {
        let Some(broken) = self.pool.broken() else { return };
        if self.said_broken.as_ref() != Some(&broken) {
            self.pass_on(said);
            self.say(Level::Error, format!("degraded: callbacks: {broken}; the service runs on"));
            self.said_broken = Some(broken);
        }
    }

    /// What a listener printed that never became ready.
    fn pass_on(&mut self, said: &str) {
        for line in said.lines() {
            self.say(Level::Error, format!("listener | {}", untimed(line)));
        }
    }

    pub(super) fn callbacks_changed(&mut self) {
        self.pool.callbacks_changed();
        self.said_broken = None;
        for pid in self.pool.dismiss_idle() {
            self.act(Action::SignalGroup(pid, TERM));
        }
    }

    pub(super) fn health_asked(&mut self, caller: Caller, now: Moment) {
        let has_check = match self.pool.actions() {
            Some(Ok(actions)) => Some(actions.contains(&ActionName::health_check())),
            Some(Err(_)) => Some(false),
            None => None,
        };
        let health = match (self.life.service, has_check) {
            _ if self.life.is_stopping() => Health::unhealthy("the service is stopping"),
            (Service::Unstarted, _) => Health::unhealthy("the service is not started"),
            (Service::Ended(status), _) => Health::unhealthy(format!("the service {status}")),
            (_, None) => return self.checks.defer(caller),
            (_, Some(true)) => return self.check(caller, now),
            (_, Some(false)) => Health::healthy(&self.degraded(now)),
        };
        self.checks.answered(&health, now.wall);
        self.act(Action::AnswerHealth(caller, health));
    }

    /// Runs the service's own check, unless one is on already: that one answers all who wait.
    fn check(&mut self, caller: Caller, now: Moment) {
        if self.checks.join(caller) {
            self.start_check(now);
        }
    }

    pub(super) fn start_check(&mut self, now: Moment) {
        let source = self.pool.serving();
        let key = self.pool.add(Purpose::Health, source, now.instant);
        self.checks.started(key);
        self.act(Action::StartListener(key, Purpose::Health, source));
    }

    pub(super) fn answer_checks(&mut self, health: &Health, now: Moment) {
        self.check_again_later(now);
        let callers = self.checks.finish();
        if !callers.is_empty() {
            self.checks.answered(health, now.wall);
        }
        for caller in callers {
            self.act(Action::AnswerHealth(caller, health.clone()));
        }
    }

    /// What is wrong and does not keep the service from serving.
    pub(super) fn degraded(&self, now: Moment) -> Degradations {
        let callbacks = self.pool.broken().map(|broken| format!("callbacks: {broken}"));
        let policy = self.policy_fault.as_ref().map(|(fault, _)| format!("policy: {fault}"));
        let offered = self.pool.actions().and_then(Result::ok);
        let strays = offered.map(|actions| self.policy.strays(actions)).unwrap_or_default();
        let strays = strays.into_iter().map(|stray| format!("policy: {stray}"));
        let reading = self.reading.map(|percent| {
            format!("journal: it is being read ({percent} %), and what is asked waits for that")
        });
        let journal = reading.or_else(|| self.unrecorded.clone()).or_else(|| self.no_room.clone());
        let full =
            self.queue.is_full().then(|| format!("{MOST_WAITING} requests wait: no more are accepted"));
        let of = |kind: DegradedKind| move |message| Degradation::new(kind.clone(), message);
        let callbacks = callbacks.map(of(DegradedKind::Callbacks));
        let policy = policy.into_iter().chain(strays).map(of(DegradedKind::Policy));
        let journal = journal.map(of(DegradedKind::Journal));
        let full = full.map(of(DegradedKind::Queue));
        let overdue = self.overdue.degradations(&self.policy, now);
        let left = self.problems.values().cloned().map(of(DegradedKind::Reported));
        let ours = callbacks.into_iter().chain(policy).chain(journal).chain(full);
        Degradations(ours.chain(overdue).chain(left).collect())
    }
}

/// The answer where the service's own check cannot be made: that is no sign that it does not serve.
fn unchecked(kind: DegradedKind, why: String) -> Health {
    Health::healthy(&Degradations(vec![Degradation::new(kind, why)]))
}
