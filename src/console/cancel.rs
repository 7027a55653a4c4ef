//! `lamplighter cancel`: calls a request off.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::client;
use super::error::CommandError;
use super::ids::{self, ask_each};
use super::stack::Stack;
use super::{ages, following, say, visible};
use crate::names::ServiceName;
use jiff::Timestamp;

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the command line says.
#[derive(Debug, Args)]
#[command(override_usage = "lamplighter cancel [OPTIONS] [SERVICE] ID")]
pub struct Arguments {
    /// The request's id, or the beginning of it; before it, where you like, the service
    #[arg(required = true, num_args = 1..=2, value_name = "ID")]
    request: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Calls the request off: what waits is taken out, what runs is told to end.
///
/// # Errors
/// When there is no such request, or it has ended already.
pub async fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let (service, prefix) = match &arguments.request[..] {
        [service, id] => (Some(service.as_str()), id.as_str()),
        [id, ..] => (None, id.as_str()),
        [] => (None, ""),
    };
    let services = stack.services_or(service)?;
    let (service, id, action) = match open(stack, &services, prefix).await {
        Some(open) => open,
        None => of_journal(stack, &services, prefix).await?,
    };
    let call = json!({"op": "cancel", "id": id});
    let doing = format!("cancel {action} {id}");
    let answer = client::call(&stack.socket(&service), &call, PATIENCE).await;
    let answer = answer.map_err(CommandError::unreached(&doing))?;
    if answer["ok"] != true {
        return Err(CommandError::refused(doing, service.as_str(), &answer));
    }
    if arguments.json {
        say(json!({"service": service, "id": id, "action": action}));
    } else {
        say(format_args!("{action} {id} of {service} is called off"));
    }
    Ok(0)
}

/// The one request that waits or runs and whose id begins so.
async fn open(
    stack: &Stack,
    services: &[ServiceName],
    prefix: &str,
) -> Option<(ServiceName, String, String)> {
    let answers = ask_each(stack, services, &json!({"op": "status"}), PATIENCE).await;
    let mut open = answers.into_iter().flat_map(|(service, answer)| {
        let answer = answer.unwrap_or_default();
        let requests =
            ["running", "waiting"].map(|list| answer[list].as_array().cloned().unwrap_or_default());
        requests.into_iter().flatten().map(move |request| (service.clone(), request))
    });
    let mut fitting = open.by_ref().filter_map(|(service, request)| {
        let id = request["id"].as_str().filter(|id| id.starts_with(prefix))?;
        Some((service, id.to_owned(), text(&request["action"])))
    });
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

/// The request of that id, however it is; one that has ended cannot be called off.
async fn of_journal(
    stack: &Stack,
    services: &[ServiceName],
    prefix: &str,
) -> Result<(ServiceName, String, String), CommandError> {
    let ids::Found { service, id, told } = ids::find(stack, services, prefix).await?;
    let run = &told["run"];
    let action = text(&run["action"]);
    if run["outcome"].is_null() {
        return Ok((service, id, action));
    }
    let ended = ages::ago(following::at(run, "ended_at"), Timestamp::now());
    let message =
        format!("{action} {id} of {service} has ended already: {} {ended}", following::outcome(run));
    Err(CommandError::Id { message, hint: format!("`lamplighter show {id}` tells all about it") })
}

fn text(value: &Value) -> String {
    visible::line(value.as_str().unwrap_or_default()).into_owned()
}
