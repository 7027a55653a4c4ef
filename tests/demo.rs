//! `lamplighter demo`: it shows a schedule at work, and leaves nothing behind, however it ends.

mod common;

use std::fs;
use std::process::{Command, Stdio};

use common::{Log, lamplighter, send};
use tempfile::TempDir;

/// A demo that goes on until it is told to end, with a folder of its own for temporary files.
fn start(arguments: &[&str]) -> (TempDir, u32, Log) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (output, writer) = std::io::pipe().expect("a pipe for the output");
    let mut command = Command::new(lamplighter());
    command.arg("demo").args(arguments).env("TMPDIR", folder.path()).stdin(Stdio::null());
    command.stdout(writer.try_clone().expect("a second descriptor of the pipe")).stderr(writer);
    let child = command.spawn().expect("the program can be started");
    drop(command);
    let pid = child.id();
    (folder, pid, Log::of(output, child))
}

/// Neither a file of the demo is left, nor a process that could write its output: the log waits for both.
fn assert_nothing_is_left(folder: &TempDir, log: &Log, code: i32) {
    assert_eq!(log.wait_for_exit().code(), Some(code), "{}", log.text());
    let left: Vec<_> = fs::read_dir(folder.path()).expect("our own folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn it_shows_a_schedule_at_work_and_ctrl_c_ends_it_in_order() {
    let (folder, pid, log) = start(&["--seconds", "600"]);
    log.wait_for("the flame flickers, and burns brighter");
    log.find("a retry that succeeds", |line| {
        (line.contains("fill-oil") && line.contains("succeeded after")).then_some(())
    });
    assert!(log.text().contains("failed 1 on attempt 1: tried again in 1 s"), "{}", log.text());
    send(pid, 2);
    log.wait_for("the lamp goes out");
    assert_nothing_is_left(&folder, &log, 130);
    let text = log.text();
    for shown in ["$ lamplighter status", "all is well: 2 services", "$ lamplighter history", "2 attempts"] {
        assert!(text.contains(shown), "{shown} is not shown:\n{text}");
    }
}

#[test]
fn it_ends_by_itself() {
    let (folder, _, log) = start(&["--seconds", "1"]);
    assert_nothing_is_left(&folder, &log, 0);
    assert!(log.text().contains("Nothing is left of it."), "{}", log.text());
}

#[test]
fn where_there_is_no_room_for_its_folder_it_says_so() {
    let output = Command::new(lamplighter()).arg("demo").env("TMPDIR", "/nonexistent").output();
    let output = output.expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot set up the demo in a temporary folder"), "{said}");
}
