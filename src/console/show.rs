//! `lamplighter show`: all about one request.

use std::fmt::Write;

use clap::Args;
use serde_json::json;

use super::error::CommandError;
use super::history::state;
use super::ids::{self, Found};
use super::look::{Form, Look};
use super::retry::Retry;
use super::stack::Stack;
use super::table::Tone;
use super::{ages, say};
use crate::accounts::Accounts;
use crate::names::OperatorName;
use crate::visible;
use crate::wire::{AttemptRecord, RequestRecord};

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The request's id, or the beginning of it
    id: String,
    #[command(flatten)]
    form: Form,
}

/// Shows the request: who asked, what became of it, what it printed.
///
/// # Errors
/// When there is no such request, or the services do not tell.
pub async fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let look = Look::new(arguments.form)?;
    let Found { service, id, shown, told } =
        ids::find(stack, &stack.services_or(None)?, &arguments.id).await?;
    if arguments.form.json {
        say(json!({"service": service, "run": told["run"], "output": told["output"]}));
        return Ok(0);
    }
    let foreign =
        || CommandError::Foreign { doing: "show the request", service: service.to_string(), what: id };
    let run = shown.run.ok_or_else(foreign)?;
    say(as_text(service.as_str(), &run, shown.output.as_deref(), &look).trim_end());
    Ok(0)
}

fn as_text(service: &str, run: &RequestRecord, output: Option<&str>, look: &Look) -> String {
    let tone = match &run.outcome {
        Some(outcome) if outcome.is_success() => Tone::Good,
        _ if run.has_failed() => Tone::Bad,
        _ => Tone::Strong,
    };
    let mut text = format!("{} {} of {service}: {}\n\n", run.action, run.id, tone.paint(&state(run)));
    let when = |at| format!("{} ({})", ages::instant(at, &look.zone), ages::ago(at, look.now));
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "asked      {} by {}, for {}",
        when(run.accepted_at),
        asker(run.by, run.operator.as_ref()),
        run.user
    );
    for joined in &run.joined {
        let own = joined.outcome.as_ref().map(|outcome| format!(": {outcome}")).unwrap_or_default();
        let at = ages::instant(joined.accepted_at, &look.zone);
        let _ = writeln!(
            text,
            "joined     {at} by {}, as {}{own}",
            asker(joined.by, joined.operator.as_ref()),
            joined.id
        );
    }
    for attempt in &run.attempts {
        let _ = writeln!(text, "attempt {:<2} {}", attempt.attempt, of_attempt(attempt, look));
    }
    if let Some(retry) = run.failed_attempt().and_then(Retry::of_record) {
        let _ = writeln!(text, "next       {}: {}", retry.following(), retry.next(look.now));
    }
    if let Some(at) = run.ended_at {
        let _ = writeln!(text, "ended      {}", when(at));
    }
    if let Some(note) = &run.note {
        let _ = writeln!(text, "note       {note}");
    }
    match output {
        Some(output) if !output.is_empty() => {
            let _ = write!(text, "\n{}\n{}", Tone::Strong.paint("output"), visible::text(output));
        }
        _ => text += "\nno output is kept\n",
    }
    text
}

/// Who asked: a person of the web console, where it is one; and a number, and root by its name, which is the same everywhere.
pub(super) fn asker(uid: u32, operator: Option<&OperatorName>) -> String {
    let uid = account(uid);
    operator.map(|operator| format!("console/{operator} ({uid})")).unwrap_or(uid)
}

fn account(uid: u32) -> String {
    match Accounts::system().name(uid) {
        _ if uid == 0 => "root".to_owned(),
        Ok(Some(name)) => format!("uid {uid} ({name})"),
        _ => format!("uid {uid}"),
    }
}

fn of_attempt(attempt: &AttemptRecord, look: &Look) -> String {
    let mut text = ages::instant(attempt.started_at, &look.zone);
    if let Some(outcome) = &attempt.outcome {
        let took = attempt.took_ms.map(ages::took).unwrap_or_default();
        let note = attempt.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        let _ = write!(text, " {outcome} after {took}{note}");
    } else {
        text += " running";
    }
    if let Some(next) = attempt.not_before {
        let _ = write!(text, ", the next one from {} on", ages::instant(next, &look.zone));
    }
    text
}
