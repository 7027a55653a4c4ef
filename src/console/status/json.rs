//! The report as JSON, in the shape that docs/COMMAND.md describes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::asking::Heard;
use super::facts::{Asked, Coming, Ended, Facts, OfAction};
use super::report::Report;

/// The report as one object.
pub(super) fn show(report: &Report) -> Value {
    let problems = report.problems.iter().map(|problem| {
        json!({
            "service": problem.service, "kind": problem.kind.word(), "message": problem.message,
            "at": problem.at.map(instant),
        })
    });
    json!({
        "ok": report.problems.is_empty(),
        "problems": problems.collect::<Vec<_>>(),
        "services": report.heard.iter().map(|heard| service(report, heard)).collect::<Vec<_>>(),
    })
}

fn service(report: &Report, heard: &Heard) -> Value {
    let name = heard.service.as_str();
    let next = report.next(name, None).map(coming);
    let facts = match &heard.said {
        Ok(facts) => facts,
        Err(silence) => {
            return json!({"service": name, "reachable": false, "state": silence.word(), "next": next});
        }
    };
    let mut object = json!({
        "service": name,
        "reachable": true,
        "state": facts.state,
        "since": facts.since.map(instant),
        "started_at": facts.started_at.map(instant),
        "pid": facts.pid,
        "version": facts.version,
        "protocol": facts.protocol,
        "health": facts.health.as_ref().map(|health| json!({
            "healthy": health.healthy, "reason": health.reason, "at": health.at.map(instant),
        })),
        "listener": facts.listener.as_ref().map(|listener| json!({
            "state": listener.state, "last_good": listener.last_good,
        })),
        "degraded": facts.degraded,
        "running": facts.running.iter().map(asked).collect::<Vec<_>>(),
        "waiting": facts.waiting.iter().map(asked).collect::<Vec<_>>(),
        "actions": facts.actions.iter().map(|action| of_action(report, name, action)).collect::<Vec<_>>(),
        "next": next,
    });
    schedule(&mut object, report, facts);
    object
}

/// What only the scheduler has.
fn schedule(object: &mut Value, report: &Report, facts: &Facts) {
    if facts.is_scheduler() {
        object["entries"] = json!(facts.entries);
        object["zones"] = json!(facts.zones);
        object["coming"] = json!(report.coming.iter().map(coming).collect::<Vec<_>>());
    }
}

fn of_action(report: &Report, service: &str, action: &OfAction) -> Value {
    json!({
        "action": action.action,
        "overdue": action.overdue,
        "last": action.last.as_ref().map(ended),
        "last_success": action.last_success.as_ref().map(ended),
        "next": report.next(service, Some(&action.action)).map(coming),
    })
}

fn ended(ended: &Ended) -> Value {
    let (outcome, code) = match ended.outcome.split_once(' ') {
        Some((outcome, code)) => (outcome, code.parse::<u8>().ok()),
        None => (ended.outcome.as_str(), None),
    };
    json!({
        "id": ended.id, "user": ended.user, "ended_at": ended.at.map(instant), "outcome": outcome,
        "code": code, "took_ms": ended.took_ms,
    })
}

fn asked(asked: &Asked) -> Value {
    json!({"id": asked.id, "user": asked.user, "action": asked.action, "running_ms": asked.running_ms})
}

fn coming(coming: &Coming) -> Value {
    json!({
        "service": coming.service, "action": coming.action, "user": coming.user, "due": instant(coming.due),
    })
}

fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}
