//! `lamplighter check`: what is wrong with the files that people write, before it goes wrong.
//!
//! Nothing of what is checked is run or sourced: `schedule` and policies are read as the programs that use them do,
//! scripts with `bash -n` and by their text ([`scripts`], [`services`]), the compose file by what each service needs of it
//! ([`compose`]), the settings as Docker Compose reads them ([`settings`]), the web console's certificate as that does ([`web`]).
//! What the owner of a stack adds to the daemons' configuration is read by themselves ([`daemons`]).

mod compose;
mod daemons;
mod forks;
mod report;
mod schedule;
mod scripts;
mod services;
mod settings;
mod web;
mod yaml;

use std::path::PathBuf;

use clap::Args;

use self::report::Report;
use super::error::CommandError;
use super::{schedule_file, stack, zone};
use crate::settings::Folders;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A schedule, or the folder of a stack [default: this container's, else the stack here]
    path: Option<PathBuf>,
    /// Fail for warnings, too
    #[arg(long)]
    strict: bool,
    /// Leave out what the daemons say of the files in local, which takes Docker
    #[arg(long)]
    without_daemons: bool,
    /// The time zone of entries without their own [default: the system's]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints what is wrong, as from the second `now` on; 1 when something is.
///
/// # Errors
/// When there is nothing to check, or it cannot be read.
pub async fn run(arguments: &Arguments, folders: &Folders, now: i64) -> Result<u8, CommandError> {
    let path = schedule_file::find(arguments.path.as_deref(), folders)?;
    let stack = schedule_file::stack_of(&path);
    let mut report = Report::default();
    let dotenv = stack.map(|stack| settings::check(stack, &mut report)).unwrap_or_default();
    let own = stack.map(|stack| settings::zone(stack, &dotenv, &mut report));
    let zone = match (&arguments.tz, own) {
        (None, Some(zone)) => zone,
        (tz, _) => zone::of_command(tz.as_deref(), stack::here().as_deref())?,
    };
    let entries = schedule::check(&path, stack, &zone, folders, now, &mut report).await?;
    if let Some(stack) = stack {
        services::check(stack, &mut report);
        compose::check(stack, &dotenv, &mut report);
        web::check(stack, &dotenv, &mut report);
        forks::check(stack, folders, &mut report).await;
        if !arguments.without_daemons {
            daemons::check(stack, &mut report);
        }
    }
    report.print(arguments.json, entries);
    Ok(u8::from(report.errors > 0 || arguments.strict && report.warnings > 0))
}
