//! `lamplighter manual`: the manual's pages, made from the command line's own words.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;

use super::error::CommandError;

/// What the command line says.
#[derive(Debug, Args)]
#[command(after_help = "To read one: lamplighter manual | man -l -\n\
                        To install all: lamplighter manual /usr/local/share/man/man1")]
pub struct Arguments {
    /// A folder to write every command's page into [default: print that of `lamplighter` itself]
    folder: Option<PathBuf>,
}

/// Prints the page of `command`, or writes it into a folder with those of its subcommands.
///
/// # Errors
/// When they cannot be written.
pub fn run(arguments: &Arguments, command: Command) -> Result<u8, CommandError> {
    let place =
        arguments.folder.as_ref().map_or_else(String::new, |folder| format!(" into {}", folder.display()));
    let written = match &arguments.folder {
        Some(folder) => fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder)),
        None => Man::new(command.disable_help_subcommand(true)).render(&mut io::stdout()),
    };
    written.map_err(|why| CommandError::System { doing: format!("write the manual{place}"), why })?;
    Ok(0)
}
