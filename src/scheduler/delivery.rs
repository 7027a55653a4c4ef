//! Takes occurrences to a service's request socket and brings the answers back.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::machine::{Answer, Event};
use super::occurrence::Occurrence;
use crate::names::ServiceName;
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

fn request_line(occurrence: &Occurrence) -> String {
    format!("{} {}\n", occurrence.user, occurrence.action)
}

/// Reads `accepted ID` or `refused CODE: message`.
fn parse_answer(line: &str) -> Option<Answer> {
    if let Some(id) = line.strip_prefix("accepted ") {
        return Some(Answer::Accepted(id.parse().ok()?));
    }
    let (code, message) = line.strip_prefix("refused ")?.split_once(": ")?;
    Some(Answer::Refused(format!("{code}: {message}")))
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
