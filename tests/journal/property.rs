//! Any sequence of records, with restarts and compactions anywhere, is recovered as the model says.

use lamplighter::journal::{End, Journal, JournalRecord, Keep};
use lamplighter::outcome::Outcome;
use proptest::prelude::*;

use crate::model::Model;
use crate::records::{at, id, open, quick_folder, request};

#[derive(Debug, Clone)]
enum Step {
    Append(JournalRecord),
    Commit,
    Restart,
    /// Keeping the history of this many requests.
    Compact(usize),
    /// As before, with what is appended and committed while that is done.
    CompactBeside(usize, Vec<JournalRecord>, Vec<JournalRecord>),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Succeeded),
        any::<u8>().prop_map(Outcome::Failed),
        Just(Outcome::TimedOut),
        Just(Outcome::Interrupted),
        Just(Outcome::Cancelled),
        Just(Outcome::Skipped),
    ]
}

/// A record of any kind about one of a few requests, whether it makes sense where it stands or not.
fn record() -> impl Strategy<Value = JournalRecord> {
    let of = (0..12u8, 0..3u8, 0..12u8, 1..4u32, outcome());
    (0..8u8, of).prop_map(|(kind, (n, action, with, attempt, outcome))| {
        let (id, with) = (id(&format!("id-{n}")), id(&format!("id-{with}")));
        let request = request(id.as_str(), &format!("action-{action}"));
        let end = End { attempt, outcome, took_ms: 42 };
        let at = at(0);
        match kind {
            0..=2 => JournalRecord::Accepted { at, request, by: 0.into() },
            3 => JournalRecord::Joined { at, request, by: 0.into(), with },
            4 => JournalRecord::Started { at, id, attempt, token: "t".to_owned() },
            5 => JournalRecord::PutBack { at, id },
            6 => JournalRecord::Retried { at, id, end, not_before: at, note: None },
            _ => JournalRecord::Ended { at, id, end, note: None },
        }
    })
}

fn beside() -> impl Strategy<Value = Vec<JournalRecord>> {
    prop::collection::vec(record(), 0..6)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        16 => record().prop_map(Step::Append),
        4 => Just(Step::Commit),
        1 => Just(Step::Restart),
        2 => (0..5usize).prop_map(Step::Compact),
        2 => (0..5usize, beside(), beside()).prop_map(|(runs, some, more)| Step::CompactBeside(runs, some, more)),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_recovered_is_what_was_committed(steps in steps()) {
        let folder = quick_folder();
        let (mut journal, _) = open(folder.path());
        let (mut durable, mut pending) = (Model::default(), Vec::new());
        // To end with, what was committed last is looked at.
        for step in steps.into_iter().chain([Step::Restart]) {
            let replaced = !matches!(step, Step::Append(_) | Step::Commit);
            match step {
                Step::Append(record) => {
                    journal.append(&record);
                    pending.push(record);
                }
                Step::Commit => {
                    journal.commit().unwrap();
                    pending.drain(..).for_each(|record| durable.take(&record));
                }
                Step::Compact(runs) => {
                    journal.compact(&Keep { runs, ..Keep::default() }, at(1)).unwrap();
                }
                Step::CompactBeside(runs, some, more) => {
                    let mut grow = |journal: &mut Journal, records: Vec<JournalRecord>| {
                        for record in &records {
                            journal.append(record);
                        }
                        journal.commit().unwrap();
                        pending.drain(..).chain(records).for_each(|record| durable.take(&record));
                    };
                    let compaction =
                        journal.compaction(&Keep { runs, ..Keep::default() }, at(1)).unwrap();
                    grow(&mut journal, some);
                    let compacted = compaction.run().unwrap();
                    grow(&mut journal, more);
                    journal.take_over(compacted).unwrap();
                }
                Step::Restart => {
                    drop(journal);
                    pending.clear();
                    let (again, recovered) = open(folder.path());
                    durable.assert_is(&recovered, "after a restart");
                    journal = again;
                }
            }
            for (id, request) in durable.used.iter().filter(|_| replaced) {
                let remembered = journal.remembered(id).unwrap();
                let matches = remembered.is_some_and(|used| used.matches(&request.user, &request.action));
                prop_assert!(matches, "{} is forgotten", id);
            }
        }
    }
}
