//! One connection: its lines in, their answers out in the same order, and its time limits.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::request::{Answer, Refusal, RefusalCode};

use super::lines::{LONGEST_LINE, Line, Lines};
use super::protocol::{self, Form, Reply};
use super::server::{Handler, Peer};

/// How long a connection may be silent, and a line take from its first byte to its end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer may wait to be read, before no more are written.
const READING: Duration = Duration::from_secs(1);
/// Answers of one connection that may be outstanding.
const MOST_OUTSTANDING: usize = 64;

/// What is to be written: a line, and those that follow it as they come.
struct Outgoing {
    text: String,
    lines: Option<mpsc::Receiver<String>>,
}

type Pending = Pin<Box<dyn Future<Output = Outgoing>>>;

/// Serves one connection until its end, its silence, or a line that takes too long.
pub(super) async fn converse(stream: UnixStream, peer: Peer, handler: impl Handler) -> io::Result<()> {
    let (input, output) = stream.into_split();
    let (answers, outstanding) = mpsc::channel(MOST_OUTSTANDING);
    let writer = tokio::task::spawn_local(write_answers(output, outstanding));
    let read = read_calls(input, peer, &handler, &answers).await;
    drop(answers);
    let _ = writer.await;
    read
}

async fn read_calls(
    mut input: OwnedReadHalf,
    peer: Peer,
    handler: &impl Handler,
    answers: &mpsc::Sender<Pending>,
) -> io::Result<()> {
    let mut lines = Lines::default();
    let mut buffer = [0; LONGEST_LINE];
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        let within = lines.is_within_line();
        let Ok(read) = timeout_at(deadline, input.read(&mut buffer)).await else {
            if within {
                let message = format!("a line must be complete within {} s", PATIENCE.as_secs());
                send(answers, refuse(RefusalCode::TooSlow, message)).await;
            }
            return Ok(());
        };
        let bytes = read?;
        lines.push(&buffer[..bytes]);
        while let Some(line) = lines.cut() {
            send(answers, answer(line, peer, handler)).await;
            deadline = Instant::now() + PATIENCE;
        }
        if bytes == 0 {
            if let Some(line) = lines.last() {
                send(answers, answer(line, peer, handler)).await;
            }
            return Ok(());
        }
        if !within && lines.is_within_line() {
            deadline = Instant::now() + PATIENCE;
        }
    }
}

/// The answer to one line, as a future: the next line need not wait for it.
fn answer(line: Line, peer: Peer, handler: &impl Handler) -> Pending {
    let line = match line {
        Line::Whole(line) => line,
        Line::TooLong => {
            return refuse(RefusalCode::TooLong, format!("a line holds at most {LONGEST_LINE} bytes"));
        }
    };
    let form = protocol::form(&line);
    match protocol::parse(&line) {
        Ok(None) => say(String::new()),
        Ok(Some(call)) => {
            let reply = handler.handle(peer, call);
            Box::pin(async move { written(reply.await, form) })
        }
        Err(refusal) => say(protocol::render(&Answer::Refused(refusal), form)),
    }
}

fn written(reply: Reply, form: Form) -> Outgoing {
    match reply {
        Reply::Answer(answer) => Outgoing { text: protocol::render(&answer, form), lines: None },
        Reply::Object(object) => Outgoing { text: protocol::object(&object), lines: None },
        Reply::Stream(answer, lines) => {
            Outgoing { text: protocol::render(&answer, form), lines: Some(lines) }
        }
        Reply::Lines(lines) => Outgoing { text: String::new(), lines: Some(lines) },
    }
}

fn say(text: String) -> Pending {
    Box::pin(async { Outgoing { text, lines: None } })
}

fn refuse(code: RefusalCode, message: String) -> Pending {
    say(protocol::render(&Answer::Refused(Refusal::new(code, message)), Form::Plain))
}

async fn send(answers: &mpsc::Sender<Pending>, answer: Pending) {
    // The writer outlives the reader: it ends when this end is dropped.
    let _ = answers.send(answer).await;
}

/// Writes the answers in the order of their questions. A sender that does not read them is served all the
/// same: its answers are dropped from then on.
async fn write_answers(mut output: OwnedWriteHalf, mut outstanding: mpsc::Receiver<Pending>) {
    let mut reads = true;
    while let Some(answer) = outstanding.recv().await {
        let Outgoing { mut text, mut lines } = answer.await;
        loop {
            if reads {
                let written = timeout(READING, output.write_all(text.as_bytes())).await;
                reads = matches!(written, Ok(Ok(())));
            }
            let next = match &mut lines {
                Some(lines) if reads => lines.recv().await,
                _ => None,
            };
            let Some(next) = next else { break };
            text = next;
        }
    }
}
