//! The running scheduler: moves events to the machine, and does what it says.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::answers::{self, Asked};
use super::clock::{Clock, SystemClock, container_start};
use super::delivery::Delivery;
use super::machine::{Action, Event, Level, Machine};
use super::store::Store;
use super::watch::Watch;
use crate::claim::{self, ClaimError};
use crate::log;
use crate::request::RefusalCode;
use crate::schedule::{Schedule, Severity, Zone, parse};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::socket::protocol::{Call, Reply};
use crate::supervisor::health::Health;

/// The schedule's file, in the folder of the configuration.
pub const FILE: &str = "schedule.cron";

/// A larger file is no schedule, in bytes.
const LARGEST_FILE: u64 = 16 << 20;

/// Why the scheduler cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// Its memory cannot be opened.
    #[error("cannot open the scheduler's memory in {folder}: {source}; the folder must be writable")]
    Memory {
        /// Where it should be.
        folder: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// Another scheduler runs, or its request socket's path cannot be used.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// The system does not give what it needs: a timer, a signal descriptor.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What is wrong.
        source: io::Error,
    },
}

/// What the scheduler is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Leave at once; what is under way is sent again after the next start.
    Stop,
    /// Read the schedule again.
    Reload,
}

/// Runs the scheduler until TERM or INT; HUP reloads. Call [`crate::signals::block`] before, and run it on a
/// tokio `LocalSet`.
///
/// # Errors
/// When its memory cannot be opened or the system lacks what it needs. A missing or bad schedule is none.
pub async fn run(settings: &Settings) -> Result<(), SchedulerError> {
    let system = |doing| move |source| SchedulerError::System { doing, source };
    let signals = Signals::open().map_err(system("watch for signals"))?;
    let clock = SystemClock::open().map_err(system("open a timer"))?;
    let (sender, orders) = unbounded_channel();
    tokio::task::spawn_local(async move {
        while let Ok(signal) = signals.next().await {
            let order = match signal {
                nix::libc::SIGTERM | nix::libc::SIGINT => Order::Stop,
                nix::libc::SIGHUP => Order::Reload,
                _ => continue,
            };
            if sender.send(order).is_err() {
                break;
            }
        }
    });
    run_with(settings, clock, container_start(), orders).await
}

/// Runs the scheduler with a clock, a name for this start of the container, and orders from outside, until
/// it is told to stop or nobody is left to tell it. Run it on a tokio `LocalSet`.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    settings: &Settings,
    mut clock: impl Clock,
    boot: impl Into<String>,
    mut orders: UnboundedReceiver<Order>,
) -> Result<(), SchedulerError> {
    let _lock = claim::lock(settings, "scheduler")?;
    let mut calls = answers::listen(settings)?;
    let mut engine = Engine::open(settings, boot.into())?;
    let mut watch = engine.watch();
    engine.load(clock.now(), true);
    loop {
        let wake_at = engine.machine.wake_at();
        tokio::select! {
            biased;
            order = orders.recv() => match order {
                Some(Order::Reload) => engine.load(clock.now(), true),
                Some(Order::Stop) | None => {
                    let _ = fs::remove_file(settings.folders.request_socket(&settings.service));
                    return Ok(());
                }
            },
            Some(event) = engine.events.recv() => {
                engine.handle(clock.now(), event);
                // All that has come in is dealt with before the timer is set anew.
                while let Ok(event) = engine.events.try_recv() {
                    engine.handle(clock.now(), event);
                }
            },
            Some(asked) = calls.recv() => engine.answer(clock.now(), asked),
            changed = changed(&mut watch) => match changed {
                Ok(()) => engine.load(clock.now(), false),
                Err(error) => {
                    log::error(format_args!("cannot watch {} any more: {error}", engine.file.display()));
                    watch = None;
                }
            },
            waited = clock.wait(wake_at) => {
                waited.map_err(|source| SchedulerError::System { doing: "wait for the time", source })?;
                engine.handle(clock.now(), Event::Tick);
            },
        }
    }
}

/// The machine with all that it needs of the world.
struct Engine<'a> {
    settings: &'a Settings,
    file: PathBuf,
    /// What is wrong with the schedule's file.
    file_problem: Option<String>,
    /// What is wrong with the memory.
    memory_problem: Option<String>,
    /// The file as it was last read.
    bytes: Option<Vec<u8>>,
    machine: Machine,
    store: Store,
    sender: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
}

impl<'a> Engine<'a> {
    fn open(settings: &'a Settings, boot: String) -> Result<Self, SchedulerError> {
        let folders = &settings.folders;
        let failed = |source| SchedulerError::Memory { folder: folders.state.clone(), source };
        let (mut store, memory, skipped) = Store::open(&folders.state).map_err(failed)?;
        if skipped > 0 {
            log::error(format_args!("{skipped} lines of the scheduler's memory could not be read"));
        }
        let machine = Machine::new(memory, boot);
        store.replace(&machine.snapshot()).map_err(failed)?;
        let (sender, events) = unbounded_channel();
        Ok(Self {
            settings,
            file: folders.conf.join(FILE),
            file_problem: None,
            memory_problem: None,
            bytes: None,
            machine,
            store,
            sender,
            events,
        })
    }

    fn watch(&self) -> Option<Watch> {
        let failed = |error| {
            let file = self.file.display();
            log::error(format_args!("cannot watch {file}: {error}; after a change send HUP, or restart"));
        };
        Watch::open(&self.file).map_err(failed).ok()
    }

    /// Reads the schedule; when it was not `asked` for, only a file that has changed is news.
    fn load(&mut self, now: i64, asked: bool) {
        match self.read() {
            Ok(bytes) if !asked && self.bytes.as_ref() == Some(&bytes) => {}
            Ok(bytes) => {
                let schedule = parse(&bytes, &Zone::system());
                self.file_problem = problem_of(&schedule);
                for diagnostic in &schedule.diagnostics {
                    let tell = if diagnostic.severity == Severity::Error { log::error } else { log::warn };
                    let shown = diagnostic.in_file(FILE).to_string();
                    shown.lines().for_each(|line| tell(line.to_owned()));
                }
                self.bytes = Some(bytes);
                self.handle(now, Event::Loaded(schedule));
            }
            Err(error) => {
                self.bytes = None;
                let why = format!("cannot read the schedule {}: {error}", self.file.display());
                self.file_problem = Some(why.clone());
                self.handle(now, Event::Unreadable(why));
            }
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let size = fs::metadata(&self.file)?.len();
        if size > LARGEST_FILE {
            let message = format!("it has {size} bytes, and a schedule has at most {LARGEST_FILE}");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        fs::read(&self.file)
    }

    fn handle(&mut self, now: i64, event: Event) {
        for action in self.machine.handle(now, event) {
            self.perform(action);
        }
        if self.store.has_grown() {
            let snapshot = self.machine.snapshot();
            self.remember(|store| store.replace(&snapshot));
        }
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Record(records) => self.remember(|store| store.append(&records)),
            Action::RecordLazily(records) => self.remember(|store| store.append_lazily(&records)),
            Action::Send(service, occurrences) => {
                let socket = self.settings.folders.request_socket(&service);
                let delivery = Delivery { service, socket, occurrences };
                tokio::task::spawn_local(delivery.run(self.sender.clone()));
            }
            Action::Tell(Level::Info, text) => log::info(text),
            Action::Tell(Level::Warn, text) => log::warn(text),
            Action::Tell(Level::Error, text) => log::error(text),
        }
    }

    /// Writes to the memory. Where that fails the scheduler goes on: what it sends has the same ids again
    /// after a restart, so nothing would run twice, and not asking at all would be the greater harm.
    fn remember(&mut self, write: impl FnOnce(&mut Store) -> io::Result<()>) {
        let folder = self.settings.folders.state.display();
        match write(&mut self.store) {
            Ok(()) => self.memory_problem = None,
            Err(error) => {
                let problem = format!("cannot write the scheduler's memory in {folder}: {error}");
                log::error(format_args!("{problem}; going on without"));
                self.memory_problem = Some(problem);
            }
        }
    }

    /// Answers a call on the scheduler's own socket.
    fn answer(&mut self, now: i64, (peer, call, reply): Asked) {
        let object = match call {
            Call::Ping => Reply::Object(answers::ping(self.settings)),
            Call::Health => Reply::Object(json!(Health::healthy(self.degraded()))),
            Call::Status => Reply::Object(json!({
                "ok": true, "entries": self.machine.entries().count(), "degraded": self.degraded(),
            })),
            Call::Reload if answers::may_order(peer) => {
                self.load(now, true);
                Reply::Object(json!({"ok": true, "degraded": self.degraded()}))
            }
            Call::Reload => answers::refuse(RefusalCode::NotAllowed, "only root may order a reload"),
            Call::Run { .. } | Call::Cancel { .. } | Call::Follow { .. } => {
                answers::refuse(RefusalCode::UnknownAction, "the scheduler asks others and has no actions")
            }
        };
        // Whoever asked may have gone.
        let _ = reply.send(object);
    }

    /// What is wrong, and does not keep the scheduler from its work.
    fn degraded(&self) -> Vec<String> {
        self.file_problem.iter().chain(&self.memory_problem).cloned().collect()
    }
}

/// What is wrong with a schedule, in a line.
fn problem_of(schedule: &Schedule) -> Option<String> {
    let mut errors = schedule.diagnostics.iter().filter(|fault| fault.severity == Severity::Error);
    let first = errors.next()?;
    let more = match errors.count() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(format!("{FILE}:{}:{}: {}{more}", first.line, first.column, first.message))
}

async fn changed(watch: &mut Option<Watch>) -> io::Result<()> {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}
