//! One connection: its lines in, their answers out in the same order, and its time limits.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

use crate::access::Asker;
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
/// The same for who may ask for anything. The scheduler may have a thousand requests in one second: what is taken at once
/// goes to the disk at once, and before the first of them run beside it.
const MOST_OUTSTANDING_OF_TRUSTED: usize = 1024;

/// What is to be written: a line, and those that follow it as they come.
struct Outgoing {
    text: String,
    lines: Option<mpsc::Receiver<String>>,
}

type Pending = Pin<Box<dyn Future<Output = Outgoing>>>;

/// Serves one connection until its end, its silence, or a line that takes too long.
pub(super) async fn converse(stream: UnixStream, asker: Asker, handler: impl Handler) -> io::Result<()> {
    let peer = Peer { uid: asker.uid };
    let (input, output) = stream.into_split();
    let most = if asker.is_trusted() { MOST_OUTSTANDING_OF_TRUSTED } else { MOST_OUTSTANDING };
    let (sender, outstanding) = mpsc::channel(most);
    let answers = Answers { sender, owed: Rc::default() };
    let writer = tokio::task::spawn_local(write_answers(output, outstanding, answers.owed.clone()));
    let read = read_calls(input, peer, &handler, &answers).await;
    drop(answers);
    let _ = writer.await;
    read
}

async fn read_calls(
    mut input: OwnedReadHalf,
    peer: Peer,
    handler: &impl Handler,
    answers: &Answers,
) -> io::Result<()> {
    let mut lines = Lines::default();
    let mut has_begun = false;
    let mut buffer = [0; LONGEST_LINE];
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        let within = lines.is_within_line();
        let bytes = match timeout_at(deadline, input.read(&mut buffer)).await {
            Ok(read) => read?,
            Err(_) if within => {
                let message = format!("a line must be complete within {} s", PATIENCE.as_secs());
                let refusal = Refusal::new(RefusalCode::TooSlow, message);
                answers.send(refuse(refusal, Form::Plain, peer, handler)).await;
                return Ok(());
            }
            // Who waits for an answer is not silent.
            Err(_) if answers.owed.are_some() => tokio::select! {
                read = input.read(&mut buffer) => read?,
                () = answers.owed.none_left.notified() => {
                    deadline = Instant::now() + PATIENCE;
                    continue;
                }
            },
            Err(_) => return Ok(()),
        };
        if !has_begun && is_foreign(&buffer[..bytes]) {
            let refusal = Refusal::new(RefusalCode::Syntax, "this is another protocol");
            answers.send(refuse(refusal, Form::Plain, peer, handler)).await;
            return Ok(());
        }
        has_begun |= bytes > 0;
        lines.push(&buffer[..bytes]);
        while let Some(line) = lines.cut() {
            answers.send(answer(line, peer, handler)).await;
            deadline = Instant::now() + PATIENCE;
        }
        if bytes == 0 {
            if let Some(line) = lines.last() {
                answers.send(answer(line, peer, handler)).await;
            }
            return Ok(());
        }
        if !within && lines.is_within_line() {
            deadline = Instant::now() + PATIENCE;
        }
    }
}

/// Whether somebody speaks another protocol, of those whose first byte is no text's, as that of `FastCGI` and that of TLS are not:
/// perhaps a web server that was led to this socket. Lines that visitors have written could come after it.
fn is_foreign(beginning: &[u8]) -> bool {
    beginning.first().is_some_and(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

/// The answer to one line, as a future: the next line need not wait for it.
fn answer(line: Line, peer: Peer, handler: &impl Handler) -> Pending {
    let line = match line {
        Line::Whole(line) => line,
        Line::TooLong => {
            let message = format!("a line holds at most {LONGEST_LINE} bytes");
            return refuse(Refusal::new(RefusalCode::TooLong, message), Form::Plain, peer, handler);
        }
    };
    let form = protocol::form(&line);
    match protocol::parse(&line) {
        Ok(None) => say(String::new()),
        Ok(Some(call)) => {
            let reply = handler.handle(peer, call);
            Box::pin(async move { written(reply.await, form) })
        }
        Err(refusal) => refuse(refusal, form, peer, handler),
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

fn refuse(refusal: Refusal, form: Form, peer: Peer, handler: &impl Handler) -> Pending {
    handler.refused(peer, &refusal);
    say(protocol::render(&Answer::Refused(refusal), form))
}

/// The answers to come, on their way to the writer.
struct Answers {
    sender: mpsc::Sender<Pending>,
    owed: Rc<Owed>,
}

/// How many questions have no answer yet.
#[derive(Default)]
struct Owed {
    count: Cell<usize>,
    /// The last of them has been answered.
    none_left: Notify,
}

impl Answers {
    async fn send(&self, answer: Pending) {
        self.owed.count.update(|count| count + 1);
        // The writer outlives the reader: it ends when this end is dropped.
        let _ = self.sender.send(answer).await;
    }
}

impl Owed {
    fn are_some(&self) -> bool {
        self.count.get() > 0
    }

    fn pay(&self) {
        self.count.update(|count| count - 1);
        if !self.are_some() {
            self.none_left.notify_waiters();
        }
    }
}

/// Writes the answers in the order of their questions. A sender that does not read them is served all the
/// same: its answers are dropped from then on.
async fn write_answers(mut output: OwnedWriteHalf, mut outstanding: mpsc::Receiver<Pending>, owed: Rc<Owed>) {
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
        owed.pay();
    }
}
