//! What the full screen shows of a report, row by row: what is wrong, what is worth knowing, then each service.

use jiff::Timestamp;

use crate::console::glance;
use crate::console::retry::Retry;
use crate::console::status::asking::Heard;
use crate::console::status::overview::{queue, tone_of, tone_of_state};
use crate::console::status::report::{Report, running_since, word};
use crate::console::table::{Piece, Tone};
use crate::console::{ages, following};
use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::wire::{ActionStatus, Occurrence, OpenRequest, Status};

/// As wide as most names of actions are.
const NAMES: usize = 22;
const OUTCOMES: usize = 30;

/// One row.
#[derive(Debug, Clone)]
pub(in crate::console::status) struct Row {
    /// By what it is found again when all is drawn anew.
    pub(super) key: String,
    pub(super) pieces: Vec<Piece>,
    pub(super) about: About,
}

/// What can be done with a row.
#[derive(Debug, Clone, Default)]
pub(in crate::console::status) struct About {
    /// The action that can be run, and for whom it is asked for.
    pub(super) action: Option<(ServiceName, ActionName, Option<UserName>)>,
    /// The request whose output can be read.
    pub(super) request: Option<(ServiceName, RequestId, String)>,
    /// Whether that can be called off.
    pub(super) is_open: bool,
}

/// All rows of a report as of `now`.
pub(in crate::console::status) fn of(report: &Report, now: Timestamp) -> Vec<Row> {
    let mut rows = problems(report, now);
    for glance in glance::at(&report.heard, now) {
        let tone = if glance.is_odd { Tone::Odd } else { Tone::Plain };
        let about = Piece::new(padded(glance.about, NAMES), Tone::Soft);
        rows.push(row(format!("glance {}", glance.about), vec![about, Piece::new(glance.text, tone)]));
    }
    for heard in &report.heard {
        service(heard, report, now, &mut rows);
    }
    rows
}

fn row(key: String, pieces: Vec<Piece>) -> Row {
    Row { key, pieces, about: About::default() }
}

fn problems(report: &Report, now: Timestamp) -> Vec<Row> {
    let rows = report.problems.iter().enumerate().map(|(number, problem)| {
        let text = Piece::new(problem.in_words(now), tone_of(problem.kind));
        let service =
            report.heard.iter().map(|heard| &heard.service).find(|own| own.as_str() == problem.service);
        let request = service.zip(problem.run.clone());
        let name = problem.message.split(' ').next().unwrap_or_default();
        let request = request.map(|(service, id)| (service.clone(), id, name.to_owned()));
        Row {
            key: format!("problem {number}"),
            pieces: vec![text],
            about: About { request, ..About::default() },
        }
    });
    rows.collect()
}

fn service(heard: &Heard, report: &Report, now: Timestamp, rows: &mut Vec<Row>) {
    let name = heard.service.as_str();
    let heading = Piece::new(padded(name, NAMES), Tone::Strong);
    let key = format!("service {name}");
    let status = match &heard.said {
        Ok(status) => status,
        Err(error) => return rows.push(row(key, vec![heading, Piece::new(word(error), Tone::Bad)])),
    };
    let since = status.since.map(|since| format!(" {}", ages::span(ages::between(since, now))));
    let state = format!("{}{}", status.state, since.unwrap_or_default());
    let mut pieces = vec![heading, Piece::new(padded(&state, OUTCOMES), tone_of_state(&status.state))];
    pieces.extend(health(status, now));
    pieces.push(Piece::new(format!("  {}", queue(status)), Tone::Plain));
    rows.push(row(key, pieces));
    rows.extend(
        status.running.iter().chain(&status.waiting).map(|request| open(heard, status, request, now)),
    );
    rows.extend(status.actions.iter().map(|known| action(heard, status, known, report, now)));
}

fn health(status: &Status, now: Timestamp) -> Option<Piece> {
    let age =
        |at: Option<_>| at.map(|at| format!(" {}", ages::span(ages::between(at, now)))).unwrap_or_default();
    match &status.health {
        Some(health) if !health.healthy => {
            Some(Piece::new(format!("unhealthy{}", age(health.at)), Tone::Bad))
        }
        _ if !status.degraded.0.is_empty() => Some(Piece::new("degraded", Tone::Odd)),
        Some(health) => Some(Piece::new(format!("healthy{}", age(health.at)), Tone::Good)),
        None => None,
    }
}

/// A request that runs or waits.
fn open(heard: &Heard, status: &Status, request: &OpenRequest, now: Timestamp) -> Row {
    let runs = request.running_since(now).map(|at| format!("running {}", ages::span(ages::between(at, now))));
    let retry = Retry::of_open(request).map(|retry| retry.in_words(now));
    let why = request.why.as_ref().map(|why| format!("waits ({why})"));
    let words = runs.or(retry).or(why).unwrap_or_else(|| "waits".to_owned());
    // Those of the scheduler are others', and kept there.
    let is_own = !status.is_scheduler();
    let request_of = || (heard.service.clone(), request.id.clone(), request.action.to_string());
    let about = About { request: is_own.then(request_of), is_open: is_own, action: None };
    let name = format!("  {} {}", request.action, request.id.short());
    Row {
        key: format!("request {} {}", heard.service, request.id),
        pieces: vec![Piece::new(padded(&name, NAMES + 10), Tone::Strong), Piece::new(words, Tone::Strong)],
        about,
    }
}

fn action(heard: &Heard, status: &Status, known: &ActionStatus, report: &Report, now: Timestamp) -> Row {
    let (service, name) = (heard.service.as_str(), known.action.as_str());
    let next = report.next(service, Some(name));
    let (words, tone) = match (running_since(status, &known.action, now), &known.last) {
        (Some(since), _) => (format!("running {}", ages::span(ages::between(since, now))), Tone::Strong),
        (None, None) => ("never".to_owned(), Tone::Soft),
        (None, Some(last)) => {
            let age = last.ended_at.map(|at| format!(", {}", ages::ago(at, now))).unwrap_or_default();
            (format!("{}{age}", last.outcome), following::tone_of(&last.outcome))
        }
    };
    let tone = if known.overdue { Tone::Odd } else { tone };
    let mut pieces = vec![
        Piece::new(padded(&format!("  {name}"), NAMES), Tone::Plain),
        Piece::new(padded(&words, OUTCOMES), tone),
    ];
    if let Some(due) = next.and_then(Occurrence::due_at) {
        pieces.push(Piece::new(ages::ahead(due, now), Tone::Plain));
    }
    let of_last = known.last.as_ref();
    let user = next.map(|next| next.user.clone()).or_else(|| of_last?.user.clone());
    let request = of_last.map(|last| (heard.service.clone(), last.id.clone(), name.to_owned()));
    Row {
        key: format!("action {service} {name}"),
        pieces,
        about: About {
            action: Some((heard.service.clone(), known.action.clone(), user)),
            request,
            is_open: false,
        },
    }
}

/// The text, with blanks behind it: at least one.
fn padded(text: &str, width: usize) -> String {
    let taken = unicode_width::UnicodeWidthStr::width(text);
    format!("{text}{}", " ".repeat(width.saturating_sub(taken).max(1)))
}
