//! `lamplighter next`: what comes next on schedule.

use std::fs;
use std::os::unix::net::UnixListener;

use insta::assert_snapshot;

use crate::stage::{Stage, all};

const SCHEDULE: &str = "5 4 * * * forum mysql nightly-backup\n@weekly php warm-up-the-cache\n";
const FROM: [&str; 4] = ["--from", "2026-05-01", "-n", "2"];

fn stack() -> Stage {
    let stack = Stage::new();
    let conf = stack.path("service/scheduler/conf");
    fs::create_dir_all(&conf).unwrap();
    fs::write(conf.join("schedule.cron"), SCHEDULE).unwrap();
    stack
}

fn next<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["next"], arguments, &FROM].concat()
}

#[test]
fn a_pipe_gets_all_columns_and_a_terminal_what_fits() {
    let stack = stack();
    assert_snapshot!(all(&stack.call(&next(&[]))), @"
    WHEN  ZONE  IN  SERVICE  ACTION  USER  TIME
    Fri 2026-05-01 04:05 +00:00  UTC  4h5m  mysql  nightly-backup  forum  5 4 * * *
    Sat 2026-05-02 04:05 +00:00  UTC  1d4h  mysql  nightly-backup  forum  5 4 * * *
    exit status 0
    ");
    assert_snapshot!(stack.shown(100, &next(&[])), @"
    WHEN  ZONE  IN  SERVICE  ACTION  USER  TIME
    Fri 2026-05-01 04:05 +00:00  UTC  4h5m  mysql  nightly-backup  forum  5 4 * * *
    Sat 2026-05-02 04:05 +00:00  UTC  1d4h  mysql  nightly-backup  forum  5 4 * * *
    ");
    assert_snapshot!(stack.shown(60, &next(&[])), @"
    WHEN  IN  SERVICE  ACTION
    Fri 2026-05-01 04:05 +00:00  4h5m  mysql  nightly-backup
    Sat 2026-05-02 04:05 +00:00  1d4h  mysql  nightly-backup
    ");
    assert_snapshot!(stack.shown(40, &next(&["--expr", "5 4 * * *"])), @"
    WHEN  ZONE  IN
    Fri 2026-05-01 04:05 +00:00  UTC  4h5m
    Sat 2026-05-02 04:05 +00:00  UTC  1d4h
    ");
}

#[test]
fn programs_are_told_each_time_with_what_is_asked_then() {
    let stack = stack();
    assert_snapshot!(stack.call(&next(&["--json"])).out, @r#"{"next":[{"action":"nightly-backup","at":1777608300,"due":1777608300,"service":"mysql","time":"5 4 * * *","user":"forum","zone":"UTC"},{"action":"nightly-backup","at":1777694700,"due":1777694700,"service":"mysql","time":"5 4 * * *","user":"forum","zone":"UTC"}]}"#);
    assert_snapshot!(stack.call(&next(&["--json", "--expr", "5 4 * * *"])).out, @r#"{"next":[{"at":1777608300,"due":1777608300,"time":"5 4 * * *","zone":"UTC"},{"at":1777694700,"due":1777694700,"time":"5 4 * * *","zone":"UTC"}]}"#);
    assert_snapshot!(stack.call(&next(&["--json", "--expr", "0 0 31 2 *"])).out, @r#"{"next":[]}"#);
}

#[test]
fn nothing_that_ever_comes_is_said_apart() {
    assert_snapshot!(all(&stack().call(&next(&["--expr", "0 0 31 2 *"]))), @"
    nothing, ever
    exit status 0
    ");
}

#[test]
fn where_nothing_can_be_found_it_says_where_it_looked() {
    let stack = Stage::new();
    assert_snapshot!(all(&stack.call(&["next"])), @"
    error: cannot say what comes next: cannot reach <stack>/data/run/scheduler-request.sock: No such file or directory: the service does not run
    hint: `docker compose up -d scheduler` starts it
    exit status 4
    ");
    drop(UnixListener::bind(stack.socket("scheduler")).unwrap());
    assert_snapshot!(all(&stack.call(&["next"])), @"
    error: cannot say what comes next: cannot reach <stack>/data/run/scheduler-request.sock: the socket is there, but nobody is behind it
    hint: its container was killed: `docker compose up -d scheduler` starts it
    exit status 4
    ");
    assert_snapshot!(all(&stack.call(&["next", "elsewhere.cron"])), @"
    error: cannot read elsewhere.cron: No such file or directory (os error 2)
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["next", "data"])), @"
    error: there is no schedule.cron in data, nor below its `service` folder
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["next", "--tz", "Mars/Olympus"])), @"
    error: there is no time zone `Mars/Olympus`
    hint: such as Europe/Berlin: `timedatectl list-timezones` has all names
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["next", "--from", "soon"])), @"
    error: `soon` is no instant: give seconds since 1970, or such as 2026-03-29T02:00
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["next", "--expr", "5 24 * * *"])), @"
    --expr:1:3: the hour `24` is too large
      |
    1 | 5 24 * * *
      |  ^^ an hour is 0 to 23
      = hint: midnight is hour 0
    exit status 2
    ");
}

#[test]
fn who_may_not_ask_the_scheduler_is_told_what_to_do() {
    let stack = Stage::new().with_schedule(SCHEDULE);
    fs::remove_dir_all(stack.path("service/scheduler")).unwrap();
    assert_snapshot!(all(&stack.call_without_access("scheduler", &["next"])), @"
    error: cannot say what comes next: cannot reach <stack>/data/run/scheduler-request.sock: permission denied
    hint: use sudo
    exit status 4
    ");
}

#[test]
fn a_scheduler_of_another_version_is_quoted() {
    let stack = Stage::new()
        .with_impostor("scheduler", |_| Some("{\"ok\":true,\"next\":[{\"at\":\"tomorrow\"}]}\n".to_owned()));
    assert_snapshot!(all(&stack.call(&["next"])), @"
    error: cannot say what comes next: scheduler tells of it in a way that this version does not understand
    hint: use the `lamplighter` of the same version as the service's
    exit status 4
    ");
}
