//! What becomes of one request, line by line, to its outcome, across restarts of its supervisor.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::client::{ClientError, Conversation};
use super::error::CommandError;
use super::stack::Stack;
use crate::names::ServiceName;

/// How long a supervisor may be away before it is given up.
const AWAY: Duration = Duration::from_secs(60);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_millis(200);
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Lines that may wait to be shown.
const LINES: usize = 256;

/// Where a request is followed.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) stack: Stack,
    pub(super) service: ServiceName,
    pub(super) id: String,
}

/// Something that is told.
#[derive(Debug)]
pub(super) enum Told {
    /// A line of the service's.
    Line(Value),
    /// The service has gone; it is waited for.
    Lost,
    /// The service is not coming back, or does not tell.
    GivenUp(CommandError),
}

/// Follows a request; with a conversation when one has been begun, by which its lines come already.
pub(super) fn tell(place: Place, begun: Option<Conversation>) -> Receiver<Told> {
    let (sender, told) = channel(LINES);
    spawn_local(async move {
        if let Err(error) = follow(place, begun, &sender).await {
            // Who followed may have gone.
            let _ = sender.send(Told::GivenUp(error)).await;
        }
    });
    told
}

async fn follow(place: Place, begun: Option<Conversation>, told: &Sender<Told>) -> Result<(), CommandError> {
    let mut conversation = match begun {
        Some(begun) => begun,
        None => begin(&place).await?,
    };
    loop {
        while let Ok(Some(line)) = conversation.next().await {
            if line["ok"] == false {
                return Err(CommandError::refused("follow a request", place.service.as_str(), &line));
            }
            if told.send(Told::Line(line)).await.is_err() {
                return Ok(());
            }
        }
        if told.send(Told::Lost).await.is_err() {
            return Ok(());
        }
        conversation = begin_again(&place).await?;
    }
}

/// Asks to be told of the request, from its beginning.
async fn begin(place: &Place) -> Result<Conversation, ClientError> {
    let mut conversation = Conversation::open(&place.stack.socket(&place.service), PATIENCE).await?;
    conversation.send(&json!({"op": "follow", "id": place.id, "past": true})).await?;
    Ok(conversation)
}

async fn begin_again(place: &Place) -> Result<Conversation, ClientError> {
    let lost = Instant::now();
    loop {
        sleep(PAUSE).await;
        match begin(place).await {
            Err(error) if lost.elapsed() > AWAY => return Err(error),
            Err(_) => {}
            begun => return begun,
        }
    }
}
