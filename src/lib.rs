//! Lamplighter keeps a Docker Compose stack of single-service containers running and keeps house in it.

pub mod accounts;
pub mod log;
pub mod names;
pub mod process;
pub mod settings;
pub mod signals;
pub mod unix_socket;
