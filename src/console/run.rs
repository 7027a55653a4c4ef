//! `lamplighter run`: has a service do something, and shows it being done.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::completions;
use super::error::CommandError;
use super::following::{Following, Manner};
use super::stack::Stack;
use super::telling::{Place, tell};
use super::{actions, say};
use crate::accounts::Accounts;
use crate::names::{ActionName, NameError, ServiceName};
use crate::request::RefusalCode;
use crate::socket::client::{ClientError, Conversation};
use crate::wire::{Accepted, Call, Tell};

/// How long a service may take to accept: it may have to read its callbacks first.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Who is to do it
    #[arg(add = completions::services())]
    service: String,
    /// What to do, such as `nightly-backup`; without it you are told what there is
    #[arg(add = completions::actions())]
    action: Option<String>,
    /// On whose behalf [default: yourself]
    #[arg(short, long)]
    user: Option<String>,
    /// Print the request's id, and do not wait for the outcome
    #[arg(short, long)]
    detach: bool,
    /// When an attempt fails and another one is to follow, leave with 1 instead of waiting for it
    #[arg(long, conflicts_with = "detach")]
    no_retry_wait: bool,
    /// Print JSON: a line for each thing that happens, as docs/COMMAND.md describes them
    #[arg(long)]
    json: bool,
}

/// Asks for the run, and shows it to its end: 0 when it succeeded, 1 when it did not.
///
/// # Errors
/// When there is no such service or action, or it refuses.
pub async fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let service = stack.service(&arguments.service)?;
    let usage = |error: NameError| CommandError::Usage(error.to_string());
    let Some(word) = &arguments.action else { return Err(unnamed(stack, &service).await) };
    let action: ActionName = match word.parse() {
        Ok(action) => action,
        Err(error) => {
            return Err(actions::misspelt(stack, std::slice::from_ref(&service), word, &error).await);
        }
    };
    let user = match &arguments.user {
        Some(user) => user.parse().map_err(usage)?,
        None => Accounts::yourself(),
    };
    let tell_what = if arguments.detach { Tell::Nothing } else { Tell::Everything };
    let call = Call::Run {
        service: None,
        user: user.clone(),
        action: action.clone(),
        id: None,
        tell: tell_what,
        operator: None,
    };
    let asked = async {
        let mut conversation = Conversation::open(&stack.socket(&service), PATIENCE).await?;
        let Accepted { id, .. } = conversation.ask_for(&call, PATIENCE).await?;
        Ok((conversation, id))
    };
    let (conversation, id) = match asked.await {
        Ok(accepted) => accepted,
        Err(error) => return Err(refused(stack, &service, &action, error).await),
    };
    if arguments.detach {
        let shown = json!({"service": service, "id": id, "user": user, "action": action});
        if arguments.json {
            say(shown)
        } else {
            say(id)
        };
        return Ok(0);
    }
    let place = Place { stack: stack.clone(), service, id };
    let manner = Manner { json: arguments.json, no_retry_wait: arguments.no_retry_wait };
    let following = Following::new(place.clone(), action.as_str(), manner);
    following.show(tell(place, Some(conversation))).await
}

/// What is said to who names no action.
async fn unnamed(stack: &Stack, service: &ServiceName) -> CommandError {
    let known = actions::of(stack, std::slice::from_ref(service)).await;
    let has =
        if known.is_empty() { "it tells none".to_owned() } else { format!("it has {}", known.join(", ")) };
    CommandError::Usage(format!("name the action that {service} is to do: {has}"))
}

async fn refused(
    stack: &Stack,
    service: &ServiceName,
    action: &ActionName,
    error: ClientError,
) -> CommandError {
    let is = |code| matches!(&error, ClientError::Refused { refused, .. } if refused.is(code));
    let (is_unknown, is_not_allowed) = (is(RefusalCode::UnknownAction), is(RefusalCode::NotAllowed));
    let refusal = CommandError::unreached(format!("run {action}"))(error);
    if is_not_allowed {
        return refusal
            .hinting(Some("use sudo, or have the action's rule list you under `allow`".to_owned()));
    }
    if !is_unknown {
        return refusal;
    }
    let known = actions::of(stack, std::slice::from_ref(service)).await;
    let has = || (!known.is_empty()).then(|| format!("{service} has {}", known.join(", ")));
    let hint = actions::did_you_mean(action.as_str(), &known).or_else(has);
    refusal.hinting(hint)
}
