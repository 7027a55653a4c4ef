//! What is told: one thing that happened, as the notifier gets it. Its form is fixed in docs/ALARMS.md.

use std::fmt;

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::outcome::Outcome;

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A run failed.
    Failed,
    /// A run took longer than it may.
    TimedOut,
    /// A run was cut off by the end of its supervisor.
    Interrupted,
    /// An occurrence of the schedule was given up.
    Missed,
    /// An action has not succeeded for too long.
    Overdue,
    /// A service does not take what it is asked for.
    Unreachable,
    /// Something is wrong and lasts, which a callback found.
    Problem,
    /// What was told before is over.
    Recovered,
    /// A run began.
    Started,
    /// A run succeeded.
    Succeeded,
    /// The scheduler is there.
    Alive,
}

impl Kind {
    /// The alarm that an outcome is, if it is one.
    pub fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Failed(_) => Some(Self::Failed),
            Outcome::TimedOut => Some(Self::TimedOut),
            Outcome::Interrupted => Some(Self::Interrupted),
            Outcome::Succeeded | Outcome::Cancelled | Outcome::Skipped => None,
        }
    }

    /// Whether it tells of a state, which is news only when it begins, rather than of something that happens
    /// again and again.
    pub fn is_state(self) -> bool {
        matches!(self, Self::Overdue | Self::Unreachable | Self::Problem)
    }

    /// Whether it has to be told, however late.
    pub fn is_lasting(self) -> bool {
        !matches!(self, Self::Started | Self::Succeeded | Self::Alive)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Interrupted => "interrupted",
            Self::Missed => "missed",
            Self::Overdue => "overdue",
            Self::Unreachable => "unreachable",
            Self::Problem => "problem",
            Self::Recovered => "recovered",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Alive => "alive",
        })
    }
}

/// A request that something happened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedRequest {
    /// The request.
    pub id: RequestId,
    /// On whose behalf.
    pub user: UserName,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub kind: Kind,
    /// Who it is about; nobody for [`Kind::Alive`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// What was to be done, where it is about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionName>,
    /// What the problem is about, where it is one that a callback left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The request, where it is about one.
    #[serde(flatten)]
    pub asked: Option<NamedRequest>,
    /// When it happened.
    pub at: Timestamp,
    /// How the run ended, in the journal's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The exit status of a failed run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// What else is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How many of the same were not told since the last one.
    #[serde(default)]
    pub suppressed: u32,
}

impl Notice {
    /// Something about a service and an action, or about no action in particular.
    pub fn new(kind: Kind, service: ServiceName, action: Option<ActionName>, at: Timestamp) -> Self {
        Self { kind, service: Some(service), action, ..Self::alive(at) }
    }

    /// That the scheduler is there.
    pub fn alive(at: Timestamp) -> Self {
        Self {
            kind: Kind::Alive,
            service: None,
            action: None,
            problem: None,
            asked: None,
            // As the journal has it.
            at: at.round(Unit::Millisecond).unwrap_or(at),
            outcome: None,
            code: None,
            note: None,
            suppressed: 0,
        }
    }

    /// The same, with how its run ended.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        let text = outcome.to_string();
        self.outcome = text.split(' ').next().map(str::to_owned);
        self.code = if let Outcome::Failed(code) = outcome { Some(code) } else { None };
        self
    }

    /// Whether another one is about the same service and action, or problem.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        (&self.service, &self.action, &self.problem) == (&other.service, &other.action, &other.problem)
    }

    /// In one line, for people.
    pub fn summary(&self) -> String {
        let service = self.service.as_ref().map(ToString::to_string).unwrap_or_default();
        let about = self.action.as_ref().map(ToString::to_string).or_else(|| self.problem.clone());
        let what = about.map_or(service.clone(), |about| format!("{service}: {about}"));
        match self.kind {
            Kind::Failed => {
                let code = self.code.map(|code| format!(" with status {code}")).unwrap_or_default();
                format!("{what} failed{code}")
            }
            Kind::TimedOut => format!("{what} was ended because it took too long"),
            Kind::Interrupted => format!("{what} was interrupted"),
            Kind::Missed => format!("{what} was missed"),
            Kind::Overdue => format!("{what} is overdue"),
            Kind::Unreachable => format!("{what} cannot be reached"),
            Kind::Problem => format!("{service}: {}", self.note.as_deref().unwrap_or("a problem")),
            Kind::Recovered => format!("{what} is well again"),
            Kind::Started => format!("{what} has started"),
            Kind::Succeeded => format!("{what} succeeded"),
            Kind::Alive => "the scheduler is running".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_fields_that_are_promised() {
        let (service, action) = ("mysql".parse().unwrap(), "nightly-backup".parse().unwrap());
        let at = "2026-05-01T04:05:12.346Z".parse().unwrap();
        let mut notice =
            Notice::new(Kind::Failed, service, Some(action), at).with_outcome(Outcome::Failed(3));
        notice.asked = Some(NamedRequest { id: "a@1".parse().unwrap(), user: "forum".parse().unwrap() });
        notice.note = Some("no disk".to_owned());
        let text = serde_json::to_string(&notice).unwrap();
        insta::assert_snapshot!(text, @r#"{"kind":"failed","service":"mysql","action":"nightly-backup","id":"a@1","user":"forum","at":"2026-05-01T04:05:12.346Z","outcome":"failed","code":3,"note":"no disk","suppressed":0}"#);
        assert_eq!(serde_json::from_str::<Notice>(&text).unwrap(), notice);
        assert_eq!(notice.summary(), "mysql: nightly-backup failed with status 3");

        let alive = serde_json::to_string(&Notice::alive(at)).unwrap();
        assert_eq!(alive, r#"{"kind":"alive","at":"2026-05-01T04:05:12.346Z","suppressed":0}"#);
        assert_eq!(serde_json::from_str::<Notice>(&alive).unwrap(), Notice::alive(at));
    }
}
