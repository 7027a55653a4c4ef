//! The container log: one line an event, `TIME LEVEL TEXT`, in the form that the shared scripts use too.
//!
//! It goes to stderr, which Docker keeps. The service's own lines never pass through here: it inherits
//! stdout and stderr. Output of runs does, each line marked with the run it came from.

use std::fmt::Display;
use std::io::Write;

use jiff::Timestamp;

/// Something happened as it should.
pub fn info(text: impl Display) {
    line("INFO", text);
}

/// Something is not as it should be, and things go on all the same.
pub fn warn(text: impl Display) {
    line("WARN", text);
}

/// Something that was wanted did not happen.
pub fn error(text: impl Display) {
    line("ERROR", text);
}

/// A line of a run's output, marked with where it came from: `nightly-backup 1f2e3d4c | TEXT`.
///
/// What is not UTF-8 stays as it is: it is the callback's, not ours.
pub fn output(source: &str, text: &[u8]) {
    let mut record = Vec::with_capacity(source.len() + text.len() + 4);
    record.extend_from_slice(source.as_bytes());
    record.extend_from_slice(b" | ");
    record.extend_from_slice(text);
    write(record);
}

fn line(level: &str, text: impl Display) {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    write(format!("{now} {level:<5} {text}").into_bytes());
}

fn write(mut record: Vec<u8>) {
    record.push(b'\n');
    // One write a line keeps lines whole among other writers. A log that cannot be written is no reason to
    // stop a service, and there is nowhere left to say so.
    let _ = std::io::stderr().write_all(&record);
}
