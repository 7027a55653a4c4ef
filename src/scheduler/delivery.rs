//! Takes occurrences to a service's request socket and brings the answers back.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::machine::{Answer, Event};
use super::occurrence::Occurrence;
use crate::names::{RequestId, ServiceName};
use crate::unix_socket;

/// How long a service may take to be connected to, and for each answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer is no longer than this, in bytes.
const LONGEST_ANSWER: u64 = 8 * 1024;

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
        let problem = match self.exchange(&events).await {
            Ok(()) => None,
            Err(error) => Some(format!("cannot reach {}: {error}", self.socket.display())),
        };
        // Nobody listens any more when the scheduler is stopping.
        let _ = events.send(Event::Closed(self.service, problem));
    }

    async fn exchange(&self, events: &UnboundedSender<Event>) -> io::Result<()> {
        let stream = patiently(unix_socket::connect(&self.socket))
            .await
            .map_err(|error| explain(error, &self.socket))?;
        let (input, output) = stream.into_split();
        // Both at once: a service may answer before it has read all, and wait for the answer to be taken.
        let (sent, answered) = tokio::join!(self.send(output), self.receive(input, events));
        answered.and(sent)
    }

    async fn send(&self, mut output: OwnedWriteHalf) -> io::Result<()> {
        let lines: String = self.occurrences.iter().map(request_line).collect();
        // The half stays open until all is written, and its end tells the service that nothing follows.
        patiently(output.write_all(lines.as_bytes())).await
    }

    async fn receive(&self, input: OwnedReadHalf, events: &UnboundedSender<Event>) -> io::Result<()> {
        let mut input = BufReader::new(input);
        for occurrence in &self.occurrences {
            let mut line = String::new();
            patiently((&mut input).take(LONGEST_ANSWER).read_line(&mut line)).await?;
            if !line.ends_with('\n') {
                return Err(io::Error::other("it closed the connection without an answer"));
            }
            let answer = parse_answer(line.trim_end()).ok_or_else(|| {
                io::Error::other(format!("it answered `{}`", line.trim_end().escape_debug()))
            })?;
            let _ = events.send(Event::Answered(self.service.clone(), occurrence.key(), answer));
        }
        Ok(())
    }
}

/// The call of the request socket's JSON form, with the occurrence's id, so that sending it again runs
/// nothing twice.
fn request_line(occurrence: &Occurrence) -> String {
    let Occurrence { user, action, .. } = occurrence;
    let call = json!({"op": "run", "id": occurrence.id(), "user": user, "action": action});
    format!("{call}\n")
}

/// The answer to a call. Fields that newer supervisors may add are ignored.
#[derive(Deserialize)]
struct JsonAnswer {
    ok: bool,
    id: Option<RequestId>,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads an answer: JSON, or `refused CODE: message`, as a socket answers that has not read the question
/// because too much is asked of it.
fn parse_answer(line: &str) -> Option<Answer> {
    if let Some(refusal) = line.strip_prefix("refused ") {
        return Some(Answer::Refused(refusal.to_owned()));
    }
    match serde_json::from_str(line).ok()? {
        JsonAnswer { ok: true, id, .. } => Some(Answer::Accepted(id?)),
        JsonAnswer { code, message, .. } => Some(Answer::Refused(format!("{code}: {message}"))),
    }
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", PATIENCE.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, message))
    })
}

/// Says in the stack's words what a failed connection means.
fn explain(error: io::Error, socket: &Path) -> io::Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "the socket is not there: is the service running?",
        io::ErrorKind::ConnectionRefused => "nobody listens there: the service has stopped or is starting",
        _ if !socket.parent().is_some_and(Path::exists) => "its folder is not there",
        _ => return error,
    };
    io::Error::new(error.kind(), why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Zone, parse};

    #[test]
    fn a_request_is_one_line_of_json_with_its_occurrences_id() {
        let entries = parse(b"5 4 * * * forum mysql nightly-backup", &Zone::utc()).entries;
        let line = request_line(&Occurrence::new(&entries[0], 1_777_608_300, None));
        insta::assert_snapshot!(
            line,
            @r#"{"action":"nightly-backup","id":"41aa2dccb238069b@1777608300","op":"run","user":"forum"}"#
        );
    }

    #[test]
    fn an_answer_is_json_and_a_refusal_may_be_plain() {
        let accepted = Answer::Accepted("x@1".parse().unwrap());
        assert_eq!(parse_answer(r#"{"ok":true,"id":"x@1","later":1}"#), Some(accepted));
        let refused = |text: &str| Some(Answer::Refused(text.to_owned()));
        assert_eq!(
            parse_answer(r#"{"ok":false,"code":"unknown-action","message":"no `x`"}"#),
            refused("unknown-action: no `x`")
        );
        assert_eq!(
            parse_answer("refused busy: too many connections are open"),
            refused("busy: too many connections are open")
        );
        assert_eq!(parse_answer(r#"{"ok":true}"#), None);
        assert_eq!(parse_answer("hello"), None);
    }
}
