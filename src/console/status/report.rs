//! What services said, put together: with what comes next for each, and with what is wrong before all else.

use jiff::Timestamp;

use super::asking::{Heard, speaks_otherwise};
use crate::console::retry::Retry;
use crate::console::{ages, unreached};
use crate::names::{ActionName, RequestId};
use crate::socket::client::{ClientError, Trouble};
use crate::wire::{DegradedKind, Occurrence, ServiceState, Status, VERSION};

/// How the services are.
#[derive(Debug)]
pub(in crate::console) struct Report {
    pub(in crate::console) heard: Vec<Heard>,
    pub(in crate::console) coming: Vec<Occurrence>,
    pub(in crate::console) problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::console) struct Problem {
    pub(in crate::console) service: String,
    pub(in crate::console) kind: Kind,
    /// A sentence without its end.
    pub(in crate::console) message: String,
    /// Since when it is known.
    pub(in crate::console) at: Option<Timestamp>,
    /// What to do about it, or what comes of it by itself.
    pub(in crate::console) next: Option<String>,
    /// The request whose output tells more of it.
    pub(in crate::console) run: Option<RequestId>,
}

impl Problem {
    /// All of it in a sentence, as of `now`.
    pub(in crate::console) fn in_words(&self, now: Timestamp) -> String {
        let age = self.at.map(|at| format!(", {}", ages::ago(at, now))).unwrap_or_default();
        let next = self.hint().map(|next| format!(": {next}")).unwrap_or_default();
        format!("{}: {}{age}{next}", self.service, self.message)
    }

    /// What to do next, on a command line.
    pub(in crate::console) fn hint(&self) -> Option<String> {
        let output = self.run.as_ref().map(|id| format!("`lamplighter show {}` has its output", id.short()));
        let hints: Vec<String> = self.next.iter().cloned().chain(output).collect();
        (!hints.is_empty()).then(|| hints.join("; "))
    }
}

/// What sort of thing is wrong; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::console) enum Kind {
    /// The service does not run, or does not answer.
    Down,
    /// Its check fails.
    Unhealthy,
    /// The last run of an action did not succeed.
    Failed,
    /// An attempt did not succeed, and another one follows.
    Retrying,
    /// An action has not succeeded for too long.
    Overdue,
    /// Something else keeps it from being as it should.
    Degraded,
    /// It is of another version than this command.
    Version,
}

impl Kind {
    pub(in crate::console) fn word(self) -> &'static str {
        match self {
            Kind::Down => "down",
            Kind::Unhealthy => "unhealthy",
            Kind::Failed => "failed",
            Kind::Retrying => "retrying",
            Kind::Overdue => "overdue",
            Kind::Degraded => "degraded",
            Kind::Version => "version",
        }
    }
}

impl Report {
    /// Puts together what was heard.
    pub(in crate::console) fn new(mut heard: Vec<Heard>, coming: Vec<Occurrence>) -> Self {
        let mut coming: Vec<Occurrence> =
            heard.iter_mut().flat_map(|heard| std::mem::take(&mut heard.coming)).chain(coming).collect();
        coming.sort_by_key(|coming| coming.due);
        let mut problems: Vec<Problem> = heard.iter().flat_map(problems_of).collect();
        problems.sort_by_key(|problem| problem.kind);
        Self { heard, coming, problems }
    }

    /// What comes next for a service, and for one of its actions where one is named.
    pub(in crate::console) fn next(&self, service: &str, action: Option<&str>) -> Option<&Occurrence> {
        let is_meant = |coming: &&Occurrence| {
            coming.service.as_str() == service && action.is_none_or(|action| action == coming.action.as_str())
        };
        self.coming.iter().find(is_meant)
    }
}

fn problems_of(heard: &Heard) -> Vec<Problem> {
    let problem = |kind, message: &str, at, next| Problem {
        service: heard.service.to_string(),
        kind,
        message: message.to_owned(),
        at,
        next,
        run: None,
    };
    let status = match &heard.said {
        Ok(status) => status,
        Err(error) => return vec![problem(Kind::Down, &in_words(error), None, unreached::next_step(error))],
    };
    let (mut problems, now) = (Vec::new(), Timestamp::now());
    if matches!(status.state, ServiceState::Ended | ServiceState::Stopping) {
        problems.push(problem(Kind::Down, &format!("the service is {}", status.state), status.since, None));
    }
    if let Some(health) = status.health.as_ref().filter(|health| !health.healthy) {
        let reason = health.reason_in_a_line().unwrap_or_else(|| "unhealthy".to_owned());
        problems.push(problem(Kind::Unhealthy, &reason, health.at, None));
    }
    for action in &status.actions {
        if let Some(last) = action.last.as_ref().filter(|last| last.outcome.is_failure()) {
            let message = format!("{} {}", action.action, last.outcome);
            let failed = problem(Kind::Failed, &message, last.ended_at, None);
            problems.push(Problem { run: Some(last.id.clone()), ..failed });
        }
    }
    for request in status.open() {
        let Some(retry) = Retry::of_open(request) else { continue };
        let message = format!("{} {}", request.action, retry.failure());
        let retrying = problem(Kind::Retrying, &message, retry.ended_at, Some(retry.next(now)));
        problems.push(Problem { run: Some(request.id.clone()), ..retrying });
    }
    for degraded in &status.degraded.0 {
        let is_overdue = degraded.kind == DegradedKind::Overdue;
        let kind = if is_overdue { Kind::Overdue } else { Kind::Degraded };
        problems.push(problem(kind, &degraded.message, None, None));
    }
    if let Some(version) = speaks_otherwise(status) {
        let message =
            format!("it speaks version {version} of the protocol, and this command version {VERSION}");
        problems.push(problem(Kind::Version, &message, None, Some("not all may be shown".to_owned())));
    }
    problems
}

/// Why a service does not say how it is, in a word, or two.
pub(in crate::console) fn word(error: &ClientError) -> &'static str {
    match error.trouble() {
        Trouble::NotRunning => "not running",
        Trouble::NobodyThere => "nobody there",
        Trouble::Denied => "not allowed",
        Trouble::Silent => "silent",
        Trouble::HungUp => "hung up",
        Trouble::Unintelligible => "unintelligible",
        Trouble::Refused => "refuses",
        Trouble::Other => "unreachable",
    }
}

fn in_words(error: &ClientError) -> String {
    match (error, error.trouble()) {
        (ClientError::Refused { refused, .. }, _) => {
            format!("it does not say how it is: {}", refused.message)
        }
        (_, Trouble::NotRunning) => "not running".to_owned(),
        (_, Trouble::NobodyThere) => "its socket is there, but nobody is behind it".to_owned(),
        (_, Trouble::Denied) => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Since when the longest run of an action is on.
pub(in crate::console) fn running_since(
    status: &Status,
    action: &ActionName,
    now: Timestamp,
) -> Option<Timestamp> {
    let runs = status.running.iter().filter(|request| request.action == *action);
    runs.filter_map(|request| request.running_since(now)).min()
}
