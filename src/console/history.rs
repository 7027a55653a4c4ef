//! `lamplighter history`: what was asked of the services, and what became of it.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::completions;
use super::error::CommandError;
use super::ids::ask_each;
use super::look::{Form, Look};
use super::retry::Retry;
use super::stack::Stack;
use super::table::{Cell, Column, Piece, Tone, table};
use super::{actions, ages, complain, instant, say};
use crate::duration;
use crate::names::{ActionName, ServiceName};
use crate::socket::client::ClientError;
use crate::visible;
use crate::wire::{Call, History, PastWanted, RequestRecord};

/// How long a service may take to look through its journal.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of each action so many are told that succeeded, where all actions are: what runs each minute would leave no room for others.
const SUCCESSES: usize = 3;
/// What is done, for when it is not.
const DOING: &str = "read what was asked";
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
    /// Of each action, all that succeeded, too, and not the last 3 only
    #[arg(short, long)]
    every: bool,
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
    let action: Option<ActionName> = match arguments.action.as_deref().map(|word| (word, word.parse())) {
        Some((word, Err(error))) => return Err(actions::misspelt(stack, &services, word, &error).await),
        parsed => parsed.and_then(|(_, action)| action.ok()),
    };
    let since = arguments.since.as_deref().map(|since| read_since(since, &look)).transpose()?;
    let (failed, limit) = (arguments.failed, arguments.count);
    let successes = (!arguments.every && action.is_none()).then_some(SUCCESSES);
    let call = Call::History(PastWanted { action: action.clone(), failed, since, successes, limit });
    let answers = ask_each(stack, &services, &call, PATIENCE).await;
    let Gathered { mut found, is_heard, mut unheard } = Gathered::of(answers);
    let is_complete = unheard.is_empty();
    if found.is_empty()
        && !is_heard
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
        note_unknown(stack, &services, action.as_ref()).await;
    } else {
        say(as_text(&found, arguments.service.is_none(), &look).trim_end());
    }
    for error in &unheard {
        complain(error);
    }
    Ok(if is_complete { 0 } else { INCOMPLETE })
}

/// Says so when nothing was found because no service has such an action.
async fn note_unknown(stack: &Stack, services: &[ServiceName], action: Option<&ActionName>) {
    let Some(action) = action else { return };
    let known = actions::of(stack, services).await;
    if !known.is_empty() && !known.iter().any(|known| known == action.as_str()) {
        let meant = actions::did_you_mean(action.as_str(), &known).map(|meant| format!(": {meant}"));
        super::note(format_args!("there is no action `{action}`{}", meant.unwrap_or_default()));
    }
}

/// A request of a service.
#[derive(Debug)]
struct Found {
    service: ServiceName,
    run: RequestRecord,
    /// The same as the service tells it.
    told: Value,
}

/// What was found, and why not more was.
#[derive(Debug, Default)]
struct Gathered {
    found: Vec<Found>,
    /// Whether a service told all that it knows.
    is_heard: bool,
    unheard: Vec<CommandError>,
}

impl Gathered {
    fn of(answers: Vec<(ServiceName, Result<Value, ClientError>)>) -> Self {
        let (mut gathered, mut whys) = (Self::default(), Vec::new());
        for (service, answer) in answers {
            match answer {
                Ok(answer) => gathered.take(&service, &answer),
                Err(error @ ClientError::Refused { .. }) => {
                    gathered.unheard.push(CommandError::unreached(DOING)(error));
                }
                Err(error) => whys.push(error),
            }
        }
        if !whys.is_empty() {
            gathered.unheard.push(CommandError::Unasked { message: format!("cannot {DOING}"), whys });
        }
        gathered
    }

    fn take(&mut self, service: &ServiceName, answer: &Value) {
        let told = History::<Value>::deserialize(answer).map(|history| history.runs).unwrap_or_default();
        let before = self.found.len();
        let read = |told: &Value| {
            let run = RequestRecord::deserialize(told).ok()?;
            Some(Found { service: service.clone(), run, told: told.clone() })
        };
        self.found.extend(told.iter().filter_map(read));
        let foreign = told.len() - (self.found.len() - before);
        if foreign == 0 {
            self.is_heard = true;
            return;
        }
        let what = if foreign == 1 { "a request".to_owned() } else { format!("{foreign} requests") };
        self.unheard.push(CommandError::Foreign { doing: DOING, service: service.to_string(), what });
    }
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
        let RequestRecord {
            id, user, action, accepted_at, attempts, outcome, note, joined, operator, ..
        } = &self.run;
        let took = attempts.last().and_then(|attempt| attempt.took_ms).map(ages::took);
        let tone = match outcome {
            Some(outcome) if outcome.is_success() => Tone::Good,
            _ if self.run.has_failed() => Tone::Bad,
            Some(_) => Tone::Odd,
            None => Tone::Strong,
        };
        let retry = self.run.failed_attempt().and_then(Retry::of_record);
        let mut notes: Vec<String> = retry.map(|retry| retry.in_words(look.now)).into_iter().collect();
        if attempts.len() > 1 && notes.is_empty() {
            notes.push(format!("{} attempts", attempts.len()));
        }
        if !joined.is_empty() {
            notes.push(format!("{} joined", joined.len()));
        }
        notes.extend(operator.as_ref().map(|operator| format!("by console/{operator}")));
        notes.extend(note.clone());
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
        let mut object = self.told.clone();
        object["service"] = self.service.as_str().into();
        object
    }
}

/// The outcome, or what it does instead of having one.
pub(super) fn state(run: &RequestRecord) -> String {
    match &run.outcome {
        Some(outcome) => outcome.to_string(),
        None if run.is_running() => "running".to_owned(),
        None => "waiting".to_owned(),
    }
}
