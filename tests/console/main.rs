//! The web console, asked as a browser asks, in front of real supervisors.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../command/stage.rs"]
#[allow(dead_code, reason = "the command's tests use all of it")]
mod stage;
#[path = "../command/terminal.rs"]
#[allow(dead_code, reason = "the command's tests use all of it")]
mod terminal;

mod backups;
mod browser;
mod doing;
mod limits;
mod login;
mod pages;
mod reach;
mod schedule;
mod scrape;
mod tls;
mod users;
