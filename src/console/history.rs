//! `lamplighter history`: what was asked of the services, and what became of it.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::ClientError;
use super::completions;
use super::error::CommandError;
use super::ids::ask_each;
use super::look::{Form, Look};
use super::stack::Stack;
use super::table::{Cell, Column, Piece, Tone, table};
use super::{ages, complain, instant, say, visible};
use crate::journal::Run;
use crate::names::{ActionName, ServiceName};
use crate::{duration, names};

/// How long a service may take to look through its journal.
const PATIENCE: Duration = Duration::from_secs(5);
/// The exit status when some of the services could not be asked.
const INCOMPLETE: u8 = 4;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Of one service [default: of all]
    #[arg(add = completions::services())]
    service: Option<String>,
    /// Of one action
    #[arg(short, long, add = completions::actions())]
    action: Option<String>,
    /// Only what failed, ran out of time or was interrupted
    #[arg(short, long)]
    failed: bool,
    /// Only what was asked since: `2d` ago, or 2026-11-24, or such as 2026-11-24T04:05
    #[arg(short, long, value_name = "WHEN")]
    since: Option<String>,
    /// At most so many, the newest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    count: usize,
    #[command(flatten)]
    form: Form,
}

/// Shows the last requests, the newest first; 4 when some of the services could not be asked.
///
/// # Errors
/// When there is no stack, no such service, or none could be asked.
pub async fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let look = Look::new(arguments.form)?;
    let services = stack.services_or(arguments.service.as_deref())?;
    let usage = |error: names::NameError| CommandError::Usage(error.to_string());
    let action: Option<ActionName> =
        arguments.action.as_deref().map(str::parse).transpose().map_err(usage)?;
    let since = arguments.since.as_deref().map(|since| read_since(since, &look)).transpose()?;
    let call = json!({
        "op": "history", "action": action, "failed": arguments.failed, "limit": arguments.count,
        "since": since.map(|since| since.to_string()),
    });
    let (mut found, mut unheard) = gather(ask_each(stack, &services, &call, PATIENCE).await);
    let is_complete = unheard.is_empty();
    if unheard.len() == services.len()
        && let Some(error) = unheard.pop()
    {
        return Err(error);
    }
    found.sort_by_key(|found| std::cmp::Reverse(found.run.accepted_at));
    found.truncate(arguments.count);
    if arguments.form.json {
        let runs: Vec<Value> = found.iter().map(Found::as_json).collect();
        say(json!({"runs": runs}));
    } else if found.is_empty() {
        super::note("nothing of that kind is known");
    } else {
        say(as_text(&found, arguments.service.is_none(), &look).trim_end());
    }
    for error in &unheard {
        complain(error);
    }
    Ok(if is_complete { 0 } else { INCOMPLETE })
}

/// A request of a service.
#[derive(Debug)]
struct Found {
    service: ServiceName,
    run: Run,
}

/// What was found, and why not more was.
fn gather(answers: Vec<(ServiceName, Result<Value, ClientError>)>) -> (Vec<Found>, Vec<CommandError>) {
    let (mut found, mut unheard) = (Vec::new(), Vec::new());
    for (service, answer) in answers {
        match answer {
            Ok(answer) if answer["ok"] == true => {
                let runs = answer["runs"].as_array().into_iter().flatten();
                let runs = runs.filter_map(|run| serde_json::from_value(run.clone()).ok());
                found.extend(runs.map(|run| Found { service: service.clone(), run }));
            }
            Ok(refusal) => {
                unheard.push(CommandError::refused("read what was asked", service.as_str(), &refusal));
            }
            Err(error) => unheard.push(CommandError::unreached("read what was asked")(error)),
        }
    }
    (found, unheard)
}

/// How long ago, or an instant.
fn read_since(text: &str, look: &Look) -> Result<Timestamp, CommandError> {
    if let Ok(ago) = duration::parse(text) {
        return Ok(look.now.checked_sub(ago).unwrap_or(Timestamp::MIN));
    }
    let second = instant::read(text, &look.zone).map_err(|_| {
        let text = visible::line(text);
        CommandError::Usage(format!(
            "`{text}` is neither how long ago (such as 90s, 5m, 2h or 2d) nor an instant (such as 2026-11-24T04:05)"
        ))
    })?;
    Timestamp::from_second(second).map_err(|_| CommandError::Usage(format!("`{text}` is too far away")))
}

fn as_text(found: &[Found], with_service: bool, look: &Look) -> String {
    let columns = [
        Column::new(look.when(), 0),
        Column::new("SERVICE", 0),
        Column::new("ACTION", 0),
        Column::new("OUTCOME", 0),
        Column::new("TOOK", 2),
        Column::new("ID", 1),
        Column::new("FOR", 3),
        Column::wrapping("NOTE", 4),
    ];
    let rows: Vec<Vec<Cell>> = found.iter().map(|found| found.row(with_service, look)).collect();
    table(&columns, &rows, look.width)
}

impl Found {
    fn row(&self, with_service: bool, look: &Look) -> Vec<Cell> {
        let Run { id, user, action, accepted_at, attempts, outcome, note, joined, .. } = &self.run;
        let took = attempts.last().and_then(|attempt| attempt.took_ms).map(ages::took);
        let tone = match outcome {
            Some(outcome) if outcome.is_success() => Tone::Good,
            _ if self.run.has_failed() => Tone::Bad,
            Some(_) => Tone::Odd,
            None => Tone::Strong,
        };
        let mut notes: Vec<String> = Vec::new();
        if attempts.len() > 1 {
            notes.push(format!("{} attempts", attempts.len()));
        }
        if !joined.is_empty() {
            notes.push(format!("{} joined", joined.len()));
        }
        notes.extend(note.as_deref().map(|note| visible::line(note).into_owned()));
        let notes = notes.into_iter().map(|note| Piece::new(note, Tone::Plain));
        vec![
            ages::instant(*accepted_at, &look.zone).into(),
            if with_service { self.service.as_str().into() } else { Cell::default() },
            action.as_str().into(),
            Cell::pieces(vec![Piece::new(state(&self.run), tone)]),
            took.unwrap_or_default().into(),
            id.short().into(),
            user.as_str().into(),
            Cell::pieces(notes.collect()),
        ]
    }

    fn as_json(&self) -> Value {
        let mut object = serde_json::to_value(&self.run).unwrap_or_default();
        object["service"] = self.service.as_str().into();
        object
    }
}

/// The outcome, or what it does instead of having one.
pub(super) fn state(run: &Run) -> String {
    match run.outcome {
        Some(outcome) => outcome.to_string(),
        None if run.is_running() => "running".to_owned(),
        None => "waiting".to_owned(),
    }
}
