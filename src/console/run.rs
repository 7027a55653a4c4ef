//! `lamplighter run`: has a service do something, and shows it being done.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::client::Conversation;
use super::completions;
use super::error::CommandError;
use super::following::Following;
use super::stack::Stack;
use super::telling::{Place, tell};
use super::{actions, say};
use crate::accounts::Accounts;
use crate::names::{ActionName, NameError, ServiceName, UserName};

/// How long a service may take to accept: it may have to read its callbacks first.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Who is to do it
    #[arg(add = completions::services())]
    service: String,
    /// What to do, such as `nightly-backup`
    #[arg(add = completions::actions())]
    action: String,
    /// On whose behalf [default: yourself]
    #[arg(short, long)]
    user: Option<String>,
    /// Print the request's id, and do not wait for the outcome
    #[arg(short, long)]
    detach: bool,
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
    let action: ActionName = match arguments.action.parse() {
        Ok(action) => action,
        Err(error) => {
            return Err(
                actions::misspelt(stack, std::slice::from_ref(&service), &arguments.action, &error).await
            );
        }
    };
    let user = match &arguments.user {
        Some(user) => user.parse().map_err(usage)?,
        None => yourself(),
    };
    let tells = if arguments.detach { "nothing" } else { "everything" };
    let call = json!({"op": "run", "user": user, "action": action, "tell": tells});
    let asked = async {
        let mut conversation = Conversation::open(&stack.socket(&service), PATIENCE).await?;
        let answer = conversation.ask(&call, PATIENCE).await?;
        Ok((conversation, answer))
    };
    let (conversation, answer) = asked.await.map_err(CommandError::unreached(format!("run {action}")))?;
    let Some(id) = answer["id"].as_str().filter(|_| answer["ok"] == true) else {
        return Err(refused(stack, &service, &action, &answer).await);
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
    let place = Place { stack: stack.clone(), service, id: id.to_owned() };
    let following = Following::new(place.clone(), action.as_str(), arguments.json);
    following.show(tell(place, Some(conversation))).await
}

/// Who calls: by the name that this machine has for them, else by their number.
fn yourself() -> UserName {
    let uid = nix::unistd::geteuid().as_raw();
    if uid == 0 {
        return UserName::root();
    }
    let name = Accounts::system().name(uid).ok().flatten();
    name.or_else(|| uid.to_string().parse().ok()).unwrap_or_else(UserName::root)
}

async fn refused(stack: &Stack, service: &ServiceName, action: &ActionName, answer: &Value) -> CommandError {
    let refusal = CommandError::refused(format!("run {action}"), service.as_str(), answer);
    match answer["code"].as_str() {
        Some("unknown-action") => {}
        Some("not-allowed") => {
            return refusal
                .hinting(Some("use sudo, or have the action's rule list you under `allow`".to_owned()));
        }
        _ => return refusal,
    }
    let known = actions::of(stack, std::slice::from_ref(service)).await;
    let has = || (!known.is_empty()).then(|| format!("{service} has {}", known.join(", ")));
    let hint = actions::did_you_mean(action.as_str(), &known).or_else(has);
    refusal.hinting(hint)
}
