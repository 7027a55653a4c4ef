//! The one binary: a thin edge around the library, that turns results into exit statuses.

use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;
use lamplighter::cli::{Arguments, Command, with_name_as_command};
use lamplighter::console::stack::Stack;
use lamplighter::console::{
    CommandError, cancel, check, completions, demo, explain, follow, health, history, manual, metrics, next,
    reload, run, script, settings, show, status,
};
use lamplighter::scheduler::SchedulerError;
use lamplighter::settings::{Folders, Settings};
use lamplighter::supervisor::{engine, life};
use lamplighter::{console, file_modes, log, scheduler, signals};

/// A service could not be reached, or what it said not be understood.
const UNREACHABLE: u8 = 4;

fn main() -> ExitCode {
    // A shell that completes a line is answered, and that is all.
    CompleteEnv::with_factory(Arguments::command).var(completions::VARIABLE).complete();
    let arguments = Arguments::parse_from(with_name_as_command(std::env::args_os()));
    arguments.color.decide();
    let done = match arguments.command {
        Command::Supervise => supervise(),
        Command::Schedule => schedule(async |settings| scheduler::run(settings).await),
        Command::Health(arguments) => health(&arguments),
        Command::Status(arguments) => ask(async move |_, stack| status::run(&arguments, &stack).await),
        Command::Metrics(arguments) => ask(async move |_, stack| metrics::run(&arguments, &stack).await),
        Command::Run(arguments) => ask(async move |_, stack| run::run(&arguments, &stack).await),
        Command::Cancel(arguments) => ask(async move |_, stack| cancel::run(&arguments, &stack).await),
        Command::History(arguments) => ask(async move |_, stack| history::run(&arguments, &stack).await),
        Command::Show(arguments) => ask(async move |_, stack| show::run(&arguments, &stack).await),
        Command::Follow(arguments) => ask(async move |_, stack| follow::run(&arguments, &stack).await),
        Command::Reload(arguments) => ask(async move |_, stack| reload::run(&arguments, &stack).await),
        Command::Next(arguments) => ask(async move |folders, _| next::run(&arguments, &folders, now()).await),
        Command::Check(arguments) => {
            ask(async move |folders, _| check::run(&arguments, &folders, now()).await)
        }
        Command::Demo(arguments) if arguments.is_scheduler() => {
            schedule(async |settings| demo::schedule(settings).await)
        }
        Command::Demo(arguments) => ask(async move |_, _| demo::run(&arguments).await),
        Command::Completions(arguments) => ask(async move |_, _| completions::run(&arguments)),
        Command::Manual(arguments) => ask(async move |_, _| manual::run(&arguments, Arguments::command())),
        Command::Settings(arguments) => ask(async move |_, _| settings::run(&arguments)),
        Command::Shell(arguments) => ask(async move |_, _| script::run("shell", &arguments)),
        Command::Import(arguments) => ask(async move |_, _| script::run("import", &arguments)),
        Command::Serve(arguments) => ask(async move |_, _| script::run_console("serve", &arguments)),
        Command::Console(arguments) => ask(async move |_, _| script::run_console("console", &arguments)),
        Command::Explain(arguments) => ask(async move |_, _| explain::run(&arguments, now())),
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
    let run = || {
        file_modes::restrict()?;
        Ok(block_on(engine::supervise(begin()?))??)
    };
    run().map_err(|error| (life::OWN_FAULT, error))
}

/// Is the scheduler, in the way that `run` says.
fn schedule(run: impl AsyncFnOnce(&Settings) -> Result<(), SchedulerError>) -> Done {
    let run = || {
        let settings = begin()?;
        block_on(async { run(&settings).await })??;
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

fn health(arguments: &health::Arguments) -> Done {
    let run = || -> anyhow::Result<bool> {
        let settings = Settings::from_env(|name| std::env::var_os(name))?;
        Ok(block_on(async move { health::run(arguments, &settings).await })??)
    };
    match run() {
        Ok(true) => Ok(0),
        Ok(false) => Ok(1),
        Err(error) => Err((UNREACHABLE, error)),
    }
}

/// Does what an operator asks for, in the stack that is meant here.
fn ask(work: impl AsyncFnOnce(Folders, Stack) -> Result<u8, CommandError> + 'static) -> Done {
    let here = std::env::current_dir().unwrap_or_default();
    let stack = Stack::find(|name| std::env::var_os(name), &here);
    let folders = Folders { run: stack.run.clone(), ..Folders::from_env(|name| std::env::var_os(name)) };
    let done = block_on(async move { work(folders, stack).await }).map_err(|error| (UNREACHABLE, error))?;
    Ok(done.unwrap_or_else(|error| {
        console::complain(&error);
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
