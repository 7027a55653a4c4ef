//! How the stack is now: what is wrong first, then each service with what it does, what it did last, and what comes next.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::app::Shared;
use super::login::Visitor;
use super::page::{Clock, Frame, page, problem, tone};
use crate::console::ages;
use crate::console::glance::{self, Glance};
use crate::console::retry::Retry;
use crate::console::status::asking::{Heard, ask_all};
use crate::console::status::overview::queue;
use crate::console::status::report::{Kind, Problem, Report, running_since, word};
use crate::wire::{ActionStatus, Occurrence, OpenRequest, Status};

#[derive(Template)]
#[template(path = "now.html")]
struct Now {
    frame: Frame,
    problems: Vec<Wrong>,
    count: usize,
    glances: Vec<Glance>,
    /// Whether only what comes next by the schedule can be run from here.
    only_scheduled: bool,
    services: Vec<Service>,
}

/// Something that is wrong.
struct Wrong {
    tone: &'static str,
    word: &'static str,
    service: String,
    message: String,
    age: String,
    next: String,
    /// The page that has more of it, and what that is.
    link: Option<(String, &'static str)>,
}

struct Service {
    name: String,
    state: String,
    tone: &'static str,
    health: String,
    health_tone: &'static str,
    queue: String,
    version: String,
    next: String,
    facts: Vec<String>,
    running: Vec<Run>,
    waiting: Vec<Run>,
    actions: Vec<Action>,
}

/// A request that runs or waits.
struct Run {
    id: String,
    action: String,
    words: String,
    /// Whether the service keeps it, so that there is a page of it.
    is_kept: bool,
}

struct Action {
    name: String,
    last: String,
    last_id: String,
    tone: &'static str,
    success: String,
    next: String,
}

/// The page.
pub(super) async fn show(State(app): State<Shared>, visitor: Visitor) -> Response {
    let services = match app.stack.services() {
        Ok(services) => services,
        Err(error) => {
            return problem(axum::http::StatusCode::SERVICE_UNAVAILABLE, "No stack", &error.to_string());
        }
    };
    let heard = ask_all(&app.stack, &services, false).await;
    let report = Report::new(heard, Vec::new());
    let clock = app.clock();
    let problems = report.problems.iter().map(|problem| Wrong {
        tone: if problem.kind <= Kind::Failed { "bad" } else { "odd" },
        word: problem.kind.word(),
        service: problem.service.clone(),
        message: problem.message.clone(),
        age: problem.at.map(|at| clock.ago(at)).unwrap_or_default(),
        next: problem.next.clone().unwrap_or_default(),
        link: link(problem),
    });
    page(&Now {
        frame: Frame::of(&visitor, "Now", &clock),
        problems: problems.collect(),
        count: report.heard.len(),
        glances: glance::at(&report.heard, clock.now),
        only_scheduled: app.only_scheduled,
        services: report.heard.iter().map(|heard| Service::of(heard, &report, &clock)).collect(),
    })
}

/// Where there is more of what is wrong.
fn link(problem: &Problem) -> Option<(String, &'static str)> {
    match (&problem.run, problem.kind) {
        (Some(run), _) => Some((format!("/runs/{}/{run}", problem.service), "Its output")),
        (None, Kind::Overdue) => Some(("/schedule".to_owned(), "The schedule")),
        (None, _) => None,
    }
}

fn ahead(next: &Occurrence, clock: &Clock) -> String {
    next.due_at().map(|due| clock.ahead(due)).unwrap_or_default()
}

impl Service {
    fn of(heard: &Heard, report: &Report, clock: &Clock) -> Self {
        let name = heard.service.to_string();
        let next = report.next(&name, None).map(|next| format!("{} {}", next.action, ahead(next, clock)));
        let status = match &heard.said {
            Ok(status) => status,
            Err(error) => return Self::silent(name, word(error), next.unwrap_or_default()),
        };
        let scheduled = status.is_scheduler().then(|| {
            let next = report.coming.first()?;
            Some(format!("{} {} {}", next.service, next.action, ahead(next, clock)))
        });
        let (health, health_tone) = health(status, clock);
        let run = |request: &OpenRequest| Run::of(request, status, clock);
        let facts = status.facts.values().map(|fact| {
            let age = fact.at.map(|at| format!(", {}", clock.ago(at))).unwrap_or_default();
            format!("{}{age}", fact.message)
        });
        let since = status.since.map(|at| format!(" for {}", ages::span(ages::between(at, clock.now))));
        Self {
            state: format!("{}{}", status.state, since.unwrap_or_default()),
            tone: match status.state.as_str() {
                "running" | "callbacks-only" | "scheduling" => "good",
                "ended" => "bad",
                _ => "odd",
            },
            health,
            health_tone,
            queue: queue(status),
            version: status.greeting.version.clone().unwrap_or_default(),
            next: scheduled.flatten().or(next).unwrap_or_default(),
            facts: facts.collect(),
            running: status.running.iter().map(run).collect(),
            waiting: status.waiting.iter().map(run).collect(),
            actions: status
                .actions
                .iter()
                .map(|action| Action::of(action, &name, status, report, clock))
                .collect(),
            name,
        }
    }

    fn silent(name: String, word: &str, next: String) -> Self {
        Self {
            name,
            state: word.to_owned(),
            tone: "bad",
            health: "unknown".to_owned(),
            health_tone: "plain",
            queue: String::new(),
            version: String::new(),
            next,
            facts: Vec::new(),
            running: Vec::new(),
            waiting: Vec::new(),
            actions: Vec::new(),
        }
    }
}

fn health(status: &Status, clock: &Clock) -> (String, &'static str) {
    let age = |at: Option<_>| at.map(|at| format!(", {}", clock.ago(at))).unwrap_or_default();
    match &status.health {
        Some(health) if !health.healthy => (format!("unhealthy{}", age(health.at)), "bad"),
        _ if !status.degraded.0.is_empty() => ("degraded".to_owned(), "odd"),
        Some(health) => (format!("healthy{}", age(health.at)), "good"),
        None => ("not asked yet".to_owned(), "plain"),
    }
}

impl Run {
    fn of(request: &OpenRequest, status: &Status, clock: &Clock) -> Self {
        let since = request.running_since(clock.now).map(|at| ages::span(ages::between(at, clock.now)));
        let retry = Retry::of_open(request).map(|retry| retry.in_words(clock.now));
        let waits = request.why.as_ref().map(|why| format!("waits ({why})"));
        let words = match (since, retry) {
            (Some(since), Some(retry)) => format!("running {since}, {retry}"),
            (Some(since), None) => format!("running {since}"),
            (None, Some(retry)) => retry,
            (None, None) => waits.unwrap_or_else(|| "waits".to_owned()),
        };
        let action = match &request.undelivered {
            Some(undelivered) => format!("{} {}", undelivered.service, request.action),
            None => request.action.to_string(),
        };
        Self { id: request.id.to_string(), action, words, is_kept: !status.is_scheduler() }
    }
}

impl Action {
    fn of(action: &ActionStatus, service: &str, status: &Status, report: &Report, clock: &Clock) -> Self {
        let name = action.action.to_string();
        let last = action.last.as_ref();
        let words = match (running_since(status, &action.action, clock.now), last) {
            (Some(since), _) => format!("running {}", ages::span(ages::between(since, clock.now))),
            (None, Some(last)) => {
                let age = last.ended_at.map(|at| format!(", {}", clock.ago(at))).unwrap_or_default();
                format!("{}{age}, took {}", last.outcome, ages::took(last.took_ms))
            }
            (None, None) => "never".to_owned(),
        };
        let success = action.last_success.as_ref().and_then(|success| success.ended_at);
        Self {
            last: words,
            last_id: last.map(|last| last.id.to_string()).unwrap_or_default(),
            tone: if action.overdue { "odd" } else { tone(last.map(|last| &last.outcome)) },
            success: match success {
                Some(at) => clock.ago(at),
                None => "never".to_owned(),
            },
            next: report.next(service, Some(&name)).map(|next| ahead(next, clock)).unwrap_or_default(),
            name,
        }
    }
}
