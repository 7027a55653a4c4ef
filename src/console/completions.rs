//! `lamplighter completions`: what a shell offers when Tab is pressed.
//!
//! The shell asks the program itself, with a variable set; so it offers the services and actions that there
//! are, not those of the day when the completions were installed.

use std::env;
use std::ffi::OsString;
use std::io;
use std::time::Duration;

use clap::{Args, ValueEnum};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::error::CommandError;
use super::stack::Stack;
use crate::names::ServiceName;
use crate::socket::client;
use crate::wire::{ActionNames, Call};

/// The variable that makes the program answer its shell, and nothing else.
pub const VARIABLE: &str = "LAMPLIGHTER_COMPLETE";
/// Nobody waits longer for a word.
const PATIENCE: Duration = Duration::from_millis(300);

/// What the command line says.
#[derive(Debug, Args)]
#[command(after_help = "For bash: source <(lamplighter completions bash), in ~/.bashrc to have it always.")]
pub struct Arguments {
    /// For which shell
    shell: Shell,
}

/// The shells that completions are for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints what the shell is to read.
///
/// # Errors
/// When the program does not know its own path, or nobody reads.
pub fn run(arguments: &Arguments) -> Result<u8, CommandError> {
    let shell: &dyn EnvCompleter = match arguments.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let name = env!("CARGO_PKG_NAME");
    let written = env::current_exe().and_then(|own| {
        let own = own.to_string_lossy().into_owned();
        shell.write_registration(VARIABLE, name, name, &own, &mut io::stdout())
    });
    written.map_err(|why| CommandError::System { doing: "print the completions".to_owned(), why })?;
    Ok(0)
}

/// The services of the stack here.
pub(super) fn services() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        known_services().iter().map(|name| CompletionCandidate::new(name.as_str())).collect()
    })
}

/// The actions of the service that stands before on the line; of all where none does.
pub(super) fn actions() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let line: Vec<OsString> = env::args_os().skip_while(|word| word != "--").collect();
        let mut services = known_services();
        if services.iter().any(|service| line.iter().any(|word| word == service.as_str())) {
            services.retain(|service| line.iter().any(|word| word == service.as_str()));
        }
        let mut actions = actions_of(&services);
        actions.sort();
        actions.dedup();
        actions.into_iter().map(CompletionCandidate::new).collect()
    })
}

fn here() -> Stack {
    Stack::find(|name| env::var_os(name), &env::current_dir().unwrap_or_default())
}

fn known_services() -> Vec<ServiceName> {
    here().services().unwrap_or_default()
}

/// What the services say that they can do; whoever does not answer at once is passed over.
fn actions_of(services: &[ServiceName]) -> Vec<String> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let stack = here();
    runtime.block_on(async {
        let mut actions = Vec::new();
        for service in services {
            let answer = client::call_for(&stack.socket(service), &Call::Actions, PATIENCE).await;
            let told = answer.map(|ActionNames { actions, .. }| actions).unwrap_or_default();
            actions.extend(told.into_iter().map(String::from));
        }
        actions
    })
}
