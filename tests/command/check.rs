//! `lamplighter check` of a schedule: what is wrong is shown with its place. Of whole stacks tells
//! `tests/stack_check.rs`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::stage::{Stage, all};

fn stack() -> Stage {
    let stack = Stage::new();
    fs::write(stack.path("good.cron"), "5 4 * * * mysql nightly-backup\n").unwrap();
    fs::write(stack.path("bad.cron"), "5 24 * * * mysql nightly-backup\n*/7 * * * * php warm-up\n").unwrap();
    stack
}

#[test]
fn a_fault_is_shown_with_its_place_in_a_pipe_and_on_a_terminal() {
    let stack = stack();
    assert_snapshot!(all(&stack.call(&["check", "good.cron"])), @"
    1 entry, 0 errors, 0 warnings
    exit status 0
    ");
    assert_snapshot!(all(&stack.call(&["check", "bad.cron"])), @"
    bad.cron:1:3: the hour `24` is too large
      |
    1 | 5 24 * * * mysql nightly-backup
      |  ^^ an hour is 0 to 23
      = hint: midnight is hour 0

    bad.cron:2:1: warning: `*/7` is not even: after the minute 56 comes 0 again
      |
    2 | */7 * * * * php warm-up
      | ^^^
      = hint: even steps are 2, 3, 4, 5, 6, 10, 12, 15, 20, 30

    1 entry, 1 error, 1 warning
    exit status 1
    ");
    assert_snapshot!(stack.shown(80, &["check", "bad.cron"]), @"
    bad.cron:1:3: the hour `24` is too large
      |
    1 | 5 24 * * * mysql nightly-backup
      |  ^^ an hour is 0 to 23
      = hint: midnight is hour 0

    bad.cron:2:1: warning: `*/7` is not even: after the minute 56 comes 0 again
      |
    2 | */7 * * * * php warm-up
      | ^^^
      = hint: even steps are 2, 3, 4, 5, 6, 10, 12, 15, 20, 30

    1 entry, 1 error, 1 warning
    ");
    assert_snapshot!(stack.shown(50, &["check", "good.cron"]), @"1 entry, 0 errors, 0 warnings");
}

#[test]
fn programs_are_told_each_fault_with_its_line_and_column() {
    let stack = stack();
    assert_snapshot!(all(&stack.call(&["check", "bad.cron", "--json"])), @r#"
    {"entries":1,"faults":[{"allowed":"an hour is 0 to 23","column":3,"file":"bad.cron","hint":"midnight is hour 0","line":1,"message":"the hour `24` is too large","severity":"error"},{"allowed":"","column":1,"file":"bad.cron","hint":"even steps are 2, 3, 4, 5, 6, 10, 12, 15, 20, 30","line":2,"message":"`*/7` is not even: after the minute 56 comes 0 again","severity":"warning"}],"others":[]}
    exit status 1
    "#);
    assert_snapshot!(all(&stack.call(&["check", "good.cron", "--json"])), @r#"
    {"entries":1,"faults":[],"others":[]}
    exit status 0
    "#);
}

#[test]
fn what_cannot_be_found_or_read_is_named() {
    let stack = stack();
    assert_snapshot!(all(&stack.call(&["check"])), @"
    error: there is no schedule.cron in /usr/local/conf nor in a stack here: name the file
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["check", "elsewhere.cron"])), @"
    error: cannot read elsewhere.cron: No such file or directory (os error 2)
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["check", "data"])), @"
    error: there is no schedule.cron in data, nor below its `service` folder
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["check", "good.cron", "--tz", "Mars/Olympus"])), @"
    error: there is no time zone `Mars/Olympus`
    hint: such as Europe/Berlin: `timedatectl list-timezones` has all names
    exit status 2
    ");
    fs::set_permissions(stack.path("good.cron"), Permissions::from_mode(0o000)).unwrap();
    assert_snapshot!(all(&stack.call_without_rights(&["check", "good.cron"])), @"
    error: cannot read good.cron: Permission denied (os error 13)
    exit status 2
    ");
}
