//! Callbacks that behave as badly as they can, among good ones: each gets the outcome it deserves, and the good
//! ones do not notice.

use std::time::{Duration, Instant};

use lamplighter::names::RequestId;
use lamplighter::outcome::Outcome::{self, Failed, Succeeded, TimedOut};
use nix::unistd::Pid;

use crate::common::{Service, wait_for};
use crate::journal::{Story, records, stories};
use crate::random::Random;
use crate::stream::Stream;

/// Requests that have to succeed.
const GOOD: usize = 200;
/// What the one that prints prints, in bytes.
const PRINTED: usize = 100_000_000;
/// More than the supervisor ever has to hold at the same time, as built for tests.
const MOST_MEMORY_KIB: usize = 48 * 1024;

const CALLBACKS: &str = r#"
for n in {1..20}; do eval "CB_good_$n() { echo good; }"; done
CB_fails() { false; }
CB_exits() { exit 9; }
CB_hangs() { exec sleep infinity; }
CB_is_stubborn() { trap '' TERM; echo stubborn; while :; do sleep 600 || :; done; }
CB_closes() { exec <&- >&- 2>&-; }
CB_prints() { head --bytes=100000000 < <(yes 'the quick brown fox jumps over the lazy dog'); }
CB_daemonises() {
    setsid --fork sh -c 'echo $$ >"$FOLDER/daemonised"; exec sleep infinity'
    # What a run leaves behind is ended with it: only so has it said who it is before that.
    until [[ -s $FOLDER/daemonised ]]; do :; done
}
"#;

const POLICY: &str = r#"
[action.hangs]
timeout = "2s"
[action.is-stubborn]
timeout = "1s"
"#;

#[test]
fn bad_neighbours_get_what_they_deserve_and_the_good_ones_succeed() {
    let bad: [(&str, Outcome); 7] = [
        ("fails", Failed(1)),
        ("exits", Failed(9)),
        ("hangs", TimedOut),
        ("is-stubborn", TimedOut),
        ("closes", Succeeded),
        ("prints", Succeeded),
        ("daemonises", Succeeded),
    ];
    let good: Vec<_> = (1..=20).map(|n| format!("good-{n}")).collect();
    let allow: Vec<_> = good.iter().map(|name| format!("[action.{name}]\noverlap = 'allow'\n")).collect();
    let allow = allow.concat();
    let service = Service::new()
        .callbacks(CALLBACKS)
        .file("conf/housekeeping.toml", &format!("{POLICY}{allow}"))
        .start();
    let (mut random, mut stream, mut ids) = (Random::new(), Stream::default(), Vec::new());
    for n in 0..GOOD {
        ids.push(stream.fresh(&good[n % good.len()]));
    }
    let mut bad_ids = Vec::new();
    for (action, outcome) in bad {
        let id = stream.fresh(action);
        bad_ids.push((id.clone(), outcome));
        ids.insert(random.below(GOOD / 2), id);
    }
    let began = Instant::now();
    assert_eq!(stream.ask(&mut service.connect(), &ids), Some(Vec::new()), "all are accepted");
    let stories = wait_for_outcomes(&service, &ids);
    let took = began.elapsed();

    for (id, outcome) in &bad_ids {
        let story = &stories[id];
        assert_eq!(story.outcome(), Some(*outcome), "{story:?}");
    }
    let is_bad = |id: &RequestId| bad_ids.iter().any(|(bad, _)| bad == id);
    for id in ids.iter().filter(|id| !is_bad(id)) {
        assert_eq!(stories[id].outcome(), Some(Succeeded), "{:?}", stories[id]);
    }
    let left: u32 = service.wait_for_line("daemonised").parse().expect("a pid");
    let note = stories[&bad_ids[6].0].note();
    assert!(note.starts_with("left behind and ended: ") && note.contains(&format!("(pid {left})")), "{note}");
    wait_for("the end of what daemonised", || (!crate::common::is_alive(left)).then_some(()));

    let peak = peak_memory(service.pid());
    eprintln!("{GOOD} good runs among 7 bad ones, {PRINTED} bytes printed: {took:.1?}, at most {peak} KiB");
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB: what is printed is not to be kept");
    assert_eq!(service.stop(), 128 + 15);
}

/// Waits until each has its outcome. Asked for by status: the log has too much in it to be searched.
fn wait_for_outcomes(
    service: &crate::common::Running,
    ids: &[RequestId],
) -> std::collections::BTreeMap<RequestId, Story> {
    wait_for("an outcome of each request", || {
        std::thread::sleep(Duration::from_millis(50));
        let stories = stories(&records(&service.path("state")));
        ids.iter().all(|id| stories.get(id).is_some_and(|story| story.outcome().is_some())).then_some(stories)
    })
}

/// The most that a process has had resident, in KiB (`proc_pid_status(5)`).
fn peak_memory(pid: Pid) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the supervisor's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line for its peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}
