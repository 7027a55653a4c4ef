//! The supervisor is killed at hundreds of random moments while requests stream in, and nothing is lost, done
//! twice or made up.

use std::time::{Duration, Instant};

use lamplighter::journal::JournalRecord;
use lamplighter::outcome::Outcome::{Cancelled, Failed, Interrupted, Skipped, Succeeded};

use crate::audit::{Expected, audit, witnessed};
use crate::common::{DEADLINE, Running, Service, wait_for};
use crate::journal::records;
use crate::random::Random;
use crate::stream::Stream;

/// How often it is killed; `LAMPLIGHTER_KILLS` is another number.
const KILLS: usize = 300;
/// It is killed within this time of its beginning, of a connection to it, or of its first answer.
const LIFE: Duration = Duration::from_millis(60);
/// At most so many new requests in one life.
const FRESH: usize = 10;

/// Each callback writes its request down first.
const CALLBACKS: &str = r#"
mark() { echo "$LAMPLIGHTER_REQUEST" >>"$FOLDER/witness"; }
CB_one() { mark; }
CB_two() {
    mark
    exec {alone}>>"$FOLDER/alone"
    flock --nonblock $alone || echo "$LAMPLIGHTER_REQUEST" >>"$FOLDER/not-alone"
    sleep 0.2
}
CB_three() { mark; }
CB_beside() { mark; sleep 0.01; }
CB_fails() { mark; return 3; }
CB_never() { mark; return 4; }
CB_in_the_end() { mark; [[ -e $FOLDER/tried/$LAMPLIGHTER_REQUEST ]] || { : >"$FOLDER/tried/$LAMPLIGHTER_REQUEST"; return 5; }; }
CB_skips() { mark; sleep 0.02; }
CB_replaces() { mark; sleep 0.02; }
CB_leaves() { mark; setsid --fork sleep 600; }
"#;

const POLICY: &str = r#"
[action.beside]
overlap = "allow"
[action.leaves]
overlap = "allow"
[action.two]
retry = { attempts = 4, backoff = "1s" }
[action.never]
retry = { attempts = 2, backoff = "1s" }
[action.in-the-end]
retry = { attempts = 5, backoff = "1s" }
[action.skips]
overlap = "skip"
[action.replaces]
overlap = "replace"
"#;

pub(crate) const EXPECTED: [Expected; 10] = [
    Expected { action: "one", outcomes: &[Succeeded, Interrupted], attempts: 1, overlaps: false },
    Expected { action: "two", outcomes: &[Succeeded, Interrupted], attempts: 4, overlaps: false },
    Expected { action: "three", outcomes: &[Succeeded, Interrupted], attempts: 1, overlaps: false },
    Expected { action: "beside", outcomes: &[Succeeded, Interrupted], attempts: 1, overlaps: true },
    Expected { action: "fails", outcomes: &[Failed(3), Interrupted], attempts: 1, overlaps: false },
    Expected { action: "never", outcomes: &[Failed(4), Interrupted], attempts: 2, overlaps: false },
    Expected { action: "in-the-end", outcomes: &[Succeeded, Interrupted], attempts: 5, overlaps: false },
    Expected { action: "skips", outcomes: &[Succeeded, Skipped, Interrupted], attempts: 1, overlaps: false },
    Expected {
        action: "replaces",
        outcomes: &[Succeeded, Cancelled, Interrupted],
        attempts: 1,
        overlaps: false,
    },
    Expected { action: "leaves", outcomes: &[Succeeded, Interrupted], attempts: 1, overlaps: true },
];

/// The service that is killed: its daemon has a name by which a life can find that of the one before.
pub(crate) fn service() -> Service {
    let service = Service::new()
        .callbacks(CALLBACKS)
        .file("conf/housekeeping.toml", POLICY)
        .personality("COMMAND=$FOLDER/bin/daemon OPTS=infinity");
    std::os::unix::fs::symlink("/bin/sleep", service.path("bin/daemon")).expect("a link in our own folder");
    std::fs::create_dir(service.path("tried")).expect("a folder in our own");
    service
}

#[test]
fn killed_at_any_moment_it_keeps_what_it_promised() {
    let kills = std::env::var("LAMPLIGHTER_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);
    let (mut random, mut stream) = (Random::new(), Stream::default());
    let began = Instant::now();
    let mut running = service().start();
    for _ in 0..kills {
        live(&running, &mut stream, &mut random);
        bury(&running, &mut random);
        running.start_again();
    }
    finish(&running, &mut stream);
    let (records, witness) = (records(&running.path("state")), witnessed(&running.path("witness")));
    audit(stream.asked(), &records, &witness, &EXPECTED);
    let not_alone = std::fs::read_to_string(running.path("not-alone")).unwrap_or_default();
    assert_eq!(not_alone, "", "an attempt began while an earlier one of its action lived");
    let (ran, interrupted) = (witness.values().sum::<usize>(), interruptions(&records));
    eprintln!(
        "{kills} kills in {:.0?}: {} requests accepted, {ran} runs, {interrupted} of them interrupted, {} records",
        began.elapsed(),
        stream.accepted(),
        records.len(),
    );
    assert!(interrupted >= kills / 20, "it was hardly ever killed while it had something to do");
}

fn interruptions(records: &[JournalRecord]) -> usize {
    let ends = records.iter().filter_map(|record| match record {
        JournalRecord::Retried { end, .. } | JournalRecord::Ended { end, .. } => Some(end),
        _ => None,
    });
    ends.filter(|end| end.outcome == Interrupted).count()
}

/// One life, up to its end: before anybody asks, while requests come in, or (seldom) by an ordinary stop.
fn live(running: &Running, stream: &mut Stream, random: &mut Random) {
    let (kind, delay) = (random.below(10), random.shorter_than(LIFE));
    if kind == 0 {
        std::thread::sleep(delay);
        return running.kill();
    }
    let mut client = running.connect();
    let mut ids = stream.unanswered();
    // What was answered is asked again, too: the answer must be the same.
    let old = stream.asked().keys().nth(random.below(stream.asked().len().max(1))).cloned();
    ids.extend(old.filter(|_| random.once_in(3)));
    for _ in 0..=random.below(FRESH) {
        let nothing_like_it = random.once_in(20);
        let action = if nothing_like_it { "no-such-action" } else { random.pick(&EXPECTED).action };
        ids.push(stream.fresh(action));
    }
    assert!(stream.send(&mut client, &ids), "it has not been killed yet");
    let mut answered = 0;
    if kind > 2 {
        assert!(stream.answer(&mut client, &ids[0]).is_some(), "it has not been killed yet");
        answered = 1;
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(delay);
            if kind == 9 { running.term() } else { running.kill() }
        });
        for id in &ids[answered..] {
            if stream.answer(&mut client, id).is_none() {
                break;
            }
        }
    });
}

/// After a supervisor's death: its whole container may have died with it, or only its daemon (which the next
/// one cannot know), and then the runs go on until the next one ends them.
pub(crate) fn bury(running: &Running, random: &mut Random) {
    wait_for("the supervisor's end", || running.log().exit());
    let with_container = random.once_in(3);
    for pid in running.processes() {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if with_container || name.trim_end() == "daemon" {
            let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Nobody dies any more: every request gets its answer, and every accepted one its outcome.
pub(crate) fn finish(running: &Running, stream: &mut Stream) {
    wait_for("an answer to every request", || {
        let ids = stream.unanswered();
        let mut client = running.connect();
        stream.ask(&mut client, &ids).filter(|_| stream.unanswered().is_empty())
    });
    let (mut left, mut since) = (usize::MAX, Instant::now());
    while left > 0 {
        let status = running.call(r#"{"op":"status"}"#);
        let count = |state: &str| status[state].as_array().map_or(0, Vec::len);
        // What it has promised is known once the journal has been read.
        let is_read = !status["degraded"].to_string().contains("journal: it is being read");
        let now = if is_read { count("waiting") + count("running") } else { usize::MAX - 1 };
        if now < left {
            (left, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < DEADLINE, "{left} requests have no outcome: {status}");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.stop();
    assert_eq!(running.processes(), [0; 0], "left behind");
}
