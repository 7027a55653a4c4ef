//! Requests and their runs: what waits, what runs side by side, and what a run can do to the others (nothing).

mod common;

use common::{Service, is_alive, is_root, skip, wait_for};
use serde_json::json;

/// Waits to be killed, or told to end.
const FOR_EVER: &str = "exec {hold}<> <(:); read -r <&$hold";

#[test]
fn an_action_never_overlaps_itself() {
    // `mkdir` fails where somebody is inside already.
    let slow = "mkdir $FOLDER/inside; echo \"$1 is inside\"; read -r <$FOLDER/hold; rmdir $FOLDER/inside";
    let callbacks = format!("CB_ok() {{ :; }}\nCB_slow() {{ {slow}; }}");
    let service = Service::new().callbacks(&callbacks).fifo("hold").start();
    let first = service.request("slow");
    service.log().wait_for("root is inside");
    let second = common::accepted(&service.ask("daemon slow"));
    // Whatever could start has started by the time another action is through.
    assert_eq!(service.run("ok").outcome, "succeeded");
    service.release("hold");
    assert_eq!(service.outcome("slow", &first).outcome, "succeeded");
    service.log().wait_for("daemon is inside");
    service.release("hold");
    assert_eq!(service.outcome("slow", &second).outcome, "succeeded");
}

#[test]
fn different_actions_run_side_by_side() {
    let callbacks = "CB_give() { echo token >$FOLDER/there; read -r <$FOLDER/back; }\n\
                     CB_take() { read -r <$FOLDER/there; echo token >$FOLDER/back; }";
    let service = Service::new().callbacks(callbacks).fifo("there").fifo("back").start();
    let (give, take) = (service.request("give"), service.request("take"));
    assert_eq!(service.outcome("give", &give).outcome, "succeeded");
    assert_eq!(service.outcome("take", &take).outcome, "succeeded");
}

#[test]
fn a_repeat_joins_what_waits_and_has_an_id_of_its_own() {
    let service =
        Service::new().callbacks("CB_slow() { echo begun; read -r <$FOLDER/hold; }").fifo("hold").start();
    let first = service.request("slow");
    service.log().wait_for("| begun");
    let waiting = service.request("slow");
    let joined = service.request("slow");
    assert!(first != waiting && waiting != joined);
    service.log().wait_for(&format!("{} joins {}", joined.short(), waiting.short()));
    service.release("hold");
    service.outcome("slow", &first);
    service.log().wait_for_lines("| begun", 2);
    service.release("hold");
    assert_eq!(service.outcome("slow", &waiting).outcome, "succeeded");
    let status = service.call(r#"{"op":"status"}"#);
    assert_eq!((&status["waiting"], &status["running"]), (&json!([]), &json!([])));
}

#[test]
fn a_repeat_for_another_user_has_a_run_of_its_own() {
    let callbacks = "CB_slow() { echo \"begun for $1\"; read -r <$FOLDER/hold; }";
    let service = Service::new().callbacks(callbacks).fifo("hold").start();
    service.request("slow");
    service.log().wait_for("| begun for root");
    service.request("slow");
    common::accepted(&service.ask("daemon slow"));
    service.release("hold");
    service.log().wait_for_lines("| begun for root", 2);
    service.release("hold");
    service.log().wait_for("| begun for daemon");
}

#[test]
fn eight_runs_are_the_most_and_the_next_one_starts_when_one_ends() {
    let callbacks =
        "for n in {1..9}; do eval \"CB_a$n() { echo a$n begun; read -r <$FOLDER/hold-a$n; }\"; done";
    let service = (1..=9).fold(Service::new(), |service, n| service.fifo(&format!("hold-a{n}")));
    let service = service.callbacks(callbacks).start();
    for n in 1..=9 {
        service.request(&format!("a{n}"));
    }
    service.log().wait_for_lines(" begun", 8);
    let status = service.call(r#"{"op":"status"}"#);
    let actions = |state: &str| -> Vec<_> {
        let requests = status[state].as_array().expect("a list of requests").iter();
        requests.map(|request| request["action"].as_str().unwrap_or_default().to_owned()).collect()
    };
    // Which of the listeners that read their callbacks together is ready first, nobody knows.
    let mut running = actions("running");
    running.sort();
    assert_eq!(running, (1..=8).map(|n| format!("a{n}")).collect::<Vec<_>>());
    assert_eq!(actions("waiting"), ["a9"]);
    service.release("hold-a1");
    service.log().wait_for("a9 begun");
}

#[test]
fn a_request_in_flight_when_the_service_ends_is_interrupted() {
    let service = Service::new()
        .daemon("trap 'exit 9' USR1; echo the daemon waits; sleep infinity & wait")
        .callbacks(&format!("CB_long() {{ echo begun; {FOR_EVER}; }}"))
        .start();
    let id = service.request("long");
    service.log().wait_for("| begun");
    service.log().wait_for("the daemon waits");
    service.signal(10);
    assert_eq!(service.exit(), 9);
    assert_eq!(service.outcome("long", &id).outcome, "interrupted");
}

#[test]
fn a_run_ends_with_its_listener_whoever_still_holds_its_output() {
    let callbacks = "CB_start() { sleep infinity & echo $! >$FOLDER/left; \
                     setsid --fork sh -c 'echo $$ >$FOLDER/escaped; exec sleep infinity'; \
                     while [[ ! -s $FOLDER/escaped ]]; do :; done; }";
    let service = Service::new().callbacks(callbacks).start();
    assert_eq!(service.run("start").outcome, "succeeded");
    for file in ["left", "escaped"] {
        let pid = service.wait_for_line(file).parse().unwrap();
        wait_for(&format!("the end of what the run has {file}"), || (!is_alive(pid)).then_some(()));
    }
}

/// What root may do in a container of the stack: not read another user's environment, for instance.
const STACKS_RIGHTS: &str = "--bounding-set=-all,+chown,+dac_override,+fowner,+kill,+setgid,+setuid";
/// As another user, in a session of its own.
const BECOMES_ANOTHER: &str = "setpriv --reuid=64123 setsid sleep infinity & \
    until [[ $(ps --no-headers -o comm,sid,uid -p $!) =~ ^sleep[[:space:]]+$![[:space:]]+64123$ ]]; do :; done; echo $! >$FOLDER/left";

#[test]
fn what_a_run_leaves_behind_as_another_user_in_a_session_of_its_own_is_ended() {
    if !is_root() {
        return skip("only root can become somebody else");
    }
    let service = Service::new()
        .callbacks(&format!("CB_leaves() {{ {BECOMES_ANOTHER}; }}"))
        .below(&["setpriv", STACKS_RIGHTS])
        .start();
    let id = service.request("leaves");
    assert_eq!(service.outcome("leaves", &id).outcome, "succeeded");
    let pid = service.wait_for_line("left");
    service.log().wait_for(&format!("left behind and ended: sleep (pid {pid})"));
    wait_for("the end of what is left", || (!is_alive(pid.parse().unwrap())).then_some(()));
}

#[test]
fn what_a_dead_supervisors_run_has_left_as_another_user_is_ended_by_the_next() {
    if !is_root() {
        return skip("only root can become somebody else");
    }
    let mut service = Service::new()
        .callbacks(&format!("CB_leaves() {{ {BECOMES_ANOTHER}; {FOR_EVER}; }}"))
        .below(&["setpriv", STACKS_RIGHTS])
        .start();
    service.request("leaves");
    let pid = service.wait_for_line("left").parse().unwrap();
    let daemon = service.daemon();
    service.kill();
    common::send(daemon, 9);
    service.log().wait_for_exit();
    assert!(is_alive(pid), "nobody has ended it yet");
    service.start_again();
    service.log().wait_for("leaves");
    service.log().find("what became of it", |line| line.contains(" interrupted ").then_some(()));
    assert!(!is_alive(pid), "it is ended before anything is taken up");
}

#[test]
fn a_callback_that_is_killed_fails_and_harms_no_other() {
    let service = Service::new().callbacks("CB_ok() { :; }\nCB_crash() { kill -KILL $$; }").start();
    assert_eq!(service.run("crash").outcome, "failed 137");
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(service.log().lines_with("degraded"), [""; 0]);
}

#[test]
fn what_a_callback_changes_is_gone_with_it() {
    let disturb = "cd /; umask 0; export LEFT=behind; set +e; PATH=/nowhere; ulimit -n 20; exec >&-";
    let look = "echo \"$PWD $(umask) ${LEFT-} $PATH $(ulimit -n) $-\"";
    let service =
        Service::new().callbacks(&format!("CB_disturb() {{ {disturb}; }}\nCB_look() {{ {look}; }}")).start();
    let before = service.run("look");
    assert_eq!(service.run("disturb").outcome, "succeeded");
    let after = service.run("look");
    assert_eq!((after.outcome.as_str(), after.output), ("succeeded", before.output));
}

#[test]
fn the_death_of_the_listener_that_waits_harms_neither_service_nor_request() {
    let service = Service::new().start();
    service.run("ok");
    let waiting = wait_for("a listener that waits", || service.children("listener.sh").first().copied());
    common::send(waiting, 9);
    service.log().wait_for("the listener was killed by KILL");
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(service.call(r#"{"op":"status"}"#)["state"], "running");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn an_unknown_action_is_refused_and_a_callback_that_is_no_action_too() {
    let service = Service::new().callbacks("CB_ok() { :; }\nhelper() { :; }\nCB_Loud() { :; }").start();
    for action in ["nightly-backup", "helper", "loud"] {
        assert_eq!(
            service.ask(&format!("root {action}")),
            format!("refused unknown-action: there is no action `{action}` here")
        );
    }
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn everything_a_burst_asks_for_is_done() {
    let names: Vec<_> = (0..40).map(|n| format!("burst-{n}")).collect();
    let callbacks = "for n in {0..39}; do eval \"CB_burst_$n() { echo \\$LAMPLIGHTER_ACTION; }\"; done";
    let service = Service::new().callbacks(callbacks).start();
    let lines: Vec<_> = names.iter().map(|name| format!("root {name}")).collect();
    let mut client = service.connect();
    client.send(lines.join("\n")).finish();
    let ids: Vec<_> = client.rest().iter().map(|answer| common::accepted(answer)).collect();
    assert_eq!(ids.len(), names.len());
    for (name, id) in names.iter().zip(&ids) {
        let run = service.outcome(name, id);
        assert_eq!((run.outcome.as_str(), run.output), ("succeeded", format!("{name}\n")));
    }
}
