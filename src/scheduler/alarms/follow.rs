//! Follows one service: what happens there, as events, over its restarts and ours.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::decide::{Event, MOST_ASKED, Run};
use crate::journal::{self, Entry};
use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::{log, unix_socket};

/// How long a service may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// No line is longer than this, in bytes: a history of so many runs, or a run's output.
const LONGEST_LINE: u64 = 4 << 20;

/// A service that is followed.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) service: ServiceName,
    pub(super) socket: PathBuf,
    pub(super) events: UnboundedSender<Event>,
    /// Its socket was put in place anew.
    pub(super) appeared: Rc<Notify>,
    pub(super) pace: Pace,
}

/// How a service is tried again that cannot be followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The wait after the first failure; each further one is twice as long.
    first: Duration,
    /// The longest wait.
    longest: Duration,
    /// How long a service may take for an answer.
    patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(60), patience: PATIENCE }
    }
}

/// So many tries where nobody listens; then a new socket has to appear.
const TRIES: u32 = 10;

impl Pace {
    /// How long to wait after so many failures; for ever where nobody listens, since nobody ever does again on
    /// an old socket. Who is there and does not answer (paused, or stuck) may go on at any time, on this one.
    fn wait(&self, failures: u32, last: Option<io::ErrorKind>) -> Option<Duration> {
        let is_gone = matches!(last, Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused));
        let wait = self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.longest);
        (failures < TRIES || !is_gone).then_some(wait)
    }
}

impl Follower {
    /// Follows it for as long as there is a scheduler.
    pub(super) async fn run(self) {
        let mut failures: u32 = 0;
        loop {
            let mut is_connected = false;
            let ended = self.follow(&mut is_connected).await;
            if is_connected {
                failures = 0;
            }
            failures = failures.saturating_add(1);
            let wait = self.pace.wait(failures, ended.as_ref().err().map(io::Error::kind));
            if failures == TRIES
                && let Err(error) = ended
            {
                let socket = self.socket.display();
                let then = if wait.is_some() { "trying again" } else { "waiting for it to come anew" };
                log::warn(format_args!("cannot follow {socket}: {error}; {then}"));
            }
            if let Some(wait) = wait {
                // Whether time has passed or a new socket has come makes no difference.
                let _ = timeout(wait, self.appeared.notified()).await;
            } else {
                self.appeared.notified().await;
                failures = 0;
            }
        }
    }

    /// Follows it on one connection, until that ends.
    async fn follow(&self, is_connected: &mut bool) -> io::Result<()> {
        let mut lines = Connection::open(&self.socket, self.pace.patience).await?;
        lines.send(&json!({"op": "follow"})).await?;
        // What happens from here on comes over that connection, and what happened before is asked for on another.
        let mut open = self.learn_past().await?;
        *is_connected = true;
        while let Some(line) = lines.next_line().await? {
            if let Ok(entry) = Entry::parse(line.trim_end().as_bytes()) {
                if let Some(event) = self.understand(entry, &mut open).await {
                    let _ = self.events.send(event);
                }
                continue;
            }
            match serde_json::from_str(&line) {
                Ok(Told::Overdue { at, action, note }) => {
                    let _ = self.events.send(Event::Overdue(self.service.clone(), action, at, note));
                }
                Ok(Told::Recovered { at, action }) => {
                    let _ = self.events.send(Event::OnTime(self.service.clone(), action, at));
                }
                Ok(Told::Problems { at, problems }) => {
                    let _ = self.events.send(Event::Problems(self.service.clone(), at, problems));
                }
                Ok(Told::Other) => {}
                Err(_) => {
                    *is_connected = false;
                    understood::<Value>(serde_json::from_str(&line)?)?;
                }
            }
        }
        Ok(())
    }

    /// What became of what was asked for while nobody followed; what is still open is given back.
    async fn learn_past(&self) -> io::Result<Open> {
        let mut connection = Connection::open(&self.socket, self.pace.patience).await?;
        // Who has answered this has taken in the wish to follow, too, which came before.
        connection.ask(&json!({"op": "ping"})).await?;
        let _ = self.events.send(Event::Reachable(self.service.clone(), Timestamp::now()));
        let history = json!({"op": "history", "failed": true, "limit": MOST_ASKED});
        let history: History = understood(connection.ask(&history).await?)?;
        let status: Status = understood(connection.ask(&json!({"op": "status"})).await?)?;
        let mut runs = history.runs;
        runs.sort_by_key(|run| run.ended_at);
        for event in runs.into_iter().filter_map(|run| self.end_of(run)) {
            let _ = self.events.send(event);
        }
        for action in status.actions {
            self.learn_action(action);
        }
        let now = Timestamp::now();
        let _ = self.events.send(Event::Problems(self.service.clone(), now, status.problems));
        let open = status.waiting.into_iter().chain(status.running);
        Ok(open.map(|OpenRequest { id, user, action }| (id, (user, action))).collect())
    }

    fn learn_action(&self, OfAction { action, overdue, last_success }: OfAction) {
        let service = self.service.clone();
        let now = Timestamp::now();
        if let Some(LastRun { ended_at }) = last_success {
            let _ = self.events.send(Event::HadSucceeded(service.clone(), action.clone(), ended_at));
        }
        let _ = self.events.send(if overdue {
            Event::Overdue(service, action, now, None)
        } else {
            Event::OnTime(service, action, now)
        });
    }

    /// What a record says, where that matters.
    async fn understand(&self, entry: Entry, open: &mut Open) -> Option<Event> {
        let run = |id, (user, action), at| Run { service: self.service.clone(), action, user, id, at };
        match entry {
            Entry::Accepted { request, .. } => {
                open.insert(request.id, (request.user, request.action));
                None
            }
            Entry::Started { at, id, attempt: 1, .. } => {
                let asked = open.get(&id)?.clone();
                Some(Event::Started(run(id, asked, at)))
            }
            Entry::Ended { at, id, end, note } => match open.remove(&id) {
                Some(asked) => Some(Event::Ended { run: run(id, asked, at), outcome: end.outcome, note }),
                None => self.look_up(&id).await,
            },
            _ => None,
        }
    }

    /// The end of a run that was accepted before anybody followed.
    async fn look_up(&self, id: &RequestId) -> Option<Event> {
        let shown = show(&self.socket, id).await.ok()?;
        // A request that joined another may end by itself, called off; the other one's end is no matter of it.
        shown.run.filter(|run| run.id == *id).and_then(|run| self.end_of(run))
    }

    fn end_of(&self, run: journal::Run) -> Option<Event> {
        let (Some(at), Some(outcome)) = (run.ended_at, run.outcome) else { return None };
        let journal::Run { id, user, action, note, .. } = run;
        Some(Event::Ended { run: Run { service: self.service.clone(), action, user, id, at }, outcome, note })
    }
}

/// Requests without an outcome yet.
type Open = HashMap<RequestId, (UserName, ActionName)>;

/// What a follower is told besides the journal's records. What newer supervisors may add is ignored.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Told {
    Overdue {
        at: Timestamp,
        action: ActionName,
        note: Option<String>,
    },
    Recovered {
        at: Timestamp,
        action: ActionName,
    },
    Problems {
        at: Timestamp,
        problems: BTreeMap<String, String>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct History {
    runs: Vec<journal::Run>,
}

#[derive(Deserialize)]
struct Status {
    actions: Vec<OfAction>,
    /// Older supervisors know none.
    #[serde(default)]
    problems: BTreeMap<String, String>,
    waiting: Vec<OpenRequest>,
    running: Vec<OpenRequest>,
}

#[derive(Deserialize)]
struct OfAction {
    action: ActionName,
    overdue: bool,
    last_success: Option<LastRun>,
}

#[derive(Deserialize)]
struct LastRun {
    ended_at: Timestamp,
}

#[derive(Deserialize)]
struct OpenRequest {
    id: RequestId,
    user: UserName,
    action: ActionName,
}

/// A run with what it printed.
#[derive(Deserialize)]
pub(super) struct Shown {
    run: Option<journal::Run>,
    pub(super) output: Option<String>,
}

/// Asks a service for one of its runs.
pub(super) async fn show(socket: &Path, id: &RequestId) -> io::Result<Shown> {
    understood(Connection::open(socket, PATIENCE).await?.ask(&json!({"op": "show", "id": id})).await?)
}

fn understood<T: for<'a> Deserialize<'a>>(answer: Value) -> io::Result<T> {
    if answer["ok"] == false {
        return Err(io::Error::other(answer["message"].as_str().unwrap_or("it refuses").to_owned()));
    }
    Ok(serde_json::from_value(answer)?)
}

/// A connection to a request socket.
struct Connection {
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
    patience: Duration,
}

impl Connection {
    async fn open(socket: &Path, patience: Duration) -> io::Result<Self> {
        let (input, output) = patiently(patience, unix_socket::connect(socket)).await?.into_split();
        Ok(Self { input: BufReader::new(input), output, patience })
    }

    async fn send(&mut self, call: &Value) -> io::Result<()> {
        patiently(self.patience, self.output.write_all(format!("{call}\n").as_bytes())).await
    }

    async fn ask(&mut self, call: &Value) -> io::Result<Value> {
        self.send(call).await?;
        let line = patiently(self.patience, self.next_line()).await?;
        Ok(serde_json::from_str(&line.ok_or(io::ErrorKind::UnexpectedEof)?)?)
    }

    /// The next whole line; none at the connection's end.
    async fn next_line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        (&mut self.input).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        let whole = line.ends_with(b"\n").then(|| String::from_utf8_lossy(&line).into_owned());
        if whole.is_none() && !line.is_empty() {
            return Err(io::Error::other("it ended in the middle of a line, or its line is too long"));
        }
        Ok(whole)
    }
}

async fn patiently<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(patience, work).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", patience.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, message))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UnixListener;
    use tokio::sync::mpsc::unbounded_channel;

    #[test]
    fn who_does_not_answer_is_tried_once_a_minute_and_who_is_gone_is_waited_for() {
        let pace = Pace::default();
        let minute = Some(Duration::from_secs(60));
        let kinds = [None, Some(io::ErrorKind::TimedOut), Some(io::ErrorKind::NotFound)];
        for kind in kinds {
            assert_eq!(pace.wait(1, kind), Some(Duration::from_millis(200)));
            assert_eq!(pace.wait(TRIES - 1, kind), Some(Duration::from_millis(51_200)));
        }
        assert_eq!(kinds.map(|kind| pace.wait(TRIES, kind)), [minute, minute, None]);
        assert_eq!(pace.wait(u32::MAX, Some(io::ErrorKind::TimedOut)), minute);
        assert_eq!(pace.wait(TRIES, Some(io::ErrorKind::ConnectionRefused)), None);
    }

    /// Answers as a service that has one failed run.
    async fn answer(listener: &UnixListener) -> io::Result<()> {
        loop {
            let (input, mut output) = listener.accept().await?.0.into_split();
            tokio::task::spawn_local(async move {
                let mut lines = BufReader::new(input).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    let call: Value = serde_json::from_str(&line).unwrap();
                    let answer = match call["op"].as_str() {
                        Some("history") => json!({"ok": true, "runs": []}),
                        Some("status") => json!({"ok": true, "actions": [], "waiting": [], "running": []}),
                        Some("follow") => continue,
                        _ => json!({"ok": true}),
                    };
                    let _ = output.write_all(format!("{answer}\n").as_bytes()).await;
                }
            });
        }
    }

    #[test]
    fn a_service_that_was_stuck_through_all_tries_is_followed_once_it_goes_on_with_its_old_socket() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let folder = tempfile::tempdir().unwrap();
            let socket = folder.path().join("web-request.sock");
            let listener = UnixListener::bind(&socket).unwrap();
            let (events, mut received) = unbounded_channel();
            let moment = Duration::from_millis(5);
            let pace = Pace { first: moment, longest: moment, patience: moment };
            let (service, appeared) = ("web".parse().unwrap(), Rc::new(Notify::new()));
            tokio::task::spawn_local(Follower { service, socket, events, appeared, pace }.run());
            // Each try is two connections, which somebody takes and nobody answers.
            let mut held = Vec::new();
            while held.len() < 2 * TRIES as usize + 2 {
                held.push(listener.accept().await.unwrap());
            }
            assert!(received.try_recv().is_err());
            let event = tokio::select! {
                event = timeout(Duration::from_secs(60), received.recv()) => event.expect("it is tried again"),
                answered = answer(&listener) => panic!("{answered:?}"),
            };
            assert!(matches!(event, Some(Event::Reachable(..))), "{event:?}");
        });
    }
}
