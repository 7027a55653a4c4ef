//! `lamplighter demo`: the whole idea without Docker, in a folder that goes away again.
//!
//! A toy service runs under the real supervisor, with callbacks and rules of its own, and the real scheduler
//! asks for them. Only the scheduler's clock is another: it runs faster, so that there is something to see.

mod actors;
mod clock;
mod stage;

use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc::unbounded_channel;

use self::actors::Actors;
use self::clock::FastClock;
use self::stage::Stage;
use super::error::CommandError;
use super::interrupts::{Interrupt, Interrupts, status_of};
use super::{note, say};
use crate::scheduler::{self, Order, SchedulerError};
use crate::settings::Settings;
use crate::signals::Signals;

/// How many times faster than the system's the scheduler's clock is.
const SPEED: i64 = 20;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How long it goes on; Ctrl-C ends it sooner
    #[arg(long, value_name = "N", default_value_t = 20)]
    seconds: u64,
    /// Be the demo's scheduler
    #[arg(long, hide = true)]
    scheduler: bool,
}

impl Arguments {
    /// Whether this process is to be the scheduler of a demo that another one shows.
    pub fn is_scheduler(&self) -> bool {
        self.scheduler
    }
}

/// Shows it. The exit status is that of a program that a signal ended, where one did.
///
/// # Errors
/// When the folder cannot be made, or the programs not be started.
pub async fn run(arguments: &Arguments) -> Result<u8, CommandError> {
    let interrupts = Interrupts::open()?;
    let failed = |doing: &'static str| move |why| CommandError::System { doing: doing.to_owned(), why };
    let stage = Stage::set_up().map_err(failed("set up the demo in a temporary folder"))?;
    note(format_args!(
        "A service `lamp` with three callbacks, its schedule and its rules, all in {}.",
        stage.folder().display()
    ));
    note(format_args!(
        "The scheduler's clock runs {SPEED} times faster here: its minute is {} s. Ctrl-C ends the demo.",
        60 / SPEED
    ));
    let mut actors = Actors::default();
    actors.start(&stage, "lamp", &["supervise"]).map_err(failed("start the supervisor"))?;
    actors.start(&stage, "scheduler", &["demo", "--scheduler"]).map_err(failed("start the scheduler"))?;
    let ended = tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(arguments.seconds)) => None,
        number = until_told(&interrupts) => Some(number),
    };
    for words in [&["status"][..], &["history", "-n", "5"]] {
        say(format_args!("\n$ lamplighter {}", words.join(" ")));
        let _ = stage.command(words).map(|mut command| command.status());
    }
    note("\nThe end: first the scheduler, then the service, are asked to stop, and waited for.");
    actors.stop();
    stage.clear().map_err(failed("remove the demo's folder"))?;
    note("Nothing is left of it. `bin/up` starts a real stack.");
    Ok(ended.map_or(0, status_of))
}

/// The signal that asks for the end.
async fn until_told(interrupts: &Interrupts) -> crate::signals::Number {
    loop {
        match interrupts.next().await {
            Interrupt::End(number) => return number,
            Interrupt::Pause => super::interrupts::pause(),
            Interrupt::Redraw => {}
        }
    }
}

/// Is the scheduler of a demo, until TERM. Call [`crate::signals::block`] before, on a tokio `LocalSet`.
///
/// # Errors
/// As [`scheduler::run`].
pub async fn schedule(settings: &Settings) -> Result<(), SchedulerError> {
    let signals =
        Signals::open().map_err(|source| SchedulerError::System { doing: "watch for signals", source })?;
    let (sender, orders) = unbounded_channel();
    tokio::task::spawn_local(async move {
        let _ = signals.next().await;
        let _ = sender.send(Order::Stop);
    });
    scheduler::run_with(settings, FastClock::start(SPEED), "demo", orders).await
}
