//! What becomes of one request, line by line, to its outcome, across restarts of its supervisor.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::error::CommandError;
use super::stack::Stack;
use crate::names::{RequestId, ServiceName};
use crate::socket::client::{ClientError, Conversation};
use crate::wire::Call;

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
    pub(super) id: RequestId,
}

/// What is heard of a request that is followed.
#[derive(Debug)]
pub(super) enum Update {
    /// A line of the service's.
    Line(Value),
    /// The service has gone; it is waited for.
    Lost,
    /// The service is not coming back, or does not tell.
    GivenUp(CommandError),
}

/// Follows a request; with a conversation when one has been begun, by which its lines come already.
pub(super) fn tell(place: Place, begun: Option<Conversation>) -> Receiver<Update> {
    let (sender, updates) = channel(LINES);
    spawn_local(async move {
        if let Err(error) = follow(place, begun, &sender).await {
            // Who followed may have gone.
            let _ = sender.send(Update::GivenUp(error)).await;
        }
    });
    updates
}

async fn follow(
    place: Place,
    begun: Option<Conversation>,
    updates: &Sender<Update>,
) -> Result<(), CommandError> {
    let mut conversation = match begun {
        Some(begun) => begun,
        None => begin(&place).await?,
    };
    loop {
        loop {
            match conversation.next().await {
                Ok(Some(line)) => {
                    if updates.send(Update::Line(line)).await.is_err() {
                        return Ok(());
                    }
                }
                Err(error @ ClientError::Refused { .. }) => {
                    return Err(CommandError::unreached("follow a request")(error));
                }
                Ok(None) | Err(_) => break,
            }
        }
        if updates.send(Update::Lost).await.is_err() {
            return Ok(());
        }
        conversation = begin_again(&place).await?;
    }
}

/// Asks to be told of the request, from its beginning.
async fn begin(place: &Place) -> Result<Conversation, ClientError> {
    let mut conversation = Conversation::open(&place.stack.socket(&place.service), PATIENCE).await?;
    let call = Call::Follow { id: Some(place.id.clone()), past: true, output: true };
    conversation.send(&call, PATIENCE).await?;
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
