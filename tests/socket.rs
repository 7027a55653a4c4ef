//! The request socket: whatever a client sends or leaves undone, the next request works.

mod common;

use common::{Running, Service};

fn running() -> Running {
    let service = Service::new().start();
    service.run("ok");
    service
}

/// What every test here ends with.
#[track_caller]
fn still_serves(service: &Running) {
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn a_line_that_is_no_request_is_refused_with_what_is_wrong() {
    let service = running();
    let cases: [(&[u8], &str); 11] = [
        (b"root", "refused syntax: a request is `user action`, this line has 1 words"),
        (b"root ok now", "refused syntax: a request is `user action`, this line has 3 words"),
        (b"Root ok", "refused syntax: user `Root` is not valid"),
        (b"4294967295 ok", "refused syntax: user `4294967295` is not valid"),
        (b"../../etc ok", "refused syntax: user `../../etc` is not valid"),
        (b"root $(reboot)", "refused syntax: action `$(reboot)` is not valid"),
        (b"root CB_ok", "refused syntax: action `CB_ok` is not valid"),
        (b"root \xff\xfe", "refused syntax: the line is not UTF-8"),
        (b"root ok\0", "refused syntax: action `ok\\0` is not valid"),
        (b"root backup", "refused unknown-action: there is no action `backup` here"),
        (b"root health-check", "refused not-allowed: "),
    ];
    for (line, refusal) in cases {
        let answer = service.connect().send([line, b"\n"].concat()).answer();
        assert!(answer.starts_with(refusal), "{answer}");
        still_serves(&service);
    }
}

/// As a web server speaks `FastCGI` to a socket that it was led to; a visitor's body comes last.
#[test]
fn who_speaks_another_protocol_is_refused_once_and_asks_for_nothing() {
    let service = running();
    for beginning in [b"\x01\x01\0\x01\0\x08\0\0".as_slice(), b"\x16\x03\x01", b"\0"] {
        let mut client = service.connect();
        client.send([beginning, b"\nroot ok\nroot ok\n"].concat());
        assert_eq!(client.answer(), "refused syntax: this is another protocol");
        assert!(client.rest().is_empty(), "and the connection is closed");
    }
    assert_eq!(service.log().lines_with("starts for root").len(), 1, "but for the first one of this test");
    still_serves(&service);
}

#[test]
fn json_that_is_no_call_is_refused_in_json() {
    let service = running();
    for line in
        ["{", r#"{"op":"explode"}"#, "{}", r#"{"op":"run","user":"Root","action":"ok"}"#, r#"{"op":1} tail"#]
    {
        let refusal = service.call(line);
        assert_eq!((&refusal["ok"], &refusal["code"]), (&false.into(), &"syntax".into()), "{line}");
        assert!(!refusal["message"].as_str().unwrap_or_default().is_empty());
        still_serves(&service);
    }
    let refusal = service.call(r#"{"op":"run","user":"root","action":"backup"}"#);
    assert_eq!(refusal["code"], "unknown-action");
}

#[test]
fn json_calls_are_answered_by_one_object_each() {
    let service = running();
    let ping = service.call(r#"{"op":"ping"}"#);
    assert_eq!((&ping["ok"], &ping["service"], &ping["protocol"]), (&true.into(), &"web".into(), &1.into()));
    assert_eq!(ping["version"], env!("CARGO_PKG_VERSION"));
    let daemon = service.daemon();
    let status = service.call(r#"{"op":"status"}"#);
    assert_eq!((&status["state"], &status["pid"]), (&"running".into(), &daemon.into()));
    let action = &status["actions"][0];
    assert_eq!((&action["action"], &action["overdue"]), (&"ok".into(), &false.into()));
    assert_eq!(action["last"]["outcome"], "succeeded");
    assert_eq!(service.call(r#"{"op":"health"}"#)["healthy"], true);
    let run = service.call(r#"{"op":"run","user":"root","action":"ok","of-later":1}"#);
    let id = run["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{run}"));
    assert_eq!(service.outcome("ok", &id).outcome, "succeeded");
}

#[test]
fn a_megabyte_without_a_newline_is_refused_once() {
    let service = running();
    let mut flood = service.connect();
    flood.send(vec![b'x'; 1 << 20]);
    assert!(flood.answer().starts_with("refused too-long: "));
    // What follows the end of the line is a line again.
    flood.send("\nroot ok\n").finish();
    let rest = flood.rest();
    assert_eq!(rest.len(), 1);
    common::accepted(&rest[0]);
    still_serves(&service);
}

#[test]
fn a_line_of_the_longest_length_passes_and_one_byte_more_does_not() {
    let service = running();
    let line = |length: usize| format!("root{}ok\n", " ".repeat(length - "rootok".len()));
    common::accepted(&service.connect().send(line(4096)).answer());
    assert!(service.connect().send(line(4097)).answer().starts_with("refused too-long: "));
    still_serves(&service);
}

#[test]
fn empty_lines_ask_for_nothing() {
    let service = running();
    let mut client = service.connect();
    client.send("\n\n  \n\r\nroot ok\n\n").finish();
    let answers = client.rest();
    assert_eq!(answers.len(), 1);
    common::accepted(&answers[0]);
    still_serves(&service);
}

#[test]
fn nothing_at_all_is_no_request_either() {
    let service = running();
    assert_eq!(service.connect().finish().rest(), [""; 0]);
    still_serves(&service);
}

#[test]
fn lines_sent_together_are_answered_in_their_order() {
    let service = running();
    let mut client = service.connect();
    client
        .send("root nothing\n{\"op\":\"ping\"}\nBad line\nroot ok\n{\"op\":\"health\"}\nroot other\n")
        .finish();
    let answers = client.rest();
    let begin = [
        "refused unknown-action",
        "{",
        "refused syntax",
        "accepted",
        "{\"healthy\"",
        "refused unknown-action",
    ];
    assert_eq!(answers.len(), begin.len());
    for (answer, begin) in answers.iter().zip(begin) {
        assert!(answer.starts_with(begin), "{answers:?}");
    }
}

/// A service whose check is held until it is released, and an action that needs nothing.
fn held_in_its_check() -> common::Running {
    let check = "echo begun >$FOLDER/begun; read -r <$FOLDER/hold";
    let callbacks = format!("CB_ok() {{ :; }}\nCB_health_check() {{ {check}; }}");
    let rules = "[action.ok]\nneeds = \"nothing\"";
    Service::new().callbacks(&callbacks).file("conf/housekeeping.toml", rules).fifo("hold").start()
}

#[test]
fn the_order_holds_when_an_early_answer_takes_its_time() {
    let service = held_in_its_check();
    let mut client = service.connect();
    client.send("{\"op\":\"health\"}\n{\"op\":\"ping\"}\n");
    service.wait_for_line("begun");
    // Who asks on another connection need not wait for it.
    still_serves(&service);
    service.release("hold");
    assert!(client.answer().starts_with(r#"{"healthy":true"#));
    assert!(client.answer().contains("\"protocol\""));
}

/// As the scheduler asks when a thousand entries are due in the same second.
#[test]
fn a_thousand_requests_on_one_connection_are_taken_before_the_first_is_answered() {
    let service = held_in_its_check();
    let mut client = service.connect();
    client.send("{\"op\":\"health\"}\n");
    service.wait_for_line("begun");
    client.send("root ok\n".repeat(1000));
    common::wait_for("all are on disk, though nobody is answered", || {
        let journal = std::fs::read_to_string(service.path("state/journal.jsonl")).ok()?;
        let taken =
            |line: &&str| line.contains(r#""event":"accepted""#) || line.contains(r#""event":"joined""#);
        (journal.lines().filter(taken).count() >= 1000).then_some(())
    });
    service.release("hold");
    assert!(client.answer().starts_with(r#"{"healthy":true"#));
    for _ in 0..1000 {
        common::accepted(&client.answer());
    }
}

#[test]
fn the_last_line_may_end_with_the_connection() {
    let service = running();
    let mut client = service.connect();
    client.send("root ok\nroot ok").finish();
    let answers = client.rest();
    assert_eq!(answers.len(), 2);
    for answer in answers {
        common::accepted(&answer);
    }
}

#[test]
fn who_goes_away_without_reading_the_answer_is_served_all_the_same() {
    let service = Service::new().callbacks("CB_ok() { :; }\nCB_mark() { echo done >$FOLDER/mark; }").start();
    service.connect().send("root mark\n");
    assert_eq!(service.wait_for_line("mark"), "done");
    still_serves(&service);
}

#[test]
fn who_never_reads_its_answers_is_served_all_the_same() {
    let service = Service::new().callbacks("CB_ok() { :; }\nCB_mark() { echo done >$FOLDER/mark; }").start();
    let mut deaf = service.connect();
    // Far more answers than a socket's buffers hold.
    deaf.send("root no-such-action\n".repeat(20_000)).send("root mark\n");
    assert_eq!(service.wait_for_line("mark"), "done");
    still_serves(&service);
}

#[test]
fn a_line_that_comes_byte_by_byte_is_a_line() {
    let service = running();
    let mut slow = service.connect();
    for byte in b"root ok" {
        slow.send([*byte]);
        still_serves(&service);
    }
    common::accepted(&slow.send("\n").answer());
}

#[test]
fn a_line_that_is_not_complete_in_time_is_refused_and_the_connection_closed() {
    let service = running();
    let mut slow = service.connect();
    slow.send("root o");
    still_serves(&service);
    assert!(slow.answer().starts_with("refused too-slow: "));
    assert!(slow.is_closed());
    still_serves(&service);
}

#[test]
fn a_line_that_drips_does_not_buy_time() {
    let service = running();
    let mut slow = service.connect();
    // Ends with the first byte that is sent to a closed connection.
    let dripped = common::wait_for("the connection's end", || slow.try_send("x").err());
    assert!(matches!(dripped.kind(), std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset));
    still_serves(&service);
}

#[test]
fn a_silent_connection_is_closed() {
    let service = running();
    let mut silent = service.connect();
    still_serves(&service);
    assert!(silent.is_closed());
}

#[test]
fn a_connection_that_waits_for_an_answer_is_not_silent() {
    let check = "echo begun >$FOLDER/begun; read -r <$FOLDER/hold";
    let service = Service::new()
        .callbacks(&format!("CB_ok() {{ :; }}\nCB_health_check() {{ {check}; }}"))
        .fifo("hold")
        .start();
    let mut waiting = service.connect();
    waiting.send("{\"op\":\"health\"}\n");
    service.wait_for_line("begun");
    // As long as a connection may be silent.
    assert!(service.connect().is_closed());
    service.release("hold");
    assert_eq!(waiting.answer(), r#"{"healthy":true}"#);
    // It may go on, and is silent only from here on.
    common::accepted(&waiting.send("root ok\n").answer());
    assert!(waiting.is_closed());
}

#[test]
fn more_connections_than_there_are_places_are_told_and_the_places_come_free() {
    let service = running();
    // Whoever runs a supervisor is trusted by it, and may have them all.
    let places = 512;
    let mut clients: Vec<_> = (0..places).map(|_| service.connect()).collect();
    // Taken in their order: when the last one is answered, all are in.
    assert!(clients[places - 1].send("root nothing\n").answer().starts_with("refused unknown-action"));
    assert!(service.connect().answer().starts_with("refused busy: "));
    service.log().wait_for(", busy: too many connections are open");
    drop(clients);
    let served = common::wait_for("a free place", || {
        let answer = service.connect().send("root ok\n").line()?;
        (!answer.starts_with("refused busy")).then_some(answer)
    });
    common::accepted(&served);
}

#[test]
fn what_is_no_request_is_logged_once_and_counted_by_the_time_of_the_stop() {
    let service = running();
    let uid = nix::unistd::geteuid();
    for _ in 0..10 {
        service.ask("nonsense");
        service.ask("{}");
        service.ask(&"x".repeat(5000));
    }
    let of = |code: &str| service.log().lines_with(&format!("uid {uid}, {code}: "));
    // Said beside the answers: at least by the time that something later is.
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!((of("syntax").len(), of("too-long").len()), (1, 1), "{}", service.log().text());
    service.stop();
    for (code, count) in [("syntax", 19), ("too-long", 9)] {
        let lines = of(code);
        assert_eq!(lines.len(), 2, "{lines:#?}");
        assert!(lines[1].contains(&format!(" refused {count} times within ")), "{lines:#?}");
    }
}

#[test]
fn only_root_may_ask_for_something() {
    if !common::is_root() {
        return common::skip("only root can connect as somebody else");
    }
    let service = Service::new().variable("LAMPLIGHTER_GROUP", "65534").mode("", 0o711).start();
    service.ask("root ok");
    let ask = "use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new($ARGV[0]) or die $!; print $s \"root ok\\n\"; \
               $s->flush; $s->shutdown(1); print <$s>;";
    let program = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "perl",
        "-e",
        ask,
        "run/web-request.sock",
    ];
    let program = program.map(Into::into);
    let output = service.service().command(&program).output().unwrap();
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        answer.starts_with("refused not-allowed: "),
        "{answer} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    still_serves(&service);
}
