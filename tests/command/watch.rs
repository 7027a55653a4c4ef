//! `lamplighter status --watch`: the stack on the whole terminal, always as it is now, with keys to do something.

use nix::sys::signal::{Signal, kill};

use crate::common::Service;
use crate::stage::Stage;
use crate::terminal::Terminal;

fn stack() -> Stage {
    let callbacks = "CB_slow() { echo begun; read -r <$FOLDER/hold; echo over; }\n\
                     CB_nasty() { printf '\\033[2J\\033]0;title\\007obeyed\\n'; read -r <$FOLDER/hold; }";
    Stage::new().with_service("mysql", Service::new().callbacks(callbacks).fifo("hold"))
}

fn watch(stack: &Stage, size: (u16, u16)) -> Terminal {
    let terminal = stack.terminal(size, &["status", "--watch"]);
    terminal.wait_for("q ends");
    terminal
}

/// Moves to the row of an action: those of the only service are the last ones.
fn go_to(terminal: &mut Terminal, action: &str) {
    terminal.press("\x1b[F");
    terminal.wait_until("the last row", |screen| screen.contains(">   slow"));
    if action != "slow" {
        terminal.press("k");
        terminal.wait_until("the row before it", |screen| screen.contains(&format!(">   {action}")));
    }
}

#[test]
fn it_is_drawn_anew_when_something_happens_and_the_terminal_is_given_back_by_q() {
    let stack = stack();
    let mut terminal = watch(&stack, (80, 24));
    let first = terminal.screen();
    assert!(first.starts_with("all is well: 1 service\n"), "{first}");
    for row in
        ["In no backup yet", "Disk", "Image", "mysql                 running", "slow                never"]
    {
        assert!(first.contains(row), "`{row}` is not there:\n{first}");
    }
    assert!(!terminal.shows_cursor());
    let mysql = stack.service("mysql");
    mysql.request("slow");
    // What runs, and what it prints.
    terminal.wait_until("the run with its output", |screen| {
        screen.contains("slow                running") && screen.contains("\nbegun\n")
    });
    // Nothing happens, but time goes on.
    terminal.wait_until("the run's time to go on", |screen| {
        screen.contains("running 2 s") || screen.contains("running 3 s")
    });
    mysql.release("hold");
    terminal.wait_until("its end", |screen| screen.contains("succeeded, ") && screen.contains("\nover\n"));
    terminal.press("q");
    assert_eq!(terminal.exit(), 0);
    assert!(terminal.shows_cursor());
    assert_eq!(terminal.screen().trim(), "", "what was there before is there again");
}

#[test]
fn an_action_is_run_and_called_off_by_keys_once_that_is_confirmed() {
    let stack = stack();
    let mut terminal = watch(&stack, (80, 24));
    go_to(&mut terminal, "slow");
    terminal.press("rn");
    terminal.wait_for("not done");
    terminal.press("r");
    terminal.wait_for("have mysql run slow");
    terminal.press("y");
    terminal.wait_for("is accepted by mysql");
    terminal.wait_until("its output", |screen| screen.contains("\nbegun\n"));
    assert_eq!(
        stack.json(&["history"])["runs"].as_array().unwrap().len(),
        1,
        "what was not confirmed is not done"
    );
    // The request stands before the actions.
    go_to(&mut terminal, "nasty");
    terminal.press("kc");
    terminal.wait_for("call off slow ");
    terminal.press("y");
    terminal.wait_for("is called off");
    terminal.wait_until("the outcome", |screen| screen.contains("cancelled, "));
    // What it has printed is there to be read again.
    go_to(&mut terminal, "slow");
    terminal.press("\r");
    let output = terminal.wait_until("the output alone", |screen| screen.contains("Esc back"));
    assert!(output.starts_with("── slow ") && output.contains("cancelled after"), "{output}");
    terminal.press("\x1b");
    terminal.wait_for("q ends");
    terminal.press("?");
    terminal.wait_for("call off the request of the row");
    terminal.press("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn what_a_run_prints_is_shown_and_not_obeyed() {
    let stack = stack();
    let mut terminal = watch(&stack, (80, 24));
    stack.service("mysql").request("nasty");
    let shown = terminal.wait_for("obeyed");
    assert!(shown.contains(r"\x1b[2J\x1b]0;title\x07obeyed"), "{shown}");
    let bytes = terminal.bytes();
    assert!(!bytes.windows(4).any(|bytes| bytes == b"\x1b]0;"), "no title is set");
    terminal.press("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn a_terminal_of_another_size_is_filled_anew() {
    let stack = stack();
    let mut terminal = watch(&stack, (80, 24));
    terminal.resize(60, 10);
    terminal
        .wait_until("ten lines", |screen| screen.lines().nth(9).is_some_and(|line| line.contains("q ends")));
    terminal.resize(120, 40);
    terminal.wait_until("forty lines", |screen| {
        screen.lines().nth(39).is_some_and(|line| line.contains("q ends")) && screen.contains("slow")
    });
    terminal.press("q");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn the_terminal_is_given_back_to_who_stops_it_or_ends_it() {
    let stack = stack();
    let mut terminal = watch(&stack, (80, 24));
    terminal.press("\x1a");
    terminal.wait_until("the terminal as it was", |screen| screen.trim().is_empty());
    assert!(terminal.shows_cursor());
    kill(terminal.pid(), Signal::SIGCONT).unwrap();
    terminal.wait_for("all is well: 1 service");
    kill(terminal.pid(), Signal::SIGTERM).unwrap();
    assert_eq!(terminal.exit(), 0);
    assert!(terminal.shows_cursor());
    assert_eq!(terminal.screen().trim(), "");
}

#[test]
fn a_service_that_goes_and_comes_back_is_seen() {
    let mut stack = stack();
    let mut terminal = watch(&stack, (100, 24));
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
fn what_does_not_fit_the_height_is_reached_by_keys() {
    let stack = stack();
    for name in ["a", "b", "c", "d", "e", "f"] {
        std::fs::create_dir(stack.path("service").join(name)).unwrap();
    }
    let mut terminal = watch(&stack, (100, 10));
    terminal.wait_until("what is wrong before all else", |screen| {
        screen.starts_with("6 problems, 7 services") && screen.contains("f: not running")
    });
    terminal.press("\x1b[F");
    terminal.wait_until("the last row", |screen| screen.contains(">   slow"));
    terminal.press("\x1b[H");
    terminal.wait_until("the first row", |screen| screen.contains("> a: not running"));
    terminal.press("q");
    assert_eq!(terminal.exit(), 0);
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
    while next()["services"][0]["actions"]
        .as_array()
        .unwrap()
        .iter()
        .all(|action| action["last"]["outcome"] != "succeeded")
    {}
    child.kill().unwrap();
    child.wait().unwrap();
}
