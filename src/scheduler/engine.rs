//! The running scheduler: moves events to the machine, and does what it says.

use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::alarms::Teller;
use super::alarms::decide::{self, Wishes};
use super::answers::{self, PendingCall};
use super::clock::{Clock, SystemClock, container_start};
use super::delivery::Delivery;
use super::file::ScheduleFile;
use super::machine::{Action, Event, Level, Machine};
use super::occurrence::Occurrence;
use super::passing;
use super::store::MemoryFile;
use crate::access::{Asker, Trusted};
use crate::claim::{self, ClaimError};
use crate::log;
use crate::names::ServiceName;
use crate::request::{Answer, By};
use crate::schedule::disagreement;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::socket::Peer;
use crate::socket::protocol::Reply;
use crate::wire::{Call, Degradation, DegradedKind};

/// So many seconds after it could not be written the memory is tried again, where nothing is written before.
const TRY_AGAIN: i64 = 60;

/// Why the scheduler cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SchedulerError {
    /// Its memory cannot be read.
    #[error("cannot open the scheduler's memory in {folder}: {source}; the folder must be readable")]
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
/// When its memory cannot be read or the system lacks what it needs. A missing or bad schedule is none, nor is a
/// memory that cannot be written.
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
    claim::link_requests(settings).await;
    let trusted = claim::trusted();
    let mut calls = answers::listen(settings, trusted)?;
    let mut engine = Engine::open(settings, trusted, boot.into(), clock.instant())?;
    engine.reload(clock.now());
    // What comes next is little beside what the start has needed.
    crate::process::give_back_program();
    loop {
        let wake_at = engine.wake_at();
        tokio::select! {
            // Whatever else there is to do, the time comes first.
            biased;
            waited = clock.wait(wake_at) => {
                waited.map_err(|source| SchedulerError::System { doing: "wait for the time", source })?;
                engine.try_store_again(clock.now());
                engine.handle(clock.now(), Event::Tick);
                engine.teller.handle(clock.now(), decide::Event::Tick);
            },
            order = orders.recv() => match order {
                Some(Order::Reload) => engine.reload(clock.now()),
                Some(Order::Stop) | None => {
                    engine.teller.stop(clock.now()).await;
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
            event = engine.file.changed() => engine.handle(clock.now(), event),
            event = engine.teller.next() => engine.teller.handle(clock.now(), event),
            Some(asked) = calls.recv() => engine.answer(clock.now(), asked),
        }
    }
}

/// The machine with all that it needs of the world.
struct Engine<'a> {
    settings: &'a Settings,
    trusted: Trusted,
    file: ScheduleFile,
    machine: Machine,
    /// Tells of alarms.
    teller: Teller,
    store: MemoryFile,
    /// What is wrong with the memory, while it cannot be written.
    store_problem: Option<String>,
    /// Where other time zones than those used would make a difference.
    zones_problem: Option<String>,
    /// When the memory is tried again, while it cannot be written.
    store_try_at: Option<i64>,
    sender: UnboundedSender<Event>,
    events: UnboundedReceiver<Event>,
}

impl<'a> Engine<'a> {
    fn open(
        settings: &'a Settings,
        trusted: Trusted,
        boot: String,
        now: Timestamp,
    ) -> Result<Self, SchedulerError> {
        let folders = &settings.folders;
        let failed = |source| SchedulerError::Memory { folder: folders.state.clone(), source };
        let (mut store, memory, skipped) = MemoryFile::open(&folders.state).map_err(failed)?;
        if skipped > 0 {
            log::error(format_args!("{skipped} lines of the scheduler's memory could not be read"));
        }
        let machine = Machine::new(memory, boot);
        // This makes the folder, which the alarms need, too.
        let written = store.replace(machine.snapshot());
        let (sender, events) = unbounded_channel();
        let file = ScheduleFile::new(&folders.conf, &folders.local);
        let teller = Teller::open(settings, Wishes::from_env(|name| std::env::var_os(name)), now);
        let mut engine = Self {
            settings,
            trusted,
            file,
            machine,
            teller,
            store,
            store_problem: None,
            zones_problem: None,
            store_try_at: None,
            sender,
            events,
        };
        engine.note(now.as_second(), written);
        Ok(engine)
    }

    /// When something is to be done next, should nothing happen before.
    fn wake_at(&self) -> Option<i64> {
        let wakes = [self.machine.wake_at(), self.teller.wake_at(), self.store_try_at];
        wakes.into_iter().flatten().min()
    }

    fn reload(&mut self, now: i64) {
        let event = self.file.read_anew();
        self.handle(now, event);
    }

    fn handle(&mut self, now: i64, event: Event) {
        if let Event::Loaded(schedule) = &event {
            self.note_zones(disagreement(&schedule.entries, now));
        }
        for action in self.machine.handle(now, event) {
            self.perform(now, action);
        }
        if self.store.has_grown() {
            self.write_anew(now);
        }
    }

    fn perform(&mut self, now: i64, action: Action) {
        match action {
            // What could not be written before is missing: all is written anew then.
            Action::Record(_) | Action::RecordLazily(_) if self.store_problem.is_some() => {
                self.write_anew(now);
            }
            Action::Record(records) => {
                let written = self.store.append(&records);
                self.note(now, written);
            }
            Action::RecordLazily(records) => {
                let written = self.store.append_lazily(&records);
                self.note(now, written);
            }
            Action::Send(service, occurrences) => {
                let socket = self.settings.folders.request_socket(&service);
                let delivery = Delivery { service, socket, occurrences };
                tokio::task::spawn_local(delivery.run(self.sender.clone()));
            }
            Action::Missed(occurrence, why) => {
                self.teller.handle(now, decide::Event::Missed(missed_run(now, occurrence), why));
            }
            Action::Unreachable(service, why) => {
                self.teller.handle(now, decide::Event::Unreachable(service, instant(now), why));
            }
            Action::Reachable(service) => {
                self.teller.handle(now, decide::Event::Reachable(service, instant(now)));
            }
            Action::Tell(Level::Info, text) => log::info(text),
            Action::Tell(Level::Warn, text) => log::warn(text),
            Action::Tell(Level::Error, text) => log::error(text),
        }
    }

    /// Notes what other time zones would make of the schedule.
    fn note_zones(&mut self, problem: Option<String>) {
        if problem != self.zones_problem {
            problem.iter().for_each(log::warn);
            self.zones_problem = problem;
        }
    }

    /// A disk may have room again without anybody being told.
    fn try_store_again(&mut self, now: i64) {
        // The clock may have been set back.
        if self.store_try_at.is_some_and(|at| at <= now || at > now + TRY_AGAIN) {
            self.write_anew(now);
        }
    }

    fn write_anew(&mut self, now: i64) {
        let written = self.store.replace(self.machine.snapshot());
        self.note(now, written);
    }

    /// Notes what became of writing the memory. Where it fails the scheduler goes on: what it sends has the
    /// same ids again after a restart, so nothing would run twice, and not asking at all would be the greater
    /// harm.
    fn note(&mut self, now: i64, written: io::Result<()>) {
        let folder = self.settings.folders.state.display();
        let problem = written.err().map(|error| {
            format!("cannot write the scheduler's memory in {folder}: {error}; going on without")
        });
        match (&self.store_problem, &problem) {
            (before, Some(problem)) if before.as_ref() != Some(problem) => log::error(problem),
            (Some(_), None) => {
                log::info("the scheduler's memory can be written again");
                self.teller.remember();
            }
            _ => {}
        }
        self.store_try_at = problem.is_some().then_some(now + TRY_AGAIN);
        self.store_problem = problem;
    }

    /// Answers a call on the scheduler's own socket.
    fn answer(&mut self, now: i64, (peer, call, reply): PendingCall) {
        let answer = match call {
            call @ Call::Run { .. } => {
                let asker = Asker { uid: peer.uid, trusted: self.trusted };
                match passing::wanted(&self.machine, asker, call) {
                    Ok(wanted) => return self.pass_on(peer, wanted, reply),
                    Err(refusal) => Err(refusal),
                }
            }
            Call::Reload => answers::permit(peer, self.trusted).map(|()| {
                self.reload(now);
                answers::reloaded(self.problems())
            }),
            call => {
                answers::about(self.settings, &self.machine, self.problems(), self.teller.totals(), &call)
            }
        };
        // Whoever asked may have gone.
        let _ = reply.send(answer.unwrap_or_else(|refusal| Reply::Answer(Answer::Refused(refusal))));
    }

    /// Has a service asked, and its answer told, while all else goes on.
    fn pass_on(&self, peer: Peer, (service, call): (ServiceName, Call), reply: oneshot::Sender<Reply>) {
        if let Call::Run { user, action, operator, .. } = &call {
            let by = By { uid: peer.uid, operator: operator.clone() };
            log::info(format_args!("{by} asks for {service} {action}, for {user}"));
        }
        let socket = self.settings.folders.request_socket(&service);
        tokio::task::spawn_local(async move {
            // Whoever asked may have gone; the service has been asked all the same.
            let _ = reply.send(passing::pass_on(&socket, &call).await);
        });
    }

    /// What is wrong, and does not keep the scheduler from its work.
    fn problems(&self) -> Vec<Degradation> {
        let of = |kind: DegradedKind| move |problem: &String| Degradation::new(kind.clone(), problem);
        let file = self.file.problems().map(of(DegradedKind::Schedule));
        let memory = self.store_problem.as_ref().map(of(DegradedKind::Memory));
        let zones = self.zones_problem.as_ref().map(of(DegradedKind::TimeZones));
        file.chain(memory).chain(zones).collect()
    }
}

/// The run that should have been.
fn missed_run(now: i64, occurrence: Occurrence) -> decide::RunMoment {
    let id = occurrence.id();
    let Occurrence { service, action, user, .. } = occurrence;
    decide::RunMoment { service, action, user, id, at: instant(now) }
}

fn instant(now: i64) -> Timestamp {
    Timestamp::from_second(now).unwrap_or_default()
}
