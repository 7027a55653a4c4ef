//! What services said, put together: with what comes next for each, and with what is wrong before all else.

use jiff::Timestamp;

use super::asking::{Heard, Silence, speaks_otherwise};
use super::facts::{Coming, Facts, OfAction};
use crate::console::client::Trouble;
use crate::console::{ages, client};
use crate::socket::protocol;

/// How the services are.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) heard: Vec<Heard>,
    pub(super) coming: Vec<Coming>,
    pub(super) problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) service: String,
    pub(super) kind: Kind,
    /// A sentence without its end.
    pub(super) message: String,
    /// Since when it is known.
    pub(super) at: Option<Timestamp>,
    /// What to do about it.
    pub(super) next: Option<String>,
}

impl Problem {
    /// All of it in a sentence, as of `now`.
    pub(super) fn in_words(&self, now: Timestamp) -> String {
        let age = self.at.map(|at| format!(", {}", ages::ago(at, now))).unwrap_or_default();
        let next = self.next.as_ref().map(|next| format!(": {next}")).unwrap_or_default();
        format!("{}: {}{age}{next}", self.service, self.message)
    }
}

/// What sort of thing is wrong; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The service does not run, or does not answer.
    Down,
    /// Its check fails.
    Unhealthy,
    /// The last run of an action did not succeed.
    Failed,
    /// An action has not succeeded for too long.
    Overdue,
    /// Something else keeps it from being as it should.
    Degraded,
    /// It is of another version than this command.
    Version,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Down => "down",
            Kind::Unhealthy => "unhealthy",
            Kind::Failed => "failed",
            Kind::Overdue => "overdue",
            Kind::Degraded => "degraded",
            Kind::Version => "version",
        }
    }
}

impl Report {
    /// Puts together what was heard.
    pub(super) fn new(mut heard: Vec<Heard>, coming: Vec<Coming>) -> Self {
        let mut coming: Vec<Coming> =
            heard.iter_mut().flat_map(|heard| std::mem::take(&mut heard.coming)).chain(coming).collect();
        coming.sort_by_key(|coming| coming.due);
        let mut problems: Vec<Problem> = heard.iter().flat_map(problems_of).collect();
        problems.sort_by_key(|problem| problem.kind);
        Self { heard, coming, problems }
    }

    /// What comes next for a service, and for one of its actions where one is named.
    pub(super) fn next(&self, service: &str, action: Option<&str>) -> Option<&Coming> {
        let is_meant = |coming: &&Coming| {
            coming.service == service && action.is_none_or(|action| action == coming.action)
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
    };
    let facts = match &heard.said {
        Ok(facts) => facts,
        Err(silence) => return vec![problem(Kind::Down, &silence.in_words(), None, silence.next_step())],
    };
    let mut problems = Vec::new();
    if facts.state == "ended" || facts.state == "stopping" {
        problems.push(problem(Kind::Down, &format!("the service is {}", facts.state), facts.since, None));
    }
    if let Some(health) = facts.health.as_ref().filter(|health| !health.healthy) {
        let reason = health.reason.as_deref().unwrap_or("unhealthy");
        problems.push(problem(Kind::Unhealthy, reason, health.at, None));
    }
    for action in &facts.actions {
        if let Some(last) = action.last.as_ref().filter(|last| last.has_failed()) {
            let next = format!("`lamplighter show {}` has its output", short(&last.id));
            let message = format!("{} {}", action.action, last.outcome);
            problems.push(problem(Kind::Failed, &message, last.at, Some(next)));
        }
    }
    for sentence in &facts.degraded {
        let kind = if is_overdue(sentence, &facts.actions) { Kind::Overdue } else { Kind::Degraded };
        problems.push(problem(kind, sentence, None, None));
    }
    if let Some(version) = speaks_otherwise(facts) {
        let ours = protocol::VERSION;
        let message = format!("it speaks version {version} of the protocol, and this command version {ours}");
        problems.push(problem(Kind::Version, &message, None, Some("not all may be shown".to_owned())));
    }
    problems
}

fn is_overdue(sentence: &str, actions: &[OfAction]) -> bool {
    actions
        .iter()
        .any(|action| action.overdue && sentence.starts_with(&format!("{} is overdue", action.action)))
}

/// The beginning of an id, enough to find its request by.
pub(super) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

impl Silence {
    /// In a word, or two.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Silence::Refused(_) => "refuses",
            Silence::Unreachable(error) => match error.trouble() {
                Trouble::NotRunning => "not running",
                Trouble::NobodyThere => "nobody there",
                Trouble::Denied => "not allowed",
                Trouble::Silent => "silent",
                Trouble::HungUp => "hung up",
                Trouble::Unintelligible => "unintelligible",
                Trouble::Other => "unreachable",
            },
        }
    }

    fn in_words(&self) -> String {
        match self {
            Silence::Refused(message) => format!("it does not say how it is: {message}"),
            Silence::Unreachable(error) => match error.trouble() {
                Trouble::NotRunning => "not running".to_owned(),
                Trouble::NobodyThere => "its socket is there, but nobody is behind it".to_owned(),
                Trouble::Denied => "permission denied".to_owned(),
                _ => error.to_string(),
            },
        }
    }

    fn next_step(&self) -> Option<String> {
        match self {
            Silence::Refused(_) => None,
            Silence::Unreachable(error) => client::next_step(error),
        }
    }
}

impl Facts {
    /// Since when the longest run of an action is on.
    pub(super) fn running_since(&self, action: &str) -> Option<Timestamp> {
        self.running.iter().filter(|run| run.action == action).filter_map(|run| run.running_since).min()
    }
}
