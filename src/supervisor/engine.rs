//! Does what the machine says: the one loop that turns signals, ends of children, requests and deadlines
//! into events, and actions into system calls.
//!
//! Each turn of the loop takes all that has come in, brings what must be on disk there with one write, and
//! only then does what waited for that.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::claim::{self, ClaimError};
use crate::clock::Moment;
use crate::journal::{Entry, Open, Store};
use crate::listener::pool::Key;
use crate::listener::process::Listener;
use crate::log;
use crate::names::ActionName;
use crate::process::{self, Pid, Reaped};
use crate::refusals::RefusalLog;
use crate::request::{Answer, Refusal};
use crate::settings::Settings;
use crate::signals::{Number, Signals};
use crate::socket::protocol::Reply;
use crate::socket::{Peer, serve};
use crate::wire::Call;

use super::callers::{Client, Waiting};
use super::descendants::Children;
use super::ending::{complain, end_survivors};
use super::event::{Action, Caller, Event, Level};
use super::files::Files;
use super::followers::Followers;
use super::ledger::Ledger;
use super::life::Setting;
use super::machine::{Beginning, Machine};
use super::notify::{self, Progress};
use super::overdue::Overdue;
use super::service::Said;

const CHLD: Number = nix::libc::SIGCHLD;
/// Events that are taken in one turn, before what they led to is brought to the disk and done.
const MOST_IN_A_TURN: usize = 256;
/// Children that are buried in one turn.
const MOST_REAPED: usize = 32;

/// Why a supervisor cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(io::Error),
    /// There is one already, or there can be none.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

/// What comes in from tasks.
pub(super) enum Incoming {
    Event(Event),
    Call(Peer, Call, oneshot::Sender<Reply>),
    /// Somebody was refused before it came to a call.
    Refused(Peer, Refusal),
}

/// Supervises the service until it has ended and everything with it; the status to leave with.
///
/// Call [`crate::signals::block`] first, and run it within a [`tokio::task::LocalSet`].
pub async fn supervise(settings: Settings) -> Result<u8, SuperviseError> {
    let signals = Signals::open().map_err(SuperviseError::Signals)?;
    if let Err(error) = process::become_subreaper() {
        log::warn(format_args!("cannot become the reaper of orphans: {error}"));
    }
    let _lock = claim::lock(&settings, "supervisor")?;
    // Bounded by what may be outstanding on the connections there may be.
    let (inbox, mut incoming) = mpsc::unbounded_channel();
    let (mut engine, open) = Engine::new(settings, inbox.clone());
    if let Some(listener) = claim::listen(&engine.settings)? {
        spawn_local(serve(listener, Client { inbox }));
    }
    if let Some(why) = engine.ledger.fault().map(str::to_owned) {
        engine.feed(Event::NotRecorded(Vec::new(), Vec::new(), why));
    }
    engine.feed(Event::TakeUp(open));
    engine.feed(Event::Begin);
    loop {
        // There may have been no child whose end would say that none is left.
        if engine.machine.is_stopping() && engine.leave.is_none() {
            engine.reap();
        }
        engine.flush();
        engine.settle();
        if let Some(code) = engine.leave {
            engine.refusals.rest(Instant::now()).into_iter().for_each(log::warn);
            let _ = std::fs::remove_file(engine.settings.folders.request_socket(&engine.settings.service));
            return Ok(code);
        }
        let deadline = engine.deadline();
        if deadline.is_some_and(|at| at <= Instant::now()) {
            // Also where there are signals without end.
            engine.deadline_passed();
        }
        engine.take_next(&signals, &mut incoming, deadline).await?;
        for _ in 1..MOST_IN_A_TURN {
            // What has come meanwhile shares the next write: under load one brings many to the disk.
            tokio::task::yield_now().await;
            tokio::select! {
                biased;
                taken = engine.take_next(&signals, &mut incoming, None) => taken?,
                () = std::future::ready(()) => break,
            }
        }
    }
}

async fn more(said: &mut Option<Said>) {
    match said {
        Some(said) => said.more().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

pub(super) struct Engine {
    pub(super) settings: Settings,
    pub(super) machine: Machine,
    pub(super) ledger: Ledger,
    pub(super) followers: Rc<RefCell<Followers>>,
    pub(super) refusals: RefusalLog,
    pub(super) files: Files,
    pub(super) outputs: Store,
    pub(super) inbox: mpsc::UnboundedSender<Incoming>,
    pub(super) said: Option<Said>,
    pub(super) listeners: HashMap<Key, Listener>,
    pub(super) callers: HashMap<Caller, Waiting>,
    pub(super) next_caller: Caller,
    pub(super) children: Children,
    notify_socket: Option<OsString>,
    leave: Option<u8>,
    /// Whether a listener has been ready before.
    has_settled: bool,
    /// Whether there may be children that have ended, beyond those that were buried in this turn.
    has_unburied: bool,
}

impl Engine {
    /// The state that an earlier supervisor left, read and made ready; with what it had promised.
    fn new(settings: Settings, inbox: mpsc::UnboundedSender<Incoming>) -> (Self, Vec<Open>) {
        let seed = getrandom::u64().unwrap_or(u64::from(std::process::id()));
        let now = Moment::now();
        let (ledger, recovered) = Ledger::open(&settings.folders.state, seed, now);
        let files = Files::new(&settings.folders);
        let (open, overdue) = match recovered {
            Some(recovered) => (recovered.open, Overdue::new(recovered.last, recovered.since)),
            None => (Vec::new(), Overdue::new(std::collections::BTreeMap::new(), now.wall)),
        };
        end_survivors(&open);
        let policy = files.policy();
        if let Err(fault) = &policy {
            log::error(format_args!("degraded: policy: {fault}; every request is refused"));
        }
        let has_last_good = files.has_last_good();
        let machine = Machine::new(Beginning { seed, has_last_good, policy, overdue });
        let engine = Self {
            machine,
            ledger,
            followers: Rc::default(),
            refusals: RefusalLog::default(),
            files,
            outputs: Store::new(&settings.folders.state),
            settings,
            inbox,
            said: None,
            listeners: HashMap::new(),
            callers: HashMap::new(),
            next_caller: 0,
            children: Children::open(Path::new("/proc")),
            notify_socket: std::env::var_os(notify::VARIABLE).filter(|socket| !socket.is_empty()),
            leave: None,
            has_settled: false,
            has_unburied: false,
        };
        (engine, open)
    }

    /// Hands an event to the machine, and does what it says, and what comes of that, until nothing is left.
    pub(super) fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.machine.handle(event, Moment::now()) {
                events.extend(self.act(action));
            }
        }
    }

    /// Waits for what happens next, until `deadline`, and takes it in. To stop waiting loses nothing: what has come
    /// is taken at once.
    async fn take_next(
        &mut self,
        signals: &Signals,
        incoming: &mut mpsc::UnboundedReceiver<Incoming>,
        deadline: Option<Instant>,
    ) -> Result<(), SuperviseError> {
        tokio::select! {
            biased;
            signal = signals.next() => {
                // What the personality said before decides what the signal means.
                self.hear();
                match signal {
                    Ok(CHLD) => self.reap(),
                    Ok(number) => self.feed(Event::Signal(number)),
                    Err(error) => return Err(SuperviseError::Signals(error)),
                }
            }
            () = more(&mut self.said) => self.hear(),
            () = sleep_until(deadline) => self.deadline_passed(),
            Some(next) = incoming.recv() => self.take(next),
            () = std::future::ready(()), if self.has_unburied => self.reap(),
        }
        Ok(())
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Event(event) => self.feed(event),
            Incoming::Call(peer, call, reply) => self.call(peer, call, reply),
            Incoming::Refused(peer, refusal) => self.note_refusal(peer.uid, &Answer::Refused(refusal)),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines =
            [self.machine.deadline(Moment::now()), self.ledger.deadline(), self.refusals.deadline()];
        deadlines.into_iter().flatten().min()
    }

    fn deadline_passed(&mut self) {
        for line in self.refusals.due(Instant::now()) {
            log::warn(line);
        }
        self.feed(Event::DeadlinePassed);
    }

    /// Brings to disk what has to be there, and lets what waited for it happen; that may lead to more.
    fn flush(&mut self) {
        loop {
            let flushed = self.ledger.flush(Moment::now());
            let is_done = flushed.actions.is_empty() && flushed.failed.is_none() && !flushed.recovered;
            if let Some(failed) = flushed.failed {
                self.feed(Event::NotRecorded(failed.ids, failed.keys, failed.why));
            }
            // Whoever asked to be told follows from the answer on, and what is on disk now is told after it.
            let is_answer = |action: &Action| matches!(action, Action::Answer(..));
            let (answers, rest): (Vec<_>, Vec<_>) = flushed.actions.into_iter().partition(is_answer);
            self.act_on(answers);
            for entry in &flushed.entries {
                self.followers.borrow_mut().entry(entry);
            }
            self.act_on(rest);
            if flushed.recovered {
                self.feed(Event::Recorded);
            }
            if is_done {
                return;
            }
        }
    }

    fn act_on(&mut self, actions: Vec<Action>) {
        for action in actions {
            if let Some(event) = self.act(action) {
                self.feed(event);
            }
        }
    }

    /// When recording has failed before, sees whether it works now.
    pub(super) fn flush_after_failure(&mut self) {
        if self.ledger.deadline().is_some() {
            self.flush();
        }
    }

    /// Once all is ready, what only the start has needed is given back.
    fn settle(&mut self) {
        if !self.has_settled && self.machine.is_warm() {
            self.has_settled = true;
            process::give_back_program();
        }
    }

    /// Takes what the personality has said by now, until it has said that the preparations are done.
    fn hear(&mut self) {
        let Some(mut said) = self.said.take() else { return };
        let mut prepared = false;
        for setting in said.take() {
            match setting {
                Ok(setting) => {
                    prepared |= setting == Setting::Prepared;
                    self.feed(Event::Set(setting));
                }
                Err(complaint) => log::warn(complaint),
            }
        }
        self.said = (!prepared && !said.has_ended()).then_some(said);
    }

    /// Reaps the children that have ended, and says when none is left. Should they be many, the others are for the
    /// next turn: some can be born faster than they are buried.
    fn reap(&mut self) {
        self.has_unburied = false;
        for _ in 0..MOST_REAPED {
            match process::reap() {
                Ok(Reaped::Child(pid, status)) => {
                    let said = self.forget_listener(pid);
                    self.feed(Event::Ended(pid, status, said));
                }
                Ok(Reaped::NoneEnded) => return,
                Ok(Reaped::NoneLeft) => return self.feed(Event::NoneLeft),
                Err(error) => return log::error(format_args!("cannot reap children: {error}")),
            }
        }
        self.has_unburied = true;
    }

    /// The process may have been a listener's: what it said last.
    fn forget_listener(&mut self, pid: Pid) -> Option<String> {
        let (&key, _) = self.listeners.iter().find(|(_, listener)| listener.pid == pid)?;
        let said = self.listeners.remove(&key)?.capture.finish();
        if let Some((id, tail)) = said.of_run
            && let Err(error) = self.outputs.save(&id, &tail)
        {
            log::warn(format_args!("cannot keep what {} printed: {error}", id.short()));
        }
        said.kept
    }

    /// Does one thing; what came of it, where the machine needs to know.
    pub(super) fn act(&mut self, action: Action) -> Option<Event> {
        // What tells others of something, or cannot be undone, waits until that something is on disk.
        let action = match action {
            // Of a health check nothing is recorded.
            Action::Hand(_, ref request) if request.action == ActionName::health_check() => action,
            Action::Hand(..) | Action::Answer(..) | Action::AnswerCancel(..) => {
                self.ledger.when_recorded(action)?
            }
            other => other,
        };
        match action {
            Action::StartService => return Some(self.start_service()),
            Action::StartListener(key, purpose, source) => {
                return Some(self.start_listener(key, &purpose, source));
            }
            Action::KeepCallbacks => self.files.keep_callbacks(),
            Action::Record(entry) => {
                if let Entry::Joined { request, with, .. } = &entry {
                    self.followers.borrow_mut().joined(request.id.clone(), with.clone());
                }
                self.ledger.record(entry);
            }
            Action::Hand(key, request) => return Some(self.hand(key, &request)),
            Action::Signal(pid, number) => complain(pid, process::signal(pid, number)),
            Action::SignalGroup(leader, number) => complain(leader, process::signal_group(leader, number)),
            Action::SignalRemains(key, remains, number) => {
                return Some(Event::Remains(key, self.signal_remains(&remains, number)));
            }
            Action::Sweep(number, except) => return Some(Event::Swept(self.sweep(number, &except))),
            Action::Answer(caller, answer) => self.answer(caller, answer),
            Action::AnswerCancel(caller, found) => self.answer_cancel(caller, found),
            Action::AnswerHealth(caller, health) => self.reply(caller, Reply::of(&health)),
            Action::Notify(progress) => self.notify(progress),
            Action::Tell(news) => self.followers.borrow_mut().news(&news),
            Action::Say(Level::Info, text) => log::info(text),
            Action::Say(Level::Warn, text) => log::warn(text),
            Action::Say(Level::Error, text) => log::error(text),
            Action::Leave(code) => self.leave = Some(code),
        }
        None
    }

    fn notify(&self, progress: Progress) {
        if let Some(socket) = &self.notify_socket
            && let Err(error) = notify::tell(socket, progress)
        {
            let socket = socket.display();
            log::warn(format_args!("cannot tell {socket} (NOTIFY_SOCKET) how far the service is: {error}"));
        }
    }
}
