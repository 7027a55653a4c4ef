//! What the console may take, of memory: as an upper bound for the program that is tested. How soon it answers `bin/bench-console`
//! measures, of the one that is shipped.

use crate::tls;

/// To reach, with 200 open pages.
const RESIDENT_KIB: u64 = 30 * 1024;

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
