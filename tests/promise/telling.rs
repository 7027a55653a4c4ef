//! Who wants to know what becomes of a request is told, in time and to the end.

use serde_json::{Value, json};

use crate::common::{Client, Running, Service};

fn run_and_tell(id: &str, action: &str, tell: &str) -> String {
    let call = json!({"op": "run", "id": id, "user": "root", "action": action, "tell": tell});
    format!("{call}\n")
}

/// The next line, as an object.
pub(crate) fn object(client: &mut Client) -> Value {
    let line = client.answer();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// What happens next, in one word; an outcome with its own.
fn event(client: &mut Client) -> String {
    let object = object(client);
    let word = object["event"].as_str().unwrap_or_else(|| panic!("no event: {object}"));
    match word {
        "ended" | "retried" => format!("{word} {}", object["outcome"].as_str().unwrap_or_default()),
        "output" => format!("output {}", object["text"].as_str().unwrap_or_default()),
        _ => word.to_owned(),
    }
}

fn service(callbacks: &str) -> Running {
    let policy = "[action.skips]\noverlap = 'skip'\n[action.flaky]\nretry = { attempts = 2, backoff = '1s' }";
    let service = Service::new().callbacks(callbacks).file("conf/housekeeping.toml", policy).fifo("hold");
    service.start()
}

const CALLBACKS: &str = "CB_ok() { echo hello; echo world; }\nCB_bad() { return 3; }\n\
                         CB_slow() { echo begun; read -r <$FOLDER/hold; }\n\
                         CB_skips() { echo begun; read -r <$FOLDER/hold; }\n\
                         CB_flaky() { false; }";

#[test]
fn the_outcome_follows_the_answer() {
    let service = service(CALLBACKS);
    let mut client = service.connect();
    for (id, action, outcome) in [("a", "ok", "succeeded"), ("b", "bad", "failed")] {
        client.send(run_and_tell(id, action, "outcome"));
        assert_eq!(object(&mut client), json!({"ok": true, "id": id}));
        let ended = object(&mut client);
        assert_eq!(
            (&ended["event"], &ended["id"], &ended["outcome"]),
            (&"ended".into(), &id.into(), &outcome.into())
        );
    }
}

#[test]
fn everything_is_told_in_its_order() {
    let service = service(CALLBACKS);
    let mut client = service.connect();
    client.send(run_and_tell("a", "ok", "everything"));
    assert_eq!(object(&mut client), json!({"ok": true, "id": "a"}));
    let told: Vec<_> = (0..5).map(|_| event(&mut client)).collect();
    assert_eq!(told, ["accepted", "started", "output hello", "output world", "ended succeeded"]);
    // What was told is over, and the connection goes on.
    client.send("{\"op\":\"ping\"}\n");
    assert_eq!(object(&mut client)["ok"], true);
}

#[test]
fn attempts_are_told_one_by_one() {
    let service = service(CALLBACKS);
    let mut client = service.connect();
    client.send(run_and_tell("a", "flaky", "everything"));
    object(&mut client);
    let told = std::iter::from_fn(|| Some(event(&mut client)));
    let mut told: Vec<_> = told.filter(|event| !event.starts_with("output")).take(5).collect();
    assert_eq!(told.remove(0), "accepted");
    assert_eq!(told, ["started", "retried failed", "started", "ended failed"]);
}

#[test]
fn who_joined_is_told_the_outcome_of_the_run_that_serves_it() {
    let service = service(CALLBACKS);
    service.request("slow");
    service.log().wait_for("| begun");
    let mut clients: Vec<_> = ["b", "c"].map(|_| service.connect()).into();
    for (client, id) in clients.iter_mut().zip(["b", "c"]) {
        client.send(run_and_tell(id, "slow", "outcome"));
        assert_eq!(object(client), json!({"ok": true, "id": id}));
    }
    service.release("hold");
    service.log().wait_for_lines("| begun", 2);
    service.release("hold");
    for client in &mut clients {
        let ended = object(client);
        assert_eq!((&ended["id"], &ended["outcome"]), (&"b".into(), &"succeeded".into()), "{ended}");
    }
}

#[test]
fn an_outcome_that_is_there_at_once_is_told_too() {
    let service = service(CALLBACKS);
    service.request("skips");
    service.log().wait_for("| begun");
    let mut client = service.connect();
    client.send(run_and_tell("b", "skips", "outcome"));
    assert_eq!(object(&mut client), json!({"ok": true, "id": "b"}));
    assert_eq!(event(&mut client), "ended skipped");
}

#[test]
fn who_asks_again_is_told_an_outcome_that_is_past() {
    let service = service(CALLBACKS);
    let mut client = service.connect();
    for _ in 0..2 {
        client.send(run_and_tell("a", "ok", "outcome"));
        assert_eq!(object(&mut client), json!({"ok": true, "id": "a"}));
        assert_eq!(event(&mut client), "ended succeeded");
    }
}

#[test]
fn a_refusal_is_all_that_is_told() {
    let service = service(CALLBACKS);
    let mut client = service.connect();
    client.send(run_and_tell("a", "nothing", "everything"));
    assert_eq!(object(&mut client)["code"], "unknown-action");
    client.send("{\"op\":\"ping\"}\n");
    assert_eq!(object(&mut client)["ok"], true);
}

#[test]
fn who_follows_sees_all_that_others_ask_for() {
    let service = service(CALLBACKS);
    let mut follower = service.connect();
    follower.send("{\"op\":\"follow\"}\n");
    // Until it is known to follow: its first line may be about this one.
    let id = service.request("ok");
    let mut seen = Vec::new();
    while seen.last().is_none_or(|event| event != "ended succeeded") {
        seen.push(event(&mut follower));
    }
    assert!(
        seen.contains(&"output hello".to_owned()) || !seen.contains(&"accepted".to_owned()),
        "{id} {seen:?}"
    );
    let mut client = service.connect();
    client.send(run_and_tell("b", "bad", "nothing"));
    assert_eq!(object(&mut client), json!({"ok": true, "id": "b"}));
    let all = std::iter::from_fn(|| Some(event(&mut follower)));
    let told: Vec<_> = all.filter(|event| !event.starts_with("output")).take(3).collect();
    assert_eq!(told, ["accepted", "started", "ended failed"]);
}

#[test]
fn who_follows_one_request_sees_it_to_its_end() {
    let service = service(CALLBACKS);
    let id = service.request("slow");
    service.log().wait_for("| begun");
    let mut follower = service.connect();
    follower.send(format!("{}\n", json!({"op": "follow", "id": id})));
    // Others are not its business.
    service.run("ok");
    service.release("hold");
    assert_eq!(event(&mut follower), "ended succeeded");
}

#[test]
fn who_follows_and_does_not_read_delays_no_run() {
    let callbacks = "CB_ok() { :; }\nCB_prints() { for n in {1..20000}; do echo $n; done; }";
    let service = service(callbacks);
    let mut deaf = service.connect();
    deaf.send("{\"op\":\"follow\"}\n");
    assert_eq!(service.run("prints").outcome, "succeeded");
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn who_comes_late_is_told_first_what_has_become_of_the_request_so_far() {
    let service = service(CALLBACKS);
    let id = service.request("slow");
    service.log().wait_for("| begun");
    let mut client = service.connect();
    let follow = json!({"op": "follow", "id": id.short(), "past": true});
    client.send(format!("{follow}\n"));
    let past = object(&mut client);
    assert_eq!((&past["event"], &past["id"]), (&"past".into(), &id.as_str().into()));
    assert_eq!((&past["run"]["action"], &past["output"]), (&"slow".into(), &"begun\n".into()));
    assert_eq!(past["run"]["outcome"], Value::Null);
    service.release("hold");
    assert_eq!(event(&mut client), "ended succeeded");
    // Of one that has ended that is all.
    client = service.connect();
    client.send(format!("{follow}\n{{\"op\":\"ping\"}}\n"));
    assert_eq!(object(&mut client)["run"]["outcome"], "succeeded");
    assert_eq!(object(&mut client)["ok"], true, "nothing more is told, and the next question answered");
    client.send("{\"op\":\"follow\",\"id\":\"zzzz\",\"past\":true}\n");
    assert_eq!(object(&mut client)["code"], "unknown-id");
}

#[test]
fn who_wants_no_output_is_told_of_the_events_alone() {
    let service = service(CALLBACKS);
    let (mut events, mut everything) = (service.connect(), service.connect());
    events.send("{\"op\":\"follow\",\"output\":false}\n");
    everything.send("{\"op\":\"follow\"}\n");
    // Answers come in the order of the questions, and these two have none: a third tells that they were heard.
    service.ask("{\"op\":\"ping\"}");
    service.run("ok");
    let told = |client: &mut Client, count: usize| (0..count).map(|_| event(client)).collect::<Vec<_>>();
    assert_eq!(
        told(&mut everything, 5),
        ["accepted", "started", "output hello", "output world", "ended succeeded"]
    );
    assert_eq!(told(&mut events, 3), ["accepted", "started", "ended succeeded"]);
}

/// After 90 days only the id is left of a request, so that nobody can use it again.
#[test]
fn a_repeat_of_what_is_forgotten_is_told_so_and_waits_for_nothing() {
    let service = Service::new().callbacks(CALLBACKS).fifo("hold");
    let known =
        json!({"event": "known", "at": jiff::Timestamp::now(), "id": "old", "user": "root", "action": "ok"});
    let header = json!({"event": "journal", "at": jiff::Timestamp::now(), "version": 1});
    std::fs::write(service.path("state/journal.jsonl"), format!("{header}\n{known}\n"))
        .expect("a file of ours");
    let service = service.start();
    let mut client = service.connect();
    client.send(run_and_tell("old", "ok", "outcome"));
    assert_eq!(object(&mut client), json!({"ok": true, "id": "old"}));
    assert_eq!(object(&mut client), json!({"event": "forgotten", "id": "old"}));
    // One that is on is waited for as ever.
    client.send(run_and_tell("slow", "slow", "outcome"));
    service.log().wait_for("| begun");
    client.send(run_and_tell("slow", "slow", "outcome"));
    service.release("hold");
    let told: Vec<_> = (0..4).map(|_| object(&mut client)["outcome"].clone()).collect();
    assert_eq!(told, [Value::Null, "succeeded".into(), Value::Null, "succeeded".into()]);
}
