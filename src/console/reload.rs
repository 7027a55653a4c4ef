//! `lamplighter reload`: has the scheduler read its schedule again, where it could not notice by itself.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::error::CommandError;
use super::say;
use super::stack::{SCHEDULER, Stack};
use crate::socket::client;
use crate::wire::{Call, Reloaded};

/// How long the scheduler may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Orders the reload, and shows what is wrong with the schedule.
///
/// # Errors
/// When the scheduler does not answer, or refuses.
pub async fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let scheduler = stack.service(SCHEDULER)?;
    let answer = client::call_for(&stack.socket(&scheduler), &Call::Reload, PATIENCE).await;
    let Reloaded { degraded, .. } =
        answer.map_err(CommandError::unreached("have the schedule read again"))?;
    let degraded: Vec<&str> = degraded.sentences().collect();
    if arguments.json {
        say(json!({"degraded": degraded}));
        return Ok(0);
    }
    say("the schedule was read again");
    for sentence in degraded {
        say(sentence);
    }
    Ok(0)
}
