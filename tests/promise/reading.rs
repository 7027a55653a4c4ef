//! A journal that takes long to read: the service does not wait for it, and what is asked waits until all of it is known.

use std::fs;
use std::time::{Duration, Instant};

use lamplighter::journal::{End, JournalRecord, NAME};
use lamplighter::names::RequestId;
use lamplighter::outcome::Outcome::{Interrupted, Succeeded};
use lamplighter::request::Request;

use crate::common::{Running, Service, is_alive, wait_for};
use crate::journal::ended;
use crate::stream::run_line;

/// Requests of before: it takes the build that is tested a second to read about them.
const MANY: usize = 10_000;

fn id(text: &str) -> RequestId {
    text.parse().expect("an id")
}

fn accepted(name: &str, action: &str) -> JournalRecord {
    let (user, action) = ("root".parse().expect("a user"), action.parse().expect("an action"));
    JournalRecord::Accepted {
        at: jiff::Timestamp::now(),
        request: Request { id: id(name), user, action },
        by: 0.into(),
    }
}

/// A service whose journal is long; at its end stand a request that runs and one that waits.
fn service() -> Service {
    let service =
        Service::new().callbacks("CB_ok() { :; }\nCB_left() { echo $LAMPLIGHTER_REQUEST >>$FOLDER/ran; }");
    let (at, mut text) = (jiff::Timestamp::now(), Vec::new());
    let end = End { attempt: 1, outcome: Succeeded, took_ms: 1 };
    JournalRecord::Journal { at, version: 1 }.write_to(&mut text);
    for n in 0..MANY {
        let name = format!("old-{n}");
        accepted(&name, "ok").write_to(&mut text);
        JournalRecord::Started { at, id: id(&name), attempt: 1, token: format!("{n:016x}") }
            .write_to(&mut text);
        JournalRecord::Ended { at, id: id(&name), end, note: None }.write_to(&mut text);
    }
    JournalRecord::Compacted { at }.write_to(&mut text);
    for name in ["ran", "waits"] {
        accepted(name, "left").write_to(&mut text);
    }
    JournalRecord::Started { at, id: id("ran"), attempt: 1, token: "0123".into() }.write_to(&mut text);
    fs::write(service.path("state").join(NAME), text).expect("a file in our own folder");
    service
}

/// The service runs while its journal is being read.
fn started() -> Running {
    let running = service().start();
    assert!(is_alive(running.daemon()));
    let status = running.call(r#"{"op":"status"}"#);
    let degraded = status["degraded"].to_string();
    assert!(degraded.contains("journal: it is being read ("), "{status}");
    assert_eq!(status["state"], "running", "{status}");
    running
}

#[test]
fn while_the_journal_is_read_the_service_runs_and_what_is_asked_waits_for_it() {
    let running = started();
    let (status, said) = running.health_now();
    assert!(status == 0 && said.contains("degraded: journal: it is being read ("), "{said}");
    // What is asked again was done before, and is not done twice.
    let (mut again, mut fresh) = (running.connect(), running.connect());
    again.send(run_line(&id("waits"), "left"));
    fresh.send(run_line(&id("fresh"), "ok"));
    assert!(again.answer().contains(r#""ok":true"#));
    assert!(fresh.answer().contains(r#""ok":true"#));
    assert_eq!(ended(&running, &id("fresh")).outcome(), Some(Succeeded));
    assert_eq!(ended(&running, &id("ran")).outcome(), Some(Interrupted));
    assert_eq!(ended(&running, &id("waits")).outcome(), Some(Succeeded));
    assert_eq!(fs::read_to_string(running.path("ran")).expect("it ran"), "waits\n");
    assert_eq!(running.health(), (0, "healthy\n".to_owned()));
}

#[test]
fn a_stop_does_not_wait_until_the_journal_is_read_and_what_was_promised_is_kept() {
    let mut running = started();
    let mut held = running.connect();
    held.send(run_line(&id("fresh"), "ok"));
    running.term();
    // Its connection may have ended with the supervisor before that was said.
    let answer = held.line();
    assert!(answer.is_none_or(|answer| answer.contains(r#""code":"stopping""#)), "it is not accepted");
    assert_eq!(running.exit(), 128 + 15);
    assert!(!running.log().text().contains("waits for its turn"), "it was not read yet");
    running.start_again();
    assert_eq!(ended(&running, &id("waits")).outcome(), Some(Succeeded));
    assert_eq!(fs::read_to_string(running.path("ran")).expect("it ran"), "waits\n");
}

#[test]
fn what_is_read_back_delays_nobody_who_asks_meanwhile() {
    let running = service().start();
    wait_for("the journal to be read", || (running.health_now().1 == "healthy\n").then_some(()));
    let mut reader = running.connect();
    // There is none: all of the journal is looked through.
    reader.send("{\"op\":\"history\",\"action\":\"nothing\"}\n{\"op\":\"show\",\"id\":\"old-0\"}\n");
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || [reader.answer(), reader.answer()]);
        let (mut served, mut longest, began) = (0, Duration::ZERO, Instant::now());
        while !reading.is_finished() {
            let request = run_line(&id(&format!("beside-{served}")), "ok");
            let asked = Instant::now();
            assert!(running.ask(request.trim_end()).contains(r#""ok":true"#));
            longest = longest.max(asked.elapsed());
            served += 1;
        }
        let took = began.elapsed();
        // Within a connection, answers have the order of the questions.
        let [history, show] = reading.join().expect("answers");
        assert_eq!(history, r#"{"ok":true,"runs":[]}"#);
        assert!(show.contains(r#""id":"old-0""#), "{show}");
        assert!(served > 10, "{served} requests were served while the journal was read");
        assert!(longest < took / 2, "one waited {longest:?} of the {took:?} that the journal was read");
    });
}
