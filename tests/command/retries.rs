//! A failed attempt that waits for its retry: nowhere it is passed over in silence.

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::{Service, wait_for};
use crate::stage::{Stage, all};

/// The first attempt fails at once and leaves a `sleep`, which bears that name by then; the next one is far away.
fn stack() -> Stage {
    let callbacks = "CB_upload() { echo no route to host; sleep infinity & until [[ $(</proc/$!/comm) == sleep ]]; do :; done; \
                     return 3; }\nCB_ok() { :; }";
    let policy = "[action.upload]\nretry = { attempts = 3, backoff = '2h' }";
    let service = Service::new().callbacks(callbacks).file("conf/housekeeping.toml", policy);
    Stage::new().with_service("mysql", service)
}

/// A request whose first attempt has failed.
fn failed_once(stack: &Stage) -> String {
    let id = stack.service("mysql").request("upload");
    stack.service("mysql").log().wait_for("tried again in");
    id.as_str().to_owned()
}

#[test]
fn status_says_which_attempt_failed_and_why_and_when_the_next_one_is() {
    let stack = stack();
    failed_once(&stack);
    assert_snapshot!(stack.call(&["status"]).out, @"
    1 problem:
      mysql: upload failed 3 on attempt 1 of 3 (left behind and ended: sleep (pid <number>)), <age> ago: tried again in <age>; `lamplighter show <id>` has its output

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  LAST RUNS
    mysql  running  <age>  <pid>  ready  1 waiting  ok never, upload tried again in <age>
    ");
    assert_eq!(stack.call(&["status", "--exit-code"]).code, 1);
    assert_snapshot!(stack.call(&["status", "mysql"]).out, @"
    1 problem:
      mysql: upload failed 3 on attempt 1 of 3 (left behind and ended: sleep (pid <number>)), <age> ago: tried again in <age>; `lamplighter show <id>` has its output

    state  running since <time> (<age>), pid <number>
    started  <time> (<age>)
    listener  ready
    version  0.1.0
    queue  1 waiting
                    upload <id> for root, waiting for attempt 2

    ok
      last  never

    upload
      retrying  failed 3 on attempt 1 of 3 (left behind and ended: sleep (pid <number>)), <age> ago: tried again in <age>
      last  never
    ");
}

#[test]
fn programs_are_told_the_same_of_it() {
    let stack = stack();
    let id = failed_once(&stack);
    let status = stack.json(&["status"]);
    let problem = &status["problems"][0];
    assert_eq!((&problem["kind"], &problem["service"]), (&"retrying".into(), &"mysql".into()));
    let waiting = &status["services"][0]["waiting"][0];
    assert_eq!((&waiting["id"], &waiting["why"]), (&id.into(), &"retry".into()));
    assert_eq!((&waiting["attempt"], &waiting["attempts"]), (&1.into(), &3.into()));
    assert_eq!((&waiting["failed"]["outcome"], &waiting["failed"]["code"]), (&"failed".into(), &3.into()));
    assert!(waiting["failed"]["note"].as_str().unwrap().starts_with("left behind and ended: sleep"));
    let instant = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let pause = instant(&waiting["not_before"]).duration_since(instant(&waiting["failed"]["ended_at"]));
    assert_eq!(pause, jiff::SignedDuration::from_hours(2));
}

#[test]
fn what_is_known_of_it_outlives_the_supervisor() {
    let mut stack = stack();
    failed_once(&stack);
    let before = stack.json(&["status"])["services"][0]["waiting"].clone();
    stack.service("mysql").stop();
    stack.service_mut("mysql").start_again();
    let after = wait_for("what waits to be taken up", || {
        let waiting = stack.json(&["status"])["services"][0]["waiting"].clone();
        waiting[0]["why"].as_str().is_some_and(|why| why != "service").then_some(waiting)
    });
    assert_eq!(after, before);
}

#[test]
fn history_and_show_tell_of_it() {
    let stack = stack();
    let id = failed_once(&stack);
    assert_snapshot!(stack.call(&["history"]).out, @"
    WHEN (UTC)  SERVICE  ACTION  OUTCOME  TOOK  ID  FOR  NOTE
    <time>  mysql  upload  waiting  <took>  <id>  root  failed 3 on attempt 1 (left behind and ended: sleep (pid <number>)): tried again in <age>
    ");
    assert_snapshot!(stack.call(&["show", &id]).out, @"
    upload <id> of mysql: waiting

    asked  <time> (<age> ago) by root, for root
    attempt 1  <time> failed 3 after <took> (left behind and ended: sleep (pid <number>)), the next one from <time> on
    next  attempt 2: tried again in <age>

    output
    no route to host
    <time> ERROR CB_upload ended with status 3
    ");
}

#[test]
fn who_runs_it_is_told_and_may_leave_at_once() {
    let stack = stack();
    let said = stack.call(&["run", "mysql", "upload", "--no-retry-wait"]);
    assert_snapshot!(all(&said), @"
    no route to host
    <time> ERROR CB_upload ended with status 3
    upload <id> failed 3 on attempt 1 (left behind and ended: sleep (pid <number>)): tried again in <age>
    upload <id> goes on; `lamplighter follow <id>` follows it again
    exit status 1
    ");
    assert_eq!(stack.json(&["status"])["services"][0]["waiting"][0]["why"], "retry", "and it goes on");
}

#[test]
fn who_runs_it_on_a_terminal_is_told_how_to_leave() {
    let stack = stack();
    let mut terminal = stack.terminal((120, 24), &["run", "mysql", "upload"]);
    terminal.wait_for("waits for attempt 2");
    terminal.press("\x03");
    assert_eq!(terminal.exit(), 130);
    assert_snapshot!(stack.redact(&terminal.screen()), @"
    no route to host
    <time> ERROR CB_upload ended with status 3
    upload <id> failed 3 on attempt 1 (left behind and ended: sleep (pid <number>)): tried again in <age>; Ctrl-C leaves, and it goes on
    upload <id> goes on; `lamplighter follow <id>` follows it again
    ");
    assert_eq!(stack.json(&["status"])["services"][0]["waiting"][0]["why"], "retry", "and it goes on");
}

#[test]
fn who_begins_to_follow_it_is_told_of_what_was_before() {
    let stack = stack();
    let id = failed_once(&stack);
    let said = stack.call(&["follow", &id, "--no-retry-wait"]);
    assert_snapshot!(all(&said), @"
    no route to host
    <time> ERROR CB_upload ended with status 3
    upload <id> failed 3 on attempt 1 (left behind and ended: sleep (pid <number>)): tried again in <age>
    upload <id> goes on; `lamplighter follow <id>` follows it again
    exit status 1
    ");
    let mut terminal = stack.terminal((150, 24), &["follow", "mysql"]);
    terminal.wait_for("tried again in");
    terminal.press("\x03");
    assert_eq!(terminal.exit(), 0);
    assert_snapshot!(stack.redact(&terminal.screen()), @"
    following mysql: Ctrl-C ends it
    <clock> mysql upload <id> failed 3 on attempt 1 of 3 (left behind and ended: sleep (pid <number>)): tried again in <age>
    ^C
    ");
    assert_snapshot!(all(&stack.call(&["follow", "mysql", "--no-retry-wait"])), @"
    error: --no-retry-wait needs the id of a request
    exit status 2
    ");
}

#[test]
fn once_the_next_attempt_is_on_both_are_shown() {
    let callbacks = "CB_upload() { [[ -e $FOLDER/again ]] || { touch $FOLDER/again; return 3; }; echo begun; read -r <$FOLDER/hold; }";
    let policy = "[action.upload]\nretry = { attempts = 2, backoff = '1s' }";
    let service = Service::new().callbacks(callbacks).file("conf/housekeeping.toml", policy).fifo("hold");
    let stack = Stage::new().with_service("mysql", service);
    stack.service("mysql").request("upload");
    stack.service("mysql").log().wait_for("| begun");
    assert_snapshot!(stack.call(&["status", "mysql"]).out, @"
    1 problem:
      mysql: upload failed 3 on attempt 1 of 2, <age> ago: attempt 2 runs; `lamplighter show <id>` has its output

    state  running since <time> (<age>), pid <number>
    started  <time> (<age>)
    listener  ready
    version  0.1.0
    queue  1 running
                    upload <id> for root, running <age>, attempt 2

    upload
      running  for <age>
      retrying  failed 3 on attempt 1 of 2, <age> ago: attempt 2 runs
      last  never
    ");
    stack.service("mysql").release("hold");
    wait_for("its success", || {
        let status = stack.json(&["status"]);
        (status["ok"] == true).then_some(())
    });
}
