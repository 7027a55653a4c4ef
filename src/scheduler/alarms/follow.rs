//! Follows one service: what happens there, as events, over its restarts and ours.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::decide::{Event, MOST_ASKED, RunMoment};
use crate::log;
use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::run_folder;
use crate::socket::client::{self, ClientError, Conversation, Trouble};
use crate::wire::{self, ActionStatus, Call, History, OpenRequest, PastWanted, RequestRecord, Shown, Status};

/// How long a service may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A service that is followed.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) service: ServiceName,
    /// The folder of sockets.
    pub(super) run: PathBuf,
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
    fn wait(&self, failures: u32, last: Option<Trouble>) -> Option<Duration> {
        let is_gone = matches!(last, Some(Trouble::NotRunning | Trouble::NobodyThere));
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
            let wait = self.pace.wait(failures, ended.as_ref().err().map(ClientError::trouble));
            if failures == TRIES
                && let Err(error) = ended
            {
                let then = if wait.is_some() { "trying again" } else { "waiting for it to come anew" };
                log::warn(format_args!("cannot follow {}: {error}; {then}", self.service));
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

    /// Where its request socket is now: its own folder may have come since.
    fn socket(&self) -> PathBuf {
        run_folder::request_socket(&self.run, &self.service)
    }

    /// Follows it on one connection, until that ends.
    async fn follow(&self, is_connected: &mut bool) -> Result<(), ClientError> {
        let mut lines = Conversation::open(&self.socket(), self.pace.patience).await?;
        lines.send(&Call::follow_all(), self.pace.patience).await?;
        // What happens from here on comes over that connection, and what happened before is asked for on another.
        let mut open = self.learn_past().await?;
        *is_connected = true;
        loop {
            let line = match lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(()),
                Err(error) => {
                    *is_connected = error.trouble() != Trouble::Refused;
                    return Err(error);
                }
            };
            if let Some(event) = self.understand(wire::Event::read(&line), &mut open).await {
                let _ = self.events.send(event);
            }
        }
    }

    /// What became of what was asked for while nobody followed; what is still open is given back.
    async fn learn_past(&self) -> Result<Open, ClientError> {
        let patience = self.pace.patience;
        let mut connection = Conversation::open(&self.socket(), patience).await?;
        // Who has answered this has taken in the wish to follow, too, which came before.
        connection.ask(&Call::Ping, patience).await?;
        let _ = self.events.send(Event::Reachable(self.service.clone(), Timestamp::now()));
        let failed =
            PastWanted { action: None, failed: true, since: None, successes: None, limit: MOST_ASKED };
        let history: History = connection.ask_for(&Call::History(failed), patience).await?;
        let status: Status = connection.ask_for(&Call::Status, patience).await?;
        let mut runs = history.runs;
        runs.sort_by_key(|run| run.ended_at);
        for event in runs.into_iter().filter_map(|run| self.end_of(run)) {
            let _ = self.events.send(event);
        }
        let asked = |request: &OpenRequest| {
            let OpenRequest { id, user, action, .. } = request;
            Some((id.clone(), (user.clone()?, action.clone())))
        };
        let open = status.open().filter_map(asked).collect();
        for action in status.actions {
            self.learn_action(action);
        }
        let _ = self.events.send(Event::Problems(self.service.clone(), Timestamp::now(), status.problems));
        Ok(open)
    }

    fn learn_action(&self, ActionStatus { action, overdue, last_success, .. }: ActionStatus) {
        let service = self.service.clone();
        let now = Timestamp::now();
        if let Some(at) = last_success.and_then(|success| success.ended_at) {
            let _ = self.events.send(Event::HadSucceeded(service.clone(), action.clone(), at));
        }
        let _ = self.events.send(if overdue {
            Event::Overdue(service, action, now, None)
        } else {
            Event::OnTime(service, action, now)
        });
    }

    /// What is told, where that matters.
    async fn understand(&self, told: wire::Event, open: &mut Open) -> Option<Event> {
        let service = self.service.clone();
        let run = |id, (user, action), at| RunMoment { service: service.clone(), action, user, id, at };
        match told {
            wire::Event::Accepted { id, user, action, .. } => {
                open.insert(id, (user, action));
                None
            }
            wire::Event::Started { at, id, attempt: 1, .. } => {
                let asked = open.get(&id)?.clone();
                Some(Event::Started(run(id, asked, at)))
            }
            wire::Event::Ended { at, id, outcome, note, .. } => match open.remove(&id) {
                Some(asked) => {
                    Some(Event::Ended { run: run(id, asked, at), outcome: (&outcome).into(), note })
                }
                None => self.look_up(&id).await,
            },
            wire::Event::Overdue { at, action, note } => Some(Event::Overdue(service, action, at, note)),
            wire::Event::Recovered { at, action } => Some(Event::OnTime(service, action, at)),
            wire::Event::Problems { at, problems } => Some(Event::Problems(service, at, problems)),
            _ => None,
        }
    }

    /// The end of a run that was accepted before anybody followed.
    async fn look_up(&self, id: &RequestId) -> Option<Event> {
        let shown = show(&self.socket(), id).await.ok()?;
        // A request that joined another may end by itself, called off; the other one's end is no matter of it.
        shown.run.filter(|run| run.id == *id).and_then(|run| self.end_of(run))
    }

    fn end_of(&self, ended: RequestRecord) -> Option<Event> {
        let RequestRecord { id, user, action, note, ended_at, outcome, .. } = ended;
        let run = RunMoment { service: self.service.clone(), action, user, id, at: ended_at? };
        Some(Event::Ended { run, outcome: (&outcome?).into(), note })
    }
}

/// Requests without an outcome yet.
type Open = HashMap<RequestId, (UserName, ActionName)>;

/// Asks a service for one of its runs.
pub(super) async fn show(socket: &Path, id: &RequestId) -> Result<Shown, ClientError> {
    client::call_for(socket, &Call::Show { id: id.as_str().to_owned() }, PATIENCE).await
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::{Value, json};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::UnixListener;

    use super::*;
    use tokio::sync::mpsc::unbounded_channel;

    #[test]
    fn who_does_not_answer_is_tried_once_a_minute_and_who_is_gone_is_waited_for() {
        let pace = Pace::default();
        let minute = Some(Duration::from_secs(60));
        let kinds = [None, Some(Trouble::Silent), Some(Trouble::NotRunning)];
        for kind in kinds {
            assert_eq!(pace.wait(1, kind), Some(Duration::from_millis(200)));
            assert_eq!(pace.wait(TRIES - 1, kind), Some(Duration::from_millis(51_200)));
        }
        assert_eq!(kinds.map(|kind| pace.wait(TRIES, kind)), [minute, minute, None]);
        assert_eq!(pace.wait(u32::MAX, Some(Trouble::Silent)), minute);
        assert_eq!(pace.wait(TRIES, Some(Trouble::NobodyThere)), None);
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
            let listener = UnixListener::bind(folder.path().join("web-request.sock")).unwrap();
            let (events, mut received) = unbounded_channel();
            let moment = Duration::from_millis(5);
            let pace = Pace { first: moment, longest: moment, patience: moment };
            let (service, appeared) = ("web".parse().unwrap(), Rc::new(Notify::new()));
            let run = folder.path().to_owned();
            tokio::task::spawn_local(Follower { service, run, events, appeared, pace }.run());
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
