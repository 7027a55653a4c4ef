//! Subcommands that are programs of their own: those in the stack's `bin`, found as the stack is, and the web console beside
//! this one. They are executed in our place, so that terminal, signals and exit status are theirs.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use super::error::CommandError;
use super::stack;

/// The program of the web console.
const CONSOLE: &str = "lamplighter-console";

/// What the command line says: all of it is the program's to understand, `--help` too.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// What the program is told; --help has it explain itself
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// Becomes the program of this name.
///
/// # Errors
/// When there is no stack here, or the program cannot be executed.
pub fn run(name: &str, arguments: &Arguments) -> Result<u8, CommandError> {
    let none = || CommandError::Usage("there is no stack here: go to its folder, or below it".to_owned());
    let program = stack::here().ok_or_else(none)?.join("bin").join(name);
    become_program(Command::new(program).args(&arguments.arguments))
}

/// Becomes the program of the web console, which lies beside this one, with this subcommand.
///
/// # Errors
/// When it is not there, or cannot be executed.
pub fn run_console(name: &str, arguments: &Arguments) -> Result<u8, CommandError> {
    let program = console();
    let program =
        program.map_err(|why| CommandError::System { doing: "find the program itself".to_owned(), why })?;
    become_program(Command::new(program).arg(name).args(&arguments.arguments))
}

/// Where the program of the web console is.
///
/// # Errors
/// When the system does not say where this one is.
pub(super) fn console() -> io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(CONSOLE))
}

fn become_program(command: &mut Command) -> Result<u8, CommandError> {
    let why = command.exec();
    Err(CommandError::System { doing: format!("execute {}", command.get_program().display()), why })
}
