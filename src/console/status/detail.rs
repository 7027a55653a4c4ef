//! One service in full: how it is, what it does, and a block for each of its actions.

use std::fmt::Write;

use super::asking::Heard;
use super::overview::{ahead, queue, summary, tone_of_state};
use super::report::{Report, running_since};
use crate::console::ages;
use crate::console::following::tone_of;
use crate::console::look::Look;
use crate::console::retry::Retry;
use crate::console::table::{Tone, wrapped};
use crate::names::UserName;
use crate::wire::{ActionStatus, EndedRequest, Occurrence, OpenRequest, Status, WaitReason};

/// How far the names of facts are from what they are.
const INDENT: usize = 14;

/// The report of one service.
pub(super) fn show(report: &Report, heard: &Heard, look: &Look) -> String {
    let mut text = summary(report, heard.service.as_str(), look);
    let Ok(status) = &heard.said else { return text };
    text.push('\n');
    for (name, fact, tone) in facts_of(report, heard, status, look) {
        text += &line(name, &fact, tone, look);
    }
    for (about, fact) in &status.facts {
        let age = fact.at.map(|at| format!(", as found {}", ages::ago(at, look.now))).unwrap_or_default();
        text += &line(about, &format!("{}{age}", fact.message), Tone::Plain, look);
    }
    for open in status.open() {
        text += &line("", &request(open, look), Tone::Plain, look);
    }
    for action in &status.actions {
        text +=
            &block(action, status, report.next(heard.service.as_str(), Some(action.action.as_str())), look);
    }
    if status.is_scheduler() && !report.coming.is_empty() {
        let _ = writeln!(text, "\n{}", Tone::Strong.paint("next of each entry"));
        for coming in &report.coming {
            let Occurrence { service, action, user, .. } = coming;
            text += &line(
                "",
                &format!("{service} {action} for {user}, {}", when(coming, look)),
                Tone::Plain,
                look,
            );
        }
    }
    text
}

fn facts_of(
    report: &Report,
    heard: &Heard,
    status: &Status,
    look: &Look,
) -> Vec<(&'static str, String, Tone)> {
    let since =
        |at| format!("{} ({})", ages::instant(at, &look.zone), ages::span(ages::between(at, look.now)));
    let mut lines = Vec::new();
    let mut state = status.state.to_string();
    if let Some(at) = status.since {
        let _ = write!(state, " since {}", since(at));
    }
    if let Some(pid) = status.pid {
        let _ = write!(state, ", pid {pid}");
    }
    lines.push(("state", state, tone_of_state(&status.state)));
    if let Some(at) = status.started_at {
        lines.push(("started", since(at), Tone::Plain));
    }
    if let Some(health) = &status.health {
        let word = if health.healthy { "healthy" } else { "unhealthy" };
        let age = health.at.map(|at| format!(", as found {}", ages::ago(at, look.now))).unwrap_or_default();
        lines.push(("health", format!("{word}{age}"), if health.healthy { Tone::Good } else { Tone::Bad }));
    }
    if let Some(listener) = &status.listener {
        let copy = if listener.last_good { ", with a copy of the last good callbacks" } else { "" };
        lines.push(("listener", format!("{}{copy}", listener.state), Tone::Plain));
        if let Some(why) = &listener.unforkable {
            lines.push(("no forks", why.clone(), Tone::Plain));
        }
    }
    if let Some(entries) = status.entries {
        lines.push(("entries", entries.to_string(), Tone::Plain));
    }
    if let Some(zones) = &status.zones {
        lines.push(("time zones", zones.clone(), Tone::Plain));
    }
    if let Some(version) = &status.greeting.version {
        lines.push(("version", version.clone(), Tone::Plain));
    }
    if let (true, Some(next)) = (status.actions.is_empty(), report.next(heard.service.as_str(), None)) {
        lines.push(("next", format!("{}, {}", next.action, when(next, look)), Tone::Plain));
    }
    let queue = queue(status);
    if !queue.is_empty() {
        lines.push(("queue", queue, Tone::Plain));
    }
    lines
}

fn block(action: &ActionStatus, status: &Status, next: Option<&Occurrence>, look: &Look) -> String {
    let mut text = format!("\n{}\n", Tone::Strong.paint(action.action.as_str()));
    if let Some(since) = running_since(status, &action.action, look.now) {
        let time = ages::span(ages::between(since, look.now));
        text += &line("  running", &format!("for {time}"), Tone::Strong, look);
    }
    for retry in status.open().filter(|open| open.action == action.action).filter_map(Retry::of_open) {
        text += &line("  retrying", &retrying(&retry, look), Tone::Odd, look);
    }
    match &action.last {
        None => text += &line("  last", "never", Tone::Soft, look),
        Some(last) => {
            let tone = tone_of(&last.outcome);
            text += &line("  last", &ended(last, look), tone, look);
        }
    }
    let same = |success: &&EndedRequest| action.last.as_ref().is_some_and(|last| last.id == success.id);
    if let Some(success) = action.last_success.as_ref().filter(|success| !same(success)) {
        text += &line("  last success", &ended(success, look), Tone::Plain, look);
    }
    if action.overdue {
        text += &line("  overdue", "yes", Tone::Odd, look);
    }
    if let Some(next) = next {
        text += &line("  next", &format!("{} for {}", when(next, look), next.user), Tone::Plain, look);
    }
    text
}

/// `failed 3 on attempt 1 of 3, 2 min ago: tried again in 8 min`
fn retrying(retry: &Retry, look: &Look) -> String {
    let age = retry.ended_at.map(|at| format!(", {}", ages::ago(at, look.now))).unwrap_or_default();
    format!("{}{age}: {}", retry.failure(), retry.next(look.now))
}

/// `succeeded, 3 h ago (2026-11-24 04:05:12), took 12.345 s, for forum: 1f2e3d4c`
fn ended(ended: &EndedRequest, look: &Look) -> String {
    let EndedRequest { id, user, ended_at, outcome, took_ms } = ended;
    let at = ended_at.map(|at| format!(", {} ({})", ages::ago(at, look.now), ages::instant(at, &look.zone)));
    let took = ages::took(*took_ms);
    format!(
        "{outcome}{}, took {took}{}: {}",
        at.unwrap_or_default(),
        on_behalf(user.as_ref(), ","),
        id.short()
    )
}

/// `nightly-backup 1f2e3d4c for forum, running 12 s`
fn request(open: &OpenRequest, look: &Look) -> String {
    let OpenRequest { id, user, action, why, attempt, .. } = open;
    let which = attempt.filter(|&attempt| attempt > 1).map(|attempt| format!(", attempt {attempt}"));
    let state = match (open.running_since(look.now), Retry::of_open(open)) {
        (Some(since), _) => {
            let time = ages::span(ages::between(since, look.now));
            format!("running {time}{}", which.unwrap_or_default())
        }
        (None, _) if *why == Some(WaitReason::Service) => "waiting until the service is up".to_owned(),
        (None, Some(retry)) => format!("waiting for {}", retry.following()),
        (None, None) => "waiting".to_owned(),
    };
    format!("{action} {}{}, {state}", id.short(), on_behalf(user.as_ref(), ""))
}

fn on_behalf(user: Option<&UserName>, after: &str) -> String {
    user.map(|user| format!("{after} for {user}")).unwrap_or_default()
}

fn when(coming: &Occurrence, look: &Look) -> String {
    let whole = coming.due_at().map(|due| ages::whole_instant(due, &look.zone)).unwrap_or_default();
    format!("{} ({whole})", ahead(coming, look))
}

fn line(name: &str, fact: &str, tone: Tone, look: &Look) -> String {
    let indent = " ".repeat(INDENT + 2);
    let lines = wrapped(fact, look.width, &indent, &indent);
    let mut text = String::new();
    for (place, line) in lines.iter().enumerate() {
        let name = if place == 0 { name } else { "" };
        let _ = writeln!(text, "{name:INDENT$}  {}", tone.paint(line.trim_start()));
    }
    text
}
