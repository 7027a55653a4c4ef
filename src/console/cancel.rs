//! `lamplighter cancel`: calls a request off.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::json;

use super::error::CommandError;
use super::ids::{self, ask_each};
use super::stack::Stack;
use super::{ages, say};
use crate::names::{RequestId, ServiceName};
use crate::socket::client;
use crate::wire::{Call, Status};
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
    let doing = format!("cancel {action} {id}");
    let answer =
        client::call(&stack.socket(&service), &Call::Cancel { id: id.clone(), operator: None }, PATIENCE)
            .await;
    answer.map_err(CommandError::unreached(doing))?;
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
) -> Option<(ServiceName, RequestId, String)> {
    let answers = ask_each(stack, services, &Call::Status, PATIENCE).await;
    let mut fitting = answers.into_iter().flat_map(|(service, answer)| {
        let status = answer.ok().and_then(|answer| Status::deserialize(&answer).ok()).unwrap_or_default();
        let fits = status.open().filter(|request| request.id.as_str().starts_with(prefix)).cloned();
        let fits: Vec<_> = fits.collect();
        fits.into_iter().map(move |request| (service.clone(), request.id, request.action.into()))
    });
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

/// The request of that id, however it is; one that has ended cannot be called off.
async fn of_journal(
    stack: &Stack,
    services: &[ServiceName],
    prefix: &str,
) -> Result<(ServiceName, RequestId, String), CommandError> {
    let ids::Found { service, id, shown, .. } = ids::find(stack, services, prefix).await?;
    let foreign = |what: String| {
        let (doing, service) = ("cancel the request", service.to_string());
        CommandError::Foreign { doing, service, what }
    };
    let (Some(run), Ok(parsed)) = (shown.run, id.parse()) else { return Err(foreign(id)) };
    let Some(outcome) = run.outcome else { return Ok((service, parsed, run.action.into())) };
    let ended = run.ended_at.map(|at| format!(" {}", ages::ago(at, Timestamp::now())));
    let ended = ended.unwrap_or_default();
    let message = format!("{} {id} of {service} has ended already: {outcome}{ended}", run.action);
    Err(CommandError::Id { message, hint: format!("`lamplighter show {id}` tells all about it") })
}
