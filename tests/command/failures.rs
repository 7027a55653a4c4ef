//! What goes wrong is said with what was being done, to what, and what to do next.

use std::fs;
use std::os::unix::net::UnixListener;

use insta::{allow_duplicates, assert_snapshot};

use crate::stage::{Stage, all};

#[test]
fn no_stack_here() {
    let stack = Stage::new();
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = stack.command(&["status"]);
    let said = stack.said(command.env("LAMPLIGHTER_RUN", nowhere.path()));
    assert!(
        said.err.ends_with(
            "hint: go to the stack's folder, or name the folder of the sockets in LAMPLIGHTER_RUN\n"
        )
    );
    assert_eq!(said.code, 4);
}

#[test]
fn a_stack_that_was_never_started() {
    let stack = Stage::new();
    fs::remove_dir_all(stack.path("data")).unwrap();
    assert_snapshot!(all(&stack.call(&["history"])), @"
    error: there is no service in <stack>/data/run
    hint: the stack in <stack> has not been started: `bin/up` starts it
    exit status 4
    ");
}

#[test]
fn a_socket_with_nobody_behind_it() {
    let stack = Stage::new().with("php", "CB_ok() { :; }");
    drop(UnixListener::bind(stack.socket("mysql")).unwrap());
    assert_snapshot!(all(&stack.call(&["status"])), @"
    1 problem:
      mysql: its socket is there, but nobody is behind it: its container was killed: `docker compose up -d mysql` starts it

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  LAST RUNS
    mysql  nobody there
    php  running  <age>  <pid>  ready  idle  ok never
    exit status 0
    ");
    assert_snapshot!(all(&stack.call(&["run", "mysql", "nightly-backup"])), @"
    error: cannot run nightly-backup: cannot reach <stack>/data/run/mysql-request.sock: the socket is there, but nobody is behind it
    hint: its container was killed: `docker compose up -d mysql` starts it
    exit status 4
    ");
    assert_snapshot!(all(&stack.call(&["history"])), @"
    nothing of that kind is known
    error: cannot read what was asked: cannot reach <stack>/data/run/mysql-request.sock: the socket is there, but nobody is behind it
    hint: its container was killed: `docker compose up -d mysql` starts it
    exit status 4
    ");
}

#[test]
fn an_id_where_nobody_is_behind_the_only_socket() {
    let stack = Stage::new();
    drop(UnixListener::bind(stack.socket("mysql")).unwrap());
    allow_duplicates! {
        for command in
            [&["show", "ffff"][..], &["cancel", "ffff"], &["cancel", "mysql", "ffff"], &["follow", "ffff"]]
        {
            assert_snapshot!(all(&stack.call(command)), @"
            error: cannot look for the request `ffff`: cannot reach <stack>/data/run/mysql-request.sock: the socket is there, but nobody is behind it
            hint: its container was killed: `docker compose up -d mysql` starts it
            exit status 4
            ");
        }
    }
    // What was probably meant matters more than who answers.
    assert_snapshot!(all(&stack.call(&["follow", "mysqll"])), @"
    error: there is no service `mysqll` in <stack>/data/run
    hint: did you mean `mysql`?
    exit status 2
    ");
}

#[test]
fn an_id_that_may_be_known_to_who_cannot_be_asked() {
    let stack = Stage::new().with("php", "CB_ok() { :; }");
    drop(UnixListener::bind(stack.socket("mysql")).unwrap());
    allow_duplicates! {
        for command in [&["show", "ffff"][..], &["cancel", "ffff"], &["follow", "ffff"]] {
            assert_snapshot!(all(&stack.call(command)), @"
            error: no request is known whose id begins with `ffff`, and not every service could be asked: cannot reach <stack>/data/run/mysql-request.sock: the socket is there, but nobody is behind it
            hint: its container was killed: `docker compose up -d mysql` starts it
            exit status 4
            ");
        }
    }
    for service in ["backup", "redis"] {
        drop(UnixListener::bind(stack.socket(service)).unwrap());
    }
    fs::create_dir(stack.path("service/apache2")).unwrap();
    assert_snapshot!(all(&stack.call(&["show", "ffff"])), @"
    error: no request is known whose id begins with `ffff`, and not every service could be asked: cannot reach <stack>/data/run/apache2-request.sock: No such file or directory: the service does not run; cannot reach <stack>/data/run/backup-request.sock: the socket is there, but nobody is behind it (as with mysql, redis)
    hint: `docker compose up -d apache2 backup mysql redis` starts them
    exit status 4
    ");
    let id = stack.service("php").request("ok");
    stack.service("php").outcome("ok", &id);
    assert_eq!(stack.call(&["show", id.as_str()]).code, 0, "what is found needs nobody else");
}

#[test]
fn a_service_that_has_stopped() {
    let stack = Stage::new().with("php", "CB_ok() { :; }").with("mysql", "CB_ok() { :; }");
    stack.service("php").stop();
    assert_snapshot!(all(&stack.call(&["status", "php"])), @"
    1 problem:
      php: not running: `docker compose up -d php` starts it
    exit status 0
    ");
    assert_snapshot!(all(&stack.call(&["run", "php", "ok"])), @"
    error: cannot run ok: cannot reach <stack>/data/run/php-request.sock: No such file or directory: the service does not run
    hint: `docker compose up -d php` starts it
    exit status 4
    ");
}

#[test]
fn a_service_that_hangs_delays_the_others_no_longer_than_its_second() {
    let stack = Stage::new().with("php", "CB_ok() { :; }");
    let _silent = UnixListener::bind(stack.socket("mysql")).unwrap();
    let began = std::time::Instant::now();
    let said = stack.call(&["status"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "it took {:?}", began.elapsed());
    assert_snapshot!(all(&said), @"
    1 problem:
      mysql: <stack>/data/run/mysql-request.sock did not answer within <age>: `docker compose logs --tail 20 mysql` may say why

    SERVICE  STATE  SINCE  PID  LISTENER  QUEUE  LAST RUNS
    mysql  silent
    php  running  <age>  <pid>  ready  idle  ok never
    exit status 0
    ");
}

#[test]
fn an_unknown_service_action_or_id() {
    let stack = Stage::new().with("mysql", "CB_nightly_backup() { :; }\nCB_rotate_logs() { :; }");
    assert_snapshot!(all(&stack.call(&["status", "mysq"])), @"
    error: there is no service `mysq` in <stack>/data/run
    hint: did you mean `mysql`?
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["run", "apache2", "rotate-logs"])), @"
    error: there is no service `apache2` in <stack>/data/run
    hint: there is only mysql
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["run", "mysql", "nightly_backup"])), @"
    error: action `nightly_backup` is not valid: an action is a lower-case letter or digit, then up to 63 of a-z, 0-9 and `-`
    hint: did you mean `nightly-backup`?
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["run", "mysql", "nightly-bakup"])), @"
    error: cannot run nightly-bakup: mysql refuses: there is no action `nightly-bakup` here
    hint: did you mean `nightly-backup`?
    exit status 3
    ");
    assert_snapshot!(all(&stack.call(&["run", "mysql", "explode"])), @"
    error: cannot run explode: mysql refuses: there is no action `explode` here
    hint: mysql has nightly-backup, rotate-logs
    exit status 3
    ");
    assert_snapshot!(all(&stack.call(&["show", "ffff"])), @"
    error: no request is known whose id begins with `ffff`
    hint: `lamplighter history` has the last requests
    exit status 3
    ");
    assert_snapshot!(all(&stack.call(&["cancel", "ffff"])), @"
    error: no request is known whose id begins with `ffff`
    hint: `lamplighter history` has the last requests
    exit status 3
    ");
    for command in ["show", "cancel"] {
        let said = stack.call(&[command, "mysql"]);
        assert!(said.err.ends_with("hint: `lamplighter history mysql` has the last requests\n"), "{said:?}");
    }
    assert_snapshot!(all(&stack.call(&["history", "--action", "nightly_backup"])), @"
    error: action `nightly_backup` is not valid: an action is a lower-case letter or digit, then up to 63 of a-z, 0-9 and `-`
    hint: did you mean `nightly-backup`?
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["history", "--action", "nightly-bakup"])), @"
    nothing of that kind is known
    there is no action `nightly-bakup`: did you mean `nightly-backup`?
    exit status 0
    ");
    assert_snapshot!(all(&stack.call(&["history", "--action", "explode"])), @"
    nothing of that kind is known
    there is no action `explode`
    exit status 0
    ");
    assert_eq!(stack.call(&["history", "--action", "rotate-logs"]).err, "nothing of that kind is known\n");
    assert_snapshot!(all(&stack.call(&["follow", "mysqll"])), @"
    error: there is no service `mysqll` in <stack>/data/run
    hint: did you mean `mysql`?
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["show", "../x"])), @"
    error: `../x` is no id of a request
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["history", "--since", "yesterday"])), @"
    error: `yesterday` is neither how long ago (such as 90s, 5m, 2h or 2d) nor an instant (such as 2026-11-24T04:05)
    exit status 2
    ");
}

#[test]
fn a_watch_in_a_pipe() {
    let stack = Stage::new().with("mysql", "CB_ok() { :; }");
    assert_snapshot!(all(&stack.call(&["status", "--watch"])), @"
    error: --watch needs a terminal; with --json it prints a line whenever something happens
    exit status 2
    ");
}

#[test]
fn a_mistyped_command_or_option() {
    let stack = Stage::new();
    assert_snapshot!(all(&stack.call(&["statsu"])), @"
    error: unrecognized subcommand 'statsu'

      tip: some similar subcommands exist: 'settings', 'status'

    Usage: lamplighter [OPTIONS] <COMMAND>

    For more information, try '--help'.
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["status", "--wach"])), @"
    error: unexpected argument '--wach' found

      tip: a similar argument exists: '--watch'

    Usage: lamplighter status --watch [SERVICE]

    For more information, try '--help'.
    exit status 2
    ");
    let help = stack.call(&["help", "run"]);
    assert!(help.code == 0 && help.out.contains("lamplighter run [OPTIONS] <SERVICE> [ACTION]"), "{help:?}");
}
