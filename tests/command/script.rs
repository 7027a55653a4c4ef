//! Subcommands that are programs of the stack's own folder: `lamplighter shell`, `lamplighter import`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;

use crate::stage::{Stage, all};

const SCRIPT: &str = "#!/bin/sh\nprintf '%s:' \"$0\" \"$@\"; echo; cat; echo to stderr >&2; exit 7\n";

fn stack() -> Stage {
    let stack = Stage::new();
    fs::create_dir(stack.path("bin")).unwrap();
    for name in ["shell", "import"] {
        fs::write(stack.path("bin").join(name), SCRIPT).unwrap();
        fs::set_permissions(stack.path("bin").join(name), Permissions::from_mode(0o755)).unwrap();
    }
    stack
}

#[test]
fn the_program_is_executed_with_its_arguments_and_leaves_with_its_own_status() {
    let stack = stack();
    let said = |arguments: &[&str]| all(&stack.call(arguments));
    assert_snapshot!(said(&["shell", "php", "wp", "post", "list", "--format=csv"]), @"
    <stack>/bin/shell:php:wp:post:list:--format=csv:
    to stderr
    exit status 7
    ");
    assert_snapshot!(said(&["import", "--force", "-"]), @"
    <stack>/bin/import:--force:-:
    to stderr
    exit status 7
    ");
    assert_snapshot!(said(&["shell", "--help"]), @"
    <stack>/bin/shell:--help:
    to stderr
    exit status 7
    ");
}

#[test]
fn a_program_that_is_not_there_and_a_stack_that_is_not_there_are_said() {
    let stack = stack();
    fs::remove_file(stack.path("bin/import")).unwrap();
    assert_snapshot!(all(&stack.call(&["import", "dump.sql"])), @"
    error: cannot execute <stack>/bin/import: No such file or directory (os error 2)
    exit status 2
    ");
    let mut elsewhere = stack.command(&["shell", "php"]);
    assert_snapshot!(all(&stack.said(elsewhere.current_dir("/"))), @"
    error: there is no stack here: go to its folder, or below it
    exit status 2
    ");
}
