//! The supervisor: one service, its listeners, and everything that they leave behind.
//!
//! Events (signals, ends of children, requests, deadlines) go into [`machine`], which is pure and says what
//! to do; [`engine`] does it. [`life`] is the part about the service and the stop, [`health`] about the
//! check of the service, [`descendants`] about who is left, [`notify`] tells who started us.

pub mod descendants;
pub mod engine;
pub mod health;
pub mod life;
pub mod machine;
pub mod notify;
pub mod service;
#[cfg(test)]
mod world;
