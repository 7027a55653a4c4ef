//! What the policy says of an action, carried out: retry, timeout, overlap, run-as.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use lamplighter::journal::JournalRecord;
use lamplighter::outcome::Outcome::{Cancelled, Failed, Skipped, Succeeded, TimedOut};
use serde_json::json;

use crate::common::{Running, Service, is_root, skip, wait_for};
use crate::journal::{ended, when};

fn service(policy: &str, callbacks: &str) -> Service {
    Service::new().callbacks(callbacks).file("conf/housekeeping.toml", policy)
}

fn running(service: &Running) -> usize {
    service.call(r#"{"op":"status"}"#)["running"].as_array().map_or(0, Vec::len)
}

/// Succeeds when it is tried the second time.
const IN_THE_END: &str = "CB_flaky() { [[ -e $FOLDER/tried ]] || { touch $FOLDER/tried; return 7; }; }";
const RETRY: &str = "[action.flaky]\nretry = { attempts = 3, backoff = '1s' }";

#[test]
fn what_fails_is_tried_again_after_its_pause_and_the_last_attempt_counts() {
    let service = service(RETRY, IN_THE_END).start();
    let id = service.request("flaky");
    let story = ended(&service, &id);
    assert_eq!((story.outcome(), story.started.as_slice()), (Some(Succeeded), &[1, 2][..]), "{story:?}");
    assert_eq!(story.retried.iter().map(|end| end.outcome).collect::<Vec<_>>(), [Failed(7)]);
    let retried = when(&service, |record| matches!(record, JournalRecord::Retried { .. }));
    let again = when(&service, |record| matches!(record, JournalRecord::Started { attempt: 2, .. }));
    assert!(again.duration_since(retried).as_millis() >= 1000, "{retried} {again}");
}

#[test]
fn what_always_fails_is_tried_as_often_as_its_rule_says() {
    let service =
        service("[action.bad]\nretry = { attempts = 2, backoff = '1s' }", "CB_bad() { false; }").start();
    let story = ended(&service, &service.request("bad"));
    assert_eq!((story.outcome(), story.started.as_slice()), (Some(Failed(1)), &[1, 2][..]), "{story:?}");
}

#[test]
fn a_pause_outlives_the_supervisor() {
    let mut service = service(RETRY, IN_THE_END).start();
    let id = service.request("flaky");
    service.log().wait_for("tried again in 1 s");
    service.kill();
    wait_for("its end", || service.log().exit());
    service.start_again();
    let story = ended(&service, &id);
    assert_eq!((story.outcome(), story.started.as_slice()), (Some(Succeeded), &[1, 2][..]), "{story:?}");
    let retried = when(&service, |record| matches!(record, JournalRecord::Retried { .. }));
    let again = when(&service, |record| matches!(record, JournalRecord::Started { attempt: 2, .. }));
    assert!(again.duration_since(retried).as_millis() >= 1000, "{retried} {again}");
}

#[test]
fn what_an_ordinary_stop_interrupts_is_tried_again_at_the_next_start() {
    let callbacks = "CB_long() { echo begun; [[ -e $FOLDER/again ]] || exec sleep infinity; }";
    let mut service = service("[action.long]\nretry = { attempts = 2, backoff = '1s' }", callbacks).start();
    let id = service.request("long");
    service.log().wait_for("| begun");
    service.stop();
    service.write("again", "");
    service.start_again();
    let story = ended(&service, &id);
    assert_eq!((story.outcome(), story.started.as_slice()), (Some(Succeeded), &[1, 2][..]), "{story:?}");
}

#[test]
fn what_had_not_started_when_it_stopped_runs_at_the_next_start() {
    let callbacks = "CB_long() { echo begun; exec sleep infinity; }\nCB_ok() { :; }";
    let mut service = service("", callbacks).start();
    service.request("long");
    service.log().wait_for("| begun");
    // It cannot start beside the one that runs.
    let waiting = service.request("long");
    service.stop();
    service.write("bin/docker-callbacks.sh", "CB_long() { echo at last; }");
    service.start_again();
    let story = ended(&service, &waiting);
    assert_eq!((story.outcome(), story.started.as_slice()), (Some(Succeeded), &[1][..]), "{story:?}");
}

#[test]
fn a_run_over_its_time_is_ended_with_all_its_group() {
    let callbacks = "CB_hang() { sleep infinity & echo $! >$FOLDER/child; wait; }";
    let service = service("[action.hang]\ntimeout = '3s'", callbacks).start();
    let id = service.request("hang");
    let child = service.wait_for_line("child").parse().expect("a pid");
    let story = ended(&service, &id);
    assert_eq!(story.outcome(), Some(TimedOut), "{story:?}");
    wait_for("the end of the run's child", || (!crate::common::is_alive(child)).then_some(()));
    let took = Duration::from_millis(story.ended[0].0.took_ms);
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(12), "{took:?}");
}

const SLOW: &str = "CB_slow() { echo \"begun by $1\"; read -r <$FOLDER/hold; }";

#[test]
fn what_is_on_already_is_skipped_where_the_rule_says_so() {
    let service = service("[action.slow]\noverlap = 'skip'", SLOW).fifo("hold").start();
    let first = service.request("slow");
    service.log().wait_for("| begun");
    let second = ended(&service, &service.request("slow"));
    assert_eq!((second.outcome(), second.started.len()), (Some(Skipped), 0), "{second:?}");
    service.release("hold");
    assert_eq!(ended(&service, &first).outcome(), Some(Succeeded));
    // It is on no more.
    let third = service.request("slow");
    service.log().wait_for_lines("| begun", 2);
    service.release("hold");
    assert_eq!(ended(&service, &third).outcome(), Some(Succeeded));
}

#[test]
fn what_its_callback_skips_is_neither_done_nor_failed_and_is_not_tried_again() {
    let callbacks = "CB_idle() { echo looking; skipRun 'there is no script: name one'; echo never; }";
    let policy = "[action.idle]\nretry = { attempts = 3, backoff = '1s' }";
    let service = service(policy, callbacks).start();
    let story = ended(&service, &service.request("idle"));
    assert_eq!((story.outcome(), story.started.as_slice()), (Some(Skipped), &[1][..]), "{story:?}");
    assert_eq!(story.note(), "there is no script: name one");
    service.log().wait_for(" skipped after ");
    let said = service.log().lines_with("idle ");
    assert!(said.iter().any(|line| line.contains("INFO") && line.contains(" skipped after ")), "{said:?}");
    assert!(!said.iter().any(|line| line.contains("never") || line.contains("ERROR")), "{said:?}");
    let action = &service.call(r#"{"op":"status"}"#)["actions"][0];
    assert_eq!(action["last"]["word"], "skipped", "{action}");
    assert!(action["last_success"].is_null(), "{action}");
}

#[test]
fn the_newest_takes_the_place_of_what_is_on_where_the_rule_says_so() {
    let service = service("[action.slow]\noverlap = 'replace'", SLOW).fifo("hold").start();
    let first = service.request("slow");
    service.log().wait_for("| begun");
    let second = service.request("slow");
    assert_eq!(ended(&service, &first).outcome(), Some(Cancelled));
    service.log().wait_for_lines("| begun", 2);
    service.release("hold");
    assert_eq!(ended(&service, &second).outcome(), Some(Succeeded));
}

#[test]
fn of_those_that_wait_only_the_newest_runs_where_the_rule_says_so() {
    // TERM is seen when the fifo has been read: so long the second one has to wait.
    let callbacks =
        "CB_slow() { trap 'exit 1' TERM; echo begun; while ! read -r <$FOLDER/hold; do :; done; }";
    let service = service("[action.slow]\noverlap = 'replace'", callbacks).fifo("hold").start();
    service.request("slow");
    service.log().wait_for("| begun");
    let ids: Vec<_> = (0..3).map(|_| service.request("slow")).collect();
    for id in &ids[..2] {
        let story = ended(&service, id);
        assert!(story.outcome() == Some(Cancelled), "{story:?}");
    }
    service.log().wait_for(&format!("slow {} starts", ids[2].short()));
    service.release("hold");
    wait_for("the end of the newest", || {
        // It may read no more.
        let mut hold = OpenOptions::new();
        let hold = hold.write(true).custom_flags(nix::libc::O_NONBLOCK).open(service.path("hold"));
        let _ = hold.and_then(|mut hold| hold.write_all(b"go\n"));
        (running(&service) == 0).then_some(())
    });
    assert_eq!(ended(&service, &ids[2]).outcome(), Some(Succeeded));
}

#[test]
fn what_may_overlap_runs_beside_itself() {
    let callbacks =
        "CB_pair() { if mkdir $FOLDER/first; then echo >$FOLDER/meet; else read -r <$FOLDER/meet; fi; }";
    let service = service("[action.pair]\noverlap = 'allow'", callbacks).fifo("meet").start();
    let ids = [service.request("pair"), service.request("pair")];
    for id in &ids {
        assert_eq!(ended(&service, id).outcome(), Some(Succeeded));
    }
}

#[test]
fn a_run_as_its_user_has_that_users_rights_and_no_others() {
    if !is_root() {
        return skip("only root can run something as somebody else");
    }
    let callbacks = "CB_who() { echo \"$(id --user) $(id --group) $(id --groups) $1\"; cat /etc/shadow || true; }\n\
                     CB_root() { id --user; }";
    let policy = "[action.who]\nrun-as = 'request'";
    // The callbacks have to be read by whoever runs them.
    let service = service(policy, callbacks).mode("", 0o755).start();
    for (user, is) in
        [("daemon", "1 1 1 daemon\n"), ("1", "1 1 1 1\n"), ("64123", "64123 64123 64123 64123\n")]
    {
        let run = service.run_for(user, "who");
        assert_eq!(run.outcome, "succeeded", "{run:?}");
        assert!(run.output.starts_with(is) && run.output.contains("Permission denied"), "{run:?}");
    }
    // Root's own listener is as warm as before, and root's.
    assert_eq!(service.run_for("daemon", "root").output, "0\n");
}

#[test]
fn a_run_as_a_user_that_there_is_not_fails_and_says_so() {
    if !is_root() {
        return skip("only root can run something as somebody else");
    }
    let service = service("[action.who]\nrun-as = 'request'", "CB_who() { :; }\nCB_ok() { :; }").start();
    let id = crate::common::accepted(&service.ask("nobody-of-that-name who"));
    let story = ended(&service, &id);
    assert_eq!(story.outcome(), Some(Failed(126)), "{story:?}");
    assert!(story.note().contains("there is no user `nobody-of-that-name` here"), "{story:?}");
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn what_waits_is_called_off_before_it_starts_with_all_that_joined_it() {
    let service = service("", SLOW).fifo("hold").start();
    let first = service.request("slow");
    service.log().wait_for("| begun");
    let waiting = service.request("slow");
    let joined = service.request("slow");
    let cancel = |id: &str| service.call(&json!({"op": "cancel", "id": id}).to_string());
    // By the id of one that joined.
    assert_eq!(cancel(joined.as_str()), json!({"ok": true}));
    let story = ended(&service, &waiting);
    assert_eq!((story.outcome(), story.started.len()), (Some(Cancelled), 0), "{story:?}");
    for id in [waiting.as_str(), joined.as_str(), "never-asked"] {
        assert_eq!(cancel(id)["code"], "unknown-id");
    }
    service.release("hold");
    assert_eq!(ended(&service, &first).outcome(), Some(Succeeded));
}

#[test]
fn what_runs_is_ended_when_it_is_called_off_and_not_tried_again() {
    let policy = "[action.long]\nretry = { attempts = 3, backoff = '1s' }";
    let service = service(policy, "CB_long() { echo begun; exec sleep infinity; }").start();
    let id = service.request("long");
    service.log().wait_for("| begun");
    assert_eq!(service.call(&json!({"op": "cancel", "id": id}).to_string()), json!({"ok": true}));
    let story = ended(&service, &id);
    assert_eq!((story.outcome(), story.started.as_slice()), (Some(Cancelled), &[1][..]), "{story:?}");
}
