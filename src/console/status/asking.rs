//! Asking services how they are: all at once, and none for long.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::facts::{Coming, Facts, Health};
use crate::console::client::{self, ClientError, Conversation};
use crate::console::stack::Stack;
use crate::names::ServiceName;
use crate::socket::protocol;

/// How long a service may take to say how it is: one that hangs must not keep the others from being seen.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it may take when its own check is to be done first; longer than that has itself.
const CHECK_PATIENCE: Duration = Duration::from_secs(25);
/// So many of what comes next are asked for.
const MOST_COMING: usize = 1000;

/// A service, and what it says.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) service: ServiceName,
    pub(super) said: Result<Facts, Silence>,
    /// What comes next, when it is the scheduler.
    pub(super) coming: Vec<Coming>,
}

/// Why a service says nothing of use.
#[derive(Debug)]
pub(super) enum Silence {
    /// It does not answer.
    Unreachable(ClientError),
    /// It does not want to say.
    Refused(String),
}

/// Asks all these services; they come in the order of their names. With `check` each does its own check of
/// its health first.
pub(super) async fn ask_all(stack: &Stack, services: &[ServiceName], check: bool) -> Vec<Heard> {
    let mut asking = JoinSet::new();
    for service in services {
        asking.spawn_local(ask(stack.clone(), service.clone(), check));
    }
    let mut heard = asking.join_all().await;
    heard.sort_by(|a, b| a.service.cmp(&b.service));
    heard
}

/// Asks one service.
pub(super) async fn ask(stack: Stack, service: ServiceName, check: bool) -> Heard {
    let path = stack.socket(&service);
    let mut coming = Vec::new();
    let said = async {
        let health = if check {
            Some(client::call(&path, &json!({"op": "health"}), CHECK_PATIENCE).await?)
        } else {
            None
        };
        let mut conversation = Conversation::open(&path, PATIENCE).await?;
        let answer = conversation.ask(&json!({"op": "status"}), PATIENCE).await?;
        let mut facts = Facts::read(&answer);
        if answer["ok"] == false {
            return Ok(Err(answer));
        }
        if facts.is_scheduler() {
            let next = json!({"op": "next", "count": MOST_COMING, "each": true});
            coming = Coming::read_all(&conversation.ask(&next, PATIENCE).await?);
        }
        // An older service does not keep what it answered.
        if let (None, Some(health)) = (&facts.health, health) {
            facts.health = Some(Health { at: Some(jiff::Timestamp::now()), ..Health::read(&health) });
        }
        Ok(Ok(facts))
    };
    let said = match said.await {
        Ok(Ok(facts)) => Ok(facts),
        Ok(Err(refusal)) => Err(Silence::Refused(message(&refusal))),
        Err(error) => Err(Silence::Unreachable(error)),
    };
    Heard { service, said, coming }
}

fn message(refusal: &Value) -> String {
    let message = refusal["message"].as_str().unwrap_or("it does not say why");
    crate::console::visible::line(message).into_owned()
}

/// Whether a service speaks another version of the protocol.
pub(super) fn speaks_otherwise(facts: &Facts) -> Option<u64> {
    facts.protocol.filter(|&version| version != u64::from(protocol::VERSION))
}
