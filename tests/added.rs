//! What the stack's owner adds to a service (`local/service/NAME`): callbacks that are read after the service's own, and a
//! policy whose tables go before. What holds for the service's own files holds for these.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use common::{Service, accepted, is_root, skip};

const CALLBACKS: &str = "docker-callbacks.sh";
const POLICY: &str = "housekeeping.toml";
/// As the owner knows them, of the service `web`.
const OWNERS_CALLBACKS: &str = "local/service/web/docker-callbacks.sh";
const OWNERS_POLICY: &str = "local/service/web/housekeeping.toml";

#[test]
fn added_callbacks_are_read_after_the_services_own_and_replace_or_add() {
    let service = Service::new()
        .callbacks("greeting=hello\nCB_one() { echo own one; }\nCB_two() { echo own two; }")
        .added(
            CALLBACKS,
            "CB_two() { echo \"$greeting from two\"; }\nCB_fetch_feeds() { echo feeds for $1; }",
        )
        .start();
    assert_eq!(service.run("one").output, "own one\n");
    assert_eq!(service.run("two").output, "hello from two\n");
    assert_eq!(service.run_for("forum", "fetch-feeds").output, "feeds for forum\n");
    let actions = service.call(r#"{"op":"actions"}"#);
    assert_eq!(actions["actions"], serde_json::json!(["fetch-feeds", "one", "two"]), "{actions}");
}

#[test]
fn an_added_health_check_is_the_services() {
    let service = Service::new()
        .callbacks("CB_health_check() { :; }")
        .added(CALLBACKS, "CB_health_check() { logError 'the feeds are stale'; }")
        .start();
    service.connect();
    let (status, said) = service.health();
    assert!(status != 0 && said.contains("the feeds are stale"), "{status}: {said}");
}

#[test]
fn a_change_of_what_is_added_is_used_by_the_next_request() {
    let service = Service::new().callbacks("CB_ok() { echo own; }").start();
    assert!(service.ask("root feeds").starts_with("refused unknown-action: "));
    // The folder is there before the first file is, as a mount is; so it is after the last.
    fs::create_dir(service.path("local/service")).unwrap();
    for version in 1..=4 {
        let text = format!("CB_feeds() {{ echo {version}; }}");
        // In place, and by a rename as editors do.
        if version % 2 == 0 {
            service.write("local/service/docker-callbacks.sh", &text);
        } else {
            fs::write(service.path("local/service/docker-callbacks.sh"), text).unwrap();
        }
        assert_eq!(service.run("feeds").output, format!("{version}\n"));
    }
    fs::remove_file(service.path("local/service/docker-callbacks.sh")).unwrap();
    assert!(service.ask("root feeds").starts_with("refused unknown-action: "));
    assert_eq!(service.run("ok").output, "own\n");
    assert_eq!(service.log().lines_with("degraded"), [""; 0]);
}

#[test]
fn when_what_is_added_breaks_the_last_good_ones_of_both_files_go_on_also_after_a_restart() {
    let mut service = Service::new()
        .callbacks("CB_own() { echo own 1; }")
        .added(CALLBACKS, "CB_added() { echo added 1; }")
        .start();
    assert_eq!(service.run("added").output, "added 1\n");
    // The service's own is good and new, and belongs to what is broken.
    service.write("bin/docker-callbacks.sh", "CB_own() { echo own 2; }");
    service.write("local/service/docker-callbacks.sh", "CB_added() {\n    if then\n}");
    for _ in 0..2 {
        assert_eq!(service.run("own").output, "own 1\n");
        assert_eq!(service.run("added").output, "added 1\n");
    }
    let (status, said) = service.health();
    assert_eq!(status, 0, "{said}");
    let told = format!("{OWNERS_CALLBACKS}: line 2: syntax error");
    assert!(said.contains("degraded: callbacks: ") && said.contains(&told), "{said}");
    assert!(said.contains("; the last good callbacks go on"), "{said}");

    service.stop();
    service.start_again();
    assert_eq!(service.run("own").output, "own 1\n");
    assert_eq!(service.run("added").output, "added 1\n");
    service.write("local/service/docker-callbacks.sh", "CB_added() { echo added 2; }");
    assert_eq!(service.run("own").output, "own 2\n");
    assert_eq!(service.run("added").output, "added 2\n");
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
}

#[test]
fn when_the_services_own_breaks_what_was_added_goes_on_with_the_last_good_one() {
    let service = Service::new()
        .callbacks("CB_own() { echo own 1; }")
        .added(CALLBACKS, "CB_added() { echo added 1; }")
        .start();
    assert_eq!(service.run("own").output, "own 1\n");
    service.write("bin/docker-callbacks.sh", "CB_own() {");
    service.write("local/service/docker-callbacks.sh", "CB_added() { echo added 2; }");
    assert_eq!(service.run("own").output, "own 1\n");
    assert_eq!(service.run("added").output, "added 1\n");
}

#[test]
fn the_copy_of_callbacks_that_nothing_is_added_to_any_more_is_of_these_alone() {
    let mut service = Service::new()
        .callbacks("CB_own() { echo own; }")
        .added(CALLBACKS, "CB_own() { echo added; }")
        .start();
    assert_eq!(service.run("own").output, "added\n");
    fs::remove_file(service.path("local/service/docker-callbacks.sh")).unwrap();
    assert_eq!(service.run("own").output, "own\n");
    service.write("bin/docker-callbacks.sh", "CB_own() {");
    assert_eq!(service.run("own").output, "own\n");
    service.stop();
    service.start_again();
    assert_eq!(service.run("own").output, "own\n");
}

#[test]
fn what_fails_is_told_with_the_line_of_the_owners_file() {
    let service = Service::new()
        .added(
            CALLBACKS,
            "CB_fail() {\n    false\n}\nCB_helper() { source \"$LAMPLIGHTER_LOCAL/service/more.sh\"; }",
        )
        .added("more.sh", "ls /no/such/file 2>/dev/null")
        .start();
    let run = service.run("fail");
    assert_eq!(run.outcome, "failed 1");
    assert!(
        run.output.contains(&format!(" {OWNERS_CALLBACKS} line 2: `false` failed with status 1")),
        "{}",
        run.output
    );
    let run = service.run("helper");
    assert_eq!(run.outcome, "failed 2");
    assert!(run.output.contains(" local/service/web/more.sh line 1: `ls /no/such/file"), "{}", run.output);
}

#[test]
fn what_is_added_runs_with_the_settings_of_callbacks_whatever_the_services_own_left() {
    let service = Service::new()
        .callbacks("CB_ok() { :; }\nset -v\nset +e")
        .added(CALLBACKS, "secret=hush\nCB_do() { false; echo never; }")
        .start();
    let run = service.run("do");
    assert_eq!(run.outcome, "failed 1");
    assert!(!run.output.contains("never"), "{}", run.output);
    assert_eq!(service.log().lines_with("hush"), [""; 0], "nothing is shown as it is read");
}

#[test]
fn what_is_added_and_cannot_be_read_is_named_as_its_owner_knows_it() {
    let service = Service::new();
    fs::create_dir(service.path("local/service")).unwrap();
    symlink("nowhere", service.path("local/service/docker-callbacks.sh")).unwrap();
    let service = service.start();
    let said = service.log().wait_for("degraded: callbacks: ");
    assert!(said.contains(&format!("{OWNERS_CALLBACKS} cannot be read")), "{said}");
    assert!(service.ask("root ok").starts_with("refused callbacks: "));
    fs::remove_file(service.path("local/service/docker-callbacks.sh")).unwrap();
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn listeners_of_other_users_read_the_copies_of_both_files() {
    if !is_root() {
        return skip("only root can run callbacks as other users");
    }
    let service = Service::new()
        .callbacks("CB_own() { id --user; }")
        .file("conf/housekeeping.toml", "[action.own]\nrun-as = 'request'")
        .added(CALLBACKS, "CB_added() { id --user; }")
        .added(POLICY, "[action.added]\nrun-as = 'request'")
        .mode("", 0o755)
        .mode("state", 0o755)
        .start();
    assert_eq!(service.run_for("daemon", "added").output, "1\n");
    service.write("local/service/docker-callbacks.sh", "CB_added() {");
    fs::set_permissions(service.path("local/service/docker-callbacks.sh"), fs::Permissions::from_mode(0o644))
        .unwrap();
    for action in ["own", "added"] {
        assert_eq!(service.run_for("daemon", action).output, "1\n", "{action}");
    }
    service.log().wait_for("the last good callbacks go on");
}

#[test]
fn an_added_table_takes_the_place_of_the_services_own_as_a_whole() {
    let service = Service::new()
        .callbacks("CB_slow() { sleep 30; }\nCB_kept() { sleep 30; }")
        .file(
            "conf/housekeeping.toml",
            "[action.slow]\nallow = [64123]\ntimeout = '1h'\n[action.kept]\ntimeout = '1s'",
        )
        .added(POLICY, "[action.slow]\ntimeout = '1s'\n[action.feeds]\ntimeout = '1s'")
        .added(CALLBACKS, "CB_feeds() { sleep 30; }")
        .start();
    for action in ["slow", "kept", "feeds"] {
        assert_eq!(service.run(action).outcome, "timed-out", "{action}");
    }
}

#[test]
fn a_changed_policy_of_the_owners_is_used_by_the_next_request_and_a_broken_one_is_not() {
    let service = Service::new()
        .callbacks("CB_ok() { :; }")
        .added(POLICY, "[action.ok]\ntimeout = '5m'")
        .file("conf/housekeeping.toml", "")
        .start();
    service.run("ok");
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    service.write("local/service/housekeeping.toml", "[action.ok]\ntimeuot = '5m'");
    // The last good policy goes on.
    accepted(&service.ask("root ok"));
    let said = service.log().wait_for("degraded: policy: ");
    assert!(said.contains(&format!("{OWNERS_POLICY}:2:1: unknown key `timeuot`")), "{said}");
    service.write("local/service/housekeeping.toml", "[action.okay]\ntimeout = '5m'");
    accepted(&service.ask("root ok"));
    let said = service.health().1;
    assert!(said.contains(&format!("[action.okay] in {OWNERS_POLICY} is for")), "{said}");
}

#[test]
fn faults_of_both_policies_are_told_and_at_the_start_nothing_is_allowed() {
    let service = Service::new()
        .file("conf/housekeeping.toml", "[action.ok]\ncolour = 1")
        .added(POLICY, "[action.ok]\nshape = 1")
        .start();
    let said = service.log().wait_for("degraded: policy: ");
    assert!(said.contains("conf/housekeeping.toml:2:1: unknown key `colour`"), "{said}");
    assert!(said.contains(&format!("{OWNERS_POLICY}:2:1: unknown key `shape`")), "{said}");
    assert!(service.ask("root ok").starts_with("refused policy: "));
    service.write("conf/housekeeping.toml", "");
    let refusal = service.ask("root ok");
    assert!(refusal.starts_with("refused policy: ") && refusal.contains(OWNERS_POLICY), "{refusal}");
    fs::remove_file(service.path("local/service/housekeeping.toml")).unwrap();
    assert_eq!(service.run("ok").outcome, "succeeded");
}
