//! Does what the machine says: the one loop that turns signals, ends of children, requests and deadlines
//! into events, and actions into system calls.
//!
//! Each turn of the loop takes all that has come in, has that decided as one group, brings what is to be recorded to the
//! disk with one write, and then does what waits for that.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::access::Trusted;
use crate::claim::{self, ClaimError};
use crate::clock::Moment;
use crate::journal::{JournalRecord, OutputStore};
use crate::listener::pool::Key;
use crate::listener::process::{Announcement, Listener};
use crate::log;
use crate::process::{self, Pid};
use crate::refusals::RefusalLog;
use crate::request::{Answer, Refusal};
use crate::settings::Settings;
use crate::signals::{Number, Signals};
use crate::socket::protocol::{self, Reply};
use crate::socket::{Peer, serve};
use crate::wire::{self, Call};

use super::beside::{Done, Held};
use super::callers::{Client, WaitingCaller};
use super::descendants::Children;
use super::ending::complain;
use super::event::{Action, Caller, Event, Level, Turn};
use super::files::Files;
use super::followers::Followers;
use super::forking::{AskedForks, never_forks};
use super::last_words::LastWords;
use super::ledger::{Ledger, Written};
use super::machine::{Beginning, Machine};
use super::notify::{self, ServiceProgress};
use super::overdue::Overdue;
use super::reading::Readers;
use super::service::PersonalityReport;
use super::stopping::stopping;

const CHLD: Number = nix::libc::SIGCHLD;
/// Events that are taken in one turn, before what they led to is brought to the disk and done.
const MOST_IN_A_TURN: usize = 1024;

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
    /// A listener, started at this time, has read the callbacks.
    Announced(Key, Announcement, SystemTime),
    /// A listener has forked others, these.
    Forked(Key, Vec<Pid>),
    Call(Peer, Call, oneshot::Sender<Reply>),
    /// What was done beside the loop.
    Done(Done),
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
    claim::link_requests(&settings).await;
    let trusted = claim::trusted();
    // Bounded by what may be outstanding on the connections there may be.
    let (inbox, mut incoming) = mpsc::unbounded_channel();
    let mut engine = Engine::new(settings, trusted, inbox.clone());
    if let Some(listener) = claim::listen(&engine.settings)? {
        spawn_local(serve(listener, trusted, Client { inbox }));
    }
    engine.feed(Event::Begin);
    // However large the journal is, the service does not wait for it.
    engine.open_journal();
    engine.look_at_reading();
    loop {
        // There may have been no child whose end would say that none is left.
        if engine.machine.is_stopping() && engine.leave.is_none() {
            engine.refuse_held(&stopping());
            engine.reap();
        }
        engine.flush();
        engine.settle();
        engine.has_looked = false;
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
        log::release();
        engine.take_next(&signals, &mut incoming, deadline).await?;
        log::hold();
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

async fn more(said: &mut Option<PersonalityReport>) {
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
    pub(super) trusted: Trusted,
    pub(super) machine: Machine,
    pub(super) ledger: Ledger,
    pub(super) held: Vec<Held>,
    pub(super) readers: Readers,
    pub(super) followers: Rc<RefCell<Followers>>,
    pub(super) refusals: RefusalLog,
    pub(super) files: Files,
    pub(super) outputs: OutputStore,
    pub(super) inbox: mpsc::UnboundedSender<Incoming>,
    pub(super) said: Option<PersonalityReport>,
    pub(super) last_words: LastWords,
    pub(super) listeners: HashMap<Key, Listener>,
    pub(super) forks: AskedForks,
    pub(super) callers: HashMap<Caller, WaitingCaller>,
    pub(super) next_caller: Caller,
    pub(super) children: Children,
    notify_socket: Option<OsString>,
    pub(super) leave: Option<u8>,
    /// Whether it was seen in this turn whether files that people change are others than before.
    pub(super) has_looked: bool,
    /// Whether a listener has been ready before.
    has_settled: bool,
    /// Whether there may be children that have ended, beyond those that were buried in this turn.
    pub(super) has_unburied: bool,
}

impl Engine {
    fn new(settings: Settings, trusted: Trusted, inbox: mpsc::UnboundedSender<Incoming>) -> Self {
        let seed = getrandom::u64().unwrap_or(u64::from(std::process::id()));
        let now = Moment::now();
        let ledger = Ledger::new(&settings.folders.state, seed);
        let files = Files::new(&settings.folders, &settings.service);
        let overdue = Overdue::new(std::collections::BTreeMap::new(), now.wall);
        let policy = files.policy();
        if let Err(fault) = &policy {
            log::error(format_args!("degraded: policy: {fault}; every request is refused"));
        }
        let has_last_good = files.has_last_good();
        let machine =
            Machine::new(Beginning { seed, has_last_good, policy, overdue, never_forks: never_forks() });
        Self {
            machine,
            ledger,
            held: Vec::new(),
            readers: Readers::default(),
            followers: Rc::default(),
            refusals: RefusalLog::default(),
            files,
            outputs: OutputStore::new(&settings.folders.state),
            settings,
            trusted,
            inbox,
            said: None,
            last_words: LastWords::default(),
            listeners: HashMap::new(),
            forks: AskedForks::default(),
            callers: HashMap::new(),
            next_caller: 0,
            children: Children::open(Path::new("/proc")),
            notify_socket: std::env::var_os(notify::VARIABLE).filter(|socket| !socket.is_empty()),
            leave: None,
            has_looked: false,
            has_settled: false,
            has_unburied: false,
        }
    }

    /// Hands an event to the machine, and does what it says, and what comes of that, until nothing is left.
    pub(super) fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let turn = self.machine.handle(event, Moment::now());
            debug_assert!(
                turn.answers.is_empty() && turn.then.is_empty(),
                "only what is decided waits: {turn:?}"
            );
            self.ledger.record(turn.records);
            for action in turn.now {
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
            Incoming::Announced(key, announcement, began) => self.announced(key, announcement, began),
            Incoming::Forked(key, pids) => self.forked(key, &pids),
            Incoming::Call(peer, call, reply) => self.call(peer, call, reply),
            Incoming::Done(done) => self.done(done),
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

    /// Has decided what has come in, brings to disk what has to be there, and lets what waited for it happen; that may
    /// lead to more.
    fn flush(&mut self) {
        while self.flush_group() {}
        self.compact_if_due();
    }

    /// Does so with one group; whether there was anything to do.
    fn flush_group(&mut self) -> bool {
        let border = self.ledger.border();
        let now = Moment::now();
        let Turn { records, now: at_once, answers, then } = self.machine.handle(Event::Decide, now);
        let (is_group, mut is_something) = (!records.is_empty(), !at_once.is_empty());
        self.ledger.record(records);
        // What comes of it is another event, and has to wait until the group stands or has fallen.
        let events: Vec<_> = at_once.into_iter().filter_map(|action| self.act(action)).collect();
        match self.ledger.write(is_group, now) {
            Written::Nothing => {}
            Written::Durable(records) => {
                is_something = true;
                self.feed(Event::Durable);
                self.answer_and_publish(answers, &records);
                for action in then {
                    if let Some(event) = self.act(action) {
                        self.feed(event);
                    }
                }
            }
            Written::Failed(why) => {
                is_something = true;
                self.ledger.go_back(border);
                self.feed(Event::NotDurable(why));
            }
        }
        for event in events {
            self.feed(event);
        }
        is_something
    }

    /// Answers who has asked, and then tells those who follow of what is on disk: whoever asked to be told follows from
    /// the answer on.
    fn answer_and_publish(&mut self, answers: Vec<(Caller, Answer)>, records: &[JournalRecord]) {
        for record in records {
            if let JournalRecord::Joined { request, with, .. } = record {
                self.followers.borrow_mut().joined(request.id.clone(), with.clone());
            }
        }
        for (caller, answer) in answers {
            self.answer(caller, answer);
        }
        for record in records {
            self.followers.borrow_mut().recorded(record);
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

    fn tell_all(&self, event: &wire::Event) {
        self.followers.borrow_mut().tell_all(&protocol::object(event));
    }

    /// Does one thing; what came of it, where the machine needs to know.
    pub(super) fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::StartService => return Some(self.start_service()),
            Action::StartListener(key, purpose, source) => {
                return Some(self.start_listener(key, &purpose, source));
            }
            Action::Fork(forking, forks) => return self.fork(forking, forks),
            Action::KeepCallbacks => self.files.keep_callbacks(),
            Action::Hand(key, request) => return Some(self.hand(key, &request)),
            Action::Signal(pid, number) => complain(pid, process::signal(pid, number)),
            Action::SignalGroup(leader, number) => complain(leader, process::signal_group(leader, number)),
            Action::SignalRemains(key, remains, number) => {
                return Some(Event::Remains(key, self.signal_remains(&remains, number)));
            }
            Action::Sweep(number, except) => return Some(Event::Swept(self.sweep(number, &except))),
            Action::Answer(caller, answer) => self.answer(caller, answer),
            Action::AnswerCancel(caller, answer) => self.answer_cancel(caller, answer),
            Action::AnswerHealth(caller, health) => self.reply(caller, Reply::of(&health)),
            Action::Notify(progress) => self.notify(progress),
            Action::Tell(news) => self.tell_all(&wire::Event::from(&news)),
            Action::TellProblems(problems, at) => self.tell_all(&wire::Event::Problems { at, problems }),
            Action::Say(Level::Info, text) => log::info(text),
            Action::Say(Level::Warn, text) => log::warn(text),
            Action::Say(Level::Error, text) => log::error(text),
            Action::Leave(code) => self.leave = Some(code),
        }
        None
    }

    fn notify(&self, progress: ServiceProgress) {
        if let Some(socket) = &self.notify_socket
            && let Err(error) = notify::tell(socket, progress)
        {
            let socket = socket.display();
            log::warn(format_args!("cannot tell {socket} (NOTIFY_SOCKET) how far the service is: {error}"));
        }
    }
}
