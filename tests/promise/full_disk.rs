//! A disk without room, and a supervisor that is killed on it: what cannot be promised is refused, what was
//! promised is done, and the service runs through all of it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use lamplighter::names::RequestId;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::audit::{audit, witnessed};
use crate::common::{Running, Service, accepted, is_root, skip, wait_for};
use crate::crash::{EXPECTED, bury, finish, service};
use crate::journal::records;
use crate::random::Random;
use crate::stream::Stream;

/// The disk that the journal is on, in KiB: some hundreds of requests fill it.
const DISK: usize = 192;
/// How often the supervisor is killed while the disk is full.
const KILLS: usize = 25;
/// More requests than the disk has room for.
const MORE: usize = 2000;
/// Asked for at a time.
const BATCH: usize = 20;

#[test]
fn on_a_full_disk_it_refuses_what_it_cannot_promise_and_keeps_what_it_did() {
    if !is_root() {
        return skip("only root can mount a small disk");
    }
    // The mounts are this thread's alone, and its children's.
    std::thread::scope(|scope| {
        scope.spawn(fill_and_free);
    });
}

fn fill_and_free() {
    let (mut random, mut stream) = (Random::new(), Stream::default());
    let service = service();
    mount_small(&service.path("state"));
    let mut running = service.start();
    let first = fresh(&mut stream, &mut random, BATCH);
    assert_eq!(stream.ask(&mut running.connect(), &first), Some(Vec::new()), "there is room for these");

    fill(&running);
    ask_until_refused(&running, &mut stream, &mut random);
    serves_all_the_same(&running);
    for _ in 0..KILLS {
        // What has its outcome by now leaves some of the room that was kept for it.
        ask_until_refused(&running, &mut stream, &mut random);
        std::thread::sleep(random.shorter_than(Duration::from_millis(40)));
        running.kill();
        bury(&running, &mut random);
        running.start_again();
    }
    serves_all_the_same(&running);
    has_outcomes(&running, &stream);

    fs::remove_file(filler(&running)).expect("the file that takes the room");
    // The first to ask is served, and so is everybody after.
    let last = fresh(&mut stream, &mut random, BATCH);
    wait_for("a disk with room to be used again", || {
        stream.ask(&mut running.connect(), &last).filter(Vec::is_empty)
    });
    finish(&running, &mut stream);
    let (records, witness) = (records(&running.path("state")), witnessed(&running.path("witness")));
    audit(stream.asked(), &records, &witness, &EXPECTED);
    let (all, accepted) = (stream.asked().len(), stream.accepted());
    eprintln!("{KILLS} kills on a full disk: {accepted} of {all} requests were accepted");
}

#[test]
fn that_there_is_no_room_for_another_request_is_shown_until_there_is() {
    if !is_root() {
        return skip("only root can mount a small disk");
    }
    std::thread::scope(|scope| {
        scope.spawn(fill_while_all_is_held);
    });
}

fn fill_while_all_is_held() {
    let service = Service::new()
        .callbacks("CB_held() { read -r <$FOLDER/hold; }")
        .file("conf/housekeeping.toml", "[action.held]\noverlap = 'allow'")
        .fifo("hold");
    mount_small(&service.path("state"));
    let running = service.start();
    accepted(&running.ask("root held"));
    assert_eq!(running.health(), (0, "healthy\n".to_owned()));

    fill(&running);
    // Nothing ends, and so the room of those that are accepted stays taken.
    let refused = wait_for("a request without room", || {
        Some(running.ask("root held")).filter(|answer| answer.starts_with("refused "))
    });
    assert!(
        refused.starts_with("refused journal: ") && refused.contains("make room on its disk"),
        "{refused}"
    );
    let (status, said) = running.health();
    assert!(
        status == 0 && said.starts_with("healthy\ndegraded: cannot reserve room in the journal "),
        "{said}"
    );
    let shown = running.call(r#"{"op":"status"}"#)["degraded"][0].clone();
    assert!(shown.as_str().is_some_and(|shown| said.contains(shown)), "{shown}");

    fs::remove_file(filler(&running)).expect("the file that takes the room");
    assert_eq!(running.health(), (0, "healthy\n".to_owned()));
    accepted(&running.ask("root held"));
}

fn mount_small(folder: &Path) {
    let none = None::<&str>;
    let size = format!("size={DISK}k");
    unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none))
        .and_then(|()| mount(Some("tmpfs"), folder, Some("tmpfs"), MsFlags::empty(), Some(&*size)))
        .expect("root can mount a small disk for itself");
}

fn filler(running: &Running) -> std::path::PathBuf {
    running.path("state/filler")
}

/// Takes all the room that is left.
fn fill(running: &Running) {
    for size in [4096, 1] {
        let path = filler(running);
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file on the disk");
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}

fn fresh(stream: &mut Stream, random: &mut Random, count: usize) -> Vec<RequestId> {
    (0..count).map(|_| stream.fresh(random.pick(&EXPECTED).action)).collect()
}

/// Asks until there is no room any more.
fn ask_until_refused(running: &Running, stream: &mut Stream, random: &mut Random) {
    let mut client = running.connect();
    for _ in 0..MORE / BATCH {
        let mut ids = stream.unanswered();
        ids.extend(fresh(stream, random, BATCH));
        let refused = stream.ask(&mut client, &ids).expect("it serves");
        if !refused.is_empty() {
            refusals_are_about_the_journal(&refused);
            return give_up_half(stream, &ids);
        }
    }
    panic!("the disk is full, and {MORE} requests more were accepted");
}

fn refusals_are_about_the_journal(codes: &[String]) {
    assert!(codes.iter().all(|code| code == "journal"), "{codes:?}");
}

/// Of what was refused, every other one is not asked for again: that must never run.
fn give_up_half(stream: &mut Stream, among: &[RequestId]) {
    let refused = stream.unanswered();
    let given_up: Vec<_> = refused.into_iter().filter(|id| among.contains(id)).step_by(2).collect();
    stream.give_up(&given_up, "journal");
}

/// The service runs.
fn serves_all_the_same(running: &Running) {
    let daemon = running.daemon();
    assert!(crate::common::is_alive(daemon), "the daemon {daemon} is gone");
    let (status, said) = running.health();
    assert_eq!(status, 0, "{said}");
}

/// What was accepted before gets its outcome on the full disk, too.
fn has_outcomes(running: &Running, stream: &Stream) {
    wait_for("outcomes on a full disk", || {
        let status = running.call(r#"{"op":"status"}"#);
        let is_empty = |state: &str| status[state].as_array().is_some_and(Vec::is_empty);
        (is_empty("waiting") && is_empty("running")).then_some(())
    });
    assert!(stream.accepted() > BATCH, "none were accepted");
}
