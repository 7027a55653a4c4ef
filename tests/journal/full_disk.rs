//! A disk without room: what cannot be promised is refused, what was promised is recorded.

use std::fs;
use std::path::Path;

use lamplighter::journal::{End, Journal, JournalRecord, Keep};
use lamplighter::outcome::Outcome;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::records::{accepted, at, id, open, open_ids};

/// Runs `test` with a folder on a small disk of its own, which nobody else sees and which goes away with it.
/// That takes root; without, it says so and does nothing.
fn with_small_disk(kib: usize, test: impl FnOnce(&Path) + Send) {
    let folder = tempfile::tempdir().unwrap();
    let none = None::<&str>;
    let mount_it = || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        let size = format!("size={kib}k");
        mount(Some("tmpfs"), folder.path(), Some("tmpfs"), MsFlags::empty(), Some(size.as_str()))
    };
    std::thread::scope(|scope| {
        // The mounts are this thread's alone.
        scope.spawn(|| match mount_it() {
            Ok(()) => test(folder.path()),
            Err(error) => eprintln!("SKIPPED: a small disk cannot be mounted: {error}; run this as root"),
        });
    });
}

/// Takes all the room that is left.
fn fill(folder: &Path) {
    let path = folder.join("filler");
    for size in [4096, 1] {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
    }
}

/// An outcome that takes as much room as one can.
fn longest_end(name: &str, attempt: u32) -> JournalRecord {
    let end = End { attempt, outcome: Outcome::Interrupted, took_ms: u64::MAX };
    JournalRecord::Ended { at: at(9), id: id(name), end, note: Some("\"".repeat(1000)) }
}

/// All that follows the acceptance of this request, as long as it can be.
fn finish(journal: &mut Journal, name: &str) {
    let token = "t".repeat(64);
    let end = End { attempt: u32::MAX, outcome: Outcome::Failed(255), took_ms: u64::MAX };
    let started = JournalRecord::Started { at: at(8), id: id(name), attempt: u32::MAX, token };
    let retried = JournalRecord::Retried { at: at(8), id: id(name), end, not_before: at(8), note: None };
    for record in [started.clone(), retried, started, longest_end(name, u32::MAX)] {
        journal.append(&record);
        journal.commit().unwrap();
    }
}

fn long_name(n: usize) -> String {
    format!("{n:0128}")
}

/// Accepts requests until there is no room for another; how many were.
fn accept_all(journal: &mut Journal, open: usize, most: usize) -> usize {
    for n in 0..most {
        if let Err(error) = journal.reserve(open + n) {
            let error = error.to_string();
            assert!(error.contains("make room on its disk"), "{error}");
            return n;
        }
        journal.append(&accepted(&long_name(open + n), &"a".repeat(64), 1));
        journal.commit().unwrap();
    }
    panic!("the disk is not full after {most} requests");
}

#[test]
fn on_a_full_disk_requests_are_refused_and_the_outcomes_of_the_accepted_recorded() {
    with_small_disk(256, |folder| {
        let (mut journal, _) = open(folder);
        assert_eq!(accept_all(&mut journal, 0, 10_000).min(10), 10);
        fill(folder);
        let (_, recovered) = open(folder);
        let names: Vec<_> = open_ids(&recovered).into_iter().map(str::to_owned).collect();
        for name in &names {
            finish(&mut journal, name);
        }
        drop(journal);
        assert_eq!(open_ids(&open(folder).1), [""; 0]);
    });
}

/// They come before it is known which actions there are, and so are all looked at before any is written down.
#[test]
fn there_is_room_for_requests_that_are_accepted_all_at_once_after_room_was_made_for_each() {
    with_small_disk(256, |folder| {
        let (mut journal, _) = open(folder);
        let most = (0..1000).take_while(|&n| journal.reserve(n).is_ok()).count();
        assert!((10..1000).contains(&most), "{most}");
        fill(folder);
        for n in 0..most {
            journal.append(&accepted(&long_name(n), &"a".repeat(64), 1));
        }
        journal.commit().unwrap();
        for n in 0..most {
            finish(&mut journal, &long_name(n));
        }
        drop(journal);
        assert_eq!(open_ids(&open(folder).1), [""; 0]);
    });
}

#[test]
fn the_room_is_still_there_after_a_restart_and_what_is_torn_by_the_crash() {
    with_small_disk(256, |folder| {
        let (mut journal, _) = open(folder);
        for n in 0..5 {
            journal.reserve(n).unwrap();
            journal.append(&accepted(&long_name(n), "backup", 1));
            journal.commit().unwrap();
        }
        drop(journal);
        fill(folder);
        let path = folder.join(lamplighter::journal::NAME);
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, b"{\"event\":\"accepted\",\"at").unwrap();
        let (mut journal, recovered) = open(folder);
        for open in recovered.open {
            finish(&mut journal, open.request.id.as_str());
        }
        let (_, recovered) = open(folder);
        assert_eq!(open_ids(&recovered), [""; 0]);
        assert_eq!(recovered.notes, [""; 0]);
    });
}

#[test]
fn a_compaction_takes_the_room_along_or_leaves_things_as_they_are() {
    with_small_disk(512, |folder| {
        let (mut journal, _) = open(folder);
        for n in 0..5 {
            journal.reserve(n).unwrap();
            journal.append(&accepted(&long_name(n), "backup", 1));
            journal.commit().unwrap();
        }
        journal.compact(&Keep::default(), at(2)).unwrap();
        fill(folder);
        let error = journal.compact(&Keep::default(), at(3)).unwrap_err().to_string();
        assert!(error.contains("make room on its disk"), "{error}");
        fill(folder);
        for n in 0..5 {
            finish(&mut journal, &long_name(n));
        }
        drop(journal);
        assert_eq!(open_ids(&open(folder).1), [""; 0]);
    });
}

#[test]
fn a_disk_that_has_room_again_accepts_again() {
    with_small_disk(256, |folder| {
        let (mut journal, _) = open(folder);
        fill(folder);
        // Nothing was reserved: not even this fits, once the file's own last page is full.
        let failed = (0..100).find_map(|n| {
            journal.append(&accepted(&long_name(n), "backup", 1));
            journal.commit().err().map(|error| (n, error.to_string()))
        });
        let (n, error) = failed.expect("a full disk takes no more");
        assert!(error.contains("make room on its disk"), "{error}");
        assert_eq!(open_ids(&open(folder).1).len(), n);
        fs::remove_file(folder.join("filler")).unwrap();
        journal.reserve(n).unwrap();
        journal.commit().unwrap();
        assert_eq!(open_ids(&open(folder).1).len(), n + 1);
    });
}
