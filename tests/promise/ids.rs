//! The same id again: whoever sends twice is answered twice and served once.

use lamplighter::names::RequestId;
use lamplighter::outcome::Outcome::{Interrupted, Succeeded};
use serde_json::{Value, json};

use crate::common::{Running, Service, wait_for};
use crate::journal::{ended, records, stories};
use crate::stream::run_line;
use crate::telling::object;

const CALLBACKS: &str = "CB_ok() { echo ran >>$FOLDER/ran; }\nCB_other() { :; }\n\
                         CB_slow() { echo ran >>$FOLDER/ran; echo begun; read -r <$FOLDER/hold; }";

fn ask(service: &Running, id: &str, action: &str) -> Value {
    service.call(run_line(&id.parse().expect("an id"), action).trim_end())
}

fn accepted(id: &str) -> Value {
    json!({"ok": true, "id": id})
}

fn ran(service: &Running) -> usize {
    std::fs::read_to_string(service.path("ran")).map_or(0, |text| text.lines().count())
}

fn id(text: &str) -> RequestId {
    text.parse().expect("an id")
}

#[test]
fn an_id_is_served_once_however_often_it_is_sent() {
    let service = Service::new().callbacks(CALLBACKS).fifo("hold").start();
    // While it runs, while another waits, and when it is over.
    assert_eq!(ask(&service, "a", "slow"), accepted("a"));
    service.log().wait_for("| begun");
    assert_eq!(ask(&service, "a", "slow"), accepted("a"));
    assert_eq!(ask(&service, "b", "slow"), accepted("b"));
    assert_eq!(ask(&service, "b", "slow"), accepted("b"));
    assert_eq!(ask(&service, "c", "slow"), accepted("c"));
    assert_eq!(ask(&service, "c", "slow"), accepted("c"));
    service.release("hold");
    ended(&service, &id("a"));
    service.log().wait_for_lines("| begun", 2);
    service.release("hold");
    ended(&service, &id("b"));
    assert_eq!(ask(&service, "a", "slow"), accepted("a"));
    assert_eq!(ask(&service, "c", "slow"), accepted("c"));
    assert_eq!(service.run("other").outcome, "succeeded");
    assert_eq!(ran(&service), 2);
    let stories = stories(&records(&service.path("state")));
    let acceptances: Vec<_> = ["a", "b", "c"].map(|name| stories[&id(name)].acceptances).into();
    assert_eq!(acceptances, [1, 1, 1]);
}

#[test]
fn an_id_that_was_used_for_something_else_is_refused() {
    let service = Service::new().callbacks(CALLBACKS).start();
    assert_eq!(ask(&service, "a", "ok"), accepted("a"));
    assert_eq!(ask(&service, "a", "other")["code"], "id-taken");
    let for_another = json!({"op": "run", "user": "daemon", "action": "ok", "id": "a"});
    assert_eq!(service.call(&for_another.to_string())["code"], "id-taken");
    assert_eq!(ask(&service, "a", "ok"), accepted("a"));
    ended(&service, &id("a"));
    assert_eq!(ran(&service), 1);
}

#[test]
fn ids_are_remembered_across_restarts_of_any_kind() {
    let mut service = Service::new().callbacks(CALLBACKS).start();
    assert_eq!(ask(&service, "a", "ok"), accepted("a"));
    assert_eq!(ended(&service, &id("a")).outcome(), Some(Succeeded));
    service.stop();
    service.start_again();
    assert_eq!(ask(&service, "a", "ok"), accepted("a"));
    assert_eq!(ask(&service, "a", "other")["code"], "id-taken");
    service.kill();
    wait_for("its end", || service.log().exit());
    service.start_again();
    assert_eq!(ask(&service, "a", "ok"), accepted("a"));
    assert_eq!(service.run("other").outcome, "succeeded");
    assert_eq!(ran(&service), 1);
}

#[test]
fn an_id_that_was_interrupted_is_answered_and_not_run_again() {
    let mut service = Service::new().callbacks(CALLBACKS).fifo("hold").start();
    assert_eq!(ask(&service, "a", "slow"), accepted("a"));
    service.log().wait_for("| begun");
    service.kill();
    wait_for("its end", || service.log().exit());
    service.start_again();
    assert_eq!(ended(&service, &id("a")).outcome(), Some(Interrupted));
    assert_eq!(ask(&service, "a", "slow"), accepted("a"));
    assert_eq!(service.run("other").outcome, "succeeded");
    assert_eq!(ran(&service), 1);
}

#[test]
fn an_id_sent_twice_before_it_is_known_which_actions_there_are_is_served_once() {
    // The callbacks take their time to be read; meanwhile nobody can be answered.
    let callbacks = format!("read -r <$FOLDER/read\n{CALLBACKS}");
    let policy = "[action.ok]\noverlap = 'allow'";
    let service =
        Service::new().callbacks(&callbacks).file("conf/housekeeping.toml", policy).fifo("read").start();
    let mut client = service.connect();
    let line = run_line(&id("a"), "ok");
    client.send(format!("{line}{line}{}", run_line(&id("a"), "other")));
    // From another connection, too, as somebody does whose first connection broke.
    let mut second = service.connect();
    second.send(&line);
    // What was sent is in when a later call has been answered.
    assert_eq!(service.call(r#"{"op":"ping"}"#)["ok"], true);
    service.release("read");
    assert_eq!(object(&mut client), accepted("a"));
    assert_eq!(object(&mut client), accepted("a"));
    assert_eq!(object(&mut client)["code"], "id-taken");
    assert_eq!(object(&mut second), accepted("a"));
    service.write("bin/docker-callbacks.sh", CALLBACKS);
    assert_eq!(service.run("other").outcome, "succeeded");
    assert_eq!(ended(&service, &id("a")).acceptances, 1);
    assert_eq!(ran(&service), 1);
}

#[test]
fn ids_of_others_make_no_difference() {
    let service = Service::new().callbacks(CALLBACKS).start();
    for n in 0..50 {
        let id = format!("2026-11-01T00:{n:02}:00Z@entry+{n}");
        assert_eq!(ask(&service, &id, "other"), accepted(&id));
    }
    let longest = "x".repeat(128);
    assert_eq!(ask(&service, &longest, "ok"), accepted(&longest));
    ended(&service, &id(&longest));
    for bad in ["", "-a", "a b", "a/b", &"x".repeat(129)] {
        let call = json!({"op": "run", "user": "root", "action": "ok", "id": bad});
        assert_eq!(service.call(&call.to_string())["code"], "syntax", "{bad}");
    }
    assert_eq!(ran(&service), 1);
}
