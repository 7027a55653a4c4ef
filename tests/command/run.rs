//! `lamplighter run`: a request, seen to its end.

use insta::assert_snapshot;
use serde_json::Value;

use crate::common::Service;
use crate::stage::Stage;

const CALLBACKS: &str = "CB_ok() { echo hello $1; echo done; }\n\
                         CB_bad() { echo no space left; return 3; }\n\
                         CB_idle() { skipRun nothing to do; }\n\
                         CB_wild() { printf 'a\\tb\\033[2J\\033]0;mine\\a\\n'; }\n\
                         CB_slow() { echo begun; read -r <$FOLDER/hold; echo released; }";

fn stack() -> Stage {
    let policy = "[action.bad]\nretry = { attempts = 2, backoff = '1s' }\n[action.slow]\nretry = { attempts = 2, backoff = '1s' }";
    let service = Service::new().callbacks(CALLBACKS).file("conf/housekeeping.toml", policy).fifo("hold");
    Stage::new().with_service("mysql", service)
}

#[test]
fn the_output_comes_first_and_the_outcome_last() {
    let stack = stack();
    let said = stack.call(&["run", "mysql", "ok"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_snapshot!(said.out, @"
    hello root
    done
    ok <id> succeeded after <took>
    ");
    assert!(stack.call(&["run", "mysql", "ok", "--user", "forum"]).out.starts_with("hello forum\n"));
}

#[test]
fn a_run_that_fails_is_tried_again_as_its_rule_says_and_leaves_with_1() {
    let stack = stack();
    let said = stack.call(&["run", "mysql", "bad"]);
    assert_eq!(said.code, 1);
    assert_snapshot!(said.out, @"
    no space left
    <time> ERROR CB_bad ended with status 3
    no space left
    <time> ERROR CB_bad ended with status 3
    bad <id> failed 3 after <took>
    ");
    assert_snapshot!(said.err, @"bad <id> failed 3 on attempt 1: tried again now; with --no-retry-wait this is not waited for");
}

#[test]
fn a_run_that_finds_nothing_to_do_says_so_everywhere_and_leaves_with_0() {
    let stack = stack();
    let said = stack.call(&["run", "mysql", "idle"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_snapshot!(said.out, @"
    <time> INFO  nothing to do
    idle <id> skipped after <took> (nothing to do)
    ");
    let run = stack.json(&["history"])["runs"][0].clone();
    assert_eq!((&run["outcome"], &run["note"]), (&"skipped".into(), &"nothing to do".into()), "{run}");
    let id = run["id"].as_str().unwrap();
    for command in [vec!["show", id], vec!["history"], vec!["status"], vec!["status", "mysql"]] {
        let said = stack.call(&command);
        assert!(said.code == 0 && said.out.contains("skipped"), "{command:?}: {}", said.out);
    }
    assert_eq!(stack.call(&["history", "--failed"]).out, "", "it has not failed");
    assert_eq!(stack.call(&["status", "--exit-code"]).code, 0);
    assert_eq!(stack.call(&["follow", id]).code, 0);
}

#[test]
fn what_a_callback_prints_does_not_play_with_the_terminal() {
    let stack = stack();
    let mut terminal = stack.terminal((80, 24), &["run", "mysql", "wild"]);
    assert_eq!(terminal.exit(), 0);
    let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(!bytes.contains("\x1b[2J") && !bytes.contains('\x07'), "{bytes:?}");
    assert!(bytes.contains("a\tb\\x1b[2J\\x1b]0;mine\\x07"), "{bytes:?}");
}

#[test]
fn who_looks_sees_how_long_it_has_been_on() {
    let stack = stack();
    let mut terminal = stack.terminal((80, 24), &["run", "mysql", "slow"]);
    terminal.wait_for("begun");
    let screen = terminal.wait_until("the run's time to go on", |screen| {
        screen.contains(" runs ") && !screen.contains(" runs 0 s")
    });
    assert_snapshot!(stack.redact(&screen), @"
    begun
    slow <id> runs <age>
    ");
    stack.service("mysql").release("hold");
    assert_eq!(terminal.exit(), 0);
    assert_snapshot!(stack.redact(&terminal.screen()), @"
    begun
    released
    slow <id> succeeded after <took>
    ");
}

#[test]
fn detached_it_prints_the_id_and_nothing_else() {
    let stack = stack();
    let output = stack.command(&["run", "mysql", "ok", "--detach"]).output().unwrap();
    assert!(output.status.success());
    let id = String::from_utf8(output.stdout).unwrap();
    assert!(stack.call(&["show", id.trim_end()]).code == 0, "{id}");
    let told = stack.json(&["run", "mysql", "ok", "--detach"]);
    assert_eq!((&told["service"], &told["action"]), (&"mysql".into(), &"ok".into()));
}

#[test]
fn ctrl_c_detaches_and_the_run_goes_on() {
    let stack = stack();
    let mut terminal = stack.terminal((80, 24), &["run", "mysql", "slow"]);
    terminal.wait_for("begun");
    terminal.press("\x03");
    assert_eq!(terminal.exit(), 130);
    let screen = stack.redact(&terminal.screen());
    assert_snapshot!(screen, @"
    begun
    slow <id> goes on; `lamplighter follow <id>` follows it again
    ");
    let mut follows = stack.terminal((80, 24), &["follow", id_after(&terminal.screen(), "follow ")]);
    follows.wait_for("begun");
    stack.service("mysql").release("hold");
    assert_eq!(follows.exit(), 0);
    assert_snapshot!(stack.redact(&follows.screen()), @"
    begun
    released
    slow <id> succeeded after <took>
    ");
}

/// The id that stands behind a word on the screen.
fn id_after<'a>(screen: &'a str, word: &str) -> &'a str {
    let (_, after) = screen.split_once(word).unwrap();
    after.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap()
}

#[test]
fn a_supervisor_that_dies_and_comes_back_is_waited_for() {
    let mut stack = stack();
    let terminal = stack.terminal((80, 24), &["run", "mysql", "slow"]);
    terminal.wait_for("begun");
    stack.service("mysql").kill();
    terminal.wait_for("mysql has gone: waiting for it to come back");
    crate::common::wait_for("its end", || stack.service("mysql").log().exit());
    stack.service_mut("mysql").start_again();
    // The second attempt, as the rule allows: begun for the second time.
    terminal.wait_until("the second attempt", |screen| screen.matches("begun").count() == 2);
    stack.service("mysql").release("hold");
    let mut terminal = terminal;
    assert_eq!(terminal.exit(), 0);
    assert_snapshot!(stack.redact(&terminal.screen()), @"
    begun
    mysql has gone: waiting for it to come back
    lines may be missing here: `lamplighter show <id>` has them
    slow <id> interrupted on attempt 1 (the supervisor ended before it): tried again now; Ctrl-C leaves, and it goes on
    begun
    released
    slow <id> succeeded after <took>
    ");
}

#[test]
fn programs_are_told_each_thing_that_happens() {
    let stack = stack();
    let output = stack.command(&["run", "mysql", "ok", "--json"]).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["accepted", "started", "output", "output", "ended"]);
    assert!(lines.iter().all(|line| line["service"] == "mysql"));
}

#[test]
fn who_names_no_action_is_told_what_there_is() {
    let stack = stack();
    let said = stack.call(&["run", "mysql"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(
        said.err.contains("name the action that mysql is to do: it has bad, idle, ok, slow, wild"),
        "{}",
        said.err
    );
}
