//! The end of what each run printed is kept, as long as there is room for it.

use std::fs;

use lamplighter::journal::{KEPT, OutputStore, Tail};
use proptest::prelude::*;

use crate::records::id;

fn tail(text: &[u8]) -> Tail {
    let mut tail = Tail::default();
    tail.push(text);
    tail
}

#[test]
fn what_a_run_printed_is_kept_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    OutputStore::new(folder.path()).save(&id("a"), &tail(b"one\ntwo\xff\n")).unwrap();
    let store = OutputStore::new(folder.path());
    assert_eq!(store.load(&id("a")).unwrap(), b"one\ntwo\xff\n");
    assert_eq!(store.load(&id("b")), None);
}

#[test]
fn a_second_attempt_replaces_what_the_first_printed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = OutputStore::new(folder.path());
    store.save(&id("a"), &tail(b"first")).unwrap();
    store.save(&id("a"), &tail(b"2nd")).unwrap();
    assert_eq!(store.load(&id("a")).unwrap(), b"2nd");
    store.save(&id("a"), &Tail::default()).unwrap();
    assert_eq!(store.load(&id("a")), None);
}

#[test]
fn of_more_than_64_kib_the_end_is_kept_and_the_rest_counted() {
    let mut tail = Tail::default();
    for n in 0..100_000 {
        tail.push(format!("line {n}\n").as_bytes());
    }
    let text = String::from_utf8(tail.text()).unwrap();
    let (head, rest) = text.split_once('\n').unwrap();
    assert_eq!(head, format!("[{} bytes before this are not kept]", tail.dropped()));
    assert_eq!(rest.len(), KEPT);
    assert!(rest.ends_with("line 99998\nline 99999\n"));
}

#[test]
fn beyond_the_limit_the_oldest_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = OutputStore::with_most(folder.path(), 64 * 1024);
    let output = folder.path().join("output");
    for n in 0..100 {
        // Another supervisor's beginning in between: what was kept before counts.
        if n == 50 {
            store = OutputStore::with_most(folder.path(), 64 * 1024);
        }
        let name = id(&format!("run-{n}"));
        store.save(&name, &tail(b"output")).unwrap();
        // Their order must not rest on how finely the file system tells the time.
        let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000 + n);
        fs::File::open(output.join(name.as_str())).unwrap().set_modified(written).unwrap();
        assert!(fs::read_dir(&output).unwrap().count() <= 16, "after {n} runs");
    }
    assert!(store.load(&id("run-99")).is_some());
    assert!(store.load(&id("run-90")).is_some());
    assert!(store.load(&id("run-80")).is_none());
}

#[test]
fn one_output_larger_than_the_limit_is_kept_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = OutputStore::with_most(folder.path(), 8192);
    store.save(&id("a"), &tail(b"small")).unwrap();
    store.save(&id("b"), &tail(&vec![b'x'; KEPT])).unwrap();
    assert_eq!(store.load(&id("a")), None);
    assert_eq!(store.load(&id("b")).unwrap().len(), KEPT);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("output"), "in the way").unwrap();
    let mut store = OutputStore::new(folder.path());
    assert!(store.save(&id("a"), &tail(b"x")).is_err());
    assert_eq!(store.load(&id("a")), None);
}

#[test]
fn the_longest_and_oddest_id_names_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = OutputStore::new(folder.path());
    for name in ["0..:@+-_", &"x".repeat(128)] {
        store.save(&id(name), &tail(name.as_bytes())).unwrap();
        assert_eq!(store.load(&id(name)).unwrap(), name.as_bytes());
    }
}

proptest! {
    #[test]
    fn a_tail_is_the_end_of_all_that_was_pushed(lengths in prop::collection::vec(0..2 * KEPT, 0..8)) {
        let (mut tail, mut all) = (Tail::default(), Vec::new());
        for (n, length) in lengths.into_iter().enumerate() {
            let piece: Vec<_> = (0..length).map(|at| b"abcdefghijk"[(n + at) % 11]).collect();
            tail.push(&piece);
            all.extend(piece);
        }
        let kept = all.len().min(KEPT);
        prop_assert_eq!(tail.dropped(), (all.len() - kept) as u64);
        prop_assert_eq!(tail.is_empty(), all.is_empty());
        prop_assert!(tail.text().ends_with(&all[all.len() - kept..]));
        prop_assert!(tail.text().len() < KEPT + 80);
    }
}
