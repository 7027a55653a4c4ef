//! What was asked, and what became of it: filtered, with a picture of the last thirty days.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::app::Shared;
use super::login::Visitor;
use super::page::{Clock, Frame, page, problem, tone};
use super::picture::Picture;
use crate::console::ages;
use crate::console::history::state;
use crate::console::ids::ask_each;
use crate::names::{ActionName, ServiceName};
use crate::process;
use crate::visible;
use crate::wire::{Call, History, PastWanted, RequestRecord};

/// How long a service may take to look through its journal.
const PATIENCE: Duration = Duration::from_secs(5);
/// How far back the picture goes.
pub(super) const DAYS: u32 = 30;
/// So many of each service are looked at: as many as one tells.
const MOST: usize = 1000;
/// Of each action so many that succeeded, so that what runs each minute leaves room for what runs each night.
const SUCCESSES: usize = 100;
/// So many are listed.
const LISTED: usize = 200;
/// The outcomes that can be chosen.
const OUTCOMES: [&str; 8] =
    ["succeeded", "failed", "timed-out", "interrupted", "cancelled", "skipped", "running", "waiting"];

/// What is looked for; what is empty is all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    service: String,
    action: String,
    outcome: String,
    text: String,
}

/// A request of a service.
pub(super) struct Past {
    pub(super) service: ServiceName,
    pub(super) run: RequestRecord,
}

#[derive(Template)]
#[template(path = "history.html")]
struct Page {
    frame: Frame,
    filter: Filter,
    services: Vec<String>,
    outcomes: [&'static str; 8],
    unheard: Vec<String>,
    picture: Picture,
    rows: Vec<Row>,
    found: usize,
    is_cut: bool,
}

struct Row {
    at: String,
    service: String,
    action: String,
    state: String,
    tone: &'static str,
    took: String,
    id: String,
    short: String,
    user: String,
    note: String,
}

/// The page.
pub(super) async fn show(
    State(app): State<Shared>,
    visitor: Visitor,
    Query(filter): Query<Filter>,
) -> Response {
    let services = match app.stack.services_or(None) {
        Ok(services) => services,
        Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, "No stack", &error.to_string()),
    };
    let clock = app.clock();
    let asked: Vec<ServiceName> = services
        .iter()
        .filter(|service| filter.service.is_empty() || service.as_str() == filter.service)
        .cloned()
        .collect();
    let (past, unheard) = gather(&app, &asked, filter.action.parse().ok(), clock.now).await;
    let (mut past, is_cut) = past;
    past.retain(|past| filter.takes(past));
    let rows = past.iter().take(LISTED).map(|past| Row::of(past, &clock)).collect();
    let shown = page(&Page {
        frame: Frame::of(&visitor, "History", &clock),
        services: services.iter().map(ToString::to_string).collect(),
        outcomes: OUTCOMES,
        unheard,
        picture: Picture::of(&past, &clock),
        rows,
        found: past.len(),
        is_cut,
        filter,
    });
    drop(past);
    // Thousands of requests were looked through.
    process::give_back_memory();
    shown
}

/// What these services tell of the last days, the newest first, and whether one had more to tell; and who tells nothing.
pub(super) async fn gather(
    app: &Shared,
    services: &[ServiceName],
    action: Option<ActionName>,
    now: Timestamp,
) -> ((Vec<Past>, bool), Vec<String>) {
    let since = now.checked_sub(Duration::from_secs(u64::from(DAYS) * 24 * 60 * 60)).ok();
    // Who wants one action wants all of it.
    let successes = action.is_none().then_some(SUCCESSES);
    let call = Call::History(PastWanted { action, failed: false, since, successes, limit: MOST });
    let (mut past, mut unheard, mut is_cut) = (Vec::new(), Vec::new(), false);
    for (service, answer) in ask_each(&app.stack, services, &call, PATIENCE).await {
        let runs = match answer.map(|answer| History::<RequestRecord>::deserialize(&answer)) {
            Ok(Ok(history)) => history.runs,
            Ok(Err(_)) => {
                unheard.push(format!("{service} tells its history in a way that is not understood here"));
                continue;
            }
            Err(error) => {
                unheard.push(visible::line(&error.to_string()).into_owned());
                continue;
            }
        };
        is_cut |= runs.len() >= MOST || successes.is_some_and(|most| has_more(&runs, most));
        past.extend(runs.into_iter().map(|run| Past { service: service.clone(), run }));
    }
    past.sort_by_key(|past| std::cmp::Reverse(past.run.accepted_at));
    ((past, is_cut), unheard)
}

/// Whether there may be more successes of an action than were told.
fn has_more(runs: &[RequestRecord], most: usize) -> bool {
    let mut told = HashMap::<_, usize>::new();
    for run in runs {
        if run
            .outcome
            .as_ref()
            .is_some_and(|outcome| matches!(outcome.word.as_str(), "succeeded" | "skipped"))
        {
            *told.entry(&run.action).or_default() += 1;
        }
    }
    told.values().any(|count| *count >= most)
}

impl Filter {
    fn takes(&self, past: &Past) -> bool {
        let run = &past.run;
        let is_outcome = self.outcome.is_empty()
            || match &run.outcome {
                Some(outcome) => outcome.word.as_str() == self.outcome,
                None => state(run) == self.outcome,
            };
        let is_action = self.action.is_empty() || run.action.as_str() == self.action;
        let text = self.text.to_lowercase();
        let has_text = text.is_empty()
            || [run.id.as_str(), run.user.as_str(), run.action.as_str(), run.note.as_deref().unwrap_or("")]
                .iter()
                .any(|own| own.to_lowercase().contains(&text));
        is_outcome && is_action && has_text
    }
}

impl Row {
    fn of(past: &Past, clock: &Clock) -> Self {
        let run = &past.run;
        let took = run.attempts.last().and_then(|attempt| attempt.took_ms).map(ages::took);
        let mut notes = Vec::new();
        if run.attempts.len() > 1 {
            notes.push(format!("{} attempts", run.attempts.len()));
        }
        if !run.joined.is_empty() {
            notes.push(format!("{} joined", run.joined.len()));
        }
        notes.extend(run.operator.as_ref().map(|operator| format!("by console/{operator}")));
        notes.extend(run.note.clone());
        Self {
            at: clock.instant(run.accepted_at),
            service: past.service.to_string(),
            action: run.action.to_string(),
            state: state(run),
            tone: tone(run.outcome.as_ref()),
            took: took.unwrap_or_default(),
            id: run.id.to_string(),
            short: run.id.short().to_owned(),
            user: run.user.to_string(),
            note: notes.join("; "),
        }
    }
}
