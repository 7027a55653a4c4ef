//! Any bytes are a journal: what is whole in them is honoured, whatever stands around it.

#![no_main]

#[path = "../checks/journal.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
