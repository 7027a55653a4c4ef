//! Replays what fuzzing has found worth keeping (`fuzz/corpus/`), so that it holds without a fuzzer.

use std::fs;
use std::io;
use std::path::Path;

#[path = "../fuzz/checks/journal.rs"]
mod journal;
#[path = "../fuzz/checks/json_line.rs"]
mod json_line;
#[path = "../fuzz/checks/lines.rs"]
mod lines;
#[path = "../fuzz/checks/names.rs"]
mod names;
#[path = "../fuzz/checks/policy.rs"]
mod policy;
#[path = "../fuzz/checks/request_line.rs"]
mod request_line;
#[path = "../fuzz/checks/schedule.rs"]
mod schedule;

/// Checks every file of a target's corpus; the last name that is printed before a panic is the one at fault.
fn replay(target: &str, check: fn(&[u8])) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut replayed = 0;
    for file in fs::read_dir(&folder)? {
        let path = file?.path();
        println!("{}", path.display());
        check(&fs::read(path)?);
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
    Ok(())
}

#[test]
fn journals() -> io::Result<()> {
    replay("journal", journal::check)
}

#[test]
fn policies() -> io::Result<()> {
    replay("policy", policy::check)
}

#[test]
fn request_lines() -> io::Result<()> {
    replay("request_line", request_line::check)
}

#[test]
fn json_lines() -> io::Result<()> {
    replay("json_line", json_line::check)
}

#[test]
fn lines_in_pieces() -> io::Result<()> {
    replay("lines", lines::check)
}

#[test]
fn schedules() -> io::Result<()> {
    replay("schedule", schedule::check)
}
