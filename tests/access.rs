//! Who may ask: put to the real socket from another uid, as the kernel tells it.

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::stranger::{
    HOLD, OTHER, SOCKET, STRANGER, Stranger, ask_as, closed_to_others, is_not_allowed, open_to_group,
};
use common::{Running, is_root, skip};

/// Of one uid other than 0 at the same time.
const MOST_CONNECTIONS: usize = 64;

#[test]
fn a_stranger_may_ask_for_what_the_policy_lists_and_for_nothing_else() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = open_to_group().start();
    service.run("ok");
    let mut stranger = Stranger::connect(&service, STRANGER);
    for line in [
        // An action that is not allowed, one that there is not, and one that is the supervisor's own.
        "64123 closed",
        "64123 no-such-action",
        "64123 health-check",
        // As somebody else.
        "root open",
        "0 open",
        "daemon open",
        "64124 open",
        r#"{"op":"run","user":"root","action":"open"}"#,
        r#"{"op":"run","user":"root","action":"open","uid":64123,"by":0,"peer":0}"#,
        // With an id of its own choice.
        r#"{"op":"run","user":"64123","action":"open","id":"mine"}"#,
        // What is root's to do.
        r#"{"op":"cancel","id":"mine"}"#,
        r#"{"op":"follow"}"#,
        r#"{"op":"follow","id":"mine"}"#,
    ] {
        stranger.send(line);
        is_not_allowed(&stranger.answer());
    }
    let journal = fs::read_to_string(service.path("state/journal.jsonl")).expect("a journal");
    assert!(!journal.contains("open") && !journal.contains("mine"), "{journal}");

    let run = service.outcome("open", &common::accepted(&ask_as(STRANGER, &service, "64123 open")));
    assert_eq!((run.outcome.as_str(), run.output.as_str()), ("succeeded", "for 64123\n"));
    let line = r#"{"op":"run","user":"64123","action":"open","tell":"outcome"}"#;
    stranger.send(line);
    assert!(stranger.answer().starts_with(r#"{"ok":true,"id":""#));
    assert!(stranger.answer().contains(r#""outcome":"succeeded""#));
    let journal = fs::read_to_string(service.path("state/journal.jsonl")).expect("a journal");
    assert_eq!(journal.matches(r#""action":"open","by":64123"#).count(), 2, "{journal}");
}

#[test]
fn only_who_may_ask_for_anything_is_believed_about_who_a_person_is() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = open_to_group().start();
    let asked = |user: &str| {
        format!(r#"{{"op":"run","user":"{user}","action":"open","tell":"outcome","operator":"anna"}}"#)
    };
    let mut stranger = Stranger::connect(&service, STRANGER);
    stranger.send(&asked("64123"));
    assert!(stranger.answer().starts_with(r#"{"ok":true,"id":""#));
    assert!(stranger.answer().contains(r#""outcome":"succeeded""#));
    let own = service.ask(&asked("root"));
    assert!(own.starts_with(r#"{"ok":true,"id":""#), "{own}");
    let journal = fs::read_to_string(service.path("state/journal.jsonl")).expect("a journal");
    assert!(journal.contains(r#""by":64123}"#), "{journal}");
    assert!(journal.contains(r#""by":0,"operator":"anna"}"#), "{journal}");
    for name in ["Anna", "", "a b", "anna\\n", "../anna", &"a".repeat(33)] {
        let answer = service.ask(&asked("root").replace("anna", name));
        assert!(answer.contains(r#""code":"syntax""#), "{name}: {answer}");
    }
}

#[test]
fn the_scheduler_may_ask_for_anything_and_bring_ids_by_its_name_or_its_number() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    for (named, uid) in [(OTHER.to_string(), OTHER), ("daemon".to_owned(), 1)] {
        let service = open_to_group().variable("LAMPLIGHTER_SCHEDULER", named).start();
        service.run("ok");
        let mut scheduler = Stranger::connect(&service, uid);
        for user in ["root", "0", "64123", "nobody-here"] {
            scheduler.send(&format!("{user} closed"));
            common::accepted(&scheduler.answer());
        }
        scheduler.send(r#"{"op":"run","user":"root","action":"closed","id":"its-own"}"#);
        assert_eq!(scheduler.answer(), r#"{"ok":true,"id":"its-own"}"#);
        assert_eq!(service.outcome("closed", &"its-own".parse().unwrap()).outcome, "succeeded");
        for line in [
            r#"{"op":"history","limit":1}"#,
            r#"{"op":"show","id":"its-own"}"#,
            r#"{"op":"follow","id":"its-own","past":true}"#,
        ] {
            scheduler.send(line);
            let answer = scheduler.answer();
            assert!(answer.contains("its-own") && !answer.contains(r#""ok":false"#), "{answer}");
        }
        scheduler.send(r#"{"op":"cancel","id":"none-such"}"#);
        let answer = scheduler.answer();
        assert!(answer.contains(r#""code":"unknown-id""#), "{answer}");
        is_not_allowed(&ask_as(STRANGER, &service, "64123 closed"));
        is_not_allowed(&ask_as(
            STRANGER,
            &service,
            r#"{"op":"run","user":"64123","action":"open","id":"mine"}"#,
        ));
    }
}

#[test]
fn a_scheduler_that_nobody_knows_is_said_and_nobody_is_trusted_for_it() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    for (name, why) in [
        ("nobody-here", "there is no such user here"),
        ("No Name", "user `No Name` is not valid"),
        ("4294967295", "user `4294967295` is not valid"),
    ] {
        let service = open_to_group().variable("LAMPLIGHTER_SCHEDULER", name).start();
        let said = service.log().wait_for("LAMPLIGHTER_SCHEDULER");
        assert!(said.contains(&format!("`{name}`")) && said.contains(why), "{said}");
        service.run("ok");
        for uid in [STRANGER, OTHER, 65534] {
            is_not_allowed(&ask_as(uid, &service, "root closed"));
        }
    }
    let unnamed = open_to_group().variable("LAMPLIGHTER_SCHEDULER", "").start();
    unnamed.run("ok");
    is_not_allowed(&ask_as(OTHER, &unnamed, "root closed"));
    assert_eq!(unnamed.log().lines_with("LAMPLIGHTER_SCHEDULER"), [""; 0]);
}

#[test]
fn the_scheduler_may_hold_more_connections_than_others() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = open_to_group().variable("LAMPLIGHTER_SCHEDULER", OTHER.to_string()).start();
    service.run("ok");
    for (uid, is_limited) in [(STRANGER, true), (OTHER, false)] {
        let mut holder = Stranger::run(&service, uid, SOCKET, HOLD, &[&MOST_CONNECTIONS.to_string()]);
        assert_eq!(holder.answer(), "held");
        let answer = ask_as(uid, &service, &format!("{uid} open"));
        assert_eq!(answer.starts_with("refused busy: "), is_limited, "uid {uid}: {answer}");
    }
}

#[test]
fn a_name_in_the_policy_is_the_uid_that_it_has_here() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = open_to_group().start();
    service.run("ok");
    for user in ["daemon", "1"] {
        let run = service.outcome("open", &common::accepted(&ask_as(1, &service, &format!("{user} open"))));
        assert_eq!(run.output, format!("for {user}\n"));
    }
    is_not_allowed(&ask_as(OTHER, &service, "daemon open"));
    is_not_allowed(&ask_as(OTHER, &service, "64124 open"));
}

#[test]
fn who_is_not_in_the_sockets_group_cannot_even_connect() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = closed_to_others().start();
    service.run("ok");
    assert_eq!(ask_as(STRANGER, &service, "64123 open"), "cannot connect: Permission denied");
    assert_eq!(service.log().lines_with("refused"), [""; 0]);
}

#[test]
fn who_is_refused_again_and_again_fills_no_log() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = open_to_group().start();
    service.run("ok");
    let mut stranger = Stranger::connect(&service, STRANGER);
    for _ in 0..100 {
        stranger.send("64123 closed");
        is_not_allowed(&stranger.answer());
    }
    is_not_allowed(&ask_as(OTHER, &service, "64124 open"));
    assert!(service.ask("root no-such-action").starts_with("refused unknown-action: "));
    // What is logged arrives in its order, and perhaps after the answer.
    service.log().wait_for("uid 0, unknown-action: ");
    // The rest is counted, and said when the minute is over.
    let refusals = service.log().lines_with(" refused ");
    assert_eq!(refusals.len(), 3, "{refusals:#?}");
    let of = |kind: &str| refusals.iter().filter(|line| line.contains(kind)).count();
    assert_eq!(of("uid 64123, not-allowed: "), 1);
    assert_eq!(of("uid 64124, not-allowed: "), 1);
    assert_eq!(of("uid 0, unknown-action: "), 1);
}

#[test]
fn silent_and_slow_clients_delay_nobody() {
    if !is_root() {
        return skip("only root can connect as somebody else");
    }
    let service = open_to_group().fifo("hold").start();
    // What joins it is recorded and answered, and costs no run.
    service.request("held");
    service.log().wait_for("held");
    let alone = answer_times(&service, 300);
    let mut holder = Stranger::run(&service, STRANGER, SOCKET, HOLD, &[&MOST_CONNECTIONS.to_string()]);
    assert_eq!(holder.answer(), "held");
    let busy = ask_as(STRANGER, &service, "64123 open");
    assert!(busy.starts_with("refused busy: "), "{busy}");
    let among = std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let service = &service;
        scope.spawn(move || {
            let mut slow = service.connect();
            while stopped.recv_timeout(Duration::from_secs(1))
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                if slow.try_send("r").is_err() {
                    slow = service.connect();
                }
            }
        });
        let among = answer_times(service, 1000);
        drop(stop);
        among
    });
    let show = |times: &[Duration]| {
        format!("median {:.2?}, p99 {:.2?}", times[times.len() / 2], percentile_99(times))
    };
    eprintln!("request to answer alone: {}", show(&alone));
    eprintln!("beside {MOST_CONNECTIONS} silent connections and a slow one: {}", show(&among));
    assert!(percentile_99(&among) < Duration::from_secs(2), "others are delayed: {}", show(&among));
}

/// How long it took from each of so many requests to its answer, in order of length.
fn answer_times(service: &Running, count: usize) -> Vec<Duration> {
    let mut client = service.connect();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        common::accepted(&client.send("root held\n").answer());
        times.push(began.elapsed());
    }
    times.sort();
    times
}

fn percentile_99(times: &[Duration]) -> Duration {
    times[times.len() * 99 / 100]
}
