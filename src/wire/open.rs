//! A request whose outcome is still to come.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lenient;
use super::outcome::{self, Outcome};
use super::words::words;
use crate::names::{ActionName, RequestId, ServiceName, UserName};

words! {
    /// Why a request waits.
    WaitReason,
    /// Others come first: its action is on, or as many runs as may be.
    Turn = "turn",
    /// An attempt has failed, and the next one is not due yet.
    Retry = "retry",
    /// The service is not up yet.
    Service = "service",
}

/// A request that waits or runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// Its id.
    pub id: RequestId,
    /// On whose behalf.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub user: Option<UserName>,
    /// What is to be done.
    pub action: ActionName,
    /// Why it waits, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub why: Option<WaitReason>,
    /// The attempt that runs, or the last one that did; none where none has begun.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub attempt: Option<u32>,
    /// How many attempts its rule allows, where that is more than one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub attempts: Option<u32>,
    /// When its attempt began, where one is on.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub started_at: Option<Timestamp>,
    /// How long its attempt has been on, in milliseconds: all that earlier versions tell and read of that.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub running_ms: Option<u64>,
    /// When the next attempt may begin, where that is not yet.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub not_before: Option<Timestamp>,
    /// Its last attempt that did not succeed, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub failed: Option<FailedAttempt>,
    /// What the scheduler knows of a request that it has not delivered yet.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub undelivered: Option<Undelivered>,
}

/// An attempt that did not succeed, and that another one follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// Which one, from 1.
    pub attempt: u32,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "lenient::optional_instant")]
    pub ended_at: Option<Timestamp>,
    /// How.
    #[serde(flatten, with = "outcome::fields")]
    pub outcome: Outcome,
    /// How long it took, in milliseconds.
    #[serde(default, deserialize_with = "lenient::field")]
    pub took_ms: u64,
    /// What else is to be said about its end.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::note")]
    pub note: Option<String>,
}

/// A request on its way to a service. The instants are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undelivered {
    /// The service.
    pub service: ServiceName,
    /// The instant that its entry names.
    pub at: i64,
    /// When it is asked for.
    pub due: i64,
    /// When it is given up.
    pub until: i64,
    /// How often in a row the service could not be reached.
    pub failures: u32,
    /// How often it refused.
    pub refusals: u32,
}

impl OpenRequest {
    /// A request of which no more is known yet.
    pub fn new(id: RequestId, user: UserName, action: ActionName) -> Self {
        Self {
            id,
            user: Some(user),
            action,
            why: None,
            attempt: None,
            attempts: None,
            started_at: None,
            running_ms: None,
            not_before: None,
            failed: None,
            undelivered: None,
        }
    }

    /// The same, of which an attempt has been on for so long.
    #[must_use]
    pub fn running(mut self, time: Duration, now: Timestamp) -> Self {
        self.started_at = now.checked_sub(time).ok();
        self.running_ms = u64::try_from(time.as_millis()).ok();
        self
    }

    /// Since when its attempt is on, for who reads this at `now`.
    pub fn running_since(&self, now: Timestamp) -> Option<Timestamp> {
        let by_length = || now.checked_sub(Duration::from_millis(self.running_ms?)).ok();
        self.started_at.or_else(by_length)
    }
}
