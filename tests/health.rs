//! `lamplighter health`: it fails when the service is down or its own check fails, and for nothing else.

mod common;

use common::Service;
use serde_json::{Value, json};

#[test]
fn a_service_without_a_check_is_healthy_while_it_runs() {
    let service = Service::new().start();
    service.ask("root ok");
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
}

#[test]
fn a_service_whose_check_succeeds_is_healthy_and_its_words_are_not_shown() {
    let service = Service::new().callbacks("CB_health_check() { echo all is well; }").start();
    service.daemon();
    service.connect();
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    assert_eq!(service.log().lines_with("all is well"), [""; 0]);
}

#[test]
fn a_service_whose_check_fails_is_unhealthy_for_the_reason_that_it_prints() {
    let service =
        Service::new().callbacks("CB_health_check() { echo no answer on port 80 >&2; return 3; }").start();
    service.connect();
    let (status, said) = service.health();
    assert_eq!(status, 1);
    assert!(
        said.starts_with("unhealthy: the health check exited with status 3: no answer on port 80\n"),
        "{said}"
    );
}

#[test]
fn broken_callbacks_are_shown_as_degraded_and_pass() {
    let service = Service::new().callbacks("CB_ok() {").start();
    service.log().wait_for("degraded");
    let (status, said) = service.health();
    assert_eq!(status, 0);
    assert!(said.starts_with("healthy\ndegraded: callbacks: "), "{said}");
}

#[test]
fn a_problem_that_a_callback_leaves_is_shown_until_one_takes_it_away() {
    let sentence = "the view x is in no backup: drop it, or mend it";
    let service = Service::new()
        .callbacks(&format!(
            "CB_leave() {{ leaveProblem left-out 'the view x is in no'; leaveProblem left-out '{sentence}'; }}\n\
             CB_mend() {{ takeAwayProblem left-out; }}"
        ))
        .start();
    let mut follower = service.connect();
    follower.send("{\"op\":\"follow\"}\n");
    let mut told = |problems: Value| {
        let is_told = |line: &Value| line["event"] == "problems" && line["problems"] == problems;
        while !is_told(&serde_json::from_str(&follower.answer()).unwrap()) {}
    };
    service.ask("root leave");
    told(json!({"left-out": sentence}));
    assert_eq!(service.health(), (0, format!("healthy\ndegraded: {sentence}\n")));
    let status = service.call(r#"{"op":"status"}"#);
    assert_eq!(status["degraded"][0], sentence);
    assert_eq!(status["complaints"][0], json!({"kind": "reported", "message": sentence}));
    assert_eq!(status["problems"]["left-out"], sentence);
    service.ask("root mend");
    told(json!({}));
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
}

#[test]
fn a_queue_without_room_is_shown_as_degraded_until_it_has_some() {
    let service = Service::new()
        .callbacks("CB_held() { read -r <$FOLDER/hold; }")
        .file("conf/housekeeping.toml", "[action.held]\noverlap = 'allow'")
        .fifo("hold")
        .start();
    let (runs, waiting) = (8, 4096);
    let mut client = service.connect();
    client.send("root held\n".repeat(runs + waiting)).finish();
    let answers = client.rest();
    let accepted: Vec<_> = answers.iter().map(|answer| common::accepted(answer)).collect();
    // Until its listener is there, what is to run waits too.
    let full = |said: &str| said == "healthy\ndegraded: 4096 requests wait: no more are accepted\n";
    let said = common::wait_for("a full queue", || {
        let (status, said) = service.health();
        assert_eq!(status, 0, "{said}");
        full(&said).then_some(said)
    });
    let status = service.call(r#"{"op":"status"}"#);
    assert!(said.contains(status["degraded"][0].as_str().unwrap_or("nothing")), "{status:.300}");
    let refused = service.ask("root held");
    assert!(refused.starts_with("refused busy: "), "{refused}");
    let cancel = format!("{{\"op\":\"cancel\",\"id\":\"{}\"}}", accepted[runs + waiting - 1]);
    assert_eq!(service.call(&cancel)["ok"], true);
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    common::accepted(&service.ask("root held"));
}

#[test]
fn a_service_that_is_stopping_is_unhealthy() {
    let service = Service::new()
        .daemon("trap 'echo in order; read -r <$FOLDER/hold; exit 0' TERM; echo waits; sleep infinity & wait")
        .fifo("hold")
        .start();
    service.log().wait_for("waits");
    service.term();
    service.log().wait_for("in order");
    assert_eq!(service.health(), (1, "unhealthy: the service is stopping\n".to_owned()));
    service.release("hold");
    assert_eq!(service.exit(), 0);
}

#[test]
fn a_supervisor_that_is_not_there_is_unreachable_and_its_socket_named() {
    let service = Service::new();
    let (status, said) = service.health();
    assert_eq!(status, 4);
    let socket = service.path("run/web-request.sock");
    assert!(said.contains(&format!("cannot reach {}: No such file", socket.display())), "{said}");
}

#[test]
fn checks_are_done_one_at_a_time() {
    // `mkdir` fails where somebody is inside already.
    let check = "mkdir $FOLDER/inside; echo >$FOLDER/begun; [[ -e $FOLDER/open ]] || read -r <$FOLDER/hold; rmdir $FOLDER/inside";
    let service = Service::new().callbacks(&format!("CB_health_check() {{ {check}; }}")).fifo("hold").start();
    let mut client = service.connect();
    client.send("{\"op\":\"health\"}\n{\"op\":\"health\"}\n");
    service.wait_for_line("begun");
    service.write("open", "");
    service.release("hold");
    for _ in 0..2 {
        assert_eq!(client.answer(), r#"{"healthy":true}"#);
    }
}

#[test]
fn a_check_needs_none_of_the_places_of_runs() {
    let callbacks = "CB_health_check() { :; }\n\
                     for n in {1..8}; do eval \"CB_a$n() { echo begun; read -r <$FOLDER/hold; }\"; done";
    let service = Service::new().callbacks(callbacks).fifo("hold").start();
    for n in 1..=8 {
        service.request(&format!("a{n}"));
    }
    service.log().wait_for_lines("| begun", 8);
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
}

#[test]
fn the_check_is_not_to_be_requested() {
    let service = Service::new().callbacks("CB_health_check() { :; }").start();
    let answer = service.ask("root health-check");
    assert!(answer.starts_with("refused not-allowed: "), "{answer}");
}
