//! Any bytes are a schedule: the good lines of it count, and the bad ones are shown.

#![no_main]

#[path = "../checks/schedule.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
