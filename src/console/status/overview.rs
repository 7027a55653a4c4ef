//! The whole stack in one look: what is wrong first, then one row a service.

use std::fmt::Write;

use super::asking::Heard;
use super::report::{Kind, Report, running_since, word};
use crate::console::ages;
use crate::console::look::Look;
use crate::console::retry::Retry;
use crate::console::table::{Cell, Column, Piece, Tone, table, wrapped};
use crate::wire::{
    ActionStatus, ListenerState, ListenerStatus, Occurrence, OutcomeWord, ServiceState, Status,
};

const COLUMNS: [Column; 9] = [
    Column::new("SERVICE", 0),
    Column::new("STATE", 0),
    Column::new("SINCE", 5),
    Column::new("PID", 7).at_least("12345".len()),
    Column::new("HEALTH", 1).at_least("healthy 59 s".len()),
    Column::new("LISTENER", 6),
    Column::new("QUEUE", 4).at_least("1 running".len()),
    Column::new("NEXT", 3),
    Column::wrapping("LAST RUNS", 2),
];

/// The report as a summary and a table.
pub(super) fn show(report: &Report, look: &Look) -> String {
    let rows: Vec<_> = report.heard.iter().map(|heard| row(heard, report, look)).collect();
    let services = match report.heard.len() {
        1 => "1 service".to_owned(),
        count => format!("{count} services"),
    };
    summary(report, &services, look) + "\n" + &table(&COLUMNS, &rows, look.width)
}

/// What is wrong, or that nothing is with what is looked at.
pub(super) fn summary(report: &Report, subject: &str, look: &Look) -> String {
    let problems = &report.problems;
    if problems.is_empty() {
        return Tone::Good.paint(&format!("all is well: {subject}")) + "\n";
    }
    let count =
        if problems.len() == 1 { "1 problem:".to_owned() } else { format!("{} problems:", problems.len()) };
    let mut text = Tone::Bad.paint(&count) + "\n";
    for problem in problems {
        for line in wrapped(&problem.in_words(look.now), look.width, "  ", "    ") {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", tone_of(problem.kind).paint(&line));
        }
    }
    text
}

pub(super) fn tone_of(kind: Kind) -> Tone {
    match kind {
        Kind::Down | Kind::Unhealthy | Kind::Failed => Tone::Bad,
        Kind::Retrying | Kind::Overdue | Kind::Degraded | Kind::Version => Tone::Odd,
    }
}

fn row(heard: &Heard, report: &Report, look: &Look) -> Vec<Cell> {
    let service = heard.service.as_str();
    let next = report.next(service, None).map(|next| format!("{} {}", next.action, ahead(next, look)));
    let status = match &heard.said {
        Ok(status) => status,
        Err(error) => {
            let mut row = vec![Cell::default(); COLUMNS.len()];
            row[0] = service.into();
            row[1] = one(word(error), Tone::Bad);
            row[7] = next.unwrap_or_default().into();
            return row;
        }
    };
    let scheduled = status.is_scheduler().then(|| next_of_all(report, look)).flatten();
    vec![
        service.into(),
        one(status.state.as_str(), tone_of_state(&status.state)),
        status.since.map(|since| ages::span(ages::between(since, look.now))).unwrap_or_default().into(),
        status.pid.map(|pid| pid.to_string()).unwrap_or_default().into(),
        health(status, look),
        status.listener.as_ref().map(listener).unwrap_or_default(),
        queue(status).into(),
        scheduled.or(next).unwrap_or_default().into(),
        last_runs(status, look),
    ]
}

/// What the scheduler does next, for whichever service.
fn next_of_all(report: &Report, look: &Look) -> Option<String> {
    let next = report.coming.first()?;
    Some(format!("{} {} {}", next.service, next.action, ahead(next, look)))
}

/// How far ahead something is that comes.
pub(super) fn ahead(next: &Occurrence, look: &Look) -> String {
    next.due_at().map(|due| ages::ahead(due, look.now)).unwrap_or_default()
}

fn one(text: &str, tone: Tone) -> Cell {
    Cell::pieces(vec![Piece::new(text, tone)])
}

pub(super) fn tone_of_state(state: &ServiceState) -> Tone {
    match state {
        ServiceState::Running | ServiceState::CallbacksOnly | ServiceState::Scheduling => Tone::Good,
        ServiceState::Starting | ServiceState::Stopping => Tone::Odd,
        ServiceState::Ended => Tone::Bad,
        ServiceState::Unknown | ServiceState::Other(_) => Tone::Plain,
    }
}

fn health(status: &Status, look: &Look) -> Cell {
    let age = |at: Option<_>| at.map(|at| format!(" {}", ages::span(ages::between(at, look.now))));
    match &status.health {
        Some(health) if !health.healthy => {
            one(&format!("unhealthy{}", age(health.at).unwrap_or_default()), Tone::Bad)
        }
        _ if !status.degraded.0.is_empty() => one("degraded", Tone::Odd),
        Some(health) => one(&format!("healthy{}", age(health.at).unwrap_or_default()), Tone::Good),
        None => Cell::default(),
    }
}

fn listener(listener: &ListenerStatus) -> Cell {
    let tone = match listener.state {
        ListenerState::Ready if !listener.last_good => Tone::Plain,
        _ => Tone::Odd,
    };
    let copy = if listener.last_good { " (last good)" } else { "" };
    one(&format!("{}{copy}", listener.state), tone)
}

pub(in crate::console) fn queue(status: &Status) -> String {
    match (status.running.len(), status.waiting.len()) {
        // The scheduler's queue is of others' requests.
        (0, 0) if status.is_scheduler() => String::new(),
        (0, 0) => "idle".to_owned(),
        (running, 0) => format!("{running} running"),
        (0, waiting) => format!("{waiting} waiting"),
        (running, waiting) => format!("{running} running, {waiting} waiting"),
    }
}

fn last_runs(status: &Status, look: &Look) -> Cell {
    if let Some(entries) = status.entries {
        let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
        return one(&entries, Tone::Plain);
    }
    Cell::pieces(status.actions.iter().map(|action| last_run(status, action, look)).collect())
}

fn last_run(status: &Status, action: &ActionStatus, look: &Look) -> Piece {
    let name = &action.action;
    if let Some(since) = running_since(status, name, look.now) {
        let time = ages::span(ages::between(since, look.now));
        return Piece::new(format!("{name} running {time}"), Tone::Strong);
    }
    let retry = status.waiting.iter().filter(|request| request.action == *name).find_map(Retry::of_open);
    if let Some(retry) = retry {
        return Piece::new(format!("{name} {}", retry.next(look.now)), Tone::Odd);
    }
    let Some(last) = &action.last else {
        let tone = if action.overdue { Tone::Odd } else { Tone::Soft };
        return Piece::new(format!("{name} never"), tone);
    };
    // With what it failed stands among the problems.
    let outcome = match &last.outcome.word {
        OutcomeWord::Succeeded => "ok",
        word => word.as_str(),
    };
    let age = last.ended_at.map(|at| format!(" {}", ages::ago(at, look.now))).unwrap_or_default();
    let tone = match (last.outcome.is_failure(), action.overdue) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Odd,
        (false, false) => Tone::Plain,
    };
    Piece::new(format!("{name} {outcome}{age}"), tone)
}
