//! What holds for any bytes that are read as a schedule.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use lamplighter::schedule::{Advisor, Diagnostic, Entry, Schedule, Severity, Text, Zone, next, parse};
use lamplighter::schedule::{When, parse_expression};

/// 2026-03-28 12:00 UTC, the day before most of Europe's clocks are put forward.
const NOW: i64 = 1_774_699_200;

/// So long may all of it take at most, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Panics where it does not hold.
pub(crate) fn check(bytes: &[u8]) {
    let began = Instant::now();
    let schedule = parse(bytes, &Zone::utc());
    let text = Text::of(bytes);
    let advice = Advisor::new(&text, &schedule).advise(NOW);
    let lines = lines(bytes);
    for diagnostic in schedule.diagnostics.iter().chain(&advice) {
        check_diagnostic(&lines, diagnostic);
    }
    schedule.entries.iter().for_each(check_entry);
    let printed = check_print(&schedule);
    check_good_lines(&lines, &schedule);
    assert!(began.elapsed() < PATIENCE, "{} bytes took {:?}", bytes.len() + printed, began.elapsed());
}

/// Its lines as people count and see them.
fn lines(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let line = |line: &[u8]| String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
    bytes.split(|&byte| byte == b'\n').map(line).collect()
}

/// A diagnostic points at a place of the text, and a terminal may show it.
fn check_diagnostic(lines: &[String], diagnostic: &Diagnostic) {
    let line = diagnostic.line.checked_sub(1).and_then(|index| lines.get(index)).expect("the line is there");
    assert_eq!(&diagnostic.text, line, "{diagnostic:?}");
    let characters = line.chars().count();
    assert!(diagnostic.column >= 1, "{diagnostic:?}");
    assert!(diagnostic.column - 1 + diagnostic.width <= characters, "{diagnostic:?} in {characters}");
    let shown = diagnostic.in_file("schedule.cron").to_string();
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?} is harmless to a terminal");
    assert!(shown.len() < 4096 && (4..=5).contains(&shown.lines().count()), "{shown:?}");
}

/// An entry fires after now or never, and is the same when its time is printed and read.
fn check_entry(entry: &Entry) {
    let When::At(expression) = &entry.when else { return };
    let printed = expression.to_string();
    assert_eq!(parse_expression(&printed).as_ref(), Ok(expression), "{printed}");
    assert_eq!(parse_expression(&entry.written).as_ref(), Ok(expression), "{entry}");
    let mut after = NOW;
    for _ in 0..5 {
        let Some(at) = next(expression, entry.zone(), after) else { break };
        assert!(at > after, "{entry} after {after}");
        after = at;
    }
    assert_eq!(expression.can_fire(), after > NOW, "{entry}");
}

/// What is printed reads as the same entries, and prints as the same text; how long that is.
fn check_print(schedule: &Schedule) -> usize {
    let printed = schedule.to_string();
    let again = parse(printed.as_bytes(), &Zone::utc());
    assert!(!again.has_errors(), "{:?}", again.diagnostics);
    assert_eq!(without_lines(&again), without_lines(schedule), "{printed}");
    assert_eq!(again.to_string(), text_of(schedule), "{printed}");
    printed.len()
}

/// The bad lines hurt no good one: without them the file says the same.
fn check_good_lines(lines: &[String], schedule: &Schedule) {
    let bad: HashSet<usize> = schedule
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .map(|diagnostic| diagnostic.line)
        .collect();
    let good =
        |(index, line): (usize, &String)| if bad.contains(&(index + 1)) { "" } else { line }.to_owned();
    let good: Vec<String> = lines.iter().enumerate().map(good).collect();
    let again = parse(good.join("\n").as_bytes(), &Zone::utc());
    assert!(!again.has_errors(), "{:?}", again.diagnostics);
    assert_eq!(firsts(&again), firsts(schedule));
}

/// The entries, the first of those that are the same: below an option that cannot be read the others stay.
fn firsts(schedule: &Schedule) -> Vec<&Entry> {
    let mut seen = HashSet::new();
    schedule.entries.iter().filter(|entry| seen.insert(entry.key())).collect()
}

fn without_lines(schedule: &Schedule) -> Vec<Entry> {
    firsts(schedule).into_iter().map(|entry| Entry { line: 0, ..entry.clone() }).collect()
}

fn text_of(schedule: &Schedule) -> String {
    let entries = firsts(schedule).into_iter().cloned().collect();
    Schedule { entries, ..Schedule::default() }.to_string()
}
