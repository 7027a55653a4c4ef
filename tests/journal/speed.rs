//! How long things take, printed: `cargo test --release --test journal speed -- --nocapture`.

use std::fs;
use std::time::Instant;

use lamplighter::journal::{IdMatch, JournalRecord, Keep, NAME, Query, find, history};
use lamplighter::outcome::Outcome;

use crate::records::{accepted, at, ended, id, open, quick_folder, started};

const RUNS: usize = 10_000;

/// A run as a schedule's: its id is that of an occurrence.
fn run(n: usize) -> [JournalRecord; 3] {
    let name = format!("0123456789abcdef@2026-01-01T00:00:00Z+{n}");
    let seconds = i64::try_from(n).unwrap();
    [
        accepted(&name, "nightly-backup", seconds),
        started(&name, 1, seconds),
        ended(&name, 1, Outcome::Succeeded, seconds + 1),
    ]
}

fn timed<T>(what: &str, action: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let result = action();
    println!("{:>9.3} ms  {what}", begun.elapsed().as_secs_f64() * 1000.0);
    result
}

#[test]
fn a_journal_of_10_000_runs_is_opened_read_and_compacted() {
    let folder = quick_folder();
    let (mut journal, _) = open(folder.path());
    timed("to append 10,000 runs, 10 a commit, in memory", || {
        for group in 0..RUNS / 10 {
            for n in 0..10 {
                journal.reserve(n).unwrap();
                for record in run(group * 10 + n) {
                    journal.append(&record);
                }
            }
            journal.commit().unwrap();
        }
    });
    drop(journal);
    let bytes = fs::metadata(folder.path().join(NAME)).unwrap().len();
    let (mut journal, recovered) = timed(&format!("to open them, {bytes} bytes"), || open(folder.path()));
    assert!(recovered.open.is_empty() && recovered.notes.is_empty());
    let oldest = id("0123456789abcdef@2026-01-01T00:00:00Z+0");
    timed("to remember an id", || journal.remembered(&oldest).unwrap().unwrap());
    let newest = Query { action: None, failed_only: false, since: None, successes: usize::MAX, limit: 20 };
    assert_eq!(timed("to read the newest 20", || history(folder.path(), &newest).unwrap()).len(), 20);
    let all = Query { limit: usize::MAX, ..newest };
    assert_eq!(timed("to read all", || history(folder.path(), &all).unwrap()).len(), RUNS);
    let found = timed("to find one by a shortened id", || {
        find(folder.path(), "0123456789abcdef@2026-01-01T00:00:00Z+")
    });
    assert!(matches!(found.unwrap(), IdMatch::Many(_)));
    timed("to compact them, all kept", || journal.compact(&Keep::default(), at(0)).unwrap());
    let keep = Keep { runs: RUNS / 10, ..Keep::default() };
    timed("to compact them, a tenth kept", || journal.compact(&keep, at(0)).unwrap());
    assert!(journal.remembered(&oldest).unwrap().is_some());
}

#[test]
fn commits_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path());
    for group in [1, 10, 100] {
        let commits = 200;
        let begun = Instant::now();
        for n in 0..commits {
            for m in 0..group {
                journal.append(&accepted(&format!("{group}-{n}-{m}"), "nightly-backup", 1));
            }
            journal.commit().unwrap();
        }
        let seconds = begun.elapsed().as_secs_f64();
        let rate = f64::from(commits * group) / seconds;
        println!(
            "{:>9.3} ms  a commit of {group}: {rate:.0} a second",
            seconds * 1000.0 / f64::from(commits)
        );
    }
}
