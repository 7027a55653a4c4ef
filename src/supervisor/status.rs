//! How things are, as the `status` call tells it (docs/PROTOCOL.md).

use jiff::Timestamp;
use serde::Serialize;

use crate::clock::Moment;
use crate::journal::RunSummary;
use crate::listener::pool::{Source, Warmth};
use crate::names::ActionName;
use crate::outcome::Outcome;
use crate::process::Pid;
use crate::request::Request;

use super::machine::Machine;
use super::problems::Problems;

/// One service at one instant.
#[derive(Debug, Serialize)]
pub struct Status {
    /// `starting`, `running`, `callbacks-only`, `stopping` or `ended`.
    state: &'static str,
    /// Since when it has been in that state.
    since: Option<String>,
    /// When the supervisor began.
    started_at: Option<String>,
    /// The service's process, where it has one.
    pid: Option<Pid>,
    /// What the last question for health was answered, if there has been one.
    health: Option<Health>,
    /// The listener that waits for the next request.
    listener: Listener,
    /// What is wrong and does not keep the service from serving.
    degraded: Vec<String>,
    /// Those of it that callbacks have left, by what they are about.
    problems: Problems,
    /// Requests that wait, in their order.
    waiting: Vec<Asked>,
    /// Requests that are being carried out.
    running: Vec<Asked>,
    /// The actions that can be asked for, by name.
    actions: Vec<OfAction>,
}

#[derive(Debug, Serialize)]
struct Health {
    healthy: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When that was found.
    at: String,
}

#[derive(Debug, Serialize)]
struct Listener {
    /// `ready`, `starting`, `failing` (it is tried again later) or `none`.
    state: &'static str,
    /// Whether it reads the copy of the last good callbacks.
    last_good: bool,
}

#[derive(Debug, Serialize)]
struct Asked {
    id: String,
    user: String,
    action: String,
    /// Why it waits, where it is not for its turn: `service` for one that waits until the service is up.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    /// How long it has been on, in milliseconds; nothing for one that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    running_ms: Option<u128>,
}

#[derive(Debug, Serialize)]
struct OfAction {
    action: String,
    overdue: bool,
    last: Option<Run>,
    last_success: Option<Run>,
}

#[derive(Debug, Serialize)]
struct Run {
    id: String,
    user: String,
    ended_at: String,
    outcome: String,
    took_ms: u64,
}

impl Machine {
    /// How things are.
    pub fn status(&self, now: Moment) -> Status {
        let offered = self.pool.actions().and_then(Result::ok);
        let asked_for = |action: &&ActionName| **action != ActionName::health_check();
        Status {
            state: self.life.state(),
            since: self.since.map(in_milliseconds),
            started_at: self.started_at.map(in_milliseconds),
            pid: self.life.pid(),
            health: self.checks.last().map(|(at, health)| Health {
                healthy: health.healthy,
                reason: health.reason.clone(),
                at: in_milliseconds(*at),
            }),
            listener: self.listener_status(),
            degraded: self.degraded(now),
            problems: self.problems.clone(),
            waiting: self.queue.waiting().map(|request| self.waiting_status(request)).collect(),
            running: self
                .queue
                .running()
                .map(|(request, since)| Asked::new(request, Some((now.instant - since).as_millis())))
                .collect(),
            actions: offered
                .into_iter()
                .flatten()
                .filter(asked_for)
                .map(|action| self.action_status(action, now))
                .collect(),
        }
    }

    /// The actions that can be asked for, by name.
    pub fn actions(&self) -> Vec<&str> {
        let offered = self.pool.actions().and_then(Result::ok).into_iter().flatten();
        offered.filter(|action| **action != ActionName::health_check()).map(ActionName::as_str).collect()
    }

    fn waiting_status(&self, request: &Request) -> Asked {
        let why = self.queue.waits_for_service(request, &self.policy).then_some("service");
        Asked { why, ..Asked::new(request, None) }
    }

    fn listener_status(&self) -> Listener {
        let state = match self.pool.warmth() {
            Warmth::Ready => "ready",
            Warmth::Starting => "starting",
            Warmth::Failing => "failing",
            Warmth::None => "none",
        };
        Listener { state, last_good: self.pool.serving() == Source::LastGood }
    }

    fn action_status(&self, action: &ActionName, now: Moment) -> OfAction {
        let runs = self.overdue.last.get(action);
        OfAction {
            action: action.to_string(),
            overdue: self.overdue.is_overdue(action, &self.policy, now),
            last: runs.and_then(|runs| runs.last.as_ref()).map(Run::new),
            last_success: runs.and_then(|runs| runs.last_success.as_ref()).map(Run::new),
        }
    }
}

/// An instant as the journal has it.
fn in_milliseconds(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Asked {
    fn new(request: &Request, running_ms: Option<u128>) -> Self {
        let Request { id, user, action } = request;
        Self { id: id.to_string(), user: user.to_string(), action: action.to_string(), why: None, running_ms }
    }
}

impl Run {
    fn new(run: &RunSummary) -> Self {
        let outcome: Outcome = run.end.outcome;
        Self {
            id: run.id.to_string(),
            user: run.user.to_string(),
            ended_at: in_milliseconds(run.ended_at),
            outcome: outcome.to_string(),
            took_ms: run.end.took_ms,
        }
    }
}
