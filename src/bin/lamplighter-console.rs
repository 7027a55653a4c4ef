//! The web console, and who may log in to it: a program of its own, so that the supervisor has nothing of it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use lamplighter::console::stack::Stack;
use lamplighter::console::{self, CommandError, serve, user};
use lamplighter::{log, signals};

/// The web console of Lamplighter.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the console
    Serve(serve::Arguments),
    /// Tell and change who may log in
    Console(user::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let here = std::env::current_dir().unwrap_or_default();
    let stack = Stack::find(|name| std::env::var_os(name), &here);
    let done = match arguments.command {
        Command::Serve(arguments) => serve(&arguments, stack),
        Command::Console(arguments) => user::run(&arguments, &stack),
    };
    let code = done.unwrap_or_else(|error| {
        console::complain(&error);
        error.code()
    });
    log::finish();
    ExitCode::from(code)
}

/// All on this thread, but what takes long.
fn serve(arguments: &serve::Arguments, stack: Stack) -> Result<u8, CommandError> {
    let system = |doing: &str| {
        let doing = doing.to_owned();
        move |why| CommandError::System { doing, why }
    };
    signals::block().map_err(system("block signals"))?;
    log::start_writer();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("start the event loop"))?;
    tokio::task::LocalSet::new().block_on(&runtime, serve::run(arguments, stack))
}
