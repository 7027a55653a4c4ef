//! What holds for any bytes that are found as a journal.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use lamplighter::journal::{Entry, Found, Journal, Keep, NAME, Query, Recovered, find, history};
use lamplighter::request::Request;

/// Panics where it does not hold.
pub(crate) fn check(bytes: &[u8]) {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let folder = folder.expect("a folder for the journal");
    let file = folder.path().join(NAME);
    fs::write(&file, bytes).expect("the journal is written");

    let (journal, first) = open(folder.path());
    for open in &first.open {
        let remembered = journal.remembered(&open.request.id).expect("the journal is read");
        let matches = remembered.is_some_and(|r| r.matches(&open.request.user, &open.request.action));
        assert!(matches, "{open:?} is forgotten");
        assert!(
            matches!(find(folder.path(), open.request.id.as_str()), Ok(Found::One(_))),
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

/// What is appended is there, and nothing is another.
fn append(mut journal: Journal, folder: &Path, mut first: Recovered) -> (Journal, Recovered) {
    let name = |text: &str| text.to_owned();
    let request = Request {
        id: name("fuzz-one-more").try_into().expect("an id"),
        user: name("root").try_into().expect("a user"),
        action: name("one-more").try_into().expect("an action"),
    };
    let is_new = journal.remembered(&request.id).expect("the journal is read").is_none();
    journal.append(&Entry::Accepted { at: Timestamp::UNIX_EPOCH, request: request.clone(), by: 0 });
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
    let all = Query { action: None, failed_only: false, since: None, limit: usize::MAX };
    let before = history(folder, &all).expect("the journal is read").len();
    // Nothing is too old: what is used up twice could mean something else once the first is forgotten.
    let keep = Keep { age: SignedDuration::MAX, runs: 1 };
    journal.compact(&keep, Timestamp::UNIX_EPOCH).expect("the journal is written");
    let (_, recovered) = open(folder);
    assert_eq!((&recovered.open, &recovered.last), (&first.open, &first.last), "after a compaction");
    assert_eq!(recovered.since, first.since);
    assert!(history(folder, &all).expect("the journal is read").len() <= before);
}

fn open(folder: &Path) -> (Journal, Recovered) {
    Journal::open(folder, Timestamp::UNIX_EPOCH).expect("the journal is opened")
}
