//! The operator's command: all that it prints, on a terminal and in a pipe, and with what status it leaves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod cancel;
mod check;
mod denied;
mod explain;
mod facts;
mod failures;
mod follow;
mod health;
mod history;
mod metrics;
mod next;
mod reload;
mod retries;
mod run;
mod script;
mod stage;
mod status;
mod terminal;
mod versions;
mod watch;
