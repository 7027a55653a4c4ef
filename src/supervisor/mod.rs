//! The supervisor: one service, its listeners, and everything that they leave behind.
//!
//! Events (signals, ends of children, requests, deadlines) go into [`machine`], which is pure and says what
//! to record, what to do at once and what when that is on disk; [`engine`] does it, with `ledger`, `starting`, `ending` and
//! `callers` for what each of these takes. `group` is the part about promises, [`life`] about the service and the stop,
//! [`health`] about the check of the service, [`descendants`] about who is left, [`last_words`] about what the daemon has
//! written into its log, [`notify`] tells who started us.

mod beside;
mod callers;
mod calls;
mod coming_up;
pub mod descendants;
mod ending;
pub mod engine;
pub mod event;
mod files;
mod followers;
mod forking;
mod group;
pub mod health;
mod last_words;
mod ledger;
pub mod life;
mod listeners;
pub mod machine;
pub mod notify;
pub mod overdue;
pub mod problems;
mod reading;
mod requests;
pub mod service;
mod starting;
pub mod status;
mod stopping;
#[cfg(test)]
mod world;
