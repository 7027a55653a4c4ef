//! What was done is read back, the newest first, and found by a shortened id.

use std::path::Path;

use jiff::SignedDuration;
use lamplighter::journal::{IdMatch, Journal, Keep, Query, RecordedRequest, find, history};
use lamplighter::outcome::Outcome;
use lamplighter::wire::RequestRecord;

use crate::records::{accepted, at, ended, id, joined, open, put_back, retried, started, write};

const ALL: Query =
    Query { action: None, failed_only: false, since: None, successes: usize::MAX, limit: usize::MAX };

fn ids(requests: &[RecordedRequest]) -> Vec<&str> {
    requests.iter().map(|request| request.id.as_str()).collect()
}

fn one(folder: &Path, prefix: &str) -> RecordedRequest {
    match find(folder, prefix).unwrap() {
        IdMatch::One(request) => *request,
        other => panic!("`{prefix}` is {other:?}"),
    }
}

/// Four requests that overlap: one retried with another that joined it, one that failed, one called off, one
/// that still runs.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let records = [
        accepted("1a", "backup", 10),
        started("1a", 1, 10),
        accepted("1b", "rotate", 11),
        put_back("1a", 11),
        joined("1c", "backup", "1a", 12),
        started("1a", 1, 12),
        started("1b", 1, 13),
        ended("1b", 1, Outcome::Failed(2), 14),
        retried("1a", 1, 15, 30),
        accepted("2a", "backup", 16),
        joined("2b", "backup", "2a", 17),
        ended("2b", 0, Outcome::Cancelled, 18),
        started("1a", 2, 30),
        ended("1a", 2, Outcome::Succeeded, 31),
        ended("2a", 0, Outcome::Cancelled, 32),
        accepted("3a", "rotate", 33),
        started("3a", 1, 34),
    ];
    write(folder.path(), &records);
    folder
}

#[test]
fn the_newest_requests_come_first_and_no_more_than_wanted() {
    let folder = folder();
    assert_eq!(ids(&history(folder.path(), &ALL).unwrap()), ["3a", "2a", "1b", "1a"]);
    assert_eq!(ids(&history(folder.path(), &Query { limit: 2, ..ALL }).unwrap()), ["3a", "2a"]);
    assert_eq!(history(folder.path(), &Query { limit: 0, ..ALL }).unwrap(), []);
}

#[test]
fn runs_can_be_wanted_by_action_failure_and_time() {
    let folder = folder();
    let of = |query| {
        let requests = history(folder.path(), &query).unwrap();
        ids(&requests).join(" ")
    };
    assert_eq!(of(Query { action: Some("backup".parse().unwrap()), ..ALL }), "2a 1a");
    assert_eq!(of(Query { failed_only: true, ..ALL }), "1b");
    assert_eq!(of(Query { since: Some(at(16)), ..ALL }), "3a 2a");
    assert_eq!(of(Query { since: Some(at(99)), ..ALL }), "");
}

#[test]
fn of_what_succeeds_often_no_more_come_than_wanted_and_what_failed_comes_always() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut records = Vec::new();
    let outcomes = [Outcome::Succeeded, Outcome::Failed(1), Outcome::Skipped, Outcome::Succeeded];
    for (n, outcome) in (0_i64..12).zip(outcomes.into_iter().cycle()) {
        let id = format!("{n:02}");
        records.push(accepted(&id, if n < 2 { "nightly" } else { "each-minute" }, 10 * n));
        records.push(started(&id, 1, 10 * n + 1));
        records.push(ended(&id, 1, outcome, 10 * n + 2));
    }
    write(folder.path(), &records);
    let of = |query: Query| ids(&history(folder.path(), &query).unwrap()).join(" ");
    assert_eq!(of(Query { successes: 2, ..ALL }), "11 10 09 05 01 00");
    assert_eq!(of(Query { successes: 0, ..ALL }), "09 05 01");
    assert_eq!(of(Query { successes: 2, limit: 3, ..ALL }), "11 10 09");
    assert_eq!(
        of(Query { successes: 2, action: Some("each-minute".parse().unwrap()), ..ALL }),
        "11 10 09 05"
    );
}

#[test]
fn a_run_tells_its_attempts_its_outcome_and_who_joined() {
    let folder = folder();
    let request = one(folder.path(), "1a");
    assert_eq!(request.outcome, Some(Outcome::Succeeded));
    let attempts: Vec<_> = request.attempts.iter().map(|a| (a.attempt, a.started_at, a.outcome)).collect();
    let expected = [(1, at(12), Some(Outcome::Failed(3))), (2, at(30), Some(Outcome::Succeeded))];
    assert_eq!(attempts, expected);
    assert_eq!(request.joined[0].id, id("1c"));
    let told = RequestRecord::from(request);
    insta::assert_snapshot!(serde_json::to_string_pretty(&told).unwrap(), @r#"
    {
      "id": "1a",
      "user": "forum",
      "action": "backup",
      "by": 1000,
      "accepted_at": "2026-01-01T00:00:10.000Z",
      "joined": [
        {
          "id": "1c",
          "by": 0,
          "accepted_at": "2026-01-01T00:00:12.000Z"
        }
      ],
      "attempts": [
        {
          "attempt": 1,
          "started_at": "2026-01-01T00:00:12.000Z",
          "ended_at": "2026-01-01T00:00:15.000Z",
          "outcome": "failed",
          "code": 3,
          "took_ms": 10,
          "not_before": "2026-01-01T00:00:30.000Z"
        },
        {
          "attempt": 2,
          "started_at": "2026-01-01T00:00:30.000Z",
          "ended_at": "2026-01-01T00:00:31.000Z",
          "outcome": "succeeded",
          "took_ms": 1234
        }
      ],
      "ended_at": "2026-01-01T00:00:31.000Z",
      "outcome": "succeeded"
    }
    "#);

    let running = one(folder.path(), "3");
    assert!(running.is_running() && running.outcome.is_none());
    let cancelled = one(folder.path(), "2a");
    assert!(!cancelled.is_running() && cancelled.attempts.is_empty());
    assert_eq!(cancelled.joined[0].outcome, Some(Outcome::Cancelled));
}

#[test]
fn a_run_that_is_read_as_it_is_told_is_the_same() {
    let folder = folder();
    for request in history(folder.path(), &ALL).unwrap() {
        let told = RequestRecord::from(request);
        let value = serde_json::to_value(&told).unwrap();
        assert_eq!(serde_json::from_value::<RequestRecord>(value).unwrap(), told);
    }
}

#[test]
fn an_id_may_be_shortened_as_long_as_it_means_one_run() {
    let folder = folder();
    assert_eq!(one(folder.path(), "3").id, id("3a"));
    // The run of the one that joined is that of the other.
    assert_eq!(one(folder.path(), "1c").id, id("1a"));
    assert_eq!(one(folder.path(), "2").id, id("2a"));
    assert_eq!(find(folder.path(), "1").unwrap(), IdMatch::Many(vec![id("1b"), id("1a"), id("1c")]));
    assert_eq!(find(folder.path(), "4").unwrap(), IdMatch::None);
}

#[test]
fn a_whole_id_is_found_though_others_begin_with_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[accepted("a", "backup", 1), accepted("ab", "backup", 2)]);
    assert_eq!(one(folder.path(), "a").id, id("a"));
}

#[test]
fn what_joined_a_request_that_is_lost_is_found() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[joined("b", "backup", "a", 1), started("b", 1, 2), ended("b", 1, Outcome::Succeeded, 3)],
    );
    assert_eq!(one(folder.path(), "b").outcome, Some(Outcome::Succeeded));
}

#[test]
fn there_is_no_history_before_there_is_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(history(folder.path(), &ALL).unwrap(), []);
    assert_eq!(find(folder.path(), "a").unwrap(), IdMatch::None);
}

#[test]
fn history_can_be_read_while_the_journal_is_written_and_compacted() {
    let folder = folder();
    let (mut journal, _): (Journal, _) = open(folder.path());
    journal.append(&accepted("4a", "backup", 40));
    assert_eq!(ids(&history(folder.path(), &ALL).unwrap()), ["3a", "2a", "1b", "1a"]);
    journal.commit().unwrap();
    assert_eq!(ids(&history(folder.path(), &ALL).unwrap()), ["4a", "3a", "2a", "1b", "1a"]);
    let before = history(folder.path(), &ALL).unwrap();
    journal.compact(&Keep::default(), at(50)).unwrap();
    assert_eq!(history(folder.path(), &ALL).unwrap(), before);
    // 1b and 2a were the last of their actions to end, 1a the last that succeeded.
    let later = at(50) + SignedDuration::from_hours(24 * 365);
    journal.compact(&Keep { runs: 0, ..Keep::default() }, later).unwrap();
    assert_eq!(ids(&history(folder.path(), &ALL).unwrap()), ["4a", "3a", "2a", "1b", "1a"]);
}
