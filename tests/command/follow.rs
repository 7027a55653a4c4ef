//! `lamplighter follow`: what happens, as it happens.

use insta::assert_snapshot;

use crate::common::Service;
use crate::stage::Stage;

fn stack() -> Stage {
    let callbacks = "CB_slow() { echo begun; read -r <$FOLDER/hold; echo released; }\nCB_bad() { return 3; }";
    Stage::new()
        .with_service("mysql", Service::new().callbacks(callbacks).fifo("hold"))
        .with("php", "CB_task() { echo hello; }")
}

#[test]
fn everything_of_all_services_is_told_until_ctrl_c() {
    let stack = stack();
    let mysql = stack.service("mysql");
    mysql.request("slow");
    mysql.log().wait_for("| begun");
    let mut terminal = stack.terminal((100, 24), &["follow"]);
    terminal.wait_for("following mysql, php: Ctrl-C ends it");
    // Somebody follows by the time that something is told.
    crate::common::wait_for("a line", || {
        stack.service("php").run("task");
        terminal.screen().contains("php task").then_some(())
    });
    mysql.release("hold");
    let screen = terminal.wait_until("the end of what ran before", |screen| {
        screen.lines().any(|line| line.contains("mysql slow") && line.contains("succeeded"))
    });
    let of_mysql: Vec<&str> = screen.lines().filter(|line| line.contains(" mysql ")).collect();
    assert_snapshot!(stack.redact(&of_mysql.join("\n")), @"
    <clock> mysql slow <id> | released
    <clock> mysql slow <id> succeeded after <took>
    ");
    terminal.press("\x03");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn one_service_is_followed_and_its_absence_said() {
    let mut stack = stack();
    let mut terminal = stack.terminal((100, 24), &["follow", "php"]);
    crate::common::wait_for("a line", || {
        stack.service("php").run("task");
        terminal.screen().contains("php task").then_some(())
    });
    stack.service("php").stop();
    terminal.wait_for("waiting for it");
    stack.service_mut("php").start_again();
    terminal.wait_for("php is back");
    terminal.press("\x03");
    assert_eq!(terminal.exit(), 0);
}

#[test]
fn a_request_that_has_ended_is_told_with_its_output_and_outcome() {
    let stack = stack();
    let id = stack.service("php").request("task");
    stack.service("php").outcome("task", &id);
    let said = stack.call(&["follow", id.short()]);
    assert_eq!(said.code, 0);
    assert_snapshot!(said.out, @"
    hello
    task <id> succeeded after <took>
    ");
    let id = stack.service("mysql").request("bad");
    stack.service("mysql").outcome("bad", &id);
    assert_eq!(stack.call(&["follow", id.short()]).code, 1);
}

#[test]
fn programs_are_told_of_a_request_from_its_past_on() {
    let stack = stack();
    let id = stack.service("php").request("task");
    stack.service("php").outcome("task", &id);
    let told = stack.json(&["follow", id.as_str()]);
    assert_eq!((&told["event"], &told["service"]), (&"past".into(), &"php".into()));
    assert_eq!((&told["run"]["outcome"], &told["output"]), (&"succeeded".into(), &"hello\n".into()));
}
