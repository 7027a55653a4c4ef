//! `lamplighter settings`: what a stack's `.env` says, for people and for the scripts in `bin`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::dotenv::{self, Dotenv};
use super::error::CommandError;
use super::zone::{self, ZoneFault, environment};
use super::{say, stack};
use crate::diagnostic::{Diagnostic, Severity};
use crate::visible;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The stack's folder [default: the one here]
    path: Option<PathBuf>,
    /// Fail where this version of Docker Compose, such as 1.29.2, reads a line differently
    #[arg(long, value_name = "VERSION")]
    compose: Option<String>,
    /// End each setting with a NUL, and leave out names that a shell could not have
    #[arg(short = '0', long)]
    null: bool,
}

/// Prints the settings that the stack's file has, with the values that Compose gives them. Warns of those that nothing reads.
///
/// # Errors
/// When Compose, or that version of it, would read something else, or the time zone is none.
pub fn run(arguments: &Arguments) -> Result<u8, CommandError> {
    let home = arguments.path.clone().or_else(stack::here);
    let home =
        home.ok_or_else(|| CommandError::Usage("there is no stack here: name its folder".to_owned()))?;
    let dotenv = Dotenv::load(&home, &environment)?;
    let mut faults = Vec::new();
    if arguments.compose.as_deref().is_some_and(is_first_generation) {
        let severity = Severity::Error;
        faults.extend(
            dotenv.differences(&environment).into_iter().map(|fault| Diagnostic { severity, ..fault }),
        );
    }
    match zone::of_stack(&dotenv) {
        Ok(_) => {}
        Err(ZoneFault::Line(fault)) => faults.push(*fault),
        Err(ZoneFault::Environment(unknown)) => return Err(unknown.into()),
    }
    if !faults.is_empty() {
        faults.sort_by_key(|fault| (fault.line, fault.column));
        let shown: Vec<String> = faults.iter().map(|fault| fault.in_file(dotenv::FILE).to_string()).collect();
        return Err(CommandError::Fault(shown.join("\n\n")));
    }
    for unread in dotenv.unread(&home) {
        super::note(unread.in_file(dotenv::FILE));
    }
    print(&dotenv, arguments.null);
    Ok(0)
}

fn is_first_generation(version: &str) -> bool {
    version.trim_start_matches('v').starts_with("1.")
}

fn print(dotenv: &Dotenv, null: bool) {
    for name in dotenv.names() {
        let value = dotenv.setting(name, &environment).unwrap_or_default();
        if !null {
            say(format_args!("{}={}", visible::line(name), visible::line(&value)));
        } else if is_a_shells(name) {
            // Not through `say`: the bytes are the answer. Who stops reading has had enough.
            let _ = write!(std::io::stdout(), "{name}={value}\0");
        }
    }
}

fn is_a_shells(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
