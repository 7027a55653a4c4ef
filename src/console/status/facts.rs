//! What services say of themselves, as far as it can be understood: a field that is missing or other than
//! expected (an older or newer service) leaves the rest as it is.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::console::visible;

/// What one service says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) protocol: Option<u64>,
    pub(super) version: Option<String>,
    pub(super) state: String,
    pub(super) since: Option<Timestamp>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) pid: Option<i64>,
    pub(super) health: Option<Health>,
    pub(super) listener: Option<Listener>,
    pub(super) degraded: Vec<String>,
    pub(super) waiting: Vec<Asked>,
    pub(super) running: Vec<Asked>,
    pub(super) actions: Vec<OfAction>,
    /// How many entries the schedule has, where it is the scheduler that speaks.
    pub(super) entries: Option<u64>,
    /// Which time zones it goes by.
    pub(super) zones: Option<String>,
}

/// What was last found out about a service's health.
#[derive(Debug, Clone)]
pub(super) struct Health {
    pub(super) healthy: bool,
    pub(super) reason: Option<String>,
    pub(super) at: Option<Timestamp>,
}

/// The listener that waits for the next request.
#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) state: String,
    pub(super) last_good: bool,
}

/// A request that waits or runs.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) action: String,
    /// Why it waits, where that is not for its turn.
    pub(super) why: Option<String>,
    pub(super) running_ms: Option<u64>,
    /// Since when it runs, by the clock here.
    pub(super) running_since: Option<Timestamp>,
}

/// An action, with its last runs.
#[derive(Debug, Clone)]
pub(super) struct OfAction {
    pub(super) action: String,
    pub(super) overdue: bool,
    pub(super) last: Option<Ended>,
    pub(super) last_success: Option<Ended>,
}

/// The end of a request.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) id: String,
    pub(super) user: String,
    pub(super) at: Option<Timestamp>,
    /// In words: `succeeded`, `failed 3`.
    pub(super) outcome: String,
    pub(super) took_ms: u64,
}

/// An instant at which the scheduler asks a service for something.
#[derive(Debug, Clone)]
pub(super) struct Coming {
    pub(super) service: String,
    pub(super) action: String,
    pub(super) user: String,
    /// When it is asked for.
    pub(super) due: Timestamp,
}

impl Facts {
    /// Reads the answer to `status`.
    pub(super) fn read(answer: &Value) -> Self {
        Self {
            protocol: answer["protocol"].as_u64(),
            version: text(&answer["version"]),
            state: text(&answer["state"]).unwrap_or_else(|| "unknown".to_owned()),
            since: instant(&answer["since"]),
            started_at: instant(&answer["started_at"]),
            pid: answer["pid"].as_i64(),
            health: answer["health"].as_object().map(|_| Health::read(&answer["health"])),
            listener: text(&answer["listener"]["state"])
                .map(|state| Listener { state, last_good: answer["listener"]["last_good"] == true }),
            degraded: list(&answer["degraded"], sentence),
            waiting: list(&answer["waiting"], Asked::read),
            running: list(&answer["running"], Asked::read),
            actions: list(&answer["actions"], OfAction::read),
            entries: answer["entries"].as_u64(),
            zones: text(&answer["zones"]),
        }
    }

    /// Whether it is about to be in another state by itself.
    pub(super) fn is_passing(&self) -> bool {
        let is_starting = |listener: &Listener| listener.state == "starting";
        matches!(self.state.as_str(), "starting" | "stopping")
            || self.listener.as_ref().is_some_and(is_starting)
    }

    /// Whether it is the scheduler that speaks.
    pub(super) fn is_scheduler(&self) -> bool {
        self.state == "scheduling"
    }
}

impl Health {
    /// Reads what a service says of its health.
    pub(super) fn read(health: &Value) -> Self {
        Self {
            healthy: health["healthy"] != false,
            reason: sentence(&health["reason"]),
            at: instant(&health["at"]),
        }
    }
}

impl Asked {
    fn read(asked: &Value) -> Option<Self> {
        Some(Self {
            id: text(&asked["id"])?,
            user: text(&asked["user"]).unwrap_or_default(),
            action: text(&asked["action"])?,
            why: text(&asked["why"]),
            running_ms: asked["running_ms"].as_u64(),
            running_since: asked["running_ms"].as_u64().and_then(|milliseconds| {
                Timestamp::now().checked_sub(Duration::from_millis(milliseconds)).ok()
            }),
        })
    }
}

impl OfAction {
    fn read(action: &Value) -> Option<Self> {
        Some(Self {
            action: text(&action["action"])?,
            overdue: action["overdue"] == true,
            last: Ended::read(&action["last"]),
            last_success: Ended::read(&action["last_success"]),
        })
    }
}

impl Ended {
    fn read(ended: &Value) -> Option<Self> {
        Some(Self {
            id: text(&ended["id"])?,
            user: text(&ended["user"]).unwrap_or_default(),
            at: instant(&ended["ended_at"]),
            outcome: text(&ended["outcome"])?,
            took_ms: ended["took_ms"].as_u64().unwrap_or_default(),
        })
    }

    /// Whether it ended otherwise than it should: by a failure, its timeout, or an interruption.
    pub(super) fn has_failed(&self) -> bool {
        !matches!(self.outcome.as_str(), "succeeded" | "cancelled" | "skipped")
    }
}

impl Coming {
    /// Reads the answer to `next`.
    pub(super) fn read_all(answer: &Value) -> Vec<Self> {
        list(&answer["next"], |coming| {
            Some(Self {
                service: text(&coming["service"])?,
                action: text(&coming["action"])?,
                user: text(&coming["user"]).unwrap_or_default(),
                due: Timestamp::from_second(coming["due"].as_i64()?).ok()?,
            })
        })
    }
}

fn text(value: &Value) -> Option<String> {
    Some(visible::line(value.as_str()?).into_owned())
}

/// Several lines as one sentence.
fn sentence(value: &Value) -> Option<String> {
    let lines: Vec<_> = value.as_str()?.lines().map(visible::line).collect();
    Some(lines.join("; "))
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    value.as_array().into_iter().flatten().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_older_or_newer_service_says_otherwise_is_left_out() {
        let facts = Facts::read(&json!({
            "ok": true, "protocol": 2, "state": "running", "since": 17, "pid": "x", "health": "fine",
            "listener": null, "degraded": ["a", 1], "running": {}, "later": [1],
            "actions": ["ok", {"action": "ok", "last": {"outcome": 3}}],
        }));
        assert_eq!((facts.state.as_str(), facts.protocol), ("running", Some(2)));
        assert!(facts.since.is_none() && facts.pid.is_none() && facts.health.is_none());
        assert_eq!(facts.degraded, ["a"]);
        assert_eq!(facts.actions.len(), 1);
        assert!(facts.actions[0].last.is_none());
    }
}
