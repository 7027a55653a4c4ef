//! `lamplighter follow`: what happens, as it happens: to one request, at one service, or at all of them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::client::{ClientError, Conversation, Trouble};
use super::completions;
use super::error::CommandError;
use super::following::{Following, at, outcome};
use super::interrupts::{Interrupt, Interrupts, pause};
use super::look::{Form, Look, is_terminal};
use super::stack::Stack;
use super::table::Tone;
use super::telling::{Place, tell};
use super::{ages, ids, note, say, visible};
use crate::names::ServiceName;

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
    match arguments.what.as_deref() {
        None => follow_services(stack, all, arguments.form, &look).await,
        Some(name) if stack.services()?.iter().any(|service| service.as_str() == name) => {
            follow_services(stack, stack.services_or(Some(name))?, arguments.form, &look).await
        }
        Some(id) => {
            let found = find(stack, &all, id).await?;
            let place = Place { stack: stack.clone(), service: found.service, id: found.id };
            let action = found.told["run"]["action"].as_str().unwrap_or_default();
            Following::new(place.clone(), action, arguments.form.json).show(tell(place, None)).await
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
    Begun(ServiceName, Vec<(String, String)>),
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
    let mut told = Told { form, look: look.clone(), actions: HashMap::new(), away: HashSet::new() };
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
                    if !told.take(next) {
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
            Ok(Some(refusal)) => News::Refused(refusal),
            Ok(None) => return,
            // It does not help to wait for that.
            Err(error) if error.trouble() == Trouble::Denied => {
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
) -> Result<Option<CommandError>, ClientError> {
    let mut conversation = Conversation::open(path, PATIENCE).await?;
    // What runs already began before anything that is told below.
    let status = conversation.ask(&json!({"op": "status"}), PATIENCE).await?;
    let known =
        ["running", "waiting"].into_iter().flat_map(|list| status[list].as_array().into_iter().flatten());
    let text = |value: &Value| Some(visible::line(value.as_str()?).into_owned());
    let known =
        known.filter_map(|request| Some((text(&request["id"])?, text(&request["action"])?))).collect();
    conversation.send(&json!({"op": "follow"})).await?;
    if news.send(News::Begun(service.clone(), known)).await.is_err() {
        return Ok(None);
    }
    while let Some(line) = conversation.next().await? {
        if line["ok"] == false {
            return Ok(Some(CommandError::refused(DOING, service.as_str(), &line)));
        }
        if news.send(News::Line(service.clone(), line)).await.is_err() {
            return Ok(None);
        }
    }
    let why = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    Err(ClientError::Unreachable { path: path.to_owned(), why })
}

/// What has been told so far, as far as it matters for what is told next.
struct Told {
    form: Form,
    look: Look,
    /// The action of each request that has not ended.
    actions: HashMap<(ServiceName, String), String>,
    /// Services that have gone.
    away: HashSet<ServiceName>,
}

impl Told {
    /// Shows it; false when nobody reads any more.
    fn take(&mut self, news: News) -> bool {
        match news {
            News::Begun(service, known) => {
                if self.away.remove(&service) {
                    note(format_args!("{service} is back"));
                }
                let known = known.into_iter().map(|(id, action)| ((service.clone(), id), action));
                self.actions.extend(known);
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
            News::Line(service, line) => return self.show(&service, &line),
        }
        true
    }

    fn show(&mut self, service: &ServiceName, line: &Value) -> bool {
        let text = |field: &str| visible::line(line[field].as_str().unwrap_or_default()).into_owned();
        let id = text("id");
        if matches!(line["event"].as_str(), Some("accepted" | "joined")) {
            self.actions.insert((service.clone(), id.clone()), text("action"));
        }
        let action = self.actions.get(&(service.clone(), id.clone())).map_or("?", String::as_str);
        let said = match line["event"].as_str() {
            Some("output") => format!("| {}", text("text")),
            Some("accepted") => format!("accepted for {}", text("user")),
            Some("joined") => format!("accepted for {}: joins {}", text("user"), text("with")),
            Some("started") => match line["attempt"].as_u64() {
                Some(attempt) if attempt > 1 => format!("starts, attempt {attempt}"),
                _ => "starts".to_owned(),
            },
            Some("retried") => {
                let next = ages::ahead(at(line, "not_before"), Timestamp::now());
                format!("{}: tried again {next}", painted(line))
            }
            Some("put-back") => "waits for another listener".to_owned(),
            Some("ended") => {
                let took = ages::took(line["took_ms"].as_u64().unwrap_or_default());
                let note = line["note"].as_str().map(|note| format!(" ({})", visible::line(note)));
                format!("{} after {took}{}", painted(line), note.unwrap_or_default())
            }
            _ => return true,
        };
        let time = ages::time_of_day(at(line, "at"), &self.look.zone);
        let source = format!("{time} {service} {action} {}", id.get(..8).unwrap_or(&id));
        let shown = say(format_args!("{} {said}", Tone::Soft.paint(&source)));
        if line["event"] == "ended" {
            self.actions.remove(&(service.clone(), id));
        }
        shown
    }
}

fn painted(line: &Value) -> String {
    let outcome = outcome(line);
    if outcome == "succeeded" { Tone::Good.paint(&outcome) } else { Tone::Bad.paint(&outcome) }
}
