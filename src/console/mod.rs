//! What people see: the command's subcommands.

pub mod check;
pub mod client;
mod columns;
mod error;
pub mod explain;
pub mod health;
mod instant;
pub mod next;
mod schedule_file;

pub use error::CommandError;

use std::fmt::Display;
use std::io::Write;

/// Prints a line, or several. Whoever reads may stop reading: that is no failure.
fn say(text: impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
