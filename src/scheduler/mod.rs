//! The scheduler: asks each service for its housekeeping when the schedule says so, and loses nothing due.
//!
//! - [`machine`]: what it does on an event, pure; `agenda`, [`occurrence`], `target` and [`set_back`] are its parts.
//! - [`record`], [`store`]: what it remembers over a restart.
//! - [`clock`], `file`, `added`, `watch`, `delivery`: time, the schedule's file and the services, as sources of events.
//! - `answers`: what it says of itself on its own socket; `passing`: what it is asked there for a service.
//! - [`alarms`]: tells somebody what goes wrong, whoever asked for it.
//! - [`engine`]: moves the events, and does what the machine says.

mod added;
mod agenda;
pub mod alarms;
mod answers;
pub mod clock;
mod delivery;
pub mod engine;
mod file;
mod last_good;
pub mod machine;
pub mod occurrence;
mod passing;
pub mod record;
pub mod set_back;
pub mod store;
mod target;
mod watch;

pub use added::{ADDED, added};
pub use engine::{Order, SchedulerError, run, run_with};
pub use file::FILE;
