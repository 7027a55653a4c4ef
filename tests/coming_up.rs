//! Requests that come while the service is still starting: accepted at once, and run when it is up.

mod common;

use common::{Running, Service, accepted, wait_for};
use serde_json::json;

/// Who may be asked for in these tests: an action that needs the service, and one that needs nothing. The service is
/// well once there is a file; each question is counted.
const CALLBACKS: &str = "CB_house() { [[ -e $FOLDER/well ]] || exit 7; echo kept; }
CB_free() { echo free; }
CB_health_check() { echo >>$FOLDER/asked; [[ -e $FOLDER/well ]]; }";
const POLICY: &str = "[action.free]\nneeds = 'nothing'";

fn service() -> Service {
    Service::new().callbacks(CALLBACKS).file("conf/housekeeping.toml", POLICY)
}

fn why(service: &Running) -> Vec<(String, Option<String>)> {
    let status = service.call(r#"{"op":"status"}"#);
    let waiting = status["waiting"].as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    waiting
        .iter()
        .map(|request| (text(&request["action"]).unwrap_or_default(), text(&request["why"])))
        .collect()
}

fn asked(service: &Running) -> usize {
    std::fs::read_to_string(service.path("asked")).unwrap_or_default().lines().count()
}

#[test]
fn a_request_is_accepted_at_once_and_waits_until_the_services_check_has_succeeded() {
    let service = service().start();
    service.daemon();
    let id = accepted(&service.ask("root house"));
    service.log().wait_for(&format!("house {} waits until the service is up", id.short()));
    assert_eq!(why(&service), [("house".to_owned(), Some("service".to_owned()))]);
    // Nobody else asks for health here.
    wait_for("a second question", || (asked(&service) >= 2).then_some(()));
    assert_eq!(why(&service).len(), 1);
    service.write("well", "");
    assert_eq!(service.outcome("house", &id).outcome, "succeeded");
    assert_eq!(why(&service), []);
}

#[test]
fn who_needs_nothing_does_not_wait() {
    let service = service().start();
    service.request("house");
    assert_eq!(service.run("free").output, "free\n");
    assert_eq!(why(&service).len(), 1);
}

#[test]
fn a_question_that_others_ask_counts_too() {
    let service = service().start();
    service.request("house");
    service.daemon();
    // Our own questions have become rare by then.
    wait_for("six questions", || (asked(&service) >= 6).then_some(()));
    service.write("well", "");
    let asked_before = asked(&service);
    assert_eq!(service.health().0, 0);
    service.log().wait_for("the service is up: what waited for it may start");
    assert!(asked(&service) <= asked_before + 1, "by the question of another");
}

#[test]
fn once_it_was_up_nobody_waits_for_it_again() {
    let service = service().file("well", "").start();
    assert_eq!(service.run("house").outcome, "succeeded");
    std::fs::remove_file(service.path("well")).unwrap();
    assert_eq!(service.health().0, 1);
    assert_eq!(service.run("house").outcome, "failed 7");
}

#[test]
fn without_a_check_it_is_up_when_the_daemon_is_started() {
    let service = Service::new()
        .personality("read -r <$FOLDER/hold\nCOMMAND=/bin/sleep OPTS=infinity")
        .fifo("hold")
        .start();
    let id = service.request("ok");
    service.log().wait_for("waits until the service is up");
    assert_eq!(why(&service), [("ok".to_owned(), Some("service".to_owned()))]);
    service.release("hold");
    assert_eq!(service.outcome("ok", &id).outcome, "succeeded");
}

#[test]
fn a_service_of_callbacks_only_is_not_waited_for() {
    let service = service().personality("").start();
    assert_eq!(service.run("house").outcome, "failed 7");
}

#[test]
fn who_waits_longer_than_its_action_may_take_is_told_that_the_service_has_not_come_up() {
    let policy = "[action.house]\ntimeout = '1s'\nretry = { attempts = 3 }";
    let service = service().file("conf/housekeeping.toml", policy).start();
    let id = service.request("house");
    assert_eq!(service.outcome("house", &id).outcome, "timed-out");
    let line = service.log().wait_for("house ");
    let said = service.log().wait_for("the service has not come up within 1s");
    assert!(said.contains(id.short()), "{line} {said}");
    let run = &service.call(&json!({"op": "show", "id": id}).to_string())["run"];
    assert_eq!(run["outcome"], "timed-out", "{run}");
    assert_eq!(run["note"], "the service has not come up within 1s", "{run}");
}

#[test]
fn what_waits_at_the_stop_waits_again_at_the_next_start() {
    let mut service = service().start();
    let id = service.request("house");
    service.daemon();
    service.stop();
    service.start_again();
    service.daemon();
    service.log().wait_for("accepted before, waits for its turn");
    assert_eq!(why(&service), [("house".to_owned(), Some("service".to_owned()))]);
    service.write("well", "");
    assert_eq!(service.outcome("house", &id).outcome, "succeeded");
}
