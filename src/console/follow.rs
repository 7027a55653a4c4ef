//! `lamplighter follow`: what happens, as it happens: to one request, at one service, or at all of them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::completions;
use super::error::CommandError;
use super::following::{Following, Manner, tone_of};
use super::interrupts::{Interrupt, Interrupts, pause};
use super::look::{Form, Look, is_terminal};
use super::retry::Retry;
use super::stack::Stack;
use super::table::Tone;
use super::telling::{Place, tell};
use super::{ages, ids, note, say};
use crate::names::{ActionName, RequestId, ServiceName};
use crate::socket::client::{ClientError, Conversation, Trouble};
use crate::visible;
use crate::wire::{Call, Event, OpenRequest, Outcome, Status};

/// What is done, for when it is not.
const DOING: &str = "follow what happens";
/// How long it may take to begin to follow a service.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts to follow one that has gone.
const AGAIN: Duration = Duration::from_secs(1);
/// Lines that may wait to be shown.
const LINES: usize = 1024;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A request, by its id or the beginning of it; or a service [default: everything everywhere]
    #[arg(value_name = "ID|SERVICE", add = completions::services())]
    what: Option<String>,
    /// When an attempt of the request fails and another one is to follow, leave with 1 instead of waiting for it
    #[arg(long)]
    no_retry_wait: bool,
    #[command(flatten)]
    form: Form,
}

/// Shows what happens. A request is followed to its outcome (0 when it succeeded, 1 when it did not), services until
/// Ctrl-C.
///
/// # Errors
/// When there is no such service or request, or they do not tell.
pub async fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let look = Look::new(arguments.form)?;
    let all = stack.services_or(None)?;
    let is_service = |name: &str| stack.services().map(|all| all.iter().any(|one| one.as_str() == name));
    let names_request = match arguments.what.as_deref() {
        None => false,
        Some(name) => !is_service(name)?,
    };
    if arguments.no_retry_wait && !names_request {
        return Err(CommandError::Usage("--no-retry-wait needs the id of a request".to_owned()));
    }
    match arguments.what.as_deref() {
        None => follow_services(stack, all, arguments.form, &look).await,
        Some(name) if !names_request => {
            follow_services(stack, stack.services_or(Some(name))?, arguments.form, &look).await
        }
        Some(id) => {
            let found = find(stack, &all, id).await?;
            let foreign = |what| CommandError::Foreign {
                doing: "follow the request",
                service: found.service.to_string(),
                what,
            };
            let request = found.id.parse().map_err(|_| foreign(found.id.clone()))?;
            let action = found.shown.run.map(|run| run.action.to_string()).unwrap_or_default();
            let place = Place { stack: stack.clone(), service: found.service, id: request };
            let manner = Manner { json: arguments.form.json, no_retry_wait: arguments.no_retry_wait };
            Following::new(place.clone(), &action, manner).show(tell(place, None)).await
        }
    }
}

/// The request; where there is none, it may have been a service's name that was meant.
async fn find(stack: &Stack, services: &[ServiceName], id: &str) -> Result<ids::Found, CommandError> {
    let found = ids::find(stack, services, id).await;
    match (&found, stack.service(id)) {
        (
            Err(CommandError::Id { .. } | CommandError::Unasked { .. }),
            Err(unknown @ CommandError::UnknownService { meant: Some(_), .. }),
        ) => Err(unknown),
        _ => found,
    }
}

/// What comes from a service.
enum News {
    /// Something that happened.
    Line(ServiceName, Value),
    /// It can be followed.
    Begun(ServiceName, Vec<OpenRequest>),
    /// It has gone, or never was there.
    Lost(ServiceName, ClientError),
    /// It does not tell.
    Refused(CommandError),
}

async fn follow_services(
    stack: &Stack,
    services: Vec<ServiceName>,
    form: Form,
    look: &Look,
) -> Result<u8, CommandError> {
    let interrupts = Interrupts::open()?;
    if !form.json && is_terminal() {
        // Until something happens there would be nothing to see.
        let names: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
        note(format_args!("following {}: Ctrl-C ends it", names.join(", ")));
    }
    let (sender, mut news) = channel(LINES);
    for service in services {
        spawn_local(follow_service(stack.clone(), service, sender.clone()));
    }
    drop(sender);
    let mut narrator = Narrator { form, look: look.clone(), actions: HashMap::new(), away: HashSet::new() };
    loop {
        tokio::select! {
            interrupt = interrupts.next() => match interrupt {
                Interrupt::End(_) => return Ok(0),
                Interrupt::Pause => pause(),
                Interrupt::Redraw => {}
            },
            next = news.recv() => match next {
                Some(News::Refused(error)) => return Err(error),
                Some(next) => {
                    if !narrator.take(next) {
                        // Whoever read has stopped reading.
                        return Ok(0);
                    }
                }
                None => return Ok(0),
            }
        }
    }
}

/// Passes on what a service tells, for as long as anybody wants to know.
async fn follow_service(stack: Stack, service: ServiceName, news: Sender<News>) {
    let path = stack.socket(&service);
    while !news.is_closed() {
        let lost = match follow_once(&path, &service, &news).await {
            Ok(()) => return,
            // It does not help to wait for that.
            Err(error) if matches!(error.trouble(), Trouble::Denied | Trouble::Refused) => {
                News::Refused(CommandError::unreached(DOING)(error))
            }
            Err(error) => News::Lost(service.clone(), error),
        };
        let is_final = matches!(lost, News::Refused(_));
        if news.send(lost).await.is_err() || is_final {
            return;
        }
        sleep(AGAIN).await;
    }
}

/// Follows a service until it is gone, or refuses, or nobody wants to know any more.
async fn follow_once(
    path: &std::path::Path,
    service: &ServiceName,
    news: &Sender<News>,
) -> Result<(), ClientError> {
    let mut conversation = Conversation::open(path, PATIENCE).await?;
    // What runs already began before anything that is told below.
    let status: Status = conversation.ask_for(&Call::Status, PATIENCE).await?;
    conversation.send(&Call::follow_all(), PATIENCE).await?;
    if news.send(News::Begun(service.clone(), status.open().cloned().collect())).await.is_err() {
        return Ok(());
    }
    while let Some(line) = conversation.next().await? {
        if news.send(News::Line(service.clone(), line)).await.is_err() {
            return Ok(());
        }
    }
    let why = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    Err(ClientError::Unreachable { path: path.to_owned(), why })
}

/// Says what is told, with what has been told so far, as far as it matters for that.
struct Narrator {
    form: Form,
    look: Look,
    /// The action of each request that has not ended.
    actions: HashMap<(ServiceName, RequestId), ActionName>,
    /// Services that have gone.
    away: HashSet<ServiceName>,
}

impl Narrator {
    /// Shows it; false when nobody reads any more.
    fn take(&mut self, news: News) -> bool {
        match news {
            News::Begun(service, open) => {
                if self.away.remove(&service) {
                    note(format_args!("{service} is back"));
                }
                return open.into_iter().all(|request| self.begin(&service, request));
            }
            News::Lost(service, error) => {
                if self.away.insert(service) {
                    note(format_args!("{error}: waiting for it"));
                }
            }
            News::Refused(_) => {}
            News::Line(service, mut line) if self.form.json => {
                line["service"] = service.as_str().into();
                return say(line);
            }
            News::Line(service, line) => return self.show(&service, &Event::read(&line)),
        }
        true
    }

    /// Takes in a request that waited or ran before anything was told; what has failed of it is said.
    fn begin(&mut self, service: &ServiceName, request: OpenRequest) -> bool {
        let retry = Retry::of_open(&request).filter(|_| !self.form.json);
        let (id, action) = (request.id, request.action);
        let shown = retry.is_none_or(|retry| {
            let now = Timestamp::now();
            let source = self.source(retry.ended_at.unwrap_or(now), service, &action, &id);
            say(format_args!("{source} {}", retry.in_words(now)))
        });
        self.actions.insert((service.clone(), id), action);
        shown
    }

    fn source(
        &self,
        at: Timestamp,
        service: &ServiceName,
        action: &impl std::fmt::Display,
        id: &RequestId,
    ) -> String {
        let time = ages::time_of_day(at, &self.look.zone);
        Tone::Soft.paint(&format!("{time} {service} {action} {}", id.short()))
    }

    fn show(&mut self, service: &ServiceName, event: &Event) -> bool {
        let now = Timestamp::now();
        let (at, id, said) = match event {
            Event::Output { id, text } => (now, id, format!("| {}", visible::line(text))),
            Event::Accepted { at, id, user, .. } => (*at, id, format!("accepted for {user}")),
            Event::Joined { at, id, user, with, .. } => {
                (*at, id, format!("accepted for {user}: joins {with}"))
            }
            Event::Started { at, id, attempt, .. } if *attempt > 1 => {
                (*at, id, format!("starts, attempt {attempt}"))
            }
            Event::Started { at, id, .. } => (*at, id, "starts".to_owned()),
            Event::Retried { at, id, .. } => {
                let Some(retry) = Retry::of_event(event) else { return true };
                (*at, id, format!("{}: {}", Tone::Bad.paint(&retry.failure()), retry.next(now)))
            }
            Event::PutBack { at, id } => (*at, id, "waits for another listener".to_owned()),
            Event::Ended { at, id, outcome, took_ms, note, .. } => {
                let note = note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
                (*at, id, format!("{} after {}{note}", painted(outcome), ages::took(*took_ms)))
            }
            Event::Overdue { .. }
            | Event::Recovered { .. }
            | Event::Problems { .. }
            | Event::Past { .. }
            | Event::Forgotten { .. }
            | Event::Other => return true,
        };
        let key = (service.clone(), id.clone());
        if let Event::Accepted { action, .. } | Event::Joined { action, .. } = event {
            self.actions.insert(key.clone(), action.clone());
        }
        let action = self.actions.get(&key).map_or("?", ActionName::as_str);
        let shown = say(format_args!("{} {said}", self.source(at, service, &action, id)));
        if matches!(event, Event::Ended { .. }) {
            self.actions.remove(&key);
        }
        shown
    }
}

fn painted(outcome: &Outcome) -> String {
    tone_of(outcome).paint(&outcome.to_string())
}
