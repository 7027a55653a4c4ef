//! `lamplighter health`: it fails when the service is down or its own check fails, and for nothing else.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use common::{Running, Service, as_user, is_root, lamplighter};
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
    // Until its listener is there, what is to run waits too.
    for _ in 0..runs {
        service.request("held");
    }
    common::wait_for("all that may run at a time", || {
        let status = service.call(r#"{"op":"status"}"#);
        (status["running"].as_array()?.len() == runs).then_some(())
    });
    let mut client = service.connect();
    client.send("root held\n".repeat(waiting)).finish();
    let answers = client.rest();
    let accepted: Vec<_> = answers.iter().map(|answer| common::accepted(answer)).collect();
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
    let cancel = format!("{{\"op\":\"cancel\",\"id\":\"{}\"}}", accepted[waiting - 1]);
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

/// A service whose check counts how often it is made, and fails while there is `broken`.
const COUNTED: &str = "CB_health_check() { echo >>$FOLDER/checks; [[ ! -e $FOLDER/broken ]]; }";

/// How many checks there have been since this was last asked.
fn checks(service: &Running) -> usize {
    let path = service.path("checks");
    let count = fs::read_to_string(&path).unwrap_or_default().lines().count();
    fs::write(path, "").expect("our own file");
    count
}

/// A service that counts its checks, which has taken in its journal.
fn counting(service: Service) -> Running {
    let service = service.callbacks(COUNTED).start();
    service.connect();
    service.health();
    assert!(checks(&service) > 0);
    service
}

/// When it was last found healthy, in milliseconds since the machine's start.
fn marked(service: &Running) -> Option<u64> {
    let text = fs::read_to_string(service.path("run/.web-healthy")).ok()?;
    Some(text.trim().rsplit(' ').next()?.parse().expect("a number of milliseconds"))
}

/// A service that was just found healthy by who asks seldom.
fn found_healthy(service: Service) -> Running {
    let service = counting(service);
    assert_eq!(every(&service, "1h"), (0, "healthy\n".to_owned()), "before the first success");
    assert_eq!(checks(&service), 1);
    service
}

fn every(service: &Running, time: &str) -> (i32, String) {
    service.service().health_with(&["--every", time])
}

#[test]
fn who_asks_seldom_is_answered_when_so_long_has_passed_since_the_last_success() {
    let service = found_healthy(Service::new());
    let mark = fs::metadata(service.path("run/.web-healthy")).expect("the mark");
    assert_eq!((mark.uid(), mark.mode() & 0o777), (nix::unistd::geteuid().as_raw(), 0o600));
    let first = marked(&service).expect("the first success");
    assert_eq!(every(&service, "2s"), (0, "healthy\n".to_owned()));
    let second = marked(&service).expect("the second success");
    assert!(second - first >= 2000, "{first} {second}");
    assert_eq!(checks(&service), 1);
}

#[test]
fn who_asks_seldom_is_answered_at_once_after_a_failure() {
    let service = found_healthy(Service::new());
    service.write("broken", "");
    let (status, said) = every(&service, "0s");
    assert_eq!(status, 1);
    assert!(said.starts_with("unhealthy: "), "{said}");
    assert_eq!(marked(&service), None);
    assert_eq!(every(&service, "1h").0, 1);
    fs::remove_file(service.path("broken")).expect("our own file");
    assert_eq!(every(&service, "1h"), (0, "healthy\n".to_owned()));
    assert_eq!(checks(&service), 3);
}

#[test]
fn who_asks_seldom_is_answered_at_once_after_a_start_and_when_nobody_is_there() {
    let mut service = found_healthy(Service::new());
    service.stop();
    let before = fs::read(service.path("run/.web-healthy")).expect("the mark of the one before");
    service.start_again();
    service.connect();
    service.health();
    assert_eq!(every(&service, "1h"), (0, "healthy\n".to_owned()));
    assert_ne!(fs::read(service.path("run/.web-healthy")).expect("a mark"), before);
    service.stop();
    assert_eq!(every(&service, "1h").0, 4);
    assert_eq!(marked(&service), None);
}

#[test]
fn who_waits_to_ask_ends_at_once_when_told_to() {
    let service = found_healthy(Service::new());
    let mut command = service.service().command(&[lamplighter(), "health".into()]);
    let waiting = command.args(["--every", "1h"]).stdout(Stdio::piped()).spawn().expect("it can be started");
    common::wait_for("it to be the program", || {
        let name = fs::read_to_string(format!("/proc/{}/comm", waiting.id())).ok()?;
        (name.trim_end() == "lamplighter").then_some(())
    });
    common::send(waiting.id(), 15);
    let output = waiting.wait_with_output().expect("our own child");
    assert_eq!((output.status.signal(), output.stdout), (Some(15), Vec::new()));
    assert_eq!(checks(&service), 0);
}

#[test]
fn a_mark_that_somebody_else_has_put_there_is_not_followed_and_does_not_count() {
    let service = found_healthy(Service::new());
    let (mark, planted) = (service.path("run/.web-healthy"), service.path("planted"));
    fs::rename(&mark, &planted).expect("a rename in our own folder");
    symlink(&planted, &mark).expect("a link in our own folder");
    let kept = fs::read(&planted).expect("our own file");
    assert_eq!(every(&service, "1h").0, 0, "it does not wait");
    assert_eq!(fs::read(&planted).expect("our own file"), kept);
    assert!(!mark.is_symlink());
    assert_eq!(checks(&service), 1);
}

#[test]
fn where_no_mark_can_be_written_that_is_said_and_health_asked_for_each_time() {
    let service = counting(Service::new());
    let mark = service.path("run/.web-healthy");
    fs::create_dir(&mark).expect("a folder in ours");
    for _ in 0..2 {
        let (status, said) = every(&service, "1h");
        assert_eq!(status, 0);
        assert!(said.starts_with(&format!("healthy\ndegraded: cannot write {}: ", mark.display())), "{said}");
        assert_eq!(checks(&service), 1);
    }
}

#[test]
fn a_length_of_time_that_is_none_is_refused() {
    let output =
        Command::new(lamplighter()).args(["health", "--every", "60"]).output().expect("it can be started");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("invalid value '60' for '--every <TIME>'"), "{said}");
}

#[test]
fn an_ordinary_user_without_roots_rights_has_its_mark() {
    if !is_root() {
        return common::skip("every other test shows it then");
    }
    let service = Service::new().owned_by(12345).below(&as_user("12345")).start();
    service.connect();
    service.health();
    let program = as_user("12345").map(Into::into).into_iter().chain([lamplighter(), "health".into()]);
    let program: Vec<_> = program.chain(["--every".into(), "1h".into()]).collect();
    let output = service.service().command(&program).output().expect("it can be started");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "healthy\n");
    assert_eq!(fs::metadata(service.path("run/.web-healthy")).expect("the mark").uid(), 12345);
}
