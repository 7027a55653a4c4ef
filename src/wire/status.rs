//! How a service is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::answer::Occurrence;
use super::lenient;
use super::open::OpenRequest;
use super::outcome::{self, Outcome};
use super::totals::{AlarmTotals, Totals};
use super::words::words;
use crate::names::{ActionName, RequestId, ServiceName, UserName};

words! {
    /// What a service does.
    #[derive(Default)]
    ServiceState,
    /// It has been started and is not ready yet.
    Starting = "starting",
    /// It runs.
    Running = "running",
    /// It has no daemon.
    CallbacksOnly = "callbacks-only",
    /// It has been told to end.
    Stopping = "stopping",
    /// It has ended.
    Ended = "ended",
    /// It is the scheduler.
    Scheduling = "scheduling",
    /// It does not say.
    #[default]
    Unknown = "unknown",
}

words! {
    /// What the listener does that is to take the next request.
    ListenerState,
    /// It waits.
    Ready = "ready",
    /// It reads the callbacks.
    Starting = "starting",
    /// It cannot read them, and is tried again later.
    Failing = "failing",
    /// There is none.
    None = "none",
}

words! {
    /// What sort of thing is wrong.
    #[derive(Default)]
    DegradedKind,
    /// The callbacks cannot be read.
    Callbacks = "callbacks",
    /// The policy cannot be read, or has rules for nobody.
    Policy = "policy",
    /// Nothing can be recorded.
    Journal = "journal",
    /// Nothing more is accepted for now.
    Queue = "queue",
    /// An action has not succeeded for too long.
    Overdue = "overdue",
    /// The service's own check cannot be made.
    HealthCheck = "health-check",
    /// A callback has found something wrong, and left it to be seen.
    Reported = "reported",
    /// Something is wrong with the schedule.
    Schedule = "schedule",
    /// Other releases of the time zones would make another schedule of it.
    TimeZones = "time-zones",
    /// The scheduler cannot write down what it is to remember.
    Memory = "memory",
    /// A service does not take its requests.
    Delivery = "delivery",
    /// An earlier version does not say.
    #[default]
    Unsaid = "unsaid",
}

/// Something that is wrong, and does not keep the service from serving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degradation {
    /// Of what sort it is.
    #[serde(default, deserialize_with = "lenient::field")]
    pub kind: DegradedKind,
    /// The action that it is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub action: Option<ActionName>,
    /// A sentence without its end.
    #[serde(deserialize_with = "lenient::sentence")]
    pub message: String,
}

impl Degradation {
    /// Something that is wrong.
    pub fn new(kind: DegradedKind, message: impl Into<String>) -> Self {
        Self { kind, action: None, message: message.into() }
    }
}

/// All that is wrong and does not keep the service from serving. It is told as `degraded`, a sentence each, and with
/// what sort each is of as `complaints`, which earlier versions neither tell nor read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "InBothForms", into = "InBothForms")]
pub struct Degradations(pub Vec<Degradation>);

#[derive(Serialize, Deserialize)]
struct InBothForms {
    #[serde(default, deserialize_with = "lenient::list")]
    degraded: Vec<String>,
    #[serde(default, deserialize_with = "lenient::list")]
    complaints: Vec<Degradation>,
}

impl From<InBothForms> for Degradations {
    fn from(told: InBothForms) -> Self {
        if !told.complaints.is_empty() {
            return Self(told.complaints);
        }
        let sentences = told.degraded.iter().map(|sentence| lenient::in_one_line(sentence));
        Self(sentences.map(|sentence| Degradation::new(DegradedKind::Unsaid, sentence)).collect())
    }
}

impl From<Degradations> for InBothForms {
    fn from(degradations: Degradations) -> Self {
        let degraded = degradations.sentences().map(str::to_owned).collect();
        Self { degraded, complaints: degradations.0 }
    }
}

impl Degradations {
    /// The sentences.
    pub fn sentences(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|degradation| degradation.message.as_str())
    }
}

/// Who is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Always true.
    #[serde(default, deserialize_with = "lenient::field")]
    pub ok: bool,
    /// The service.
    #[serde(default, deserialize_with = "lenient::field")]
    pub service: Option<ServiceName>,
    /// The version of the protocol that it speaks.
    #[serde(default, deserialize_with = "lenient::field")]
    pub protocol: Option<u32>,
    /// The program's version.
    #[serde(default, deserialize_with = "lenient::line")]
    pub version: Option<String>,
}

impl Greeting {
    /// That this service is there.
    pub fn of(service: &ServiceName) -> Self {
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        Self { ok: true, service: Some(service.clone()), protocol: Some(super::VERSION), version }
    }
}

/// How a service is at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who is there.
    #[serde(flatten)]
    pub greeting: Greeting,
    /// What it does.
    #[serde(default, deserialize_with = "lenient::field")]
    pub state: ServiceState,
    /// Since when it has been in that state.
    #[serde(default, with = "lenient::optional_instant")]
    pub since: Option<Timestamp>,
    /// When the supervisor began.
    #[serde(default, with = "lenient::optional_instant")]
    pub started_at: Option<Timestamp>,
    /// The service's process, where it has one.
    #[serde(default, deserialize_with = "lenient::field")]
    pub pid: Option<i32>,
    /// What the last question for health was answered, if there has been one.
    #[serde(default, deserialize_with = "lenient::field")]
    pub health: Option<Health>,
    /// The listener that waits for the next request; the scheduler has none.
    #[serde(default, deserialize_with = "lenient::field")]
    pub listener: Option<ListenerStatus>,
    /// What is wrong and does not keep it from serving.
    #[serde(flatten)]
    pub degraded: Degradations,
    /// Those of it that callbacks have left, by what they are about.
    #[serde(default, deserialize_with = "lenient::sentences")]
    pub problems: BTreeMap<String, String>,
    /// What callbacks have left to be seen though nothing is wrong, by what it is about.
    #[serde(default, deserialize_with = "lenient::by_name")]
    pub facts: BTreeMap<String, Fact>,
    /// Requests that wait, in their order; the scheduler's are those that services have not taken yet.
    #[serde(default, deserialize_with = "lenient::list")]
    pub waiting: Vec<OpenRequest>,
    /// Requests that are being carried out.
    #[serde(default, deserialize_with = "lenient::list")]
    pub running: Vec<OpenRequest>,
    /// The actions that can be asked for, by name.
    #[serde(default, deserialize_with = "lenient::list")]
    pub actions: Vec<ActionStatus>,
    /// How many entries the schedule has, where it is the scheduler that speaks.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub entries: Option<u64>,
    /// Which time zones it goes by.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::line")]
    pub zones: Option<String>,
    /// What comes next on schedule.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub next: Option<Occurrence>,
    /// What became of its alarms, where it has a notifier.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub alarms: Option<AlarmTotals>,
}

impl Status {
    /// Whether it is about to be in another state by itself.
    pub fn is_passing(&self) -> bool {
        let is_starting = |listener: &ListenerStatus| listener.state == ListenerState::Starting;
        matches!(self.state, ServiceState::Starting | ServiceState::Stopping)
            || self.listener.as_ref().is_some_and(is_starting)
    }

    /// Whether it is the scheduler that speaks.
    pub fn is_scheduler(&self) -> bool {
        self.state == ServiceState::Scheduling
    }

    /// The requests whose outcome is still to come, those that run first.
    pub fn open(&self) -> impl Iterator<Item = &OpenRequest> {
        self.running.iter().chain(&self.waiting)
    }
}

/// Something worth knowing of a service, as a callback has found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// A sentence without its end.
    #[serde(deserialize_with = "lenient::sentence")]
    pub message: String,
    /// When it was left.
    #[serde(default, with = "lenient::optional_instant")]
    pub at: Option<Timestamp>,
    /// The instant that it tells of, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub instant: Option<Timestamp>,
    /// What programs read of it, as the callback has written it: it is not safe for a terminal.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub data: Option<Value>,
}

/// What was found out about a service's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// False only when the service is down or its own check fails.
    pub healthy: bool,
    /// Why not, when it is not: what the check printed may have several lines.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::text")]
    pub reason: Option<String>,
    /// When that was found, where it is told later.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub at: Option<Timestamp>,
    /// What is wrong all the same, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "lenient::list")]
    pub degraded: Vec<String>,
}

impl Health {
    /// Healthy, with what is wrong all the same.
    pub fn healthy(degraded: &Degradations) -> Self {
        let degraded = degraded.sentences().map(str::to_owned).collect();
        Self { healthy: true, reason: None, at: None, degraded }
    }

    /// Why not, as one sentence.
    pub fn reason_in_a_line(&self) -> Option<String> {
        self.reason.as_deref().map(lenient::in_one_line)
    }

    /// Not healthy, and why.
    pub fn unhealthy(reason: impl Into<String>) -> Self {
        Self { healthy: false, reason: Some(reason.into()), at: None, degraded: Vec::new() }
    }
}

/// The listener that waits for the next request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// What it does.
    pub state: ListenerState,
    /// Whether it reads the copy of the last good callbacks.
    #[serde(default, deserialize_with = "lenient::field")]
    pub last_good: bool,
    /// Why each run reads the callbacks itself, where it is not forked by one that has read them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::line")]
    pub unforkable: Option<String>,
}

/// An action that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionStatus {
    /// Its name.
    pub action: ActionName,
    /// Whether it has not succeeded for too long.
    #[serde(default, deserialize_with = "lenient::field")]
    pub overdue: bool,
    /// Its last request that has an outcome.
    #[serde(default, deserialize_with = "lenient::field")]
    pub last: Option<EndedRequest>,
    /// Its last request that succeeded.
    #[serde(default, deserialize_with = "lenient::field")]
    pub last_success: Option<EndedRequest>,
    /// How often it has come to which end; earlier versions do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub totals: Option<Totals>,
}

/// The end of a request, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedRequest {
    /// Its id.
    pub id: RequestId,
    /// On whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub user: Option<UserName>,
    /// When it ended.
    #[serde(default, with = "lenient::optional_instant")]
    pub ended_at: Option<Timestamp>,
    /// How.
    #[serde(flatten, with = "outcome::in_words_too")]
    pub outcome: Outcome,
    /// How long its last attempt took, in milliseconds.
    #[serde(default, deserialize_with = "lenient::field")]
    pub took_ms: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_older_or_newer_service_says_otherwise_is_left_out() {
        let status = Status::deserialize(&json!({
            "ok": true, "protocol": 2, "state": "running", "since": 17, "pid": "x", "health": "fine",
            "listener": null, "degraded": ["a", 1], "running": {}, "later": [1],
            "problems": {"left-out": "one\u{7}\ntable", "number": 3}, "zones": ["2026a"],
            "facts": {"refused": {"message": "two\u{7}\nlines", "at": "yesterday"}, "number": 3},
            "actions": ["ok", {"action": "ok", "last": {"outcome": 3}}],
        }));
        let status = status.unwrap();
        assert_eq!((&status.state, status.greeting.protocol), (&ServiceState::Running, Some(2)));
        assert!(status.since.is_none() && status.pid.is_none() && status.health.is_none());
        assert_eq!(status.degraded.sentences().collect::<Vec<_>>(), ["a"]);
        let problems = [("left-out".to_owned(), r"one\x07; table".to_owned())];
        assert_eq!((status.problems, status.zones), (problems.into(), None));
        let fact = Fact { message: r"two\x07; lines".to_owned(), at: None, instant: None, data: None };
        assert_eq!(status.facts, BTreeMap::from([("refused".to_owned(), fact)]));
        assert_eq!(status.actions.len(), 1);
        assert!(status.actions[0].last.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_to_earlier_versions_too() {
        let message = "backup is overdue: expected within 1d".to_owned();
        let action = Some("backup".parse().unwrap());
        let overdue = Degradation { kind: DegradedKind::Overdue, action, message };
        let degraded = Degradations(vec![overdue]);
        let told = serde_json::to_value(&degraded).unwrap();
        assert_eq!(told["degraded"], json!(["backup is overdue: expected within 1d"]));
        assert_eq!(Degradations::deserialize(&told).unwrap(), degraded);
    }
}
