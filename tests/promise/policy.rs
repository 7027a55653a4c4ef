//! A policy that is broken, and one that says when an action is overdue.

use lamplighter::outcome::Outcome::Succeeded;

use crate::common::{Running, Service, accepted, is_alive};
use crate::journal::ended;

const BROKEN: &str = "[action.ok]\ntimeuot = \"2h\"";
const NAMED: &str = "housekeeping.toml:2:1: unknown key `timeuot`";

fn is_named(said: &str) -> bool {
    said.contains("degraded: policy: ") && said.contains(NAMED)
}

fn degraded(service: &Running) -> String {
    let (status, said) = service.health();
    assert_eq!(status, 0, "{said}");
    said
}

#[test]
fn broken_at_the_start_it_refuses_every_request_while_the_service_runs_until_it_is_mended() {
    let service = Service::new().file("conf/housekeeping.toml", BROKEN).start();
    let refused = service.ask("root ok");
    assert!(refused.starts_with("refused policy: ") && refused.contains(NAMED), "{refused}");
    assert!(is_alive(service.daemon()));
    assert!(service.log().text().contains(NAMED));
    assert!(is_named(&degraded(&service)), "{}", degraded(&service));
    assert!(service.ask("root ok").starts_with("refused policy: "));

    service.write("conf/housekeeping.toml", "[action.ok]\ntimeout = \"2h\"");
    assert_eq!(ended(&service, &accepted(&service.ask("root ok"))).outcome(), Some(Succeeded));
    assert_eq!(degraded(&service), "healthy\n");
}

#[test]
fn broken_later_the_last_good_one_stays() {
    let callbacks = "CB_ok() { :; }\nCB_fails() { false; }";
    let good = "[action.fails]\nretry = { attempts = 2, backoff = \"1s\" }";
    let service = Service::new().callbacks(callbacks).file("conf/housekeeping.toml", good).start();
    service.run("ok");
    service.write("conf/housekeeping.toml", BROKEN);
    let story = ended(&service, &accepted(&service.ask("root fails")));
    assert_eq!(story.started, [1, 2], "the last good rule is in force: {story:?}");
    assert!(is_named(&degraded(&service)), "{}", degraded(&service));

    service.write("conf/housekeeping.toml", "");
    let story = ended(&service, &accepted(&service.ask("root fails")));
    assert_eq!(story.started, [1], "{story:?}");
    assert_eq!(degraded(&service), "healthy\n");
}

#[test]
fn a_policy_that_is_taken_away_is_no_policy() {
    let policy = "[action.ok]\noverlap = \"skip\"";
    let service = Service::new().file("conf/housekeeping.toml", policy).start();
    service.run("ok");
    std::fs::remove_file(service.path("conf/housekeeping.toml")).expect("it was there");
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(degraded(&service), "healthy\n");
}

#[test]
fn an_action_that_has_not_succeeded_in_time_is_overdue_and_the_service_is_healthy() {
    let policy = "[action.backup]\nexpect-within = \"1s\"";
    let callbacks = "CB_ok() { :; }\nCB_backup() { [[ -e $FOLDER/well ]]; }";
    let service = Service::new().callbacks(callbacks).file("conf/housekeeping.toml", policy).start();
    service.log().wait_for("backup is overdue: expected within 1s, and it has never succeeded");
    service.run("ok");
    let never = "degraded: backup is overdue: expected within 1s, and it has never succeeded";
    assert!(degraded(&service).contains(never), "{}", degraded(&service));
    // To have been tried is not enough.
    assert_eq!(service.run("backup").outcome, "failed 1");
    assert!(degraded(&service).contains(never), "{}", degraded(&service));
    let overdue = || service.call(r#"{"op":"status"}"#)["actions"][0]["overdue"].clone();
    assert_eq!(overdue(), true);

    service.write("well", "");
    service.write("conf/housekeeping.toml", "[action.backup]\nexpect-within = \"1h\"");
    assert_eq!(service.run("backup").outcome, "succeeded");
    assert_eq!((degraded(&service).as_str(), overdue()), ("healthy\n", false.into()));
}
