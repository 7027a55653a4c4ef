//! What people see: the command's subcommands.
//!
//! Each subcommand has a file, or a folder, of its own. Below them: [`stack`] finds the services, [`telling`] is
//! told by one, [`loss`] what backups have, [`table`] and [`ages`] say how things are written down, [`look`] for whom.

mod actions;
mod ages;
pub mod cancel;
pub mod check;
pub mod completions;
pub mod demo;
mod dotenv;
mod error;
pub mod explain;
pub mod follow;
mod following;
mod frame;
mod glance;
pub mod health;
mod health_mark;
pub mod history;
mod ids;
mod instant;
mod interrupts;
mod keyboard;
mod look;
mod loss;
pub mod manual;
pub mod metrics;
pub mod next;
mod progress;
pub mod reload;
mod retry;
pub mod run;
mod schedule_file;
pub mod script;
pub mod serve;
mod service_folders;
pub mod settings;
pub mod show;
pub mod stack;
pub mod status;
mod table;
mod telling;
mod unreached;
pub mod user;
mod zone;

pub use error::CommandError;
pub use look::{Colour, Form};

use std::fmt::Display;
use std::io::Write;

use table::Tone;

/// Prints a line, or several, with colours where they belong. Whoever reads may stop reading: that is no failure,
/// and told by false.
fn say(text: impl Display) -> bool {
    writeln!(anstream::stdout(), "{text}").is_ok()
}

/// Says something that is not what was asked for, on standard error.
fn note(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{}", Tone::Soft.paint(&text.to_string()));
}

/// Says what is wrong and keeps nothing from being done.
fn warn(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{} {text}", Tone::Odd.paint("warning:"));
}

/// Says why a command did not do what it was asked, and what to do next.
pub fn complain(error: &CommandError) {
    let mut stderr = anstream::stderr();
    let _ = match error {
        CommandError::Fault(fault) => writeln!(stderr, "{fault}"),
        _ => writeln!(stderr, "{} {error}", Tone::Bad.paint("error:")),
    };
    if let Some(hint) = error.hint() {
        let _ = writeln!(stderr, "{} {hint}", Tone::Strong.paint("hint:"));
    }
}
