//! The journal as the supervisor uses it: what is committed is there again, whatever happens in between.
#![allow(clippy::unwrap_used)]

mod compaction;
mod full_disk;
mod history;
mod model;
mod output;
mod property;
mod records;
mod restart;
mod speed;
mod torn;
