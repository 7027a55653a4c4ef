//! Asking services how they are: all at once, and none for long.

use std::time::Duration;

use serde::Deserialize;
use tokio::task::JoinSet;

use crate::console::stack::Stack;
use crate::names::ServiceName;
use crate::socket::client::{self, ClientError, Conversation};
use crate::wire::{Call, Health, NextOccurrences, Occurrence, Status, VERSION};

/// How long a service may take to say how it is: one that hangs must not keep the others from being seen.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it may take when its own check is to be done first; longer than that has itself.
const CHECK_PATIENCE: Duration = Duration::from_secs(25);
/// So many of what comes next are asked for.
const MOST_COMING: usize = 1000;

/// A service, and what it says.
#[derive(Debug)]
pub(in crate::console) struct Heard {
    pub(in crate::console) service: ServiceName,
    /// How it is, or why it does not say so.
    pub(in crate::console) said: Result<Status, ClientError>,
    /// What comes next, when it is the scheduler.
    pub(in crate::console) coming: Vec<Occurrence>,
}

/// Asks all these services; they come in the order of their names. With `check` each does its own check of
/// its health first.
pub(in crate::console) async fn ask_all(stack: &Stack, services: &[ServiceName], check: bool) -> Vec<Heard> {
    let mut asking = JoinSet::new();
    for service in services {
        asking.spawn_local(ask(stack.clone(), service.clone(), check));
    }
    let mut heard = asking.join_all().await;
    heard.sort_by(|a, b| a.service.cmp(&b.service));
    heard
}

/// Asks one service.
pub(in crate::console) async fn ask(stack: Stack, service: ServiceName, check: bool) -> Heard {
    let path = stack.socket(&service);
    let mut coming = Vec::new();
    let said = async {
        let health: Option<Health> =
            if check { Some(client::call_for(&path, &Call::Health, CHECK_PATIENCE).await?) } else { None };
        let mut conversation = Conversation::open(&path, PATIENCE).await?;
        let mut status: Status = conversation.ask_for(&Call::Status, PATIENCE).await?;
        if status.is_scheduler() {
            let next = Call::Next { count: MOST_COMING, each: true };
            let answer = conversation.ask(&next, PATIENCE).await?;
            coming = NextOccurrences::deserialize(&answer).map(|next| next.next).unwrap_or_default();
        }
        // An older service does not keep what it answered.
        if let (None, Some(health)) = (&status.health, health) {
            status.health = Some(Health { at: Some(jiff::Timestamp::now()), ..health });
        }
        Ok(status)
    };
    let said = said.await;
    Heard { service, said, coming }
}

/// Whether a service speaks another version of the protocol.
pub(in crate::console) fn speaks_otherwise(status: &Status) -> Option<u32> {
    status.greeting.protocol.filter(|&version| version != VERSION)
}
