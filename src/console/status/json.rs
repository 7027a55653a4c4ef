//! The report as JSON, in the shape that docs/COMMAND.md describes.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::asking::Heard;
use super::report::{Report, word};
use crate::wire::{ActionStatus, EndedRequest, Fact, FailedAttempt, Occurrence, OpenRequest, Status};

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
    let status = match &heard.said {
        Ok(status) => status,
        Err(error) => {
            return json!({"service": name, "reachable": false, "state": word(error), "next": next});
        }
    };
    let mut object = json!({
        "service": name,
        "reachable": true,
        "state": status.state,
        "since": status.since.map(instant),
        "started_at": status.started_at.map(instant),
        "pid": status.pid,
        "version": status.greeting.version,
        "protocol": status.greeting.protocol,
        "health": status.health.as_ref().map(|health| json!({
            "healthy": health.healthy, "reason": health.reason_in_a_line(), "at": health.at.map(instant),
        })),
        "listener": status.listener.as_ref().map(|listener| json!({
            "state": listener.state, "last_good": listener.last_good, "unforkable": listener.unforkable,
        })),
        "facts": status.facts.iter().map(fact).collect::<serde_json::Map<_, _>>(),
        "degraded": status.degraded.sentences().collect::<Vec<_>>(),
        "running": status.running.iter().map(open).collect::<Vec<_>>(),
        "waiting": status.waiting.iter().map(open).collect::<Vec<_>>(),
        "actions": status.actions.iter().map(|action| action_status(report, name, action)).collect::<Vec<_>>(),
        "next": next,
    });
    schedule(&mut object, report, status);
    object
}

/// What only the scheduler has.
fn schedule(object: &mut Value, report: &Report, status: &Status) {
    if status.is_scheduler() {
        object["entries"] = json!(status.entries);
        object["zones"] = json!(status.zones);
        object["coming"] = json!(report.coming.iter().map(coming).collect::<Vec<_>>());
    }
}

fn action_status(report: &Report, service: &str, action: &ActionStatus) -> Value {
    json!({
        "action": action.action,
        "overdue": action.overdue,
        "last": action.last.as_ref().map(ended),
        "last_success": action.last_success.as_ref().map(ended),
        "next": report.next(service, Some(action.action.as_str())).map(coming),
    })
}

fn ended(ended: &EndedRequest) -> Value {
    json!({
        "id": ended.id, "user": ended.user, "ended_at": ended.ended_at.map(instant),
        "outcome": ended.outcome.word, "code": ended.outcome.code, "took_ms": ended.took_ms,
    })
}

fn fact((about, fact): (&String, &Fact)) -> (String, Value) {
    (about.clone(), json!({"message": fact.message, "at": fact.at.map(instant)}))
}

fn open(request: &OpenRequest) -> Value {
    json!({
        "id": request.id, "user": request.user, "action": request.action, "why": request.why,
        "attempt": request.attempt, "attempts": request.attempts, "started_at": request.started_at.map(instant),
        "running_ms": request.running_ms, "not_before": request.not_before.map(instant),
        "failed": request.failed.as_ref().map(failed),
    })
}

fn failed(failed: &FailedAttempt) -> Value {
    json!({
        "attempt": failed.attempt, "ended_at": failed.ended_at.map(instant), "outcome": failed.outcome.word,
        "code": failed.outcome.code, "took_ms": failed.took_ms, "note": failed.note,
    })
}

fn coming(coming: &Occurrence) -> Value {
    json!({
        "service": coming.service, "action": coming.action, "user": coming.user,
        "due": coming.due_at().map(instant),
    })
}

fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}
