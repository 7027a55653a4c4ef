//! What the web console's user may ask of a service, and of the scheduler: put to the real sockets as that user.

mod common;

use std::fs;
use std::process::Child;

use common::stranger::{OTHER, STRANGER, Stranger, ask_as, ask_at, is_not_allowed, open_to_group};
use common::{Client, Running, is_root, skip, wait_for};
use serde_json::Value;

/// The uid of the web console here.
const CONSOLE: u32 = 64125;
/// Where the scheduler beside a service has its socket.
const SCHEDULERS: &str = "run/scheduler-request.sock";

/// A scheduler beside a service, which ends with this.
struct Scheduler(Child);

impl Scheduler {
    fn start(service: &Running) -> Self {
        let program = [common::lamplighter(), "schedule".into()];
        let mut command = service.service().command(&program);
        command.env("LAMPLIGHTER_SERVICE", "scheduler").env("LAMPLIGHTER_STATE", service.path("scheduler"));
        let scheduler = Self(command.spawn().expect("the scheduler can be started"));
        wait_for("the schedule", || {
            let mut client = Client::connect(&service.path("run"), "scheduler-request.sock").ok()?;
            let status: Value = serde_json::from_str(&client.send("{\"op\":\"status\"}\n").answer()).ok()?;
            (status["entries"] == 1).then_some(())
        });
        scheduler
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_console_reads_and_calls_off_and_runs_nothing_by_itself() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    for (named, uid) in [(CONSOLE.to_string(), CONSOLE), ("daemon".to_owned(), 1)] {
        let service = open_to_group().fifo("hold").variable("LAMPLIGHTER_CONSOLE", named);
        let service = service.file("conf/housekeeping.toml", "[action.open]\nallow = [64123]").start();
        let id = service.request("held");
        let mut console = Stranger::connect(&service, uid);
        for line in [
            r#"{"op":"history","limit":1}"#.to_owned(),
            format!(r#"{{"op":"show","id":"{id}"}}"#),
            format!(r#"{{"op":"follow","id":"{id}","past":true,"output":false}}"#),
        ] {
            let answer = ask_as(uid, &service, &line);
            assert!(answer.contains(id.as_str()) && !answer.contains(r#""ok":false"#), "{line}: {answer}");
            is_not_allowed(&ask_as(OTHER, &service, &line));
        }
        for line in [
            "root closed".to_owned(),
            "root open".to_owned(),
            format!("{uid} open"),
            r#"{"op":"run","user":"root","action":"closed","operator":"anna"}"#.to_owned(),
            r#"{"op":"run","service":"web","user":"root","action":"ok","operator":"anna"}"#.to_owned(),
            format!(r#"{{"op":"run","user":"{uid}","action":"closed","id":"its-own"}}"#),
        ] {
            console.send(&line);
            is_not_allowed(&console.answer());
        }
        let cancel = format!(r#"{{"op":"cancel","id":"{id}","operator":"anna"}}"#);
        is_not_allowed(&ask_as(OTHER, &service, &cancel));
        console.send(&cancel);
        assert_eq!(console.answer(), r#"{"ok":true}"#);
        assert_eq!(service.outcome("held", &id).outcome, "cancelled");
        let shown = service.ask(&format!(r#"{{"op":"show","id":"{id}"}}"#));
        assert!(shown.contains("console/anna"), "{shown}");
        let journal = fs::read_to_string(service.path("state/journal.jsonl")).expect("a journal");
        assert!(!journal.contains("closed") && !journal.contains("open"), "{journal}");
    }
}

#[test]
fn a_console_that_nobody_knows_is_said_and_is_nobody() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = open_to_group().variable("LAMPLIGHTER_CONSOLE", "nobody-here").start();
    let said = service.log().wait_for("LAMPLIGHTER_CONSOLE");
    assert!(said.contains("`nobody-here`: there is no such user here"), "{said}");
    service.run("ok");
    is_not_allowed(&ask_as(CONSOLE, &service, r#"{"op":"history"}"#));
}

#[test]
fn the_scheduler_passes_on_for_the_console_what_its_table_names_and_nothing_else() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = open_to_group()
        .file("conf/schedule.cron", "0 0 1 1 * forum web closed")
        .variable("LAMPLIGHTER_CONSOLE", CONSOLE.to_string())
        .start();
    service.run("ok");
    let _scheduler = Scheduler::start(&service);
    let ask = |uid, line: &str| ask_at(SCHEDULERS, uid, &service, line);
    let named = r#"{"op":"run","service":"web","user":"forum","action":"closed","operator":"anna"}"#;
    for line in [
        named.replace("closed", "ok"),
        named.replace("forum", "root"),
        named.replace("\"web\"", "\"mysql\""),
        "{\"op\":\"reload\"}".to_owned(),
    ] {
        is_not_allowed(&ask(CONSOLE, &line));
    }
    for (line, code) in [
        (named.replace('}', r#","id":"its-own"}"#), "syntax"),
        (named.replace('}', r#","tell":"outcome"}"#), "syntax"),
        (named.replace("\"service\":\"web\",", ""), "unknown-action"),
    ] {
        let answer = ask(CONSOLE, &line);
        assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{line}: {answer}");
    }
    for uid in [STRANGER, OTHER, 65534] {
        is_not_allowed(&ask(uid, named));
    }
    let journal = fs::read_to_string(service.path("state/journal.jsonl")).expect("a journal");
    assert!(!journal.contains("closed"), "{journal}");

    let answer: Value = serde_json::from_str(&ask(CONSOLE, named)).expect("an answer");
    let id = answer["id"].as_str().expect("an id").parse().expect("one that is valid");
    assert_eq!(service.outcome("closed", &id).outcome, "succeeded");
    let journal = fs::read_to_string(service.path("state/journal.jsonl")).expect("a journal");
    assert!(journal.contains(r#""user":"forum","action":"closed","by":0,"operator":"anna"}"#), "{journal}");

    service.stop();
    let answer = ask(CONSOLE, named);
    assert!(answer.contains(r#""code":"busy""#) && answer.contains("cannot reach"), "{answer}");
}
