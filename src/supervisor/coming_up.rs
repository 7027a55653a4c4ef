//! Until the service is up: requests that need it wait, and as long as some do its health is asked for. Pure.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::clock::Moment;
use crate::duration;
use crate::journal::{End, Tally};
use crate::names::ActionName;
use crate::outcome::Outcome;
use crate::queue::Tired;
use crate::request::Request;

use super::event::{Action, Level};
use super::life::Service;
use super::machine::Machine;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// When our own question for the service's health is next.
#[derive(Debug)]
pub(super) struct ComingUp {
    backoff: Backoff,
    ask_at: Option<Instant>,
}

impl ComingUp {
    /// `seed` is for the jitter of pauses.
    pub(super) fn new(seed: u64) -> Self {
        Self { backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE, Duration::MAX, seed), ask_at: None }
    }
}

impl Machine {
    /// Sees whether the service is up by now. Where only its own check can tell, that is made as long as a request waits
    /// for it.
    pub(super) fn see_service(&mut self, now: Moment) {
        if !self.queue.holds() || self.life.is_stopping() {
            return;
        }
        let has_check = match self.pool.actions() {
            Some(Ok(actions)) => Some(actions.contains(&ActionName::health_check())),
            // With callbacks that cannot be read nothing can be done for who waits.
            Some(Err(_)) | None => None,
        };
        match (self.life.service, has_check) {
            (Service::Running(_) | Service::Absent, _) if self.life.is_callbacks_only() => {
                self.service_is_up();
            }
            (Service::Running(_), Some(false)) => self.service_is_up(),
            (Service::Running(_), Some(true)) => self.ask_while_some_wait(now),
            _ => {}
        }
    }

    /// What waited for the service may start from now on.
    pub(super) fn service_is_up(&mut self) {
        if self.queue.release(&self.policy) {
            self.say(Level::Info, "the service is up: what waited for it may start");
        }
    }

    /// A check has ended, with the service not up yet: the next one of our own comes later.
    pub(super) fn check_again_later(&mut self, now: Moment) {
        if self.queue.holds() {
            self.coming_up.ask_at = Some(now.instant + self.coming_up.backoff.failed(now.instant));
        }
    }

    /// When our own question for health is next, or a request has waited for the service for too long.
    pub(super) fn coming_up_deadline(&self) -> Option<Instant> {
        let tired = self.queue.tired_deadline(&self.policy)?;
        Some(self.coming_up.ask_at.map_or(tired, |at| at.min(tired)))
    }

    /// Ends what has waited for the service for as long as it may.
    pub(super) fn end_what_is_tired(&mut self, now: Moment) {
        self.coming_up.ask_at = self.coming_up.ask_at.filter(|&at| at > now.instant);
        for Tired { request, attempt, timeout } in self.queue.tired(&self.policy, now.instant) {
            let note = format!("the service has not come up within {}", duration::show(timeout));
            let end = End { attempt, outcome: Outcome::TimedOut, took_ms: 0 };
            let tally = Tally { end, had_begun: false, is_final: true };
            self.conclude(&request, tally, Some(note), now);
        }
    }

    pub(super) fn say_that_it_waits(&mut self, request: &Request) {
        if self.queue.waits_for_service(request, &self.policy) {
            let waits = format!("{} waits until the service is up", request.label());
            self.then(Action::Say(Level::Info, waits));
        }
    }

    fn ask_while_some_wait(&mut self, now: Moment) {
        let is_time = self.coming_up.ask_at.is_none_or(|at| at <= now.instant);
        if is_time && self.checks.listener().is_none() && self.queue.holds_any(&self.policy) {
            self.coming_up.ask_at = None;
            self.start_check(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::policy::Policy;
    use crate::process::Status;
    use crate::supervisor::event::{Event, Turn};
    use crate::supervisor::life::Setting;
    use crate::supervisor::machine::Beginning;
    use crate::supervisor::overdue::Overdue;

    fn callbacks() -> Vec<String> {
        vec!["CB_a".into(), "CB_health_check".into()]
    }

    /// A machine with a service whose check has not succeeded yet, and the listener that waits.
    fn coming_up(now: Moment) -> Machine {
        let overdue = Overdue::new(BTreeMap::new(), now.wall);
        let policy = Policy::parse("[action.a]\ntimeout = '1h'", "housekeeping.toml");
        let policy = policy.map_err(|error| error.to_string());
        let mut machine = Machine::new(Beginning {
            seed: 1,
            has_last_good: false,
            policy,
            overdue,
            never_forks: Some("not here".to_owned()),
        });
        machine.handle(Event::Begin, now);
        machine.handle(Event::ServiceStarted(10), now);
        machine.handle(Event::Decide, now);
        machine.handle(Event::ListenerStarted(1, 11, "token".into()), now);
        machine.handle(Event::ListenerReady(1, callbacks(), None), now);
        machine.handle(Event::Set(Setting::Prepared), now);
        machine
    }

    fn ask(machine: &mut Machine, now: Moment) -> Turn {
        let [user, action, id] = ["root", "a", "id"];
        let request =
            Request { id: id.parse().unwrap(), user: user.parse().unwrap(), action: action.parse().unwrap() };
        machine.handle(Event::Asked(1, request, 0.into()), now);
        machine.handle(Event::Decide, now)
    }

    fn starts_check(turn: &Turn) -> bool {
        let is_check = |action: &Action| {
            matches!(action, Action::StartListener(_, crate::listener::pool::Purpose::Health, _))
        };
        turn.now.iter().any(is_check)
    }

    #[test]
    fn health_is_asked_for_only_while_somebody_waits() {
        let now = Moment::now();
        let mut machine = coming_up(now);
        assert_eq!(machine.deadline(now), None);
        assert!(starts_check(&ask(&mut machine, now)));
    }

    #[test]
    fn failed_checks_are_made_again_ever_more_rarely_and_one_at_a_time() {
        let mut now = Moment::now();
        let mut machine = coming_up(now);
        assert!(starts_check(&ask(&mut machine, now)));
        let mut pauses = Vec::new();
        for key in 2..12 {
            let pid = 10 + i32::try_from(key).unwrap();
            machine.handle(Event::ListenerStarted(key, pid, "token".into()), now);
            machine.handle(Event::ListenerReady(key, callbacks(), None), now);
            machine.handle(Event::Handed(key), now);
            assert!(!starts_check(&machine.handle(Event::DeadlinePassed, now)), "one is on");
            machine.handle(Event::Ended(pid, Status::Exited(1), None), now);
            let next = machine.deadline(now).expect("a time for the next one");
            pauses.push(next - now.instant);
            now = now + (next - now.instant);
            assert!(starts_check(&machine.handle(Event::DeadlinePassed, now)), "{pauses:?}");
        }
        assert!(pauses[0] <= FIRST_PAUSE, "{pauses:?}");
        assert!(pauses[9] >= LONGEST_PAUSE / 2 && pauses[9] <= LONGEST_PAUSE, "{pauses:?}");
    }
}
