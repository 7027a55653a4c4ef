//! One request: who asked, its attempts, what it printed; live while it runs.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::app::Shared;
use super::doing;
use super::login::Visitor;
use super::page::{Clock, Frame, page, problem, tone};
use crate::console::ages;
use crate::console::error::CommandError;
use crate::console::history::state;
use crate::console::ids::{self, Found};
use crate::console::retry::Retry;
use crate::console::show::asker;
use crate::names::ServiceName;
use crate::visible;
use crate::wire::{AttemptRecord, RequestRecord};

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    frame: Frame,
    service: String,
    action: String,
    id: String,
    state: String,
    tone: &'static str,
    is_open: bool,
    may_run: bool,
    facts: Vec<(&'static str, String)>,
    attempts: Vec<Attempt>,
    output: Option<String>,
    /// How many bytes came before what is kept.
    dropped: u64,
}

struct Attempt {
    number: u32,
    at: String,
    state: String,
    tone: &'static str,
    took: String,
    note: String,
}

/// The page.
pub(super) async fn show(
    State(app): State<Shared>,
    visitor: Visitor,
    Path((service, id)): Path<(String, String)>,
) -> Response {
    let Ok(service) = app.stack.service(&service) else {
        return problem(StatusCode::NOT_FOUND, "Nothing here", "There is no such service.");
    };
    let Found { service, id, shown, .. } = match find(&app, &service, &id).await {
        Ok(found) => found,
        Err(error) => {
            return problem(StatusCode::NOT_FOUND, "Nothing to show", &visible::text(&error.to_string()));
        }
    };
    let Some(run) = shown.run else {
        let text = format!("{service} tells of {id} in a way that is not understood here.");
        return problem(StatusCode::BAD_GATEWAY, "Nothing to show", &text);
    };
    let clock = app.clock();
    let may_run = doing::may_run(&app, &service, &run.action).await;
    let output = shown.output.filter(|output| !output.is_empty());
    page(&Page {
        frame: Frame::of(&visitor, "History", &clock),
        action: run.action.to_string(),
        id: run.id.to_string(),
        state: state(&run),
        tone: tone(run.outcome.as_ref()),
        is_open: run.outcome.is_none(),
        may_run,
        facts: facts(&run, &clock),
        attempts: run.attempts.iter().map(|attempt| Attempt::of(attempt, &clock)).collect(),
        output: output.map(|output| visible::text(&output).into_owned()),
        dropped: shown.dropped.unwrap_or_default(),
        service: service.to_string(),
    })
}

/// The request of a service whose id this is, or begins so.
pub(super) async fn find(app: &Shared, service: &ServiceName, id: &str) -> Result<Found, CommandError> {
    ids::find(&app.stack, std::slice::from_ref(service), id).await
}

fn facts(run: &RequestRecord, clock: &Clock) -> Vec<(&'static str, String)> {
    let when = |at| format!("{} ({})", clock.instant(at), clock.ago(at));
    let mut facts = vec![
        ("Asked", when(run.accepted_at)),
        ("By", asker(run.by, run.operator.as_ref())),
        ("For", run.user.to_string()),
    ];
    for joined in &run.joined {
        let own = joined.outcome.as_ref().map(|outcome| format!(": {outcome}")).unwrap_or_default();
        facts.push((
            "Joined",
            format!(
                "{} by {}, as {}{own}",
                clock.instant(joined.accepted_at),
                asker(joined.by, joined.operator.as_ref()),
                joined.id
            ),
        ));
    }
    if let Some(retry) = run.failed_attempt().and_then(Retry::of_record) {
        facts.push(("Next", format!("{}: {}", retry.following(), retry.next(clock.now))));
    }
    facts.extend(run.ended_at.map(|at| ("Ended", when(at))));
    facts.extend(run.note.clone().map(|note| ("Note", note)));
    facts
}

impl Attempt {
    fn of(attempt: &AttemptRecord, clock: &Clock) -> Self {
        let outcome = attempt.outcome.as_ref();
        Self {
            number: attempt.attempt,
            at: clock.instant(attempt.started_at),
            state: outcome.map_or_else(|| "running".to_owned(), ToString::to_string),
            tone: tone(outcome),
            took: attempt.took_ms.map(ages::took).unwrap_or_default(),
            note: attempt.note.clone().unwrap_or_default(),
        }
    }
}
