//! `lamplighter reload`: has the scheduler read its schedule again, where it could not notice by itself.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::error::CommandError;
use super::stack::{SCHEDULER, Stack};
use super::{client, say, visible};

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
    let answer = client::call(&stack.socket(&scheduler), &json!({"op": "reload"}), PATIENCE).await;
    let answer = answer.map_err(CommandError::unreached("have the schedule read again"))?;
    if answer["ok"] != true {
        return Err(CommandError::refused("have the schedule read again", SCHEDULER, &answer));
    }
    let degraded: Vec<&str> =
        answer["degraded"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if arguments.json {
        say(json!({"degraded": degraded}));
        return Ok(0);
    }
    say("the schedule was read again");
    for sentence in degraded {
        say(visible::line(sentence));
    }
    Ok(0)
}
