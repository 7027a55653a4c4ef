//! Alarms: what goes wrong in the stack is told, by the notifier of whoever runs it (docs/ALARMS.md).
//!
//! - [`notice`]: what is told, as the notifier gets it.
//! - [`decide`]: what is worth telling, pure; [`memory`] has what was told, [`outbox`] what is still to be told.
//! - [`store`]: what has to outlive the scheduler.
//! - `follow`, `sockets`: the services, as sources of events; `notifier` runs the program.
//! - `teller`: moves the events, and does what was decided.

pub mod decide;
mod follow;
pub mod memory;
pub mod notice;
mod notifier;
pub mod outbox;
mod sockets;
pub mod store;
mod teller;

pub(crate) use teller::Teller;
