//! `lamplighter history` and `show`: what was asked, and what became of it.

use insta::assert_snapshot;
use serde_json::json;

use crate::stage::Stage;

fn stack() -> Stage {
    let stack = Stage::new()
        .with(
            "mysql",
            "CB_nightly_backup() { echo dumped; }\nCB_bad() { printf 'no space\\033[2J left\\n'; return 3; }",
        )
        .with("php", "CB_task() { :; }");
    stack.service("mysql").run("nightly-backup");
    stack.service("php").run_for("forum", "task");
    stack.service("mysql").run("bad");
    stack
}

#[test]
fn all_services_are_told_of_together_the_newest_first() {
    let stack = stack();
    let said = stack.call(&["history"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_snapshot!(said.out, @"
    WHEN (UTC)  SERVICE  ACTION  OUTCOME  TOOK  ID  FOR
    <time>  mysql  bad  failed 3  <took>  <id>  root
    <time>  php  task  succeeded  <took>  <id>  forum
    <time>  mysql  nightly-backup  succeeded  <took>  <id>  root
    ");
    assert_snapshot!(stack.shown(60, &["history", "--utc"]), @"
    WHEN (UTC)  SERVICE  ACTION  OUTCOME
    <time>  mysql  bad  failed 3
    <time>  php  task  succeeded
    <time>  mysql  nightly-backup  succeeded
    ");
}

#[test]
fn what_runs_each_minute_leaves_room_for_what_runs_each_night() {
    let stack = stack();
    for _ in 0..5 {
        stack.service("php").run_for("forum", "task");
    }
    let actions = |arguments: &[&str]| {
        let said = stack.call(arguments);
        said.out
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().nth(2).map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(actions(&["history"]), ["task", "task", "task", "bad", "nightly-backup"]);
    assert_eq!(actions(&["history", "--action", "task"]).len(), 6);
    assert_eq!(actions(&["history", "--every"]).len(), 8);
    assert_eq!(actions(&["history", "--every", "--count", "2"]).len(), 2);
}

#[test]
fn what_is_not_wanted_is_left_out() {
    let stack = stack();
    let actions = |arguments: &[&str]| -> Vec<String> {
        let arguments: Vec<&str> = ["history"].into_iter().chain(arguments.iter().copied()).collect();
        let told = stack.json(&arguments);
        let runs = told["runs"].as_array().unwrap();
        runs.iter().map(|run| run["action"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(actions(&["mysql"]), ["bad", "nightly-backup"]);
    assert_eq!(actions(&["--failed"]), ["bad"]);
    assert_eq!(actions(&["--action", "task"]), ["task"]);
    assert_eq!(actions(&["-n", "2"]), ["bad", "task"]);
    assert_eq!(actions(&["--since", "1h"]).len(), 3);
    assert_eq!(actions(&["--since", "2099-01-01"]), [""; 0]);
    assert_eq!(stack.call(&["history", "--since", "2099-01-01"]).err, "nothing of that kind is known\n");
}

#[test]
fn a_request_is_shown_with_who_asked_its_attempts_and_its_output() {
    let stack = stack();
    let id = stack.json(&["history", "--failed"])["runs"][0]["id"].as_str().unwrap().to_owned();
    assert_snapshot!(stack.call(&["show", &id[..6]]).out, @r"
    bad <id> of mysql: failed 3

    asked  <time> (<age> ago) by root, for root
    attempt 1  <time> failed 3 after <took>
    ended  <time> (<age> ago)

    output
    no space\x1b[2J left
    <time> ERROR CB_bad ended with status 3
    ");
    let shown = stack.json(&["show", &id]);
    assert_eq!(shown["service"], "mysql");
    assert_eq!((&shown["run"]["outcome"], &shown["run"]["code"]), (&json!("failed"), &json!(3)));
    assert!(shown["output"].as_str().unwrap().starts_with("no space\u{1b}[2J left\n"), "{shown}");
}

#[test]
fn what_a_run_that_is_on_has_printed_is_shown_too() {
    let service = crate::common::Service::new()
        .callbacks("CB_slow() { echo begun; read -r <$FOLDER/hold; }")
        .fifo("hold");
    let stack = Stage::new().with_service("mysql", service);
    let id = stack.service("mysql").request("slow");
    stack.service("mysql").log().wait_for("| begun");
    assert_snapshot!(stack.call(&["show", id.as_str()]).out, @"
    slow <id> of mysql: running

    asked  <time> (<age> ago) by root, for root
    attempt 1  <time> running

    output
    begun
    ");
    stack.service("mysql").release("hold");
}

#[test]
fn an_id_that_several_requests_begin_with_says_which() {
    let stack = Stage::new().with("mysql", "CB_ok() { :; }").with("php", "CB_ok() { :; }");
    for (service, id) in
        [("mysql", "abc1"), ("mysql", "abc2"), ("php", "abc3"), ("php", "abcd"), ("mysql", "abcde")]
    {
        let call = json!({"op": "run", "id": id, "user": "root", "action": "ok", "tell": "outcome"});
        let mut client = stack.service(service).connect();
        client.send(format!("{call}\n")).answer();
        client.answer();
    }
    let said = stack.call(&["show", "abc"]);
    assert_eq!(said.code, 3);
    assert_snapshot!(said.err, @"
    error: `abc` begins the ids of several requests: abcde, abc2, abc1 (mysql), abcd, abc3 (php)
    hint: give more of the id
    ");
    assert_snapshot!(stack.call(&["show", "abc3"]).out, @"
    ok abc3 of php: succeeded

    asked  <time> (<age> ago) by root, for root
    attempt 1  <time> succeeded after <took>
    ended  <time> (<age> ago)

    no output is kept
    ");
    assert!(
        stack.call(&["show", "abcd"]).out.starts_with("ok abcd of php: "),
        "a whole id means its own request"
    );
}
