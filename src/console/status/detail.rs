//! One service in full: how it is, what it does, and a block for each of its actions.

use std::fmt::Write;

use super::asking::Heard;
use super::facts::{Asked, Coming, Ended, Facts, OfAction};
use super::overview::{queue, summary, tone_of_state};
use super::report::{Report, short};
use crate::console::ages;
use crate::console::look::Look;
use crate::console::table::{Tone, wrapped};

/// How far the names of facts are from what they are.
const INDENT: usize = 14;

/// The report of one service.
pub(super) fn show(report: &Report, heard: &Heard, look: &Look) -> String {
    let mut text = summary(report, heard.service.as_str(), look);
    let Ok(facts) = &heard.said else { return text };
    text.push('\n');
    for (name, fact, tone) in facts_of(report, heard, facts, look) {
        text += &line(name, &fact, tone, look);
    }
    for asked in facts.running.iter().chain(&facts.waiting) {
        text += &line("", &request(asked, look), Tone::Plain, look);
    }
    for action in &facts.actions {
        text += &block(action, facts, report.next(heard.service.as_str(), Some(&action.action)), look);
    }
    if facts.is_scheduler() && !report.coming.is_empty() {
        let _ = writeln!(text, "\n{}", Tone::Strong.paint("next of each entry"));
        for coming in &report.coming {
            let Coming { service, action, user, .. } = coming;
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

fn facts_of(report: &Report, heard: &Heard, facts: &Facts, look: &Look) -> Vec<(&'static str, String, Tone)> {
    let since =
        |at| format!("{} ({})", ages::instant(at, &look.zone), ages::span(ages::between(at, look.now)));
    let mut lines = Vec::new();
    let mut state = facts.state.clone();
    if let Some(at) = facts.since {
        let _ = write!(state, " since {}", since(at));
    }
    if let Some(pid) = facts.pid {
        let _ = write!(state, ", pid {pid}");
    }
    lines.push(("state", state, tone_of_state(&facts.state)));
    if let Some(at) = facts.started_at {
        lines.push(("started", since(at), Tone::Plain));
    }
    if let Some(health) = &facts.health {
        let word = if health.healthy { "healthy" } else { "unhealthy" };
        let age = health.at.map(|at| format!(", as found {}", ages::ago(at, look.now))).unwrap_or_default();
        lines.push(("health", format!("{word}{age}"), if health.healthy { Tone::Good } else { Tone::Bad }));
    }
    if let Some(listener) = &facts.listener {
        let copy = if listener.last_good { ", with a copy of the last good callbacks" } else { "" };
        lines.push(("listener", format!("{}{copy}", listener.state), Tone::Plain));
    }
    if let Some(entries) = facts.entries {
        lines.push(("entries", entries.to_string(), Tone::Plain));
    }
    if let Some(zones) = &facts.zones {
        lines.push(("time zones", zones.clone(), Tone::Plain));
    }
    if let Some(version) = &facts.version {
        lines.push(("version", version.clone(), Tone::Plain));
    }
    if let (true, Some(next)) = (facts.actions.is_empty(), report.next(heard.service.as_str(), None)) {
        lines.push(("next", format!("{}, {}", next.action, when(next, look)), Tone::Plain));
    }
    let queue = queue(facts);
    if !queue.is_empty() {
        lines.push(("queue", queue, Tone::Plain));
    }
    lines
}

fn block(action: &OfAction, facts: &Facts, next: Option<&Coming>, look: &Look) -> String {
    let mut text = format!("\n{}\n", Tone::Strong.paint(&action.action));
    if let Some(since) = facts.running_since(&action.action) {
        let time = ages::span(ages::between(since, look.now));
        text += &line("  running", &format!("for {time}"), Tone::Strong, look);
    }
    match &action.last {
        None => text += &line("  last", "never", Tone::Soft, look),
        Some(last) => {
            let tone = if last.has_failed() { Tone::Bad } else { Tone::Good };
            text += &line("  last", &ended(last, look), tone, look);
        }
    }
    let same = |success: &&Ended| action.last.as_ref().is_some_and(|last| last.id == success.id);
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

/// `succeeded, 3 h ago (2026-11-24 04:05:12), took 12.345 s, for forum: 1f2e3d4c`
fn ended(ended: &Ended, look: &Look) -> String {
    let Ended { id, user, at, outcome, took_ms } = ended;
    let at = at.map(|at| format!(", {} ({})", ages::ago(at, look.now), ages::instant(at, &look.zone)));
    let took = ages::took(*took_ms);
    format!("{outcome}{}, took {took}, for {user}: {}", at.unwrap_or_default(), short(id))
}

fn request(asked: &Asked, look: &Look) -> String {
    let Asked { id, user, action, why, running_since, .. } = asked;
    let state = match running_since {
        Some(since) => format!("running {}", ages::span(ages::between(*since, look.now))),
        None if why.as_deref() == Some("service") => "waiting until the service is up".to_owned(),
        None => "waiting".to_owned(),
    };
    format!("{action} {} for {user}, {state}", short(id))
}

fn when(coming: &Coming, look: &Look) -> String {
    format!("{} ({})", ages::ahead(coming.due, look.now), ages::whole_instant(coming.due, &look.zone))
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
