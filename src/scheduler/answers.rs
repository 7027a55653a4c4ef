//! The scheduler's own request socket: what it is asked, and what it says of itself.

use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;

use super::machine::Machine;
use super::record::{EntryRecord, Record};
use crate::access::{self, Asker, Trusted};
use crate::claim::{self, ClaimError};
use crate::request::{Answer, Refusal, RefusalCode};
use crate::schedule::{Coming, upcoming, zones_in_words};
use crate::settings::Settings;
use crate::socket::protocol::Reply;
use crate::socket::{Handler, Peer, serve};
use crate::wire::{
    AlarmTotals, Call, Degradation, Degradations, DegradedKind, Greeting, Health, NextOccurrences,
    Occurrence, OpenRequest, Reloaded, ServiceState, Status, Undelivered,
};

/// Calls that may wait for the loop.
const INBOX: usize = 256;

/// Instants to come that are told at once.
const MOST_COMING: usize = 1_000;

/// Requests waiting that are told at once.
const MOST_WAITING: usize = 1_000;

/// A call, who calls, and where the answer goes.
pub(crate) type PendingCall = (Peer, Call, oneshot::Sender<Reply>);

/// Opens the socket; the calls that come in. Runs on a tokio `LocalSet`; the lock must be held.
pub(crate) fn listen(
    settings: &Settings,
    trusted: Trusted,
) -> Result<mpsc::Receiver<PendingCall>, ClaimError> {
    let (inbox, calls) = mpsc::channel(INBOX);
    if let Some(listener) = claim::listen(settings)? {
        tokio::task::spawn_local(serve(listener, trusted, Client { inbox }));
    }
    Ok(calls)
}

/// Hands calls to the loop.
#[derive(Clone)]
struct Client {
    inbox: Sender<PendingCall>,
}

impl Handler for Client {
    fn handle(&self, peer: Peer, call: Call) -> impl Future<Output = Reply> + 'static {
        let (reply, answer) = oneshot::channel();
        let handed = self.inbox.try_send((peer, call, reply));
        async move {
            let refuse = |code, message| Reply::Answer(Answer::Refused(Refusal::new(code, message)));
            match handed {
                Ok(()) => {
                    answer.await.unwrap_or_else(|_| refuse(RefusalCode::Stopping, "the scheduler stops"))
                }
                Err(_) => refuse(RefusalCode::Busy, "too much is asked at once"),
            }
        }
    }
}

/// Whether a caller may change something: root, and whoever the scheduler runs as.
pub(crate) fn permit(peer: Peer, trusted: Trusted) -> Result<(), Refusal> {
    access::permit_trusted(Asker { uid: peer.uid, trusted }, "order a reload")
}

/// The answer to a reload.
pub(crate) fn reloaded(problems: Vec<Degradation>) -> Reply {
    Reply::of(&Reloaded { ok: true, degraded: Degradations(problems) })
}

/// The answer to a question.
pub(crate) fn about(
    settings: &Settings,
    machine: &Machine,
    problems: Vec<Degradation>,
    alarms: Option<AlarmTotals>,
    call: &Call,
) -> Result<Reply, Refusal> {
    let greeting = Greeting::of(&settings.service);
    Ok(match call {
        Call::Ping => Reply::of(&greeting),
        Call::Health => Reply::of(&Health::healthy(&degraded(machine, problems))),
        Call::Status => Reply::of(&Status {
            greeting,
            state: ServiceState::Scheduling,
            entries: Some(machine.len() as u64),
            zones: Some(zones_in_words()),
            next: machine.upcoming().next().map(|coming| occurrence(machine, &coming)),
            waiting: undelivered(machine),
            degraded: degraded(machine, problems),
            alarms,
            ..Status::default()
        }),
        Call::Next { count, each } => {
            let most = (*count).min(MOST_COMING);
            let next: Vec<Occurrence> = match each {
                true => next_of_each(machine).into_iter().take(most).collect(),
                false => machine.upcoming().take(most).map(|coming| occurrence(machine, &coming)).collect(),
            };
            let differ = problems.into_iter().find(|problem| problem.kind == DegradedKind::TimeZones);
            let zones_differ = differ.map(|problem| problem.message);
            Reply::of(&NextOccurrences { ok: true, next, zones: Some(zones_in_words()), zones_differ })
        }
        _ => {
            let message = "the scheduler asks others and has no actions";
            return Err(Refusal::new(RefusalCode::UnknownAction, message));
        }
    })
}

/// What is wrong: that a service does not take its requests is for people to know, too.
fn degraded(machine: &Machine, problems: Vec<Degradation>) -> Degradations {
    let away = machine.waiting().filter(|waiting| waiting.failures > 0 || waiting.is_refused());
    let away = away.map(|waiting| {
        let (count, service) = (waiting.requests.len(), waiting.service);
        let requests = if count == 1 { "request" } else { "requests" };
        let what = if waiting.failures > 0 { "cannot be reached" } else { "refuses" };
        Degradation::new(DegradedKind::Delivery, format!("{service} {what}: {count} {requests} wait"))
    });
    Degradations(problems.into_iter().chain(away).collect())
}

/// The next instant of each entry, in the order of time.
fn next_of_each(machine: &Machine) -> Vec<Occurrence> {
    let mut next: Vec<Occurrence> = Vec::new();
    for record in machine.snapshot() {
        let Record::Entry(EntryRecord { entry, mark }) = record else { continue };
        let coming = upcoming([(&*entry, mark)]).next();
        next.extend(coming.map(|coming| occurrence(machine, &coming)));
    }
    next.sort_by_key(|occurrence| occurrence.due);
    next
}

fn undelivered(machine: &Machine) -> Vec<OpenRequest> {
    let each = machine.waiting().flat_map(|waiting| {
        let failures = waiting.failures;
        waiting.requests.into_iter().map(move |(occurrence, refusals)| {
            let super::occurrence::Occurrence { service, user, action, at, due, until, .. } = occurrence;
            let service = service.clone();
            let undelivered = Undelivered { service, at: *at, due: *due, until: *until, failures, refusals };
            let request = OpenRequest::new(occurrence.id(), user.clone(), action.clone());
            OpenRequest { undelivered: Some(undelivered), ..request }
        })
    });
    each.take(MOST_WAITING).collect()
}

/// An instant to come, as the socket tells it.
fn occurrence(machine: &Machine, coming: &Coming<'_>) -> Occurrence {
    let Coming { entry, at, due } = coming;
    Occurrence {
        due: *due,
        at: Some(*at),
        zone: Some(entry.zone().name().to_owned()),
        time: Some(entry.written.to_string()),
        line: machine.line(entry).map(|line| line as u64),
        service: entry.service.clone(),
        user: entry.user.clone(),
        action: entry.action.clone(),
    }
}
