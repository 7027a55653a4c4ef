//! How things are: the `status` of the request socket, made from the machine.

use std::collections::BTreeMap;

use crate::clock::Moment;
use crate::journal::{RetriedAttempt, RunSummary};
use crate::listener::pool::{Source, Warmth};
use crate::names::{ActionName, ServiceName};
use crate::queue::WaitingRequest;
use crate::request::Request;
use crate::wire::{
    ActionStatus, EndedRequest, Greeting, Health, ListenerState, ListenerStatus, OpenRequest, Status,
    WaitReason,
};

use super::machine::Machine;

impl Machine {
    /// How things are at this service.
    pub fn status(&self, service: &ServiceName, now: Moment) -> Status {
        let health = |(at, health): &(_, Health)| Health {
            at: Some(*at),
            // What is wrong all the same is told as of now.
            degraded: Vec::new(),
            ..health.clone()
        };
        let running = self
            .queue
            .running()
            .map(|(request, since)| self.open_request(request).running(now.instant - since, now.wall));
        let waiting = self.queue.waiting().map(|request| {
            let failed = request.failed.as_ref().filter(|_| request.not_before.is_some());
            let not_before = failed.map(|failed| failed.not_before);
            OpenRequest { why: Some(self.why(request)), not_before, ..self.open_request(request) }
        });
        Status {
            greeting: Greeting::of(service),
            state: self.life.state().into(),
            since: self.since,
            started_at: self.started_at,
            pid: self.life.pid(),
            health: self.checks.last().map(health),
            listener: Some(self.listener_status()),
            degraded: self.degraded(now),
            problems: self.problems.clone(),
            // The engine reads them: nothing here depends on what they say.
            facts: BTreeMap::new(),
            waiting: waiting.collect(),
            running: running.collect(),
            actions: self.actions().map(|action| self.action_status(action, now)).collect(),
            entries: None,
            zones: None,
            next: None,
            alarms: None,
        }
    }

    /// The actions that can be asked for, by name.
    pub fn actions(&self) -> impl Iterator<Item = &ActionName> {
        let offered = self.pool.actions().and_then(Result::ok).into_iter().flatten();
        offered.filter(|action| **action != ActionName::health_check())
    }

    fn listener_status(&self) -> ListenerStatus {
        let state = match self.pool.warmth() {
            Warmth::Ready => ListenerState::Ready,
            Warmth::Starting => ListenerState::Starting,
            Warmth::Failing => ListenerState::Failing,
            Warmth::None => ListenerState::None,
        };
        ListenerStatus {
            state,
            last_good: self.pool.serving() == Source::LastGood,
            unforkable: self.pool.unforkable().map(str::to_owned),
        }
    }

    /// Why a request waits: the last thing that it would still wait for.
    fn why(&self, waiting: &WaitingRequest) -> WaitReason {
        if self.queue.waits_for_service(&waiting.request, &self.policy) {
            WaitReason::Service
        } else if waiting.failed.is_some() && waiting.not_before.is_some() {
            WaitReason::Retry
        } else {
            WaitReason::Turn
        }
    }

    fn open_request(&self, waiting: &WaitingRequest) -> OpenRequest {
        let Request { id, user, action } = waiting.request.clone();
        let attempts = self.policy.rule(&action).retry.attempts;
        OpenRequest {
            attempt: (waiting.attempt > 0).then_some(waiting.attempt),
            attempts: (attempts > 1).then_some(attempts),
            failed: waiting.failed.as_ref().map(failed_attempt),
            ..OpenRequest::new(id, user, action)
        }
    }

    fn action_status(&self, action: &ActionName, now: Moment) -> ActionStatus {
        let runs = self.overdue.last.get(action);
        ActionStatus {
            action: action.clone(),
            overdue: self.overdue.is_overdue(action, &self.policy, now),
            last: runs.and_then(|runs| runs.last.as_ref()).map(ended_request),
            last_success: runs.and_then(|runs| runs.last_success.as_ref()).map(ended_request),
            // Before the journal has been read they are not known: they would be less than they were.
            totals: self.remembers.then(|| runs.map(|runs| (&runs.totals).into()).unwrap_or_default()),
        }
    }
}

fn failed_attempt(failed: &RetriedAttempt) -> crate::wire::FailedAttempt {
    let RetriedAttempt { ended_at, end, note, .. } = failed;
    crate::wire::FailedAttempt {
        attempt: end.attempt,
        ended_at: Some(*ended_at),
        outcome: end.outcome.into(),
        took_ms: end.took_ms,
        note: note.clone(),
    }
}

fn ended_request(run: &RunSummary) -> EndedRequest {
    EndedRequest {
        id: run.id.clone(),
        user: Some(run.user.clone()),
        ended_at: Some(run.ended_at),
        outcome: run.end.outcome.into(),
        took_ms: run.end.took_ms,
    }
}
