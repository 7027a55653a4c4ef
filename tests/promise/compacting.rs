//! A supervisor that is killed while it compacts its journal: what was promised before and meanwhile is still there.

use std::fs;
use std::time::{Duration, Instant};

use lamplighter::journal::JournalRecord;
use lamplighter::names::RequestId;
use lamplighter::outcome::Outcome::{Interrupted, Succeeded};
use lamplighter::request::Request;

use crate::common::{Running, Service, wait_for};
use crate::journal::{Story, records, stories};
use crate::random::Random;
use crate::stream::{Stream, run_line};

const JOURNAL: &str = "state/journal.jsonl";
/// How a compaction's result is called before it takes the journal's place.
const UNFINISHED: &str = "state/journal.jsonl.new";
/// Requests of before: more than a mebibyte about them, so that a compaction is due.
const OLD: usize = 4500;
const KILLS: usize = 25;
/// How soon after its requests a supervisor is killed: about as long as it takes to have compacted.
const LIFE: Duration = Duration::from_millis(250);

#[test]
fn killed_while_it_compacts_its_journal_it_keeps_what_it_promised() {
    let (mut random, mut stream) = (Random::new(), Stream::default());
    let policy = "[action.ok]\noverlap = 'allow'";
    let service = Service::new().callbacks("CB_ok() { :; }").file("conf/housekeeping.toml", policy);
    fs::write(service.path(JOURNAL), history_of(OLD)).expect("a file in our own folder");
    let mut running = service.start();
    let mut while_compacting = 0;
    for _ in 0..KILLS {
        let ids = [stream.fresh("ok"), stream.fresh("ok")];
        let mut client = running.connect();
        assert!(stream.send(&mut client, &ids), "it has not been killed yet");
        // It has read its journal by then, and finds that it is due.
        assert!(stream.answer(&mut client, &ids[0]).is_some(), "it has not been killed yet");
        std::thread::sleep(random.shorter_than(LIFE));
        running.kill();
        wait_for("the supervisor's end", || running.log().exit());
        while_compacting += usize::from(running.path(UNFINISHED).exists());
        make_due_again(&running);
        running.start_again();
    }
    let left = stream.unanswered();
    assert_eq!(stream.ask(&mut running.connect(), &left), Some(Vec::new()), "nothing is refused");
    wait_for("an outcome of each", || {
        let stories = stories(&records(&running.path("state")));
        stream.asked().keys().all(|id| stories[id].outcome().is_some()).then_some(())
    });
    let stories = stories(&records(&running.path("state")));
    assert_eq!(stories.len(), OLD + stream.asked().len(), "none is lost, and none made up");
    for (id, story) in &stories {
        has_one_outcome(id, story);
    }
    eprintln!("{KILLS} kills, {while_compacting} of them while the journal was written anew");
    assert!(while_compacting > 0, "it was never killed while it compacted");
}

#[test]
fn while_a_journal_is_compacted_nobody_waits_for_the_end_of_that() {
    let policy = "[action.ok]\noverlap = 'allow'";
    let service = Service::new().callbacks("CB_ok() { :; }").file("conf/housekeeping.toml", policy);
    fs::write(service.path(JOURNAL), history_of(9000)).expect("a file in our own folder");
    let running = service.start();
    let is_compacted = || {
        let text = fs::read_to_string(running.path(JOURNAL)).expect("a journal");
        text.lines().any(|line| line.contains("\"compacted\""))
    };
    let (mut client, mut beside, mut longest, mut began) = (running.connect(), 0, Duration::ZERO, None);
    for n in 0.. {
        let was_there = running.path(UNFINISHED).exists();
        let asked = Instant::now();
        let id: RequestId = format!("beside-{n}").parse().expect("an id");
        assert!(client.send(run_line(&id, "ok")).answer().contains(r#""ok":true"#));
        let took = asked.elapsed();
        if was_there {
            began.get_or_insert(asked);
            longest = longest.max(took);
        }
        if was_there && running.path(UNFINISHED).exists() {
            beside += 1;
        } else if is_compacted() {
            break;
        }
    }
    let took = began.expect("a compaction that was seen").elapsed();
    eprintln!("{beside} were answered beside a compaction of {took:?}, the last one after {longest:?}");
    assert!(beside > 10, "{beside} requests were answered while the journal was compacted");
    assert!(longest < took * 3 / 4, "one waited {longest:?} of the {took:?} of a compaction");
}

fn has_one_outcome(id: &RequestId, story: &Story) {
    assert_eq!((story.acceptances, story.ended.len(), &story.faults[..]), (1, 1, &[][..]), "{id}: {story:?}");
    assert!(matches!(story.outcome(), Some(Succeeded | Interrupted)), "{id}: {story:?}");
}

/// So many requests that have succeeded a moment ago.
fn history_of(count: usize) -> Vec<u8> {
    let at = jiff::Timestamp::now();
    let header = serde_json::json!({"event": "journal", "at": at, "version": 1});
    let mut text = format!("{header}\n").into_bytes();
    for n in 0..count {
        let id: RequestId = format!("old-{n:06}").parse().expect("an id");
        let [user, action] = ["root", "ok"];
        let request = Request {
            id: id.clone(),
            user: user.parse().expect("a user"),
            action: action.parse().expect("an action"),
        };
        let end = lamplighter::journal::End { attempt: 1, outcome: Succeeded, took_ms: 1 };
        let records = [
            JournalRecord::Accepted { at, request, by: 0.into() },
            JournalRecord::Started { at, id: id.clone(), attempt: 1, token: format!("{n:016x}") },
            JournalRecord::Ended { at, id, end, note: None },
        ];
        for record in &records {
            record.write_to(&mut text);
        }
    }
    assert!(text.len() > 1 << 20, "it is large enough to be compacted");
    text
}

/// A journal that does not say that it was compacted is due for that.
fn make_due_again(running: &Running) {
    let text = fs::read_to_string(running.path(JOURNAL)).expect("a journal");
    let kept: Vec<_> = text.split_inclusive('\n').filter(|line| !line.contains("\"compacted\"")).collect();
    fs::write(running.path(JOURNAL), kept.concat()).expect("a file in our own folder");
}
