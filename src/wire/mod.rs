//! What is said over the request sockets, as types: written by who says it, read by who hears it (docs/PROTOCOL.md).
//!
//! Whoever is at the other end may be of an earlier or a later version. What it does not tell, or tells in a form that
//! is not known here, is as if it had not been told; what it tells besides is passed over. Names are checked by their
//! parsers, and other words and sentences made safe for a terminal as they are read.

mod answer;
mod call;
mod event;
mod lenient;
mod open;
mod outcome;
mod record;
mod status;
mod totals;
mod words;

pub use answer::{
    Accepted, ActionNames, CalledOff, History, NextOccurrences, Occurrence, Refused, Reloaded, Shown,
};
pub use call::{Call, PastWanted, Tell};
pub use event::Event;
pub use open::{FailedAttempt, OpenRequest, Undelivered, WaitReason};
pub use outcome::{Outcome, OutcomeWord};
pub use record::{AttemptRecord, JoinedRecord, RequestRecord};
pub use status::{
    ActionStatus, Degradation, Degradations, DegradedKind, EndedRequest, Fact, Greeting, Health,
    ListenerState, ListenerStatus, ServiceState, Status,
};
pub use totals::{AlarmTotals, Totals};

/// The version of the protocol that this program speaks.
pub const VERSION: u32 = 1;
