//! Who may not reach a service, and who may reach it and not ask for everything.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use insta::{allow_duplicates, assert_snapshot};

use crate::common::is_root;
use crate::stage::{Stage, all};

fn stack() -> Stage {
    Stage::new().with("mysql", "CB_ok() { :; }")
}

#[test]
fn a_socket_that_lets_nobody_in() {
    let stack = stack();
    let said = |arguments: &[&str]| all(&stack.call_without_access("mysql", arguments));
    assert_snapshot!(said(&["status"]), @"
    error: cannot ask for the status: cannot reach <stack>/data/run/mysql-request.sock: permission denied
    hint: use sudo
    exit status 4
    ");
    assert_snapshot!(said(&["run", "mysql", "ok"]), @"
    error: cannot run ok: cannot reach <stack>/data/run/mysql-request.sock: permission denied
    hint: use sudo
    exit status 4
    ");
    assert_snapshot!(said(&["history"]), @"
    error: cannot read what was asked: cannot reach <stack>/data/run/mysql-request.sock: permission denied
    hint: use sudo
    exit status 4
    ");
    for command in [&["follow"][..], &["follow", "mysql"]] {
        assert_eq!(
            said(command),
            "error: cannot follow what happens: cannot reach <stack>/data/run/mysql-request.sock: permission denied\nhint: use sudo\nexit status 4"
        );
    }
}

#[test]
fn several_sockets_that_let_nobody_in_are_told_of_once() {
    let stack = stack().with("php", "CB_ok() { :; }");
    fs::set_permissions(stack.socket("php"), Permissions::from_mode(0o000)).unwrap();
    let said = |arguments: &[&str]| all(&stack.call_without_access("mysql", arguments));
    assert_snapshot!(said(&["status"]), @"
    error: cannot ask for the status: cannot reach <stack>/data/run/mysql-request.sock: permission denied (as with php)
    hint: use sudo
    exit status 4
    ");
    assert_snapshot!(said(&["history"]), @"
    error: cannot read what was asked: cannot reach <stack>/data/run/mysql-request.sock: permission denied (as with php)
    hint: use sudo
    exit status 4
    ");
    assert_snapshot!(said(&["show", "ffff"]), @"
    error: cannot look for the request `ffff`: cannot reach <stack>/data/run/mysql-request.sock: permission denied (as with php)
    hint: use sudo
    exit status 4
    ");
}

#[test]
fn a_folder_of_sockets_that_lets_nobody_in() {
    let stack = stack();
    stack.call(&["status"]);
    fs::set_permissions(stack.run_folder(), Permissions::from_mode(0o000)).unwrap();
    allow_duplicates! {
        for command in ["status", "history", "follow", "reload"] {
            assert_snapshot!(all(&stack.call_without_rights(&[command])), @"
            error: cannot look for services in <stack>/data/run: Permission denied (os error 13)
            hint: use sudo
            exit status 4
            ");
        }
    }
    fs::set_permissions(stack.run_folder(), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_id_is_looked_for_where_nobody_may_ask() {
    let stack = stack();
    let id = stack.service("mysql").request("ok");
    stack.service("mysql").outcome("ok", &id);
    allow_duplicates! {
        for command in ["show", "cancel", "follow"] {
            assert_snapshot!(all(&stack.call_without_access("mysql", &[command, id.short()])), @"
            error: cannot look for the request `<id>`: cannot reach <stack>/data/run/mysql-request.sock: permission denied
            hint: use sudo
            exit status 4
            ");
        }
    }
}

#[test]
fn who_may_connect_sees_how_it_is_and_no_more() {
    if !is_root() {
        eprintln!("only root can be somebody else: what others may do is not tested");
        return;
    }
    let stack = stack();
    fs::set_permissions(stack.socket("mysql"), Permissions::from_mode(0o666)).unwrap();
    let id = stack.service("mysql").request("ok");
    stack.service("mysql").outcome("ok", &id);
    let said = |arguments: &[&str]| all(&stack.call_as_nobody(arguments));
    assert!(said(&["status"]).starts_with("all is well: 1 service\n"));
    assert_snapshot!(said(&["history"]), @"
    error: cannot read what was asked: mysql refuses: uid 65534 may not read what was asked: only root and the scheduler may
    hint: use sudo
    exit status 3
    ");
    assert_snapshot!(said(&["run", "mysql", "ok"]), @"
    error: cannot run ok: mysql refuses: uid 65534 may not ask for `ok`: `allow` of [action.ok] in housekeeping.toml does not list it
    hint: use sudo, or have the action's rule list you under `allow`
    exit status 3
    ");
    assert_snapshot!(said(&["show", id.short()]), @"
    error: cannot look for the request `<id>`: mysql refuses: uid 65534 may not read what was asked: only root and the scheduler may
    hint: use sudo
    exit status 3
    ");
    assert_snapshot!(said(&["cancel", id.short()]), @"
    error: cannot look for the request `<id>`: mysql refuses: uid 65534 may not read what was asked: only root and the scheduler may
    hint: use sudo
    exit status 3
    ");
    assert_snapshot!(said(&["follow", id.short()]), @"
    error: cannot look for the request `<id>`: mysql refuses: uid 65534 may not read what was asked: only root and the scheduler may
    hint: use sudo
    exit status 3
    ");
    assert_snapshot!(said(&["follow"]), @"
    error: cannot follow what happens: mysql refuses: uid 65534 may not follow runs: only root and the scheduler may
    hint: use sudo
    exit status 3
    ");
}
