//! Short ways to say what is written to a journal. Instants are seconds after an arbitrary one.

use std::path::Path;

use jiff::Timestamp;
use lamplighter::journal::{End, Journal, JournalRecord, Recovered};
use lamplighter::names::RequestId;
use lamplighter::outcome::Outcome;
use lamplighter::request::Request;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + seconds).unwrap()
}

pub(crate) fn id(text: &str) -> RequestId {
    text.parse().unwrap()
}

pub(crate) fn request(text: &str, action: &str) -> Request {
    Request { id: id(text), user: "forum".parse().unwrap(), action: action.parse().unwrap() }
}

pub(crate) fn accepted(text: &str, action: &str, seconds: i64) -> JournalRecord {
    JournalRecord::Accepted { at: at(seconds), request: request(text, action), by: 1000.into() }
}

pub(crate) fn joined(text: &str, action: &str, with: &str, seconds: i64) -> JournalRecord {
    JournalRecord::Joined { at: at(seconds), request: request(text, action), by: 0.into(), with: id(with) }
}

pub(crate) fn started(text: &str, attempt: u32, seconds: i64) -> JournalRecord {
    JournalRecord::Started { at: at(seconds), id: id(text), attempt, token: format!("{text}-{attempt}") }
}

pub(crate) fn put_back(text: &str, seconds: i64) -> JournalRecord {
    JournalRecord::PutBack { at: at(seconds), id: id(text) }
}

pub(crate) fn retried(text: &str, attempt: u32, seconds: i64, not_before: i64) -> JournalRecord {
    let end = End { attempt, outcome: Outcome::Failed(3), took_ms: 10 };
    JournalRecord::Retried { at: at(seconds), id: id(text), end, not_before: at(not_before), note: None }
}

pub(crate) fn ended(text: &str, attempt: u32, outcome: Outcome, seconds: i64) -> JournalRecord {
    JournalRecord::Ended {
        at: at(seconds),
        id: id(text),
        end: End { attempt, outcome, took_ms: 1234 },
        note: None,
    }
}

pub(crate) fn open(folder: &Path) -> (Journal, Recovered) {
    Journal::open(folder, at(0)).unwrap()
}

/// Opens the journal, appends, commits and closes it.
pub(crate) fn write(folder: &Path, records: &[JournalRecord]) {
    let (mut journal, _) = open(folder);
    for record in records {
        journal.append(record);
    }
    journal.commit().unwrap();
}

/// The ids of the requests that have no outcome.
pub(crate) fn open_ids(recovered: &Recovered) -> Vec<&str> {
    recovered.open.iter().map(|open| open.request.id.as_str()).collect()
}

/// A folder in memory, where there is one: hundreds of journals are not worth the disk's time.
pub(crate) fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
