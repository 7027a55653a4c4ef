//! Shell completions and the manual: what a shell offers is what there is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use clap::CommandFactory;
use common::{Running, Service, lamplighter};
use lamplighter::cli::Arguments;
use tempfile::TempDir;

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
    let service = web();
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

/// Whether a program is there to test with. In CI it has to be.
fn is_there(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    assert!(is_there || std::env::var_os("CI").is_none_or(|ci| ci != "true"), "there is no {program}");
    if !is_there {
        eprintln!("SKIPPED: there is no {program} here, so what it makes of our words is not tested");
    }
    is_there
}

/// A service with two actions.
fn web() -> Running {
    let callbacks = "CB_nightly_backup() { :; }\nCB_rotate_logs() { :; }";
    let service = Service::new().callbacks(callbacks).start();
    service.log().wait_for("the service runs");
    service.request("rotate-logs");
    service
}

/// What fish offers for a line whose last word is being typed.
fn offered_by_fish(run: &Path, line: &str) -> Vec<String> {
    let script = "$LAMPLIGHTER completions fish | source; complete --do-complete \"$LINE\"";
    let mut command = Command::new("fish");
    command.args(["--no-config", "--command", script]).env("HOME", run).env("LINE", line);
    command.env("LAMPLIGHTER", lamplighter()).env("LAMPLIGHTER_RUN", run).stdin(Stdio::null());
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    // What a word means stands behind it.
    text.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn fish_offers_commands_services_and_actions() {
    if !is_there("fish") {
        return;
    }
    let service = web();
    let run = service.path("run");
    assert_eq!(offered_by_fish(&run, "lamplighter stat"), ["status"]);
    assert_eq!(offered_by_fish(&run, "lamplighter run w"), ["web"]);
    assert_eq!(offered_by_fish(&run, "lamplighter run web ni"), ["nightly-backup"]);
    assert_eq!(offered_by_fish(&run, "lamplighter history --action ro"), ["rotate-logs"]);
}

/// What a line becomes in zsh when Tab is pressed at its end: a whole zsh runs on a terminal, and has a key that
/// prints the line.
fn completed_by_zsh(run: &Path, line: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let set_up = "autoload -Uz compinit && compinit -u -D && source <($LAMPLIGHTER completions zsh)\n\
                  show() { print -r -- \"<$BUFFER>\" }\nzle -N show\nbindkey '^X' show\nPS1='ready '\n";
    fs::write(home.path().join(".zshrc"), set_up).unwrap();
    let script = "zmodload zsh/zpty && zpty terminal zsh --no-globalrcs -i && zpty -r terminal shown '*ready *' &&
                  zpty -w -n terminal $LINE$'\\t\\C-X' && zpty -r terminal shown '*<*>*' && print -r -- $shown";
    let mut command = Command::new("zsh");
    command
        .args(["--no-rcs", "-c", script])
        .env("ZDOTDIR", home.path())
        .env("LINE", line)
        .env("TERM", "xterm");
    command.env("LAMPLIGHTER", lamplighter()).env("LAMPLIGHTER_RUN", run).stdin(Stdio::null());
    let output = command.output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let is_line = |rest: &&str| rest.starts_with("lamplighter ");
    let shown = said.split('<').filter(is_line).find_map(|rest| Some(rest.split_once('>')?.0.to_owned()));
    shown.unwrap_or_else(|| panic!("zsh shows no line: {said}"))
}

#[test]
fn zsh_completes_commands_services_and_actions() {
    if !is_there("zsh") {
        return;
    }
    let service = web();
    let run = service.path("run");
    assert_eq!(completed_by_zsh(&run, "lamplighter stat"), "lamplighter status ");
    assert_eq!(completed_by_zsh(&run, "lamplighter run w"), "lamplighter run web ");
    assert_eq!(completed_by_zsh(&run, "lamplighter run web ni"), "lamplighter run web nightly-backup ");
}

#[test]
fn a_shell_that_there_are_no_completions_for_is_not_known() {
    let unknown = Command::new(lamplighter()).args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_manual_that_cannot_be_written_says_where() {
    let output = Command::new(lamplighter()).args(["manual", "/proc/manual"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.starts_with("error: cannot write the manual into /proc/manual: "), "{said}");
}

/// The manual's pages, in a folder of their own.
fn pages() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(lamplighter()).arg("manual").arg(folder.path().join("man1")).status().unwrap();
    assert!(written.success());
    folder
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let folder = pages();
    let command = Arguments::command();
    let commands: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    for command in &commands {
        let page = fs::read_to_string(folder.path().join(format!("man1/lamplighter-{command}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains(".SH SYNOPSIS"), "{command}: {page}");
    }
    let own = fs::read_to_string(folder.path().join("man1/lamplighter.1")).unwrap();
    let printed = Command::new(lamplighter()).arg("manual").output().unwrap().stdout;
    assert_eq!(String::from_utf8(printed).unwrap(), own);
    for command in commands {
        assert!(own.contains(&format!("lamplighter\\-{command}(1)")), "{command} is not named: {own}");
    }
}

#[test]
fn every_page_of_the_manual_can_be_set_without_a_complaint() {
    if !is_there("groff") {
        return;
    }
    let folder = pages();
    for page in fs::read_dir(folder.path().join("man1")).unwrap().flatten() {
        let set = Command::new("groff").args(["-man", "-Tutf8", "-ww"]).arg(page.path()).output().unwrap();
        let complaints = String::from_utf8_lossy(&set.stderr);
        assert!(set.status.success() && complaints.is_empty(), "{}: {complaints}", page.path().display());
    }
}
