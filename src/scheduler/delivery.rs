//! Takes occurrences to a service's request socket and brings the answers back.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::machine::{Answer, Event};
use super::occurrence::Occurrence;
use crate::names::ServiceName;
use crate::socket::client::{Asking, ClientError, Conversation, Hearing, patiently};
use crate::wire::{Accepted, Call, Tell};

/// How long a service may take to be connected to, and for each answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One delivery: the requests for one service, on one connection.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) service: ServiceName,
    pub(crate) socket: PathBuf,
    pub(crate) occurrences: Vec<Occurrence>,
}

impl Delivery {
    /// Sends each request, and each answer as an event, and at the end that it is over.
    pub(crate) async fn run(self, events: UnboundedSender<Event>) {
        let problem = self.exchange(&events).await.err().map(|error| error.to_string());
        // Nobody listens any more when the scheduler is stopping.
        let _ = events.send(Event::Closed(self.service, problem));
    }

    async fn exchange(&self, events: &UnboundedSender<Event>) -> Result<(), ClientError> {
        let (asking, hearing) = Conversation::open(&self.socket, PATIENCE).await?.split();
        // Both at once: a service may answer before it has read all, and wait for the answer to be taken.
        let (sent, answered) = tokio::join!(self.send(asking), self.receive(hearing, events));
        answered.and(sent)
    }

    async fn send(&self, mut asking: Asking) -> Result<(), ClientError> {
        let calls: Vec<Call> = self.occurrences.iter().map(call).collect();
        // The half stays open until all is written, and its end tells the service that nothing follows.
        patiently(&self.socket, PATIENCE, asking.send(&calls)).await?
    }

    async fn receive(
        &self,
        mut hearing: Hearing,
        events: &UnboundedSender<Event>,
    ) -> Result<(), ClientError> {
        for occurrence in &self.occurrences {
            let answer = match hearing.answer_as(PATIENCE).await {
                Ok(Accepted { id, .. }) => Answer::Accepted(id),
                Err(ClientError::Refused { refused, .. }) => Answer::Refused(refused.to_string()),
                Err(error) => return Err(error),
            };
            let _ = events.send(Event::Answered(self.service.clone(), occurrence.key(), answer));
        }
        Ok(())
    }
}

/// The call for an occurrence, with its id, so that sending it again runs nothing twice.
fn call(occurrence: &Occurrence) -> Call {
    let Occurrence { user, action, .. } = occurrence;
    let (user, action, id) = (user.clone(), action.clone(), Some(occurrence.id()));
    Call::Run { service: None, user, action, id, tell: Tell::Nothing, operator: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Zone, parse};

    #[test]
    fn a_request_is_one_line_of_json_with_its_occurrences_id() {
        let entries = parse(b"5 4 * * * forum mysql nightly-backup", &Zone::utc()).entries;
        let call = call(&Occurrence::new(&entries[0], 1_777_608_300, None));
        insta::assert_snapshot!(
            serde_json::to_string(&call).unwrap(),
            @r#"{"op":"run","user":"forum","action":"nightly-backup","id":"41aa2dccb238069b@1777608300"}"#
        );
    }
}
