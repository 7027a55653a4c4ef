//! `lamplighter cancel`: what was asked for is called off.

use insta::assert_snapshot;

use crate::common::Service;
use crate::stage::Stage;

fn stack() -> Stage {
    let callbacks = "CB_slow() { echo begun; read -r <$FOLDER/hold; }\nCB_ok() { :; }";
    Stage::new()
        .with_service("mysql", Service::new().callbacks(callbacks).fifo("hold"))
        .with("php", "CB_ok() { :; }")
}

#[test]
fn what_runs_is_told_to_end_by_the_beginning_of_its_id() {
    let stack = stack();
    let id = stack.service("mysql").request("slow");
    stack.service("mysql").log().wait_for("| begun");
    let said = stack.call(&["cancel", id.short()]);
    assert_eq!(said.code, 0);
    assert_snapshot!(said.out, @"slow <id> of mysql is called off");
    assert_eq!(stack.service("mysql").outcome("slow", &id).outcome, "cancelled");
}

#[test]
fn what_waits_and_what_joined_it_is_taken_out() {
    let stack = stack();
    let mysql = stack.service("mysql");
    mysql.request("slow");
    mysql.log().wait_for("| begun");
    let (waits, joins) = (mysql.request("slow"), mysql.request("slow"));
    assert_eq!(stack.json(&["cancel", "mysql", joins.as_str()])["id"], joins.as_str());
    assert_eq!(mysql.outcome("slow", &waits).outcome, "cancelled");
    mysql.release("hold");
}

#[test]
fn what_has_ended_cannot_be_called_off() {
    let stack = stack();
    let id = accepted(&stack);
    let said = stack.call(&["cancel", id.as_str()]);
    assert_eq!(said.code, 3);
    assert_snapshot!(said.err, @"
    error: ok <id> of php has ended already: succeeded <age> ago
    hint: `lamplighter show <id>` tells all about it
    ");
}

fn accepted(stack: &Stage) -> lamplighter::names::RequestId {
    let id = stack.service("php").request("ok");
    stack.service("php").outcome("ok", &id);
    id
}
