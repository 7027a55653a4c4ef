//! What is committed is there again after a restart.

use std::fs;

use jiff::SignedDuration;
use lamplighter::journal::{End, Journal, JournalRecord, NAME};
use lamplighter::outcome::Outcome;

use crate::records::{accepted, at, ended, id, joined, open, open_ids, put_back, retried, started, write};

#[test]
fn a_request_is_open_until_its_outcome_is_written() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[accepted("a", "backup", 1), accepted("b", "rotate", 2), started("b", 1, 3)]);
    write(folder.path(), &[ended("b", 1, Outcome::Failed(2), 4)]);
    let (_, recovered) = open(folder.path());
    assert_eq!(recovered.notes, [""; 0]);
    assert_eq!(open_ids(&recovered), ["a"]);
    let rotate = &recovered.last[&"rotate".parse().unwrap()];
    assert_eq!(rotate.last.as_ref().unwrap().end.outcome, Outcome::Failed(2));
    assert_eq!((rotate.first_seen, rotate.last_success.as_ref()), (at(2), None));
}

#[test]
fn what_had_started_is_told_from_what_had_not() {
    let folder = tempfile::tempdir().unwrap();
    let records = [
        accepted("waits", "a", 1),
        accepted("runs", "b", 1),
        accepted("put-back", "c", 1),
        accepted("retried", "d", 1),
        joined("joins", "a", "waits", 2),
        started("runs", 1, 2),
        started("put-back", 1, 2),
        put_back("put-back", 3),
        started("retried", 1, 3),
        retried("retried", 1, 4, 304),
    ];
    write(folder.path(), &records);
    let (_, recovered) = open(folder.path());
    let told: Vec<_> = recovered
        .open
        .iter()
        .map(|open| (open.request.id.as_str(), open.attempt, open.started.as_deref(), open.not_before))
        .collect();
    let expected = [
        ("waits", 0, None, None),
        ("runs", 1, Some("runs-1"), None),
        ("put-back", 0, None, None),
        ("retried", 1, None, Some(at(304))),
    ];
    assert_eq!(told, expected);
    assert_eq!(recovered.open[0].joined, [id("joins")]);
}

#[test]
fn an_id_is_remembered_with_what_it_was_for_before_and_after_its_commit() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path());
    journal.append(&accepted("a", "backup", 1));
    let check = |journal: &Journal| {
        let remembered = journal.remembered(&id("a")).unwrap().unwrap();
        assert!(remembered.matches(&"forum".parse().unwrap(), &"backup".parse().unwrap()));
        assert!(!remembered.matches(&"root".parse().unwrap(), &"backup".parse().unwrap()));
        assert!(!remembered.matches(&"forum".parse().unwrap(), &"rotate".parse().unwrap()));
        assert_eq!(journal.remembered(&id("b")).unwrap(), None);
    };
    check(&journal);
    journal.commit().unwrap();
    check(&journal);
    drop(journal);
    check(&open(folder.path()).0);
}

#[test]
fn an_id_accepted_twice_is_one_request() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[accepted("a", "backup", 1), accepted("a", "rotate", 2)]);
    write(folder.path(), &[ended("a", 0, Outcome::Cancelled, 3), accepted("a", "backup", 4)]);
    let (_, recovered) = open(folder.path());
    assert!(recovered.open.is_empty(), "{:?}", recovered.open);
    assert_eq!(recovered.notes.len(), 1, "{:?}", recovered.notes);
}

#[test]
fn what_joined_a_request_that_is_lost_stands_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[joined("b", "backup", "a", 1), joined("c", "backup", "b", 2)]);
    let (_, recovered) = open(folder.path());
    assert_eq!(open_ids(&recovered), ["b"]);
    assert_eq!(recovered.open[0].joined, [id("c")]);
}

#[test]
fn one_that_joined_can_be_called_off_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[accepted("a", "backup", 1), joined("b", "backup", "a", 2)]);
    write(folder.path(), &[ended("b", 0, Outcome::Cancelled, 3)]);
    let (_, recovered) = open(folder.path());
    assert_eq!(open_ids(&recovered), ["a"]);
    assert_eq!(recovered.open[0].joined, []);
}

#[test]
fn what_is_refused_after_all_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path());
    let records = [accepted("c", "z", 1), accepted("a", "x", 1), accepted("b", "y", 1), started("b", 1, 1)];
    journal.append(&records[0]);
    let border = journal.border();
    records[1..].iter().for_each(|record| journal.append(record));
    journal.go_back(border);
    assert!(journal.is_dirty());
    assert_eq!(journal.remembered(&id("b")).unwrap(), None);
    journal.commit().unwrap();
    assert!(journal.remembered(&id("c")).unwrap().is_some());
    let text = fs::read_to_string(folder.path().join(NAME)).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    let border = journal.border();
    journal.append(&accepted("a", "x", 1));
    journal.go_back(border);
    assert!(!journal.is_dirty());
}

#[test]
fn records_read_as_documented() {
    let folder = tempfile::tempdir().unwrap();
    let note = Some("left \"a\" daemon\n".to_owned());
    let end = End { attempt: 2, outcome: Outcome::Failed(7), took_ms: 5 };
    let records = [
        accepted("a", "backup", 1),
        joined("b", "backup", "a", 1),
        started("a", 1, 2),
        retried("a", 1, 3, 303),
        JournalRecord::Ended { at: at(400) + SignedDuration::from_micros(1999), id: id("a"), end, note },
    ];
    write(folder.path(), &records);
    insta::assert_snapshot!(fs::read_to_string(folder.path().join(NAME)).unwrap(), @r#"
    {"event":"journal","version":1,"at":"2026-01-01T00:00:00.000Z"}
    {"event":"accepted","at":"2026-01-01T00:00:01.000Z","id":"a","user":"forum","action":"backup","by":1000}
    {"event":"joined","at":"2026-01-01T00:00:01.000Z","id":"b","user":"forum","action":"backup","by":0,"with":"a"}
    {"event":"started","at":"2026-01-01T00:00:02.000Z","id":"a","attempt":1,"token":"a-1"}
    {"event":"retried","at":"2026-01-01T00:00:03.000Z","id":"a","attempt":1,"outcome":"failed","code":3,"took_ms":10,"not_before":"2026-01-01T00:05:03.000Z"}
    {"event":"ended","at":"2026-01-01T00:06:40.001Z","id":"a","attempt":2,"outcome":"failed","code":7,"took_ms":5,"note":"left \"a\" daemon "}
    "#);
}
