//! The supervisor: one service, its listeners, and everything that they leave behind.
//!
//! Events (signals, ends of children, requests, deadlines) go into [`machine`], which is pure and says what
//! to do; [`engine`] does it, with `starting`, `ending` and `callers` for what each of these takes. [`life`] is the part about the service and the stop, [`health`] about the
//! check of the service, [`descendants`] about who is left, [`notify`] tells who started us.

mod callers;
mod calls;
pub mod descendants;
mod ending;
pub mod engine;
pub mod event;
mod files;
mod followers;
pub mod health;
mod ledger;
pub mod life;
mod listeners;
pub mod machine;
pub mod notify;
pub mod overdue;
mod past;
pub mod problems;
mod requests;
pub mod service;
mod starting;
pub mod status;
#[cfg(test)]
mod world;
