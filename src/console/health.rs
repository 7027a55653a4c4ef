//! `lamplighter health`: the container's HEALTHCHECK.

use std::time::Duration;

use crate::settings::Settings;
use crate::socket::client::{self, ClientError};
use crate::wire::{Call, Health};

/// Longer than the service's own check may take, so that it is the supervisor that says what is wrong.
const PATIENCE: Duration = Duration::from_secs(25);

/// Asks the service of this container; prints what it says; true when it is healthy.
pub async fn run(settings: &Settings) -> Result<bool, ClientError> {
    let path = settings.folders.request_socket(&settings.service);
    let health: Health = client::call_for(&path, &Call::Health, PATIENCE).await?;
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
