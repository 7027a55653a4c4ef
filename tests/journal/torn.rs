//! A journal that a crash has torn: cut off at every byte, or damaged at every byte.

use std::fs;
use std::path::Path;

use lamplighter::journal::{Journal, JournalRecord, NAME};
use lamplighter::outcome::Outcome;

use crate::model::Model;
use crate::records::{
    accepted, at, ended, id, joined, open, put_back, quick_folder, request, retried, started, write,
};

/// A life with all that can happen in one.
fn records() -> Vec<JournalRecord> {
    let mut records = vec![
        accepted("backup@2026-01-01T04:05", "nightly-backup", 1),
        started("backup@2026-01-01T04:05", 1, 1),
        accepted("0123456789abcdef", "rotate-logs", 2),
        joined("fedcba9876543210", "rotate-logs", "0123456789abcdef", 3),
        started("0123456789abcdef", 1, 4),
        put_back("0123456789abcdef", 4),
        started("0123456789abcdef", 1, 5),
        retried("backup@2026-01-01T04:05", 1, 6, 306),
        ended("0123456789abcdef", 1, Outcome::Failed(2), 7),
        accepted("c", "refresh", 8),
        joined("d", "refresh", "c", 8),
        ended("d", 0, Outcome::Cancelled, 9),
        ended("c", 0, Outcome::Skipped, 9),
        started("backup@2026-01-01T04:05", 2, 306),
        ended("backup@2026-01-01T04:05", 2, Outcome::Succeeded, 400),
        accepted("e", "nightly-backup", 500),
        started("e", 1, 500),
    ];
    if let JournalRecord::Ended { note, .. } = &mut records[8] {
        *note = Some("a daemon was left: \"mysqld\" \\ ümläut".to_owned());
    }
    records
}

fn whole_journal() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &records());
    fs::read(folder.path().join(NAME)).unwrap()
}

fn put(folder: &Path, text: &[u8]) {
    fs::write(folder.join(NAME), text).unwrap();
}

#[test]
fn cut_at_every_byte_each_whole_record_is_honoured_and_nothing_invented() {
    let whole = whole_journal();
    let folder = quick_folder();
    for cut in 0..=whole.len() {
        put(folder.path(), &whole[..cut]);
        // A record is whole with its last brace; its newline adds nothing.
        let mut kept = whole[..cut].split(|&byte| byte == b'\n').collect::<Vec<_>>();
        if kept.last().is_some_and(|last| !last.ends_with(b"}")) {
            kept.pop();
        }
        // Without its header the journal is as good as new.
        let mut model = Model::of(&records()[..kept.len().saturating_sub(1)]);
        let (mut journal, recovered) = open(folder.path());
        model.assert_is(&recovered, &format!("cut at byte {cut}"));
        let is_torn = cut > 0 && !matches!(whole[cut - 1], b'}' | b'\n');
        assert_eq!(recovered.notes.len(), usize::from(is_torn), "{:?}", recovered.notes);

        let next = accepted("next", "rotate-logs", 600);
        journal.append(&next);
        journal.commit().unwrap();
        model.take(&next);
        drop(journal);
        let (journal, recovered) = open(folder.path());
        model.assert_is(&recovered, &format!("appended to after a cut at byte {cut}"));
        assert!(recovered.notes.is_empty(), "{:?}", recovered.notes);
        for (id, request) in &model.used {
            let remembered = journal.remembered(id).unwrap().unwrap();
            assert!(remembered.matches(&request.user, &request.action), "{id}, cut at byte {cut}");
        }
    }
}

#[test]
fn damaged_at_any_byte_the_other_records_are_honoured() {
    let whole = whole_journal();
    let folder = quick_folder();
    let lines: Vec<_> = whole.split_inclusive(|&byte| byte == b'\n').collect();
    let mut at = 0;
    for (n, line) in lines.iter().enumerate() {
        // The first byte, one in the middle, the newline.
        for damaged in [0, line.len() / 2, line.len() - 1] {
            let mut text = whole.clone();
            text[at + damaged] = 0;
            put(folder.path(), &text);
            let mut lost = vec![n];
            if damaged == line.len() - 1 {
                lost.push(n + 1);
            }
            let left = records().into_iter().enumerate().filter(|(record, _)| !lost.contains(&(record + 1)));
            let model = Model::of(&left.map(|(_, record)| record).collect::<Vec<_>>());
            let (_, recovered) = open(folder.path());
            model.assert_is(&recovered, &format!("damaged in line {n}, at its byte {damaged}"));
            assert!(!recovered.notes.is_empty(), "nothing is said about line {n}");
        }
        at += line.len();
    }
}

#[test]
fn a_tail_of_zeros_is_cut_off() {
    // What some file systems leave after the power failed: the length is new, the text is not there.
    let folder = tempfile::tempdir().unwrap();
    let whole = whole_journal();
    put(folder.path(), &[whole.as_slice(), &vec![0; 100_000]].concat());
    let (_, recovered) = open(folder.path());
    Model::of(&records()).assert_is(&recovered, "with zeros after the end");
    assert_eq!(fs::metadata(folder.path().join(NAME)).unwrap().len(), whole.len() as u64);
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"event":"journal","version":2,"at":"2026-01-01T00:00:00Z","of":"mysql"}
{"event":"accepted","at":"2026-01-01T00:00:01Z","id":"a","user":"forum","action":"backup","by":0,"from":"x"}
{"event":"paused","at":"2026-01-01T00:00:02Z","id":"a"}
{"event":"accepted","at":"2026-01-01T00:00:01Z","id":"b","user":"forum","action":"backup","by":0}
{"event":"ended","at":"2026-01-01T00:00:02Z","id":"b","attempt":1,"outcome":"evicted","took_ms":1}
"#;
    put(folder.path(), text.as_bytes());
    let (_, recovered) = open(folder.path());
    assert_eq!(recovered.open.len(), 1, "{:?}", recovered.open);
    assert_eq!(recovered.open[0].request, request("a", "backup"));
    let notes = recovered.notes.join("\n");
    insta::assert_snapshot!(notes, @r#"
    in the journal at byte 0: a later version of Lamplighter wrote it, in form 2
    in the journal at byte 182: an event of a kind that this version does not know, `paused`, is passed over
    "#);
}

#[test]
fn a_journal_that_is_no_file_is_an_error_with_its_path_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(NAME)).unwrap();
    let error = Journal::open(folder.path(), at(0)).unwrap_err().to_string();
    let error = error.replace(&folder.path().display().to_string(), "STATE");
    insta::assert_snapshot!(error, @"cannot open the journal STATE/journal.jsonl: Is a directory (os error 21); move away what stands there, or set LAMPLIGHTER_STATE to another folder");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Journal::open(&file, at(0)).unwrap_err().to_string();
    let error = error.replace(&folder.path().display().to_string(), "STATE");
    insta::assert_snapshot!(error, @"cannot make the folder STATE/file: File exists (os error 17); move away what stands there, or set LAMPLIGHTER_STATE to another folder");
}

#[test]
fn ids_are_not_lost_with_the_records_that_follow_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = whole_journal();
    text.truncate(text.len() - 5);
    put(folder.path(), &text);
    let (journal, _) = open(folder.path());
    assert!(journal.remembered(&id("e")).unwrap().is_some());
}
