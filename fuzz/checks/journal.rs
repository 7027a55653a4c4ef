//! What holds for any bytes that are found as a journal.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use lamplighter::journal::{IdMatch, Journal, JournalRecord, Keep, NAME, Query, Recovered, find, history};
use lamplighter::request::Request;
use serde::Deserialize;

const EVERYTHING: Query =
    Query { action: None, failed_only: false, since: None, successes: usize::MAX, limit: usize::MAX };

/// Panics where it does not hold.
pub(crate) fn check(bytes: &[u8]) {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a folder for the journal");
    let file = folder.path().join(NAME);
    fs::write(&file, bytes).expect("the journal is written");

    let (journal, first) = open(folder.path());
    nothing_is_invented(bytes, &first, folder.path());
    for open in &first.open {
        let remembered = journal.remembered(&open.request.id).expect("the journal is read");
        let matches = remembered.is_some_and(|r| r.matches(&open.request.user, &open.request.action));
        assert!(matches, "{open:?} is forgotten");
        assert!(
            matches!(find(folder.path(), open.request.id.as_str()), Ok(IdMatch::One(_))),
            "{open:?} is not found"
        );
    }
    drop(journal);
    let repaired = fs::read(&file).expect("the journal is read");
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    assert!(repaired.starts_with(&bytes[..whole]), "whole lines are left as they are");

    let (journal, again) = open(folder.path());
    assert_eq!((&again.open, &again.last), (&first.open, &first.last), "repaired once is repaired");
    assert_eq!(fs::read(&file).expect("the journal is read"), repaired);
    let (journal, first) = append(journal, folder.path(), first);
    compact(journal, folder.path(), &first);
}

/// Whatever is told stands in a line that says so, by another reader of JSON: who asked for what, and how it ended.
fn nothing_is_invented(bytes: &[u8], told: &Recovered, folder: &Path) {
    let said = Said::in_lines_of(bytes);
    let some = |text: &str| Some(text.to_owned());
    for open in &told.open {
        let Request { id, user, action } = &open.request;
        assert!(said.asked.contains(&[id.as_str(), user.as_str(), action.as_str()].map(some)), "{open:?}");
        for joined in &open.joined {
            assert!(said.joined.contains(&[joined.as_str(), id.as_str()].map(some)), "{joined} in {open:?}");
        }
        assert!(open.started.is_none() || said.tokens.contains(&open.started), "{open:?}");
    }
    for run in told.last.values().flat_map(|runs| runs.last.iter().chain(&runs.last_success)) {
        assert!(said.ended.contains(&some(run.id.as_str())), "{run:?}");
    }
    for run in history(folder, &EVERYTHING).expect("the journal is read") {
        let asked = [run.id.as_str(), run.user.as_str(), run.action.as_str()].map(some);
        assert!(said.asked.contains(&asked), "{run:?}");
    }
}

/// What the lines of a journal say, one by one.
#[derive(Default)]
struct Said {
    asked: BTreeSet<[Option<String>; 3]>,
    joined: BTreeSet<[Option<String>; 2]>,
    tokens: BTreeSet<Option<String>>,
    ended: BTreeSet<Option<String>>,
}

/// One line, as far as it matters here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    event: Option<String>,
    id: Option<String>,
    user: Option<String>,
    action: Option<String>,
    with: Option<String>,
    token: Option<String>,
}

impl Said {
    fn in_lines_of(bytes: &[u8]) -> Self {
        let mut said = Self::default();
        for line in bytes.split(|&byte| byte == b'\n') {
            let Ok(Line { event, id, user, action, with, token }) = serde_json::from_slice(line) else {
                continue;
            };
            match event.as_deref().unwrap_or_default() {
                "accepted" | "joined" | "known" => {
                    said.joined.insert([id.clone(), with]);
                    said.asked.insert([id, user, action]);
                }
                "started" => drop(said.tokens.insert(token)),
                "ended" => drop(said.ended.insert(id)),
                _ => {}
            }
        }
        said
    }
}

/// What is appended is there, and nothing is another.
fn append(mut journal: Journal, folder: &Path, mut first: Recovered) -> (Journal, Recovered) {
    let name = |text: &str| text.to_owned();
    let request = Request {
        id: name("fuzz-one-more").try_into().expect("an id"),
        user: name("root").try_into().expect("a user"),
        action: name("one-more").try_into().expect("an action"),
    };
    let is_new = journal.remembered(&request.id).expect("the journal is read").is_none();
    journal.append(&JournalRecord::Accepted {
        at: Timestamp::UNIX_EPOCH,
        request: request.clone(),
        by: 0.into(),
    });
    journal.commit().expect("the journal is written");
    let (journal, recovered) = open(folder);
    let more = recovered.open.len() - usize::from(is_new);
    assert_eq!(recovered.open[..more], first.open);
    assert!(!is_new || recovered.open[more].request == request);
    (first.open, first.last) = (recovered.open, recovered.last);
    (journal, first)
}

/// A compaction loses nothing that is open, and no action's last runs.
fn compact(mut journal: Journal, folder: &Path, first: &Recovered) {
    let before = history(folder, &EVERYTHING).expect("the journal is read").len();
    // Nothing is too old: what is used up twice could mean something else once the first is forgotten.
    let keep = Keep { age: SignedDuration::MAX, runs: 1 };
    journal.compact(&keep, Timestamp::UNIX_EPOCH).expect("the journal is written");
    let (_, recovered) = open(folder);
    assert_eq!((&recovered.open, &recovered.last), (&first.open, &first.last), "after a compaction");
    assert_eq!(recovered.since, first.since);
    assert!(history(folder, &EVERYTHING).expect("the journal is read").len() <= before);
}

fn open(folder: &Path) -> (Journal, Recovered) {
    Journal::open(folder, Timestamp::UNIX_EPOCH).expect("the journal is opened")
}
