//! Any bytes are a JSON line: a call that reads as it is written, or refused.

#![no_main]

#[path = "../checks/json_line.rs"]
mod check;
#[path = "../checks/names.rs"]
mod names;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
