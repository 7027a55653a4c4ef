//! The promise: what is accepted is done once and has one outcome, whatever dies, fails, fills up or is asked
//! again.

#[path = "../common/mod.rs"]
mod common;

mod audit;
mod compacting;
mod crash;
mod faults;
mod full_disk;
mod ids;
mod journal;
mod neighbours;
mod policy;
mod random;
mod reading;
mod rules;
mod stream;
mod telling;
