//! Lamplighter keeps a Docker Compose stack of single-service containers running and keeps house in it.
//!
//! # Layout
//! The way of one request, from top to bottom:
//! - [`socket`]: who connects to `<service>-request.sock`, what they say, what they are told; [`wire`]: the shapes of that
//! - [`access`], [`policy`]: whether they may, and by which rules; [`refusals`]: what the log says when not
//! - [`request`], [`queue`]: what is asked, and what is next
//! - [`journal`]: what was accepted and what came of it, on disk
//! - [`listener`]: the bash process that carries a request out, and what it prints
//! - [`outcome`]: how it ended
//!
//! Beside it:
//! - [`supervisor`]: the service's life, signals, reaping, stopping; a pure machine and the loop around it
//! - [`console`]: what people see
//!
//! Below both: [`names`], [`settings`], [`log`], [`signals`], [`process`], [`accounts`], [`rights`], [`unix_socket`],
//! [`run_folder`], [`claim`], [`backoff`], [`durable`], and what is written and read by people: [`duration`], [`diagnostic`],
//! [`spelling`], [`visible`].

pub mod access;
pub mod accounts;
pub mod backoff;
pub mod claim;
pub mod cli;
pub mod clock;
pub mod console;
pub mod diagnostic;
pub mod durable;
pub mod duration;
pub mod file_modes;
pub mod journal;
pub mod listener;
pub mod log;
pub mod names;
pub mod outcome;
pub mod policy;
pub mod process;
pub mod queue;
pub mod refusals;
pub mod request;
pub mod rights;
pub mod run_folder;
pub mod schedule;
pub mod scheduler;
pub mod settings;
pub mod signals;
pub mod socket;
pub mod spelling;
pub mod supervisor;
pub mod unix_socket;
pub mod visible;
pub mod wire;
