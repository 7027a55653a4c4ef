//! `lamplighter health`: the container's HEALTHCHECK.

use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::health_mark::{Answerer, HealthMark};
use crate::duration;
use crate::process;
use crate::settings::Settings;
use crate::socket::client::{self, ClientError, Conversation};
use crate::wire::{Call, Health};

/// Longer than the service's own check may take, so that it is the supervisor that says what is wrong.
const PATIENCE: Duration = Duration::from_secs(25);

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Answer at once before the first success and after a failure, otherwise only when so long has passed since the last
    /// success, such as 60s
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    every: Option<Duration>,
}

/// Asks the service of this container; prints what it says; true when it is healthy.
///
/// # Errors
/// When it does not answer.
pub async fn run(arguments: &Arguments, settings: &Settings) -> Result<bool, ClientError> {
    let path = settings.folders.request_socket(&settings.service);
    let Some(every) = arguments.every else { return ask(&path).await };
    let mark = HealthMark::of(settings);
    if let Some(answerer) = answerer(&path).await {
        process::give_back_program();
        tokio::time::sleep(mark.left(every, &answerer)).await;
    }
    let healthy = ask(&path).await;
    let noted = match (&healthy, answerer(&path).await) {
        (Ok(true), Some(answerer)) => mark.set(&answerer),
        _ => mark.take_away(),
    };
    if let Err(error) = noted {
        println!("degraded: cannot write {}: {error}: health is asked for each time", mark.path().display());
    }
    healthy
}

async fn ask(path: &Path) -> Result<bool, ClientError> {
    let health: Health = client::call_for(path, &Call::Health, PATIENCE).await?;
    match (&health.reason, health.healthy) {
        (Some(reason), _) => println!("unhealthy: {reason}"),
        (None, true) => println!("healthy"),
        (None, false) => println!("unhealthy"),
    }
    for degraded in &health.degraded {
        println!("degraded: {degraded}");
    }
    Ok(health.healthy)
}

/// Who listens on a socket, where that can be told.
async fn answerer(path: &Path) -> Option<Answerer> {
    Answerer::of(Conversation::open(path, PATIENCE).await.ok()?.answerer()?)
}
