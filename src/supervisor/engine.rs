//! Does what the machine says: the one loop that turns signals, ends of children, requests and deadlines
//! into events, and actions into system calls.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::{Instant, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;

use crate::claim::{self, ClaimError};
use crate::listener::pool::{Key, Purpose};
use crate::listener::process::{self as listener_process, CaptureAs, Listener};
use crate::log;
use crate::names::RequestId;
use crate::process::{self, Pid, Reaped};
use crate::request::{Answer, Refusal, RefusalCode, Request};
use crate::settings::Settings;
use crate::signals::{Number, Signals};
use crate::socket::protocol::{Call, Reply, VERSION};
use crate::socket::{Handler, Peer, serve};

use super::descendants;
use super::life::Setting;
use super::machine::{Action, Caller, Event, Level, Machine, Sweep};
use super::notify::{self, Progress};
use super::service::{self, Said};

const CHLD: Number = nix::libc::SIGCHLD;
/// What may wait to be handled: events of listeners and calls of clients.
const INBOX: usize = 1024;

/// Why a supervisor cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(io::Error),
    /// There is one already, or its request socket's path cannot be used.
    #[error(transparent)]
    Claim(#[from] ClaimError),
}

/// What comes in from tasks.
enum Incoming {
    Event(Event),
    Call(Peer, Call, oneshot::Sender<Reply>),
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
    let (inbox, mut incoming) = mpsc::channel(INBOX);
    if let Some(listener) = claim::listen(&settings)? {
        spawn_local(serve(listener, Client { inbox: inbox.clone() }));
    }
    let mut engine = Engine::new(settings, inbox);
    engine.feed(Event::Begin);
    loop {
        // There may have been no child whose end would say that none is left.
        if engine.machine.is_stopping() && engine.leave.is_none() {
            engine.reap();
        }
        if let Some(code) = engine.leave {
            let _ = std::fs::remove_file(engine.settings.folders.request_socket(&engine.settings.service));
            return Ok(code);
        }
        let deadline = engine.machine.deadline();
        tokio::select! {
            biased;
            signal = signals.next() => {
                // What the personality said before decides what the signal means.
                engine.hear();
                match signal {
                    Ok(CHLD) => engine.reap(),
                    Ok(number) => engine.feed(Event::Signal(number)),
                    Err(error) => return Err(SuperviseError::Signals(error)),
                }
            }
            () = more(&mut engine.said) => engine.hear(),
            () = sleep_until(deadline) => engine.feed(Event::DeadlinePassed),
            Some(incoming) = incoming.recv() => engine.take(incoming),
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

/// The supervisor's side of the request socket: hands calls to the loop.
#[derive(Clone)]
struct Client {
    inbox: mpsc::Sender<Incoming>,
}

impl Handler for Client {
    fn handle(&self, peer: Peer, call: Call) -> impl Future<Output = Reply> + 'static {
        let (reply, answer) = oneshot::channel();
        // Handed over before the future is first polled: a client that does not wait is served too.
        let handed = self.inbox.try_send(Incoming::Call(peer, call, reply));
        async move {
            let busy = || Refusal::new(RefusalCode::Busy, "too much is asked at once");
            match handed {
                Ok(()) => answer.await.unwrap_or_else(|_| Reply::Answer(Answer::Refused(busy()))),
                Err(_) => Reply::Answer(Answer::Refused(busy())),
            }
        }
    }
}

struct Engine {
    settings: Settings,
    machine: Machine,
    inbox: mpsc::Sender<Incoming>,
    said: Option<Said>,
    listeners: HashMap<Key, Listener>,
    callers: HashMap<Caller, oneshot::Sender<Reply>>,
    next_caller: Caller,
    callbacks: Option<Signature>,
    notify_socket: Option<OsString>,
    leave: Option<u8>,
}

/// What tells one version of a file from another.
type Signature = (SystemTime, u64, u64);

impl Engine {
    fn new(settings: Settings, inbox: mpsc::Sender<Incoming>) -> Self {
        let seed = getrandom::u64().unwrap_or(u64::from(std::process::id()));
        let callbacks = signature(&settings.folders.bin.join("docker-callbacks.sh"));
        Self {
            settings,
            machine: Machine::new(seed),
            inbox,
            said: None,
            listeners: HashMap::new(),
            callers: HashMap::new(),
            next_caller: 0,
            callbacks,
            notify_socket: std::env::var_os(notify::VARIABLE).filter(|socket| !socket.is_empty()),
            leave: None,
        }
    }

    /// Hands an event to the machine, and does what it says, and what comes of that, until nothing is left.
    fn feed(&mut self, event: Event) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in self.machine.handle(event, Instant::now()) {
                events.extend(self.act(action));
            }
        }
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Event(event) => self.feed(event),
            Incoming::Call(peer, call, reply) => self.call(peer, call, reply),
        }
    }

    fn call(&mut self, peer: Peer, call: Call, reply: oneshot::Sender<Reply>) {
        let refuse = |code, message: &str| Reply::Answer(Answer::Refused(Refusal::new(code, message)));
        let answer = match call {
            Call::Run { user, action } => {
                if peer.uid != nix::unistd::geteuid().as_raw() && peer.uid != 0 {
                    refuse(RefusalCode::NotAllowed, "only root may ask this service for something")
                } else {
                    match RequestId::random() {
                        Ok(id) => return self.ask(reply, Request { id, user, action }),
                        Err(error) => refuse(RefusalCode::Busy, &format!("no randomness for an id: {error}")),
                    }
                }
            }
            Call::Health => {
                let caller = self.remember(reply);
                return self.feed(Event::HealthAsked(caller));
            }
            Call::Ping => Reply::Object(serde_json::json!({
                "ok": true, "service": self.settings.service.as_str(), "protocol": VERSION,
                "version": env!("CARGO_PKG_VERSION"),
            })),
            Call::Status => Reply::Object(self.machine.status()),
            Call::Next { .. } => refuse(RefusalCode::Syntax, "a supervisor has no schedule"),
            Call::Reload => refuse(RefusalCode::Syntax, "a supervisor has nothing to reload"),
        };
        let _ = reply.send(answer);
    }

    fn ask(&mut self, reply: oneshot::Sender<Reply>, request: Request) {
        let now = signature(&self.settings.folders.bin.join("docker-callbacks.sh"));
        if now != self.callbacks {
            self.callbacks = now;
            self.feed(Event::CallbacksChanged);
        }
        let caller = self.remember(reply);
        self.feed(Event::Asked(caller, request));
    }

    fn remember(&mut self, reply: oneshot::Sender<Reply>) -> Caller {
        self.next_caller += 1;
        self.callers.insert(self.next_caller, reply);
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

    /// Reaps every child that has ended, and says when none is left.
    fn reap(&mut self) {
        loop {
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
    }

    /// The process may have been a listener's: what it said last.
    fn forget_listener(&mut self, pid: Pid) -> Option<String> {
        let (&key, _) = self.listeners.iter().find(|(_, listener)| listener.pid == pid)?;
        self.listeners.remove(&key)?.capture.finish()
    }

    /// Does one thing; what came of it, where the machine needs to know.
    fn act(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::StartService => return Some(self.start_service()),
            Action::StartListener(key, purpose) => return Some(self.start_listener(key, purpose)),
            Action::Hand(key, request) => return self.hand(key, &request),
            Action::Signal(pid, number) => complain(pid, process::signal(pid, number)),
            Action::SignalGroup(leader, number) => complain(leader, process::signal_group(leader, number)),
            Action::Sweep(number, except) => return Some(Event::Swept(sweep(number, &except))),
            Action::Answer(caller, answer) => self.answer(caller, Reply::Answer(answer)),
            Action::AnswerHealth(caller, health) => {
                let object = serde_json::to_value(health).unwrap_or_default();
                self.answer(caller, Reply::Object(object));
            }
            Action::Notify(progress) => self.notify(progress),
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

    fn start_listener(&mut self, key: Key, purpose: Purpose) -> Event {
        let capture = match purpose {
            Purpose::Request => CaptureAs::Logged,
            Purpose::Health => CaptureAs::Kept,
        };
        match Listener::start(&self.settings, self.machine.service_pid(), capture) {
            Ok((listener, ready)) => {
                let pid = listener.pid;
                let inbox = self.inbox.clone();
                spawn_local(listener.capture.clone().pump());
                spawn_local(async move {
                    // A listener that ended before it was ready is told by its end.
                    if let Ok(Some(callbacks)) = listener_process::callbacks(ready).await {
                        let _ = inbox.send(Incoming::Event(Event::ListenerReady(key, callbacks))).await;
                    }
                });
                self.listeners.insert(key, listener);
                Event::ListenerStarted(key, pid)
            }
            Err(error) => Event::ListenerNotStarted(key, format!("the listener cannot be started: {error}")),
        }
    }

    fn hand(&mut self, key: Key, request: &Request) -> Option<Event> {
        let Some(listener) = self.listeners.get_mut(&key) else { return Some(Event::NotHanded(key)) };
        listener.capture.set_source(format!("{} {}", request.action, request.id.short()));
        match listener.hand(request) {
            Ok(()) => None,
            Err(error) => {
                log::warn(format_args!("the listener that waited is gone ({error}): the next one is used"));
                Some(Event::NotHanded(key))
            }
        }
    }

    fn notify(&self, progress: Progress) {
        if let Some(socket) = &self.notify_socket
            && let Err(error) = notify::tell(socket, progress)
        {
            let socket = socket.display();
            log::warn(format_args!("cannot tell {socket} (NOTIFY_SOCKET) how far the service is: {error}"));
        }
    }

    fn answer(&mut self, caller: Caller, reply: Reply) {
        if let Some(channel) = self.callers.remove(&caller) {
            // Whoever asked may have gone; it is done all the same.
            let _ = channel.send(reply);
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

/// Sends a signal to every descendant outside of the groups in `except`.
fn sweep(number: Number, except: &[Pid]) -> Sweep {
    let mut sweep = Sweep::default();
    for descendant in descendants::of(std::process::id().cast_signed(), Path::new("/proc")) {
        if except.contains(&descendant.group) {
            continue;
        }
        let name = format!("{} (pid {})", descendant.name, descendant.pid);
        match process::signal(descendant.pid, number) {
            Ok(()) => sweep.signalled.push(name),
            Err(error) if error.raw_os_error() == Some(nix::libc::EPERM) => sweep.refused.push(name),
            Err(_gone) => {}
        }
    }
    sweep
}

fn signature(path: &Path) -> Option<Signature> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.ino(), metadata.len()))
}
