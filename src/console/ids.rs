//! The request that a shortened id means, whichever service it was asked of.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::task::JoinSet;

use super::error::CommandError;
use super::stack::Stack;
use crate::names::{RequestId, ServiceName};
use crate::request::RefusalCode;
use crate::socket::client::{self, ClientError};
use crate::visible;
use crate::wire::{Call, Refused, Shown};

/// How long a service may take to look through its journal.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) service: ServiceName,
    /// The id that was meant: the request's own, or that of one that joined it.
    pub(super) id: String,
    /// What the service tells of it.
    pub(super) shown: Shown,
    /// The same as it was told.
    pub(super) told: Value,
}

/// Finds the request whose id begins with `prefix`, at one of these services.
///
/// # Errors
/// When there is none, several, or nobody may be asked.
pub(super) async fn find(
    stack: &Stack,
    services: &[ServiceName],
    prefix: &str,
) -> Result<Found, CommandError> {
    if prefix.parse::<RequestId>().is_err() {
        return Err(CommandError::Usage(format!("`{}` is no id of a request", visible::line(prefix))));
    }
    let answers = ask_each(stack, services, &Call::Show { id: prefix.to_owned() }, PATIENCE).await;
    let mut search = Search::default();
    for (service, answer) in answers {
        search.take(service, answer, prefix);
    }
    search.decide(prefix, stack.service(prefix).is_ok())
}

/// Puts the same question to all these services at once; their answers by name.
pub(super) async fn ask_each(
    stack: &Stack,
    services: &[ServiceName],
    call: &Call,
    patience: Duration,
) -> Vec<(ServiceName, Result<Value, ClientError>)> {
    let mut asking = JoinSet::new();
    for service in services {
        let (path, service, call) = (stack.socket(service), service.clone(), call.clone());
        asking.spawn_local(async move { (service, client::call(&path, &call, patience).await) });
    }
    let mut answers = asking.join_all().await;
    answers.sort_by(|(a, _), (b, _)| a.cmp(b));
    answers
}

/// What the services answered.
#[derive(Debug, Default)]
struct Search {
    whole: Option<Found>,
    begun: Vec<Found>,
    /// Several at one service, in its own words.
    several: Vec<String>,
    refusal: Option<CommandError>,
    /// Whether a service has looked, and does not know it.
    was_sought: bool,
    unasked: Vec<ClientError>,
}

impl Search {
    fn take(&mut self, service: ServiceName, answer: Result<Value, ClientError>, prefix: &str) {
        match answer {
            Ok(told) => {
                let id = meant(&told["run"], prefix);
                let shown = Shown::deserialize(&told).unwrap_or_default();
                let found = Found { service, id, shown, told };
                if found.id == prefix { self.whole = Some(found) } else { self.begun.push(found) }
            }
            Err(ClientError::Refused { refused, .. }) if refused.is(RefusalCode::AmbiguousId) => {
                let Refused { ids, message, .. } = *refused;
                let ids: Vec<String> = ids.into_iter().map(String::from).collect();
                // An earlier version says it in a sentence only.
                let several = if ids.is_empty() { message } else { ids.join(", ") };
                self.several.push(format!("{several} ({service})"));
            }
            Err(ClientError::Refused { refused, .. }) if refused.is(RefusalCode::UnknownId) => {
                self.was_sought = true;
            }
            Err(error @ ClientError::Refused { .. }) => {
                self.refusal =
                    Some(CommandError::unreached(format!("look for the request `{prefix}`"))(error));
            }
            Err(error) => self.unasked.push(error),
        }
    }

    fn decide(mut self, prefix: &str, is_service: bool) -> Result<Found, CommandError> {
        if let Some(whole) = self.whole {
            return Ok(whole);
        }
        if self.several.is_empty() && self.begun.len() == 1 {
            return Ok(self.begun.remove(0));
        }
        if !self.several.is_empty() || !self.begun.is_empty() {
            let each = self.begun.iter().map(|found| format!("{} ({})", found.id, found.service));
            let ids: Vec<String> = each.chain(self.several).collect();
            let message = format!("`{prefix}` begins the ids of several requests: {}", ids.join(", "));
            return Err(CommandError::Id { message, hint: "give more of the id".to_owned() });
        }
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        let unknown = format!("no request is known whose id begins with `{prefix}`");
        if self.unasked.is_empty() {
            let of = if is_service { format!(" {prefix}") } else { String::new() };
            let hint = format!("`lamplighter history{of}` has the last requests");
            return Err(CommandError::Id { message: unknown, hint });
        }
        let message = if self.was_sought {
            format!("{unknown}, and not every service could be asked")
        } else {
            format!("cannot look for the request `{prefix}`")
        };
        Err(CommandError::Unasked { message, whys: self.unasked })
    }
}

/// Of a run and those that joined it, the id that begins with `prefix`; its own comes first.
fn meant(run: &Value, prefix: &str) -> String {
    let joined = run["joined"].as_array().into_iter().flatten();
    let mut ids = std::iter::once(run).chain(joined).filter_map(|run| run["id"].as_str());
    let fits = |id: &&str| id.starts_with(prefix);
    let whole = ids.clone().find(|id| *id == prefix);
    visible::line(whole.or_else(|| ids.find(fits)).unwrap_or(prefix)).into_owned()
}
