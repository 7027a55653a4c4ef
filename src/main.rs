//! The one binary: a thin edge around the library, that turns results into exit statuses.

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use lamplighter::cli::{Arguments, Command, with_name_as_command};
use lamplighter::console::{CommandError, check, explain, next};
use lamplighter::settings::{Folders, Settings};
use lamplighter::supervisor::{engine, life};
use lamplighter::{console, log, scheduler, signals};

/// A service could not be reached, or what it said not be understood.
const UNREACHABLE: u8 = 4;

fn main() -> ExitCode {
    let arguments = Arguments::parse_from(with_name_as_command(std::env::args_os()));
    let done = match arguments.command {
        Command::Supervise => supervise(),
        Command::Schedule => schedule(),
        Command::Health => health(),
        Command::Next(arguments) => ask(async move |folders| next::run(&arguments, &folders, now()).await),
        Command::Check(arguments) => ask(async move |folders| check::run(&arguments, &folders, now()).await),
        Command::Explain(arguments) => ask(async move |_| explain::run(&arguments, now())),
    };
    let code = done.unwrap_or_else(|(code, error)| {
        log::error(format_args!("{error:#}"));
        code
    });
    log::finish();
    ExitCode::from(code)
}

/// An exit status, or the one for a failure with the failure itself.
type Done = Result<u8, (u8, anyhow::Error)>;

fn supervise() -> Done {
    let run = || Ok(block_on(engine::supervise(begin()?))??);
    run().map_err(|error| (life::OWN_FAULT, error))
}

fn schedule() -> Done {
    let run = || {
        let settings = begin()?;
        block_on(async move { scheduler::run(&settings).await })??;
        Ok(0)
    };
    run().map_err(|error| (life::OWN_FAULT, error))
}

/// What both long-running programs do first: signals become events, and a thread writes the log.
fn begin() -> anyhow::Result<Settings> {
    signals::block().context("cannot block signals")?;
    log::start_writer();
    Ok(Settings::from_env(|name| std::env::var_os(name))?)
}

fn health() -> Done {
    let run = || -> anyhow::Result<bool> {
        let settings = Settings::from_env(|name| std::env::var_os(name))?;
        Ok(block_on(async move { console::health::run(&settings).await })??)
    };
    match run() {
        Ok(true) => Ok(0),
        Ok(false) => Ok(1),
        Err(error) => Err((UNREACHABLE, error)),
    }
}

/// Does what an operator asks for.
fn ask(work: impl AsyncFnOnce(Folders) -> Result<u8, CommandError> + 'static) -> Done {
    let folders = Folders::from_env(|name| std::env::var_os(name));
    let done = block_on(async move { work(folders).await }).map_err(|error| (UNREACHABLE, error))?;
    Ok(done.unwrap_or_else(|error| {
        eprintln!("{error}");
        error.code()
    }))
}

/// The second that it is.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Runs `work` on this thread, with all that it spawns.
fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    Ok(tokio::task::LocalSet::new().block_on(&runtime, work))
}
