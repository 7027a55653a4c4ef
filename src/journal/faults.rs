//! Tests with a disk that fails: whichever call does, what was durable stays and the next commit succeeds.

use std::fs::File;
use std::io;

use jiff::Timestamp;
use proptest::prelude::*;

use super::disk::Disk;
use super::{Journal, JournalRecord};
use crate::names::RequestId;
use crate::request::Request;

/// The calls that a [`Flaky`] disk can be told to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DiskCall {
    Write,
    Sync,
    Cut,
    Allocate,
}

/// A disk whose coming calls fail: each of these calls once, in this order.
#[derive(Debug)]
struct Flaky {
    file: File,
    fail: Vec<DiskCall>,
}

impl Flaky {
    fn fails(&mut self, call: DiskCall) -> bool {
        let fails = self.fail.first() == Some(&call);
        if fails {
            self.fail.remove(0);
        }
        fails
    }
}

fn no_room<T>() -> io::Result<T> {
    Err(io::ErrorKind::StorageFull.into())
}

impl Disk for Flaky {
    fn file(&self) -> &File {
        &self.file
    }

    fn write(&mut self, text: &[u8], at: u64) -> io::Result<()> {
        if self.fails(DiskCall::Write) {
            self.file.write(&text[..text.len() * 2 / 3], at)?;
            return no_room();
        }
        self.file.write(text, at)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.fails(DiskCall::Sync) { no_room() } else { self.file.sync() }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.fails(DiskCall::Cut) { no_room() } else { self.file.cut(length) }
    }

    fn allocate(&mut self, end: u64) -> io::Result<()> {
        if self.fails(DiskCall::Allocate) { no_room() } else { self.file.allocate(end) }
    }
}

/// From here on, these calls fail.
fn fail(journal: &mut Journal, calls: &[DiskCall]) {
    let file = journal.disk.file().try_clone().unwrap();
    journal.disk = Box::new(Flaky { file, fail: calls.to_vec() });
}

fn id(n: usize) -> RequestId {
    format!("id-{n}").parse().unwrap()
}

fn accepted(n: usize) -> JournalRecord {
    let request = Request { id: id(n), user: "root".parse().unwrap(), action: "backup".parse().unwrap() };
    JournalRecord::Accepted { at: Timestamp::UNIX_EPOCH, request, by: 0.into() }
}

/// The requests that the journal in `folder` holds.
fn held(folder: &std::path::Path) -> Vec<RequestId> {
    let (_, recovered) = Journal::open(folder, Timestamp::UNIX_EPOCH).unwrap();
    assert!(recovered.notes.is_empty(), "{:?}", recovered.notes);
    recovered.open.into_iter().map(|open| open.request.id).collect()
}

#[test]
fn a_commit_that_failed_can_be_tried_again() {
    for call in [DiskCall::Write, DiskCall::Sync] {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path(), Timestamp::UNIX_EPOCH).unwrap();
        journal.append(&accepted(1));
        journal.commit().unwrap();
        fail(&mut journal, &[call]);
        journal.append(&accepted(2));
        let error = journal.commit().unwrap_err().to_string();
        assert!(error.starts_with("cannot write to the journal "), "{error}");
        assert!(journal.is_dirty());
        assert_eq!(held(folder.path()), [id(1)], "after a failed {call:?}");
        journal.commit().unwrap();
        assert_eq!(held(folder.path()), [id(1), id(2)]);
    }
}

#[test]
fn what_could_not_be_cut_off_at_once_is_cut_off_later() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), Timestamp::UNIX_EPOCH).unwrap();
    fail(&mut journal, &[DiskCall::Sync, DiskCall::Cut]);
    let border = journal.border();
    journal.append(&accepted(1));
    journal.commit().unwrap_err();
    journal.go_back(border);
    assert!(!journal.is_dirty());
    journal.commit().unwrap();
    assert_eq!(held(folder.path()), []);
}

#[test]
fn a_failed_commit_does_not_cost_the_room_for_outcomes() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), Timestamp::UNIX_EPOCH).unwrap();
    journal.reserve(0).unwrap();
    let room = |journal: &Journal| {
        std::os::unix::fs::MetadataExt::blocks(&journal.disk.file().metadata().unwrap()) * 512
    };
    let before = room(&journal);
    fail(&mut journal, &[DiskCall::Sync]);
    journal.append(&accepted(1));
    journal.commit().unwrap_err();
    assert_eq!(room(&journal), before);
}

#[test]
fn a_request_is_not_accepted_where_there_is_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(folder.path(), Timestamp::UNIX_EPOCH).unwrap();
    fail(&mut journal, &[DiskCall::Allocate, DiskCall::Allocate]);
    let error = journal.reserve(0).unwrap_err().to_string();
    assert!(error.starts_with("cannot reserve room in the journal "), "{error}");
    journal.reserve(0).unwrap();
}

/// A folder in memory, where there is one: hundreds of journals are not worth the disk's time.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Append,
    Commit(Vec<DiskCall>),
    GoBack,
    Reserve(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let calls =
        prop::sample::select(vec![DiskCall::Write, DiskCall::Sync, DiskCall::Cut, DiskCall::Allocate]);
    let step = prop_oneof![
        4 => Just(Step::Append),
        3 => prop::collection::vec(calls, 0..4).prop_map(Step::Commit),
        1 => Just(Step::GoBack),
        1 => (0..100usize).prop_map(Step::Reserve),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    /// At every point, after a crash: all that was committed is there, in order, and nothing but what was
    /// appended besides; and where the disk could be cleaned, nothing besides.
    #[test]
    fn whatever_fails_nothing_durable_is_lost_and_nothing_invented(steps in steps()) {
        let folder = quick_folder();
        let (mut journal, _) = Journal::open(folder.path(), Timestamp::UNIX_EPOCH).unwrap();
        let (mut durable, mut pending) = (Vec::new(), Vec::new());
        let mut border = journal.border();
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append => {
                    journal.append(&accepted(n));
                    pending.push(id(n));
                }
                Step::GoBack => {
                    journal.go_back(border);
                    pending.clear();
                }
                Step::Reserve(open) => journal.reserve(open).unwrap(),
                Step::Commit(calls) => {
                    fail(&mut journal, &calls);
                    if journal.commit().is_ok() {
                        durable.append(&mut pending);
                        border = journal.border();
                    }
                    fail(&mut journal, &[]);
                }
            }
            // A crash now: the files as they are, read by another supervisor.
            let copy = quick_folder();
            std::fs::copy(&journal.path, copy.path().join(super::NAME)).unwrap();
            let (_, recovered) = Journal::open(copy.path(), Timestamp::UNIX_EPOCH).unwrap();
            let held: Vec<_> = recovered.open.into_iter().map(|open| open.request.id).collect();
            prop_assert!(held.starts_with(&durable), "{held:?} lacks some of {durable:?}");
            if !journal.is_soiled {
                prop_assert_eq!(&held, &durable);
            }
            for id in durable.iter().chain(&pending) {
                prop_assert!(journal.remembered(id).unwrap().is_some(), "{id} is forgotten");
            }
        }
    }
}
