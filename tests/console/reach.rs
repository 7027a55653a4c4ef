//! What the console may take, of time and of memory: as an upper bound for the program that is tested, which is not built to be fast.
//! `bin/bench-console` measures the one that is shipped.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::browser::{Console, Visitor};
use crate::common::Service;
use crate::stage::Stage;
use crate::tls;

/// To reach, of each the median.
const FIRST_BYTE: Duration = Duration::from_millis(20);
const LINE: Duration = Duration::from_millis(50);
/// To reach, with 200 open pages.
const RESIDENT_KIB: u64 = 30 * 1024;
const RUNS: usize = 10_000;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// So many runs of the last days, as the journal keeps them.
fn journal(runs: usize) -> String {
    let now = jiff::Timestamp::now();
    let mut text = String::new();
    for number in 0..runs {
        let at = now - jiff::SignedDuration::from_mins(i64::try_from(20 * (runs - number)).unwrap());
        let id = format!("{number:016x}");
        for line in [
            format!(r#"{{"event":"accepted","at":"{at}","id":"{id}","user":"root","action":"ok","by":0}}"#),
            format!(r#"{{"event":"started","at":"{at}","id":"{id}","attempt":1,"token":"{id}"}}"#),
            format!(
                r#"{{"event":"ended","at":"{at}","id":"{id}","attempt":1,"took_ms":20,"outcome":"succeeded"}}"#
            ),
        ] {
            writeln!(text, "{line}").unwrap();
        }
    }
    text
}

/// How long the first byte of a page takes.
fn first_byte(visitor: &Visitor<'_>, path: &str) -> Duration {
    let mut stream = visitor.console.open();
    let (host, cookie) = (visitor.console.host(), &visitor.cookie);
    let begun = Instant::now();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    begun.elapsed()
}

#[test]
fn the_first_page_of_six_services_with_a_long_past_is_there_at_once() {
    let mut stage = Stage::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        let service =
            Service::new().callbacks("CB_ok() { :; }").file("state/journal.jsonl", &journal(RUNS / 6));
        stage = stage.with_service(name, service);
    }
    let console = Console::start(stage);
    let visitor = console.visitor();
    let page = visitor.page("/");
    assert_eq!(page.matches("succeeded, ").count(), 6, "{page}");
    let times = (0..41).map(|_| first_byte(&visitor, "/")).collect();
    let median = median(times);
    assert!(median <= FIRST_BYTE, "{median:?}");
}

#[test]
fn what_a_callback_prints_is_there_at_once() {
    let callbacks = "CB_tick() { for _ in {1..41}; do echo \"at $EPOCHREALTIME\"; sleep 0.02; done; }";
    let console = Console::start(Stage::new().with_service("web", Service::new().callbacks(callbacks)));
    let visitor = console.visitor();
    let page = visitor.get("/do/web/tick");
    let run = visitor.post("/do/web/tick", &format!("csrf={}", page.csrf()));
    let mut events = visitor.follow(&format!("{}/events", run.header("location").unwrap()));
    let mut times = Vec::new();
    while times.len() < 30 {
        let (_, said) = events.next_of(&["output"]);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let Some((_, at)) = said.trim_matches('"').split_once("at ") else { continue };
        let at = Duration::from_secs_f64(at.trim_end_matches("\\n").parse().unwrap());
        times.push(now.saturating_sub(at));
    }
    let median = median(times);
    assert!(median <= LINE, "{median:?}");
}

#[test]
fn two_hundred_open_pages_take_little_memory_also_over_tls() {
    let console = tls::console(&tls::certificate(tls::NAME, 90));
    let visitor = console.visitor();
    let mut open: Vec<_> = (0..200).map(|_| visitor.follow("/events")).collect();
    for events in &mut open {
        assert_eq!(events.status(), "HTTP/1.1 200 OK");
    }
    console.stage.service("web").run("ok");
    for events in &mut open {
        events.next_of(&["changed"]);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", console.pid())).unwrap();
    let resident = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    // What is of the program itself is larger here than in the one that is shipped, by what finds faults.
    let (all, of_files) = (resident("VmRSS:"), resident("RssFile:"));
    assert!(all - of_files.min(all) <= RESIDENT_KIB - 8 * 1024, "{all} KiB, {of_files} of them of files");
}

#[test]
fn the_supervisors_program_has_nothing_of_the_console() {
    let has = |program: &str, text: &[u8]| {
        std::fs::read(program).unwrap().windows(text.len()).any(|found| found == text)
    };
    let (own, supervisor) = (env!("CARGO_BIN_EXE_lamplighter-console"), env!("CARGO_BIN_EXE_lamplighter"));
    for of_console in [&b"frame-ancestors"[..], b"__Host-", b"autocomplete=\"one-time-code\""] {
        let text = String::from_utf8_lossy(of_console);
        assert!(has(own, of_console) && !has(supervisor, of_console), "{text}");
    }
}
