//! `lamplighter status --watch`: the same place on the terminal, always as it is now.

use insta::assert_snapshot;

use crate::common::Service;
use crate::stage::Stage;

fn stack() -> Stage {
    let callbacks = "CB_slow() { echo begun; read -r <$FOLDER/hold; }";
    Stage::new().with_service("mysql", Service::new().callbacks(callbacks).fifo("hold"))
}

#[test]
fn it_is_drawn_anew_when_something_happens_and_left_as_it_was_by_q() {
    let stack = stack();
    let mut terminal = stack.terminal((100, 24), &["status", "--watch"]);
    let first = terminal.wait_for("q ends");
    assert_snapshot!(stack.redact(&first), @"
    all is well: 1 service

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  LAST RUNS
    mysql  running  <age>  <pid>  ready  idle  slow never
    <clock>  q ends
    ");
    assert!(!terminal.shows_cursor());
    let mysql = stack.service("mysql");
    mysql.request("slow");
    let during = terminal.wait_until("the run and a new listener", |screen| {
        screen.contains("slow running") && screen.contains("ready")
    });
    assert_snapshot!(stack.redact(&during), @"
    all is well: 1 service

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  LAST RUNS
    mysql  running  <age>  <pid>  ready  1 running  slow running <age>
    <clock>  q ends
    ");
    // Nothing happens, but time goes on.
    terminal.wait_until("the run's time to go on", |screen| {
        screen.contains("slow running") && !screen.contains("slow running 0 s")
    });
    mysql.release("hold");
    let after = terminal.wait_for("slow ok");
    assert_eq!(after.lines().count(), first.lines().count(), "in the same place:\n{after}");
    terminal.press("q");
    assert_eq!(terminal.exit(), 0);
    assert!(terminal.shows_cursor());
    assert!(terminal.screen().contains("slow ok"), "the last look stays");
}

#[test]
fn a_service_that_goes_and_comes_back_is_seen() {
    let mut stack = stack();
    let mut terminal = stack.terminal((100, 24), &["status", "--watch"]);
    terminal.wait_for("all is well: 1 service");
    stack.service("mysql").stop();
    terminal.wait_for("mysql: not running");
    stack.service_mut("mysql").start_again();
    terminal.wait_for("all is well: 1 service");
    terminal.press("\x03");
    assert_eq!(terminal.exit(), 0);
    assert!(terminal.shows_cursor());
}

#[test]
fn what_does_not_fit_the_height_is_left_out() {
    let mut stack = stack();
    for name in ["a", "b", "c", "d", "e", "f"] {
        std::fs::create_dir(stack.path("service").join(name)).unwrap();
    }
    let mut terminal = stack.terminal((100, 10), &["status", "--watch"]);
    // The first look may find mysql with something that passes.
    terminal.wait_until("six problems, and what is left out", |screen| {
        screen.starts_with("6 problems:") && screen.contains("more lines")
    });
    terminal.press("q");
    assert_eq!(terminal.exit(), 0);
    stack.service_mut("mysql");
}

#[test]
fn programs_get_a_line_for_each_change() {
    let stack = stack();
    let mut command = stack.command(&["status", "--watch", "--json"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["services"][0]["running"], serde_json::json!([]));
    stack.service("mysql").request("slow");
    while next()["services"][0]["running"][0]["action"] != "slow" {}
    stack.service("mysql").release("hold");
    while next()["services"][0]["actions"][0]["last"]["outcome"] != "succeeded" {}
    child.kill().unwrap();
    child.wait().unwrap();
}
