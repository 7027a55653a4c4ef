//! The scheduler's own request socket: what it is asked, and what it says of itself.

use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;

use super::machine::Machine;
use super::record::{EntryRecord, Record};
use crate::claim::{self, ClaimError};
use crate::request::{Answer, Refusal, RefusalCode};
use crate::schedule::{Coming, upcoming, zones_in_words};
use crate::settings::Settings;
use crate::socket::protocol::{Call, Reply, greeting, introduced};
use crate::socket::{Handler, Peer, serve};
use crate::supervisor::health::Health;

/// Calls that may wait for the loop.
const INBOX: usize = 256;

/// Instants to come that are told at once.
const MOST_COMING: usize = 1_000;

/// Requests waiting that are told at once.
const MOST_WAITING: usize = 1_000;

/// A call, who calls, and where the answer goes.
pub(crate) type Asked = (Peer, Call, oneshot::Sender<Reply>);

/// Opens the socket; the calls that come in. Runs on a tokio `LocalSet`; the lock must be held.
pub(crate) fn listen(settings: &Settings) -> Result<mpsc::Receiver<Asked>, ClaimError> {
    let (inbox, calls) = mpsc::channel(INBOX);
    if let Some(listener) = claim::listen(settings)? {
        tokio::task::spawn_local(serve(listener, Client { inbox }));
    }
    Ok(calls)
}

/// Hands calls to the loop.
#[derive(Clone)]
struct Client {
    inbox: Sender<Asked>,
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
pub(crate) fn permit(peer: Peer) -> Result<(), Refusal> {
    if peer.uid == 0 || peer.uid == nix::unistd::geteuid().as_raw() {
        return Ok(());
    }
    Err(Refusal::new(RefusalCode::NotAllowed, "only root may order a reload"))
}

/// The answer to a reload.
pub(crate) fn reloaded(problems: &[&String]) -> Reply {
    Reply::Object(json!({"ok": true, "degraded": problems}))
}

/// The answer to a question.
pub(crate) fn about(
    settings: &Settings,
    machine: &Machine,
    problems: &[&String],
    call: &Call,
) -> Result<Reply, Refusal> {
    Ok(Reply::Object(match call {
        Call::Ping => greeting(&settings.service),
        Call::Health => json!(Health::healthy(degraded(machine, problems))),
        Call::Status => introduced(
            &settings.service,
            &json!({
                "state": "scheduling",
                "entries": machine.len(),
                "zones": zones_in_words(),
                "next": machine.upcoming().next().map(|coming| show(&coming)),
                "waiting": waiting(machine),
                "degraded": degraded(machine, problems),
            }),
        ),
        Call::Next { count, each } => {
            let most = (*count).min(MOST_COMING);
            let next: Vec<Value> = match each {
                true => next_of_each(machine).into_iter().take(most).collect(),
                false => machine.upcoming().take(most).map(|coming| show(&coming)).collect(),
            };
            json!({"ok": true, "next": next, "zones": zones_in_words()})
        }
        _ => {
            let message = "the scheduler asks others and has no actions";
            return Err(Refusal::new(RefusalCode::UnknownAction, message));
        }
    }))
}

/// What is wrong: that a service does not take its requests is for people to know, too.
fn degraded(machine: &Machine, problems: &[&String]) -> Vec<String> {
    let away = machine.waiting().filter(|waiting| waiting.failures > 0 || waiting.is_refused());
    let away = away.map(|waiting| {
        let (count, service) = (waiting.requests.len(), waiting.service);
        let requests = if count == 1 { "request" } else { "requests" };
        let what = if waiting.failures > 0 { "cannot be reached" } else { "refuses" };
        format!("{service} {what}: {count} {requests} wait")
    });
    problems.iter().map(ToString::to_string).chain(away).collect()
}

/// The next instant of each entry, in the order of time.
fn next_of_each(machine: &Machine) -> Vec<Value> {
    let mut next: Vec<(i64, Value)> = Vec::new();
    for record in machine.snapshot() {
        let Record::Entry(EntryRecord { entry, mark }) = record else { continue };
        let coming = upcoming([(&*entry, mark)]).next();
        next.extend(coming.map(|coming| (coming.due, show(&coming))));
    }
    next.sort_by_key(|(due, _)| *due);
    next.into_iter().map(|(_, shown)| shown).collect()
}

fn waiting(machine: &Machine) -> Vec<Value> {
    let each = machine.waiting().flat_map(|waiting| {
        let failures = waiting.failures;
        waiting.requests.into_iter().map(move |(occurrence, refusals)| {
            json!({
                "id": occurrence.id(), "service": occurrence.service, "user": occurrence.user,
                "action": occurrence.action, "at": occurrence.at, "due": occurrence.due,
                "until": occurrence.until, "failures": failures, "refusals": refusals,
            })
        })
    });
    each.take(MOST_WAITING).collect()
}

/// An instant to come, as the socket tells it.
fn show(coming: &Coming<'_>) -> Value {
    let Coming { entry, at, due } = coming;
    json!({
        "at": at, "due": due, "zone": entry.zone().name(), "time": entry.written, "line": entry.line,
        "service": entry.service, "user": entry.user, "action": entry.action,
    })
}
