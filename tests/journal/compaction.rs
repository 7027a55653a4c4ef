//! Compaction keeps what is of use, and survives a crash at any point.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use lamplighter::journal::{GROWTH, Journal, JournalRecord, Keep, Limits, NAME, ReadingProgress};
use lamplighter::outcome::Outcome;

use crate::model::Model;
use crate::records::{
    accepted, at, ended, id, joined, open, open_ids, quick_folder, retried, started, write,
};

const DAY: i64 = 24 * 60 * 60;
const NEW_NAME: &str = "journal.jsonl.new";

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join(NAME)).unwrap()
}

fn keep(runs: usize) -> Keep {
    Keep { runs, ..Keep::default() }
}

fn compact_if_due(journal: &mut Journal, now: Timestamp) -> bool {
    let Some(due) = journal.due_compaction(now) else { return false };
    journal.take_over(due.unwrap().run().unwrap()).unwrap();
    true
}

/// A request and its outcome, on this day.
fn run(text: &str, action: &str, outcome: Outcome, day: i64) -> [JournalRecord; 3] {
    [
        accepted(text, action, day * DAY),
        started(text, 1, day * DAY + 1),
        ended(text, 1, outcome, day * DAY + 2),
    ]
}

/// The kinds of records that the journal has of this id.
fn events(folder: &Path, id: &str) -> Vec<String> {
    let text = text(folder);
    let of_id = text.lines().filter(|line| line.contains(&format!("\"id\":\"{id}\"")));
    of_id.map(|line| line.split('"').nth(3).unwrap().to_owned()).collect()
}

#[test]
fn history_is_kept_for_90_days_and_ids_as_long() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [
        run("old", "backup", Outcome::Succeeded, 1),
        run("young", "backup", Outcome::Failed(1), 10),
        run("new", "backup", Outcome::Succeeded, 50),
    ];
    write(folder.path(), runs.as_flattened());
    let (mut journal, _) = open(folder.path());
    journal.compact(&Keep::default(), at(95 * DAY)).unwrap();
    assert_eq!(events(folder.path(), "old"), [""; 0]);
    assert_eq!(events(folder.path(), "young"), ["accepted", "started", "ended"]);
    assert_eq!(journal.remembered(&id("old")).unwrap(), None);
    assert!(journal.remembered(&id("young")).unwrap().is_some());
}

#[test]
fn of_more_runs_than_are_kept_the_ids_are_remembered() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..10 {
        write(folder.path(), &run(&format!("run-{n}"), "backup", Outcome::Succeeded, n));
    }
    let (mut journal, before) = open(folder.path());
    journal.compact(&keep(3), at(20 * DAY)).unwrap();
    for n in 0..10 {
        let name = format!("run-{n}");
        let expected: &[&str] = if n < 7 { &["known"] } else { &["accepted", "started", "ended"] };
        assert_eq!(events(folder.path(), &name), expected, "{name}");
        let remembered = journal.remembered(&id(&name)).unwrap().unwrap();
        assert!(remembered.matches(&"forum".parse().unwrap(), &"backup".parse().unwrap()));
        assert_eq!(remembered.at, at(n * DAY));
    }
    drop(journal);
    let (mut journal, after) = open(folder.path());
    assert_eq!((after.last, after.since), (before.last, before.since));
    assert!(journal.remembered(&id("run-0")).unwrap().is_some());
    journal.compact(&keep(3), at(0) + Keep::default().age + Keep::default().age).unwrap();
    assert_eq!(journal.remembered(&id("run-0")).unwrap(), None);
}

#[test]
fn an_action_that_runs_each_minute_costs_none_of_the_nights_of_another() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..3 {
        write(folder.path(), &run(&format!("night-{n}"), "backup", Outcome::Succeeded, n));
        for minute in 0..20 {
            write(
                folder.path(),
                &run(&format!("minute-{n}-{minute}"), "keep-changes", Outcome::Succeeded, n),
            );
        }
    }
    let (mut journal, _) = open(folder.path());
    journal.compact(&keep(8), at(20 * DAY)).unwrap();
    let whole = |name: &str| events(folder.path(), name).len() == 3;
    assert!((0..3).all(|n| whole(&format!("night-{n}"))));
    assert_eq!(
        (0..20).filter(|minute| whole(&format!("minute-2-{minute}"))).collect::<Vec<_>>(),
        [15, 16, 17, 18, 19]
    );
}

#[test]
fn the_last_run_and_the_last_success_of_each_action_are_kept_however_old() {
    let folder = tempfile::tempdir().unwrap();
    let runs = [
        run("backup-1", "backup", Outcome::Succeeded, 1),
        run("backup-2", "backup", Outcome::Succeeded, 2),
        run("backup-3", "backup", Outcome::Failed(1), 3),
        run("backup-4", "backup", Outcome::TimedOut, 4),
        run("rotate-1", "rotate", Outcome::Interrupted, 5),
    ];
    write(folder.path(), runs.as_flattened());
    let (mut journal, before) = open(folder.path());
    journal.compact(&keep(0), at(1000 * DAY)).unwrap();
    for name in ["backup-2", "backup-4", "rotate-1"] {
        assert_eq!(events(folder.path(), name), ["accepted", "started", "ended"], "{name}");
    }
    for name in ["backup-1", "backup-3"] {
        assert_eq!(events(folder.path(), name), [""; 0], "{name}");
    }
    drop(journal);
    let (_, after) = open(folder.path());
    assert_eq!((after.last, after.since, after.notes), (before.last, before.since, before.notes));
}

#[test]
fn open_requests_and_those_that_joined_are_kept_however_old() {
    let folder = tempfile::tempdir().unwrap();
    let records = [
        accepted("a", "backup", 1),
        joined("b", "backup", "a", 2),
        joined("c", "backup", "a", 3),
        ended("c", 0, Outcome::Cancelled, 4),
        accepted("d", "rotate", 5),
        started("d", 1, 6),
        retried("d", 1, 7, 300),
        started("d", 2, 301),
    ];
    write(folder.path(), &records);
    let (mut journal, _) = open(folder.path());
    journal.compact(&keep(0), at(1000 * DAY)).unwrap();
    drop(journal);
    Model::of(&records).assert_is(&open(folder.path()).1, "after a compaction");
}

#[test]
fn what_is_not_committed_is_committed_after_a_compaction() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path());
    journal.append(&accepted("a", "backup", 1));
    journal.compact(&Keep::default(), at(2)).unwrap();
    assert!(journal.is_dirty());
    assert_eq!(events(folder.path(), "a"), [""; 0]);
    journal.commit().unwrap();
    assert!(journal.remembered(&id("a")).unwrap().is_some());
    assert_eq!(open_ids(&open(folder.path()).1), ["a"]);
}

#[test]
fn it_is_due_when_the_journal_has_doubled_and_grown_by_a_mebibyte() {
    let folder = quick_folder();
    let (mut journal, _) = open(folder.path());
    let mut n = 0;
    let mut grow_to = |journal: &mut Journal, bytes: u64| {
        while fs::metadata(folder.path().join(NAME)).unwrap().len() < bytes {
            for _ in 0..100 {
                for record in run(&format!("run-{n}"), "backup", Outcome::Succeeded, 0) {
                    journal.append(&record);
                }
                n += 1;
            }
            journal.commit().unwrap();
        }
    };
    grow_to(&mut journal, GROWTH - 50_000);
    assert!(!compact_if_due(&mut journal, at(1)));
    grow_to(&mut journal, GROWTH + 1000);
    assert!(compact_if_due(&mut journal, at(1)));
    assert!(!compact_if_due(&mut journal, at(1)));
    let compacted = text(folder.path()).len() as u64;
    grow_to(&mut journal, 2 * compacted + GROWTH - 50_000);
    // Also for the one that opens it next.
    let (mut journal, _) = open(folder.path());
    assert!(!compact_if_due(&mut journal, at(1)));
    grow_to(&mut journal, 2 * compacted + GROWTH + 1000);
    let (mut journal, _) = open(folder.path());
    assert!(compact_if_due(&mut journal, at(1)));
}

/// Appends requests with their outcomes, and commits each, until no more are accepted; how many there were.
fn fill(journal: &mut Journal, day: i64, name: &str) -> usize {
    let mut count = 0;
    while journal.reserve(0).is_ok() {
        for record in run(&format!("{name}-{count}"), "backup", Outcome::Succeeded, day) {
            journal.append(&record);
        }
        journal.commit().unwrap();
        count += 1;
        assert!(count < 100_000, "it grows without end");
        compact_if_due(journal, at(day * DAY));
    }
    count
}

/// By what is remembered for 90 days alone, however seldom anything happens.
#[test]
fn a_journal_that_is_full_accepts_again_when_what_fills_it_is_old() {
    let folder = quick_folder();
    let limits = Limits { largest: 60_000, growth: 2_000 };
    let open = || Journal::open_with(folder.path(), at(0), limits, &ReadingProgress::default()).unwrap().0;
    let mut journal = open();
    let young = fill(&mut journal, 0, "young");
    let length = fs::metadata(folder.path().join(NAME)).unwrap().len();
    assert!(length > 55_000 && young > 50, "{young} requests in {length} bytes");
    let error = journal.reserve(0).unwrap_err().to_string();
    assert!(error.starts_with("cannot reserve room in the journal"), "{error}");
    // It is looked at once an hour, and not each time somebody asks.
    assert!(!compact_if_due(&mut journal, at(60)));
    assert!(compact_if_due(&mut journal, at(3600)));
    assert!(!compact_if_due(&mut journal, at(3660)));
    assert!(journal.reserve(0).is_err(), "all of it is young");
    for again in [false, true] {
        if again {
            // Also the supervisor that is started then.
            journal = open();
        }
        let day = if again { 200 } else { 91 };
        assert!(compact_if_due(&mut journal, at(day * DAY)));
        journal.reserve(0).unwrap();
        assert!(fill(&mut journal, day, &format!("day-{day}")) > 50);
    }
}

/// A journal that is larger than half of the largest size after a compaction has no room to double.
#[test]
fn a_journal_that_cannot_double_is_compacted_before_it_is_full() {
    let folder = quick_folder();
    let limits = Limits { largest: 100_000, growth: 2_000 };
    let open = || Journal::open_with(folder.path(), at(0), limits, &ReadingProgress::default()).unwrap().0;
    let mut journal = open();
    // These are open, and stay.
    let mut n = 0;
    while fs::metadata(folder.path().join(NAME)).unwrap().len() < 65_000 {
        journal.append(&accepted(&format!("open-{n}"), "backup", 0));
        journal.commit().unwrap();
        n += 1;
    }
    assert!(compact_if_due(&mut journal, at(1)));
    let (mut done, mut compactions) = (0, 0);
    while done < 1_000 {
        journal.reserve(0).unwrap();
        // So old that nothing of them stays.
        for record in run(&format!("done-{done}"), "backup", Outcome::Succeeded, -100) {
            journal.append(&record);
        }
        journal.commit().unwrap();
        compactions += usize::from(compact_if_due(&mut journal, at(2)));
        done += 1;
    }
    assert!((5..300).contains(&compactions), "{compactions} compactions");
}

#[test]
fn what_comes_while_the_journal_is_written_anew_is_in_the_new_one() {
    let folder = quick_folder();
    let (mut journal, _) = open(folder.path());
    let (mut records, mut n) = (Vec::new(), 0);
    let mut grow = |journal: &mut Journal, by: usize| {
        for _ in 0..by {
            let id = format!("id-{n}");
            let more = [
                accepted(&id, "backup", n),
                joined(&format!("joined-{n}"), "backup", &id, n),
                started(&id, 1, n),
            ];
            let end = (n % 3 > 0).then(|| ended(&id, 1, Outcome::Succeeded, n));
            for record in more.into_iter().chain(end) {
                journal.append(&record);
                records.push(record);
            }
            journal.commit().unwrap();
            n += 1;
        }
    };
    grow(&mut journal, 300);
    let compaction = journal.compaction(&keep(100), at(1)).unwrap();
    grow(&mut journal, 100);
    let compacted = std::thread::scope(|scope| {
        let running = scope.spawn(|| compaction.run().unwrap());
        for _ in 0..200 {
            if running.is_finished() {
                break;
            }
            grow(&mut journal, 1);
        }
        running.join().unwrap()
    });
    grow(&mut journal, 10);
    // This is not on the disk yet, and not in its way.
    journal.append(&accepted("pending", "backup", 1));
    let old = text(folder.path()).len();
    drop(journal.take_over(compacted).unwrap());
    assert!(text(folder.path()).len() < old, "it is smaller");
    let model = Model::of(&records);
    for id in model.used.keys() {
        assert!(journal.remembered(id).unwrap().is_some(), "{id} is forgotten");
    }
    journal.commit().unwrap();
    assert!(journal.remembered(&id("pending")).unwrap().is_some());
    drop(journal);
    let (journal, recovered) = open(folder.path());
    let mut model = model;
    model.take(&accepted("pending", "backup", 1));
    model.assert_is(&recovered, "after a compaction beside it");
    assert!(recovered.notes.is_empty(), "{:?}", recovered.notes);
    assert!(model.used.keys().all(|id| journal.remembered(id).unwrap().is_some()));
}

#[test]
fn a_crash_at_any_point_loses_nothing() {
    let records: Vec<_> = (0..6)
        .flat_map(|n| run(&format!("run-{n}"), "backup", Outcome::Failed(1), n))
        .chain([accepted("a", "backup", 7 * DAY), started("a", 1, 7 * DAY)])
        .collect();
    let model = Model::of(&records);
    let before = quick_folder();
    write(before.path(), &records);
    let after = quick_folder();
    fs::write(after.path().join(NAME), text(before.path())).unwrap();
    open(after.path()).0.compact(&keep(2), at(8 * DAY)).unwrap();
    let (old, new) = (text(before.path()), text(after.path()));
    assert!(new.len() < old.len());

    let check = |old: &str, leftover: Option<&str>, when: &str| {
        let folder = quick_folder();
        fs::write(folder.path().join(NAME), old).unwrap();
        if let Some(leftover) = leftover {
            fs::write(folder.path().join(NEW_NAME), leftover).unwrap();
        }
        let (journal, recovered) = open(folder.path());
        model.assert_is(&recovered, when);
        assert!(!folder.path().join(NEW_NAME).exists(), "{when}");
        assert!(recovered.notes.is_empty(), "{:?}", recovered.notes);
        for id in model.used.keys() {
            assert!(journal.remembered(id).unwrap().is_some(), "{id} is forgotten, {when}");
        }
    };
    for written in 0..=new.len() {
        check(&old, Some(&new[..written]), &format!("after {written} bytes of the new journal"));
    }
    check(&new, None, "after the rename");
}

#[test]
fn a_compaction_that_fails_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path());
    journal.append(&accepted("a", "backup", 1));
    journal.commit().unwrap();
    fs::create_dir(folder.path().join(NEW_NAME)).unwrap();
    let error = journal.compact(&Keep::default(), at(1)).unwrap_err().to_string();
    assert!(error.starts_with("cannot write the compacted journal"), "{error}");
    journal.append(&accepted("b", "backup", 1));
    journal.commit().unwrap();
    fs::remove_dir(folder.path().join(NEW_NAME)).unwrap();
    assert_eq!(open_ids(&open(folder.path()).1), ["a", "b"]);
}

#[test]
fn a_damaged_record_does_not_use_up_the_id_of_one_that_follows() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[accepted("a", "backup", 1)]);
    let path = folder.path().join(NAME);
    let damaged =
        r#"{"event":"joined","at":"1970-01-01T00:00:02.000Z","id":"b","user":"forum","action":"backup"}"#;
    fs::write(&path, format!("{}{damaged}\n", text(folder.path()))).unwrap();
    write(folder.path(), &[joined("b", "backup", "a", 3)]);
    let (mut journal, before) = open(folder.path());
    journal.compact(&keep(0), at(4)).unwrap();
    drop(journal);
    assert_eq!(open(folder.path()).1.open, before.open);
}
