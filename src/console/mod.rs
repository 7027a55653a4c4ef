//! What people see: the command's subcommands.

pub mod client;
pub mod health;
