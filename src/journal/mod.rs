//! The journal: what was accepted and what came of it, durable, one JSON object a line.
//!
//! [`Journal`] is the supervisor's: it grows by whole groups of [`JournalRecord`]s, each made durable by one
//! `fdatasync`. What it leaves after a crash is [`Recovered`]; what
//! was done is read back by [`history`] and [`find`].

mod backward;
mod compact;
mod disk;
mod error;
#[cfg(test)]
mod faults;
mod fields;
mod file;
mod history;
mod ids;
mod limits;
mod lines;
mod output;
mod record;
mod recovered;
mod replay;
mod request;
mod shelf;
mod totals;

pub use compact::{Compacted, Compaction, Keep};
pub use error::JournalError;
pub use fields::NoRecord;
pub use file::{BufferBorder, Journal, NAME, ROOM_TO_ACCEPT, ROOM_TO_END, ReadingProgress, Remembered};
pub use history::{IdMatch, Query, Snapshot, find, history};
pub use limits::{GROWTH, LARGEST, Limits};
pub use output::{KEPT, MOST_KEPT, OutputStore, Tail, dropped_before};
pub use record::{End, JournalRecord};
pub use recovered::{LastRuns, Recovered, RetriedAttempt, RunSummary, UnfinishedRequest};
pub use request::{Attempt, JoinedRequest, RecordedRequest};
pub use totals::{BOUNDS_MS, Tally, Totals};
