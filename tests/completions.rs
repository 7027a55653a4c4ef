//! Shell completions and the manual: what a shell offers is what there is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Service, lamplighter};

/// What bash offers for a line whose last word is being typed: its own completion machinery is asked.
fn offered(run: &Path, line: &[&str]) -> Vec<String> {
    let words = line.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
    let script = format!(
        "source <(\"$LAMPLIGHTER\" completions bash)
        COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMP_TYPE=9
        COMP_LINE=\"${{COMP_WORDS[*]}}\" COMP_POINT=${{#COMP_LINE}}
        function=$(complete -p lamplighter | sed 's/.*-F \\([^ ]*\\).*/\\1/')
        \"$function\" lamplighter \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
        printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", &script]).env("LAMPLIGHTER", lamplighter()).env("LAMPLIGHTER_RUN", run);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn commands_services_and_actions_are_offered() {
    let callbacks = "CB_nightly_backup() { :; }\nCB_rotate_logs() { :; }";
    let service = Service::new().callbacks(callbacks).start();
    service.log().wait_for("the service runs");
    service.request("rotate-logs");
    let run = service.path("run");
    assert_eq!(offered(&run, &["lamplighter", "stat"]), ["status"]);
    assert!(offered(&run, &["lamplighter", "run", ""]).contains(&"web".to_owned()));
    let actions = offered(&run, &["lamplighter", "run", "web", ""]);
    assert!(actions.starts_with(&["nightly-backup".to_owned(), "rotate-logs".to_owned()]), "{actions:?}");
    assert_eq!(offered(&run, &["lamplighter", "run", "web", "ni"]), ["nightly-backup"]);
    assert_eq!(offered(&run, &["lamplighter", "history", "web", "--action", "ro"]), ["rotate-logs"]);
}

#[test]
fn without_a_stack_the_commands_are_offered_all_the_same() {
    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(offered(nowhere.path(), &["lamplighter", "hist"]), ["history"]);
    let services = offered(nowhere.path(), &["lamplighter", "status", ""]);
    assert!(services.iter().all(|word| word.is_empty() || word.starts_with('-')), "{services:?}");
}

#[test]
fn every_shell_has_its_completions() {
    for (shell, mark) in [("bash", "complete "), ("zsh", "#compdef lamplighter"), ("fish", "complete ")] {
        let output = Command::new(lamplighter()).args(["completions", shell]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(mark) && text.contains("LAMPLIGHTER_COMPLETE"), "{shell}: {text}");
    }
    let unknown = Command::new(lamplighter()).args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    let written = Command::new(lamplighter()).arg("manual").arg(&pages).status().unwrap();
    assert!(written.success());
    for page in ["lamplighter.1", "lamplighter-status.1", "lamplighter-run.1", "lamplighter-check.1"] {
        let text = fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    let printed = Command::new(lamplighter()).arg("manual").output().unwrap().stdout;
    assert!(
        String::from_utf8(printed.clone()).unwrap().contains("lamplighter\\-status"),
        "the others are named"
    );
    match Command::new("man").args(["--warnings", "-l"]).arg(pages.join("lamplighter-run.1")).output() {
        Ok(shown) => assert!(shown.stderr.is_empty(), "{}", String::from_utf8_lossy(&shown.stderr)),
        Err(_) => eprintln!("there is no man here: that it likes the pages is not tested"),
    }
}
