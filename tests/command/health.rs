//! `lamplighter health`, for a container's HEALTHCHECK: one line, and its exit status.

use std::os::unix::net::UnixListener;

use insta::assert_snapshot;

use crate::stage::{Stage, all};

/// What it says in the container of `mysql`, without the marks of the log.
fn health(stack: &Stage) -> String {
    let mut command = stack.command(&["health"]);
    command.env("LAMPLIGHTER_SERVICE", "mysql").env("LAMPLIGHTER_RUN", stack.run_folder());
    all(&stack.said(&mut command))
}

#[test]
fn a_service_says_how_it_is_and_what_it_complains_of() {
    let stack = Stage::new().with("mysql", "CB_ok() { :; }");
    assert_snapshot!(health(&stack), @"
    healthy
    exit status 0
    ");
    let stack = Stage::new().with("mysql", "CB_ok() { :; }\nCB_health_check() { echo no answer; return 1; }");
    assert_snapshot!(health(&stack), @"
    unhealthy: the health check exited with status 1: no answer
    <time> ERROR CB_health_check ended with status 1
    exit status 1
    ");
}

#[test]
fn a_service_that_cannot_be_asked_is_named_by_its_socket() {
    let stack = Stage::new();
    assert_snapshot!(health(&stack), @"
    <time> ERROR cannot reach <stack>/data/run/mysql-request.sock: No such file or directory: the service does not run
    exit status 4
    ");
    drop(UnixListener::bind(stack.socket("mysql")).unwrap());
    assert_snapshot!(health(&stack), @"
    <time> ERROR cannot reach <stack>/data/run/mysql-request.sock: the socket is there, but nobody is behind it
    exit status 4
    ");
    let stack = Stage::new().with_impostor("mysql", |_| Some("{\"ok\":true,\"mood\":\"fine\"}\n".to_owned()));
    assert_snapshot!(health(&stack), @r#"
    <time> ERROR <stack>/data/run/mysql-request.sock answered `{"mood":"fine","ok":true}`, which this version does not understand
    exit status 4
    "#);
    let stack = Stage::new().with_impostor("mysql", |_| None);
    assert_snapshot!(health(&stack), @"
    <time> ERROR cannot reach <stack>/data/run/mysql-request.sock: it hung up before it had answered
    exit status 4
    ");
}
