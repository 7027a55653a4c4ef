//! `lamplighter reload`: the schedule is read again.

use std::fs;
use std::os::unix::net::UnixListener;

use insta::assert_snapshot;
use serde_json::json;

use crate::stage::{Stage, all};

#[test]
fn the_schedule_is_read_again_and_what_is_wrong_with_it_said() {
    let stack = Stage::new().with_schedule("@daily mysql nightly-backup\n");
    assert_snapshot!(all(&stack.call(&["reload"])), @"
    the schedule was read again
    exit status 0
    ");
    assert_eq!(stack.json(&["reload"]), json!({"degraded": []}));
    fs::write(stack.path("service/scheduler/conf/schedule.cron"), "@daily mysql nightly-backup\nbad\n")
        .unwrap();
    assert_snapshot!(all(&stack.call(&["reload"])), @"
    the schedule was read again
    schedule.cron:2:1: `bad` stands where the minute should
    exit status 0
    ");
    assert_snapshot!(stack.redact(&stack.json(&["reload"]).to_string()), @r#"{"degraded":["schedule.cron:2:1: `bad` stands where the minute should"]}"#);
}

#[test]
fn without_a_scheduler_there_is_nobody_to_read_it() {
    let stack = Stage::new().with("mysql", "CB_ok() { :; }");
    assert_snapshot!(all(&stack.call(&["reload"])), @"
    error: there is no service `scheduler` in <stack>/data/run
    hint: there is only mysql
    exit status 2
    ");
    drop(UnixListener::bind(stack.socket("scheduler")).unwrap());
    assert_snapshot!(all(&stack.call(&["reload"])), @"
    error: cannot have the schedule read again: cannot reach <stack>/data/run/scheduler-request.sock: the socket is there, but nobody is behind it
    hint: its container was killed: `docker compose up -d scheduler` starts it
    exit status 4
    ");
}

#[test]
fn who_may_not_reach_the_scheduler_is_told_what_to_do() {
    let stack = Stage::new().with_schedule("@daily mysql nightly-backup\n");
    assert_snapshot!(all(&stack.call_without_access("scheduler", &["reload"])), @"
    error: cannot have the schedule read again: cannot reach <stack>/data/run/scheduler-request.sock: permission denied
    hint: use sudo
    exit status 4
    ");
}
