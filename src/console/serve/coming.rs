//! The schedule: the coming day and week as a picture, and each entry with when it comes next and how it ended last; what is
//! late before all else. All of it is what the scheduler tells, and the services of their actions.

use std::collections::HashSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::app::Shared;
use super::login::Visitor;
use super::page::{Clock, Frame, page, problem, tone};
use super::timeline::{self, Timeline, Times};
use crate::console::instant;
use crate::console::stack::SCHEDULER;
use crate::console::status::asking::{Heard, ask_all};
use crate::console::status::report::word;
use crate::wire::{ActionStatus, Occurrence, OpenRequest};

/// So many entries are listed.
const LISTED: usize = 1000;

#[derive(Template)]
#[template(path = "schedule.html")]
struct Page {
    frame: Frame,
    /// Why it is not known what comes.
    silence: Option<String>,
    pictures: Vec<Timeline>,
    /// So many entries are in the table and not in the picture.
    undrawn: usize,
    rows: Vec<Row>,
    /// What the scheduler has besides what it tells.
    besides: Option<String>,
    late: usize,
}

struct Row {
    /// How it is late, where it is.
    late: String,
    next: String,
    ahead: String,
    service: String,
    action: String,
    user: String,
    time: String,
    words: String,
    zone: String,
    last: String,
    last_id: String,
    tone: &'static str,
}

/// The page.
pub(super) async fn show(State(app): State<Shared>, visitor: Visitor) -> Response {
    let services = match app.stack.services() {
        Ok(services) => services,
        Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, "No stack", &error.to_string()),
    };
    let heard = ask_all(&app.stack, &services, false).await;
    let clock = app.clock();
    let scheduler = heard.iter().find(|heard| heard.service.as_str() == SCHEDULER);
    let silence = match scheduler.map(|scheduler| &scheduler.said) {
        None => Some("The stack has no scheduler: nothing is asked for by itself.".to_owned()),
        Some(Err(error)) => Some(format!("The scheduler does not tell what comes: {}.", word(error))),
        Some(Ok(_)) => None,
    };
    let coming = scheduler.map(|scheduler| entries(&scheduler.coming)).unwrap_or_default();
    let rows = rows(&coming, &heard, &clock);
    let pictures = [Timeline::of_day(&coming, &clock), Timeline::of_week(&coming, &clock)];
    page(&Page {
        frame: Frame::of(&visitor, "Schedule", &clock),
        silence,
        pictures: pictures.into_iter().flatten().filter(|_| !coming.is_empty()).collect(),
        undrawn: coming.len().saturating_sub(timeline::MOST),
        besides: scheduler.and_then(|scheduler| besides(scheduler, coming.len())),
        late: rows.iter().filter(|row| !row.late.is_empty()).count(),
        rows,
    })
}

/// The next time of each entry, by time. A scheduler of an earlier version tells several of each.
fn entries(coming: &[Occurrence]) -> Vec<Occurrence> {
    let mut known = HashSet::new();
    let is_new = |next: &&Occurrence| {
        let Occurrence { line, time, zone, service, user, action, .. } = next;
        known.insert((*line, time.clone(), zone.clone(), service.clone(), user.clone(), action.clone()))
    };
    let mut entries: Vec<Occurrence> = coming.iter().take(LISTED).filter(is_new).cloned().collect();
    entries.sort_by_key(|entry| entry.due);
    entries
}

fn besides(scheduler: &Heard, told: usize) -> Option<String> {
    let all = scheduler.said.as_ref().ok()?.entries?;
    let more = all.saturating_sub(told as u64);
    let words = if told >= LISTED {
        format!("{told} of {all} entries are told, those that come first.")
    } else {
        let what = if more == 1 { "One more entry comes" } else { "More entries come" };
        format!(
            "{what} at no time that is known now: with the scheduler's start (@reboot), or never ({more} of {all})."
        )
    };
    (more > 0).then_some(words)
}

/// What is late first, the others by when they come.
fn rows(coming: &[Occurrence], heard: &[Heard], clock: &Clock) -> Vec<Row> {
    let mut waiting: Vec<&OpenRequest> =
        heard.iter().flat_map(|heard| heard.said.iter()).flat_map(|status| &status.waiting).collect();
    waiting.retain(|request| request.undelivered.is_some());
    let mut rows: Vec<Row> = Vec::new();
    for entry in coming {
        let is_of_entry = |request: &&OpenRequest| {
            request.action == entry.action
                && request.user.as_ref() == Some(&entry.user)
                && request.undelivered.as_ref().is_some_and(|on_its_way| on_its_way.service == entry.service)
        };
        let undelivered = waiting.iter().copied().find(is_of_entry);
        waiting.retain(|request| !is_of_entry(request));
        rows.push(Row::of(entry, undelivered, action_of(heard, entry), clock));
    }
    // Of an entry that is on the schedule no more, or comes with a start.
    rows.extend(waiting.iter().filter_map(|request| Row::of_request(request, clock)));
    rows.sort_by_key(|row| row.late.is_empty());
    rows
}

fn action_of<'a>(heard: &'a [Heard], entry: &Occurrence) -> Option<&'a ActionStatus> {
    let own = heard.iter().find(|heard| heard.service == entry.service)?.said.as_ref().ok()?;
    own.actions.iter().find(|action| action.action == entry.action)
}

/// How a request is late that its service has not taken.
fn lateness(request: &OpenRequest, clock: &Clock) -> Option<String> {
    let on_its_way = request.undelivered.as_ref()?;
    let at = |second| jiff::Timestamp::from_second(second).ok();
    let since = at(on_its_way.due).map(|due| clock.ago(due)).unwrap_or_default();
    let why = if on_its_way.failures > 0 {
        format!("; {} cannot be reached", on_its_way.service)
    } else if on_its_way.refusals > 0 {
        format!("; {} refuses it", on_its_way.service)
    } else {
        String::new()
    };
    let until = at(on_its_way.until).map(|until| format!("; given up {}", clock.ahead(until)));
    Some(format!("due {since}{why}{}", until.unwrap_or_default()))
}

impl Row {
    fn of(
        entry: &Occurrence,
        undelivered: Option<&OpenRequest>,
        action: Option<&ActionStatus>,
        clock: &Clock,
    ) -> Self {
        let is_overdue = action.is_some_and(|action| action.overdue);
        let overdue = is_overdue.then(|| "overdue: it has not succeeded for too long".to_owned());
        let late = undelivered.and_then(|request| lateness(request, clock)).or(overdue);
        let last = action.and_then(|action| action.last.as_ref());
        let words = last.map(|last| {
            let age = last.ended_at.map(|at| format!(", {}", clock.ago(at))).unwrap_or_default();
            format!("{}{age}", last.outcome)
        });
        let is_utc = |zone: &str| matches!(zone, "UTC" | "Etc/UTC");
        let is_own = |zone: &str| zone == clock.zone.name() || is_utc(zone) && is_utc(clock.zone.name());
        let zone = entry.zone.clone().filter(|zone| !is_own(zone));
        Self {
            late: late.unwrap_or_default(),
            next: instant::show(entry.due, &clock.zone),
            ahead: entry.due_at().map(|due| clock.ahead(due)).unwrap_or_default(),
            service: entry.service.to_string(),
            action: entry.action.to_string(),
            user: entry.user.to_string(),
            time: entry.time.clone().unwrap_or_default(),
            words: Times::of(entry).words().unwrap_or_default(),
            zone: zone.unwrap_or_default(),
            last: words.unwrap_or_else(|| if action.is_some() { "never" } else { "not known" }.to_owned()),
            last_id: last.map(|last| last.id.to_string()).unwrap_or_default(),
            tone: tone(last.map(|last| &last.outcome)),
        }
    }

    fn of_request(request: &OpenRequest, clock: &Clock) -> Option<Self> {
        Some(Self {
            late: lateness(request, clock)?,
            next: String::new(),
            ahead: String::new(),
            service: request.undelivered.as_ref()?.service.to_string(),
            action: request.action.to_string(),
            user: request.user.as_ref().map(ToString::to_string).unwrap_or_default(),
            time: String::new(),
            words: String::new(),
            zone: String::new(),
            last: String::new(),
            last_id: String::new(),
            tone: "plain",
        })
    }
}
