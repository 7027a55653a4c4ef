//! Any bytes are a plain line: a request, none, or refused.

#![no_main]

#[path = "../checks/request_line.rs"]
mod check;
#[path = "../checks/names.rs"]
mod names;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::check(bytes));
