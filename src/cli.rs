//! The command line: which part of Lamplighter a call is for.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Parser, Subcommand};

use crate::console::{
    Colour, cancel, check, completions, demo, explain, follow, health, history, manual, metrics, next,
    reload, run, script, settings, show, status,
};

/// Keeps a Docker Compose stack of single-service containers running, and keeps house in it.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// When to use colours
    #[arg(long, value_enum, default_value = "auto", global = true, value_name = "WHEN")]
    pub color: Colour,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show how the services are, what ran last, and what is wrong
    Status(status::Arguments),
    /// Print how the services are, for Prometheus
    Metrics(metrics::Arguments),
    /// Have a service do something, and show it being done
    Run(run::Arguments),
    /// Call a request off
    Cancel(cancel::Arguments),
    /// Show what was asked of the services, and what became of it
    History(history::Arguments),
    /// Show all about one request: who asked, what became of it, what it printed
    Show(show::Arguments),
    /// Show what happens, as it happens
    Follow(follow::Arguments),
    /// Have the scheduler read its schedule again
    Reload(reload::Arguments),
    /// Show what comes next on schedule
    Next(next::Arguments),
    /// Tell what is wrong with a schedule, or with all files of a stack, before it goes wrong
    Check(check::Arguments),
    /// Print what a stack's .env says, as Docker Compose reads it
    Settings(settings::Arguments),
    /// Open a shell in a service as the application's user: php, mysql or redis
    Shell(script::Arguments),
    /// Move a database dump or the files of a site in
    Import(script::Arguments),
    /// Serve the web console, for a browser on this machine or at the other end of a tunnel
    Serve(script::Arguments),
    /// Tell and change who may log in to the web console: console user add NAME
    Console(script::Arguments),
    /// Say in words when a schedule's line fires
    Explain(explain::Arguments),
    /// Show the whole idea without Docker: a toy service, its schedule, its housekeeping; leaves nothing behind
    Demo(demo::Arguments),
    /// Print what makes a shell complete commands, services and actions
    Completions(completions::Arguments),
    /// Print the manual, or write its pages into a folder
    Manual(manual::Arguments),
    /// Start this container's service, and do its housekeeping on request (also run as `supervisor`)
    Supervise,
    /// Ask for housekeeping when `schedule.cron` says so (also run as `scheduler`)
    Schedule,
    /// Say whether this container's service is healthy, for its HEALTHCHECK
    Health(health::Arguments),
}

/// The arguments with the subcommand that the program's own name stands for put in their place.
pub fn with_name_as_command(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.into_iter().collect();
    let name = arguments.first().map(Path::new).and_then(Path::file_name).and_then(OsStr::to_str);
    let command = match name {
        Some("supervisor") => "supervise",
        Some("scheduler") => "schedule",
        _ => return arguments,
    };
    arguments.insert(1, command.into());
    arguments
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_programs_name_may_be_the_command() {
        for (name, command) in [("/usr/local/sbin/supervisor", "supervise"), ("scheduler", "schedule")] {
            assert_eq!(with_name_as_command([name.into()]), [OsString::from(name), command.into()]);
        }
        assert_eq!(with_name_as_command(["lamplighter".into(), "health".into()]).len(), 2);
    }
}
