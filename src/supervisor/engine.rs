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

use crate::accounts::Accounts;
use crate::claim::{self, ClaimError};
use crate::clock::Moment;
use crate::journal::{Entry, Open, Store};
use crate::listener::capture::Sink;
use crate::listener::pool::{Key, Purpose, Source};
use crate::listener::process::{self as listener_process, Listener, Start};
use crate::log;
use crate::names::ActionName;
use crate::process::{self, Pid, Reaped};
use crate::queue::Need;
use crate::refusals::RefusalLog;
use crate::request::{Answer, Refusal, RefusalCode, Request};
use crate::settings::Settings;
use crate::signals::{Number, Signals};
use crate::socket::protocol::{Call, Reply};
use crate::socket::{Handler, Peer, serve};

use super::descendants::{self, Children, Descendant};
use super::event::{Action, Caller, Event, Level, Remains, Sweep};
use super::files::Files;
use super::followers::{Followers, Interest};
use super::ledger::Ledger;
use super::life::Setting;
use super::machine::{Beginning, KILL, Machine};
use super::notify::{self, Progress};
use super::overdue::Overdue;
use super::service::{self, Said};

const CHLD: Number = nix::libc::SIGCHLD;
/// Events that are taken in one turn, before what they led to is brought to the disk and done.
const MOST_IN_A_TURN: usize = 256;
/// Children that are buried in one turn.
const MOST_REAPED: usize = 32;
/// How long what a dead supervisor's runs left behind is waited for after it was killed.
const SURVIVORS: std::time::Duration = std::time::Duration::from_secs(2);

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

/// Kills the groups of sessions other than our own. Nobody joins a session but by birth, so they are all ours; and a
/// whole group is signalled in one step, also one of which only those are seen that have handed over to another.
fn kill_sessions(descendants: &[Descendant]) {
    let own = nix::unistd::getsid(None).map(nix::unistd::Pid::as_raw);
    for descendant in descendants.iter().filter(|descendant| own != Ok(descendant.session)) {
        // Whom it does not reach is told by the signal to each one.
        let _ = process::signal_group(descendant.group, KILL);
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

/// The supervisor's side of the request socket: hands calls to the loop.
#[derive(Clone)]
struct Client {
    inbox: mpsc::UnboundedSender<Incoming>,
}

impl Handler for Client {
    fn handle(&self, peer: Peer, call: Call) -> impl Future<Output = Reply> + 'static {
        let (reply, answer) = oneshot::channel();
        // Handed over before the future is first polled: a client that does not wait is served too.
        let _ = self.inbox.send(Incoming::Call(peer, call, reply));
        async move {
            let gone = || Refusal::new(RefusalCode::Stopping, "the supervisor has stopped");
            answer.await.unwrap_or_else(|_| Reply::Answer(Answer::Refused(gone())))
        }
    }

    fn refused(&self, peer: Peer, refusal: &Refusal) {
        let _ = self.inbox.send(Incoming::Refused(peer, refusal.clone()));
    }
}

/// Who waits for an answer, and what is to follow it.
pub(super) struct Waiting {
    pub(super) reply: oneshot::Sender<Reply>,
    pub(super) uid: u32,
    pub(super) interest: Option<Interest>,
}

pub(super) struct Engine {
    pub(super) settings: Settings,
    pub(super) machine: Machine,
    pub(super) ledger: Ledger,
    pub(super) followers: Rc<RefCell<Followers>>,
    pub(super) refusals: RefusalLog,
    pub(super) files: Files,
    pub(super) outputs: Store,
    inbox: mpsc::UnboundedSender<Incoming>,
    said: Option<Said>,
    pub(super) listeners: HashMap<Key, Listener>,
    callers: HashMap<Caller, Waiting>,
    next_caller: Caller,
    children: Children,
    notify_socket: Option<OsString>,
    leave: Option<u8>,
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

    pub(super) fn remember(&mut self, waiting: Waiting) -> Caller {
        self.next_caller += 1;
        self.callers.insert(self.next_caller, waiting);
        self.next_caller
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
    fn act(&mut self, action: Action) -> Option<Event> {
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
            Action::AnswerHealth(caller, health) => {
                let object = serde_json::to_value(health).unwrap_or_default();
                self.reply(caller, Reply::Object(object));
            }
            Action::Notify(progress) => self.notify(progress),
            Action::Tell(news) => self.followers.borrow_mut().news(&news),
            Action::Say(Level::Info, text) => log::info(text),
            Action::Say(Level::Warn, text) => log::warn(text),
            Action::Say(Level::Error, text) => log::error(text),
            Action::Leave(code) => self.leave = Some(code),
        }
        None
    }

    fn start_service(&mut self) -> Event {
        match service::start(&self.settings) {
            Ok((pid, pipe)) => {
                match Said::on(pipe) {
                    Ok(said) => self.said = Some(said),
                    Err(error) => log::warn(format_args!("cannot listen to entrypoint.sh: {error}")),
                }
                Event::ServiceStarted(pid)
            }
            Err(error) => {
                let (code, why) = service::not_started(&self.settings, &error);
                Event::ServiceNotStarted(code, why)
            }
        }
    }

    fn start_listener(&mut self, key: Key, purpose: &Purpose, source: Source) -> Event {
        match self.try_listener(key, purpose, source) {
            Ok((pid, token)) => Event::ListenerStarted(key, pid, token),
            Err(error) => Event::ListenerNotStarted(key, format!("the listener cannot be started: {error}")),
        }
    }

    fn try_listener(&mut self, key: Key, purpose: &Purpose, source: Source) -> io::Result<(Pid, String)> {
        let account = match purpose {
            Purpose::Request(Need::User(user)) => {
                let account = Accounts::system().find(user)?;
                Some(account.ok_or_else(|| io::Error::other(format!("there is no user `{user}` here")))?)
            }
            Purpose::Request(Need::Own) | Purpose::Health => None,
        };
        let token = format!("{:016x}", getrandom::u64().map_err(io::Error::other)?);
        let followers = self.followers.clone();
        let sink = match purpose {
            Purpose::Health => Sink::Kept,
            Purpose::Request(_) => {
                Sink::Logged(Box::new(move |id, line| followers.borrow_mut().output(id, line)))
            }
        };
        let start = Start {
            callbacks: self.files.callbacks(source),
            service: self.machine.service_pid(),
            account: account.as_ref(),
            token: &token,
            sink,
        };
        let (listener, ready) = Listener::start(&self.settings, start)?;
        let (pid, inbox) = (listener.pid, self.inbox.clone());
        let capture = listener.capture.clone();
        spawn_local(capture.clone().pump());
        spawn_local(async move {
            // A listener that ended before it was ready is told by its end.
            if let Ok(Some(callbacks)) = listener_process::callbacks(ready).await {
                capture.set_ready();
                let _ = inbox.send(Incoming::Event(Event::ListenerReady(key, callbacks)));
            }
        });
        self.listeners.insert(key, listener);
        Ok((pid, token))
    }

    fn hand(&mut self, key: Key, request: &Request) -> Event {
        let Some(listener) = self.listeners.get_mut(&key) else { return Event::NotHanded(key) };
        listener.capture.set_request(request);
        match listener.hand(request) {
            Ok(()) => Event::Handed(key),
            Err(error) => {
                log::warn(format_args!("the listener that waited is gone ({error}): the next one is used"));
                Event::NotHanded(key)
            }
        }
    }

    /// Signals what a run has left behind, and names it. Mostly there is nothing, and then no process but
    /// the known ones hangs below us, which one small file tells.
    fn signal_remains(&self, remains: &Remains, number: Number) -> Vec<String> {
        let proc = Path::new("/proc");
        let service = self.machine.service_pid();
        let is_known =
            |pid| service == Some(pid) || self.listeners.values().any(|listener| listener.pid == pid);
        if self.children.pids().is_some_and(|pids| pids.into_iter().all(is_known)) {
            return Vec::new();
        }
        let all = descendants::of(std::process::id().cast_signed(), proc);
        let left = descendants::of_run(all, remains.leader, &remains.token, proc);
        for process in &left {
            complain(process.pid, process::signal(process.pid, number));
        }
        left.iter().map(|process| format!("{} (pid {})", process.name, process.pid)).collect()
    }

    /// Sends a signal to every descendant outside of the groups in `except`.
    fn sweep(&self, number: Number, except: &[Pid]) -> Sweep {
        let mut sweep = Sweep::default();
        let own = self.children.pids();
        if number != KILL && own.as_ref().is_some_and(|own| own.iter().all(|pid| except.contains(pid))) {
            // What hangs below those is told by the end of their runs.
            return sweep;
        }
        let descendants = descendants::with_zombies(std::process::id().cast_signed(), Path::new("/proc"));
        if number == KILL {
            kill_sessions(&descendants);
        }
        let mut targets: Vec<_> = descendants
            .into_iter()
            .filter(|descendant| !descendant.is_zombie && !except.contains(&descendant.group))
            .map(|descendant| (descendant.pid, descendant.name))
            .collect();
        if targets.is_empty() {
            // Nothing may be left, or nothing can be opened: children can be had all the same, and whoever
            // hangs below them becomes one when they have ended.
            let children = own.unwrap_or_default().into_iter().filter(|pid| !except.contains(pid));
            targets.extend(children.map(|pid| (pid, "process".to_owned())));
        }
        for (pid, name) in targets {
            let name = format!("{name} (pid {pid})");
            match process::signal(pid, number) {
                Ok(()) => sweep.signalled.push(name),
                Err(error) if error.raw_os_error() == Some(nix::libc::EPERM) => sweep.refused.push(name),
                Err(_gone) => {}
            }
        }
        sweep
    }

    fn notify(&self, progress: Progress) {
        if let Some(socket) = &self.notify_socket
            && let Err(error) = notify::tell(socket, progress)
        {
            let socket = socket.display();
            log::warn(format_args!("cannot tell {socket} (NOTIFY_SOCKET) how far the service is: {error}"));
        }
    }

    fn answer(&mut self, caller: Caller, answer: Answer) {
        let Some(waiting) = self.callers.remove(&caller) else { return };
        self.note_refusal(waiting.uid, &answer);
        let reply = match (waiting.interest, &answer) {
            (Some(interest), Answer::Accepted(_)) => {
                Reply::Stream(answer, self.followers.borrow_mut().follow(interest))
            }
            _ => Reply::Answer(answer),
        };
        // Whoever asked may have gone; it is done all the same.
        let _ = waiting.reply.send(reply);
    }

    pub(super) fn note_refusal(&mut self, uid: u32, answer: &Answer) {
        if let Answer::Refused(refusal) = answer
            && let Some(line) = self.refusals.note(uid, refusal, Instant::now())
        {
            log::warn(line);
        }
    }

    fn answer_cancel(&mut self, caller: Caller, found: bool) {
        let reply = if found {
            Reply::Object(serde_json::json!({"ok": true}))
        } else {
            let message = "no request with this id waits or runs";
            Reply::Answer(Answer::Refused(Refusal::new(RefusalCode::UnknownId, message)))
        };
        self.reply(caller, reply);
    }

    /// Answers once what was recorded before is on disk.
    pub(super) fn answer_when_recorded(&mut self, caller: Caller, answer: Answer) {
        self.act(Action::Answer(caller, answer));
    }

    fn reply(&mut self, caller: Caller, reply: Reply) {
        if let Some(waiting) = self.callers.remove(&caller) {
            let _ = waiting.reply.send(reply);
        }
    }
}

/// Ends what the runs of a dead supervisor left, before they may be tried again.
pub(super) fn end_survivors(open: &[Open]) {
    let proc = Path::new("/proc");
    let begin = Instant::now();
    for token in open.iter().filter_map(|open| open.started.as_deref()).filter(|token| !token.is_empty()) {
        while let survivors @ [_, ..] = &descendants::with_token(token, proc)[..] {
            for &pid in survivors {
                complain(pid, process::signal(pid, KILL));
            }
            if begin.elapsed() > SURVIVORS {
                log::error(format_args!("processes of an earlier run cannot be ended: {survivors:?}"));
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

/// Says when a signal could not be sent. That a process has just gone is no news.
fn complain(target: Pid, sent: io::Result<()>) {
    if let Err(error) = sent
        && error.raw_os_error() != Some(nix::libc::ESRCH)
    {
        log::error(format_args!("cannot signal process {target}: {error}"));
    }
}
