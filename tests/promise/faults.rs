//! A journal that cannot be written or opened for a while.

use std::fs;
use std::process::Command;
use std::time::Duration;

use lamplighter::names::RequestId;
use lamplighter::outcome::Outcome::{Failed, Interrupted, Succeeded};
use serde_json::Value;

use crate::common::{Running, Service, accepted, is_alive, wait_for};
use crate::journal::{ended, records, stories};
use crate::stream::run_line;

const JOURNAL: &str = "state/journal.jsonl";

/// Lets the supervisor make files as long as this and no longer: what it writes beyond fails, also where there
/// is room on the disk.
fn limit_files(service: &Running, length: &str) {
    let (pid, limit) = (format!("--pid={}", service.pid()), format!("--fsize={length}:"));
    let done = Command::new("prlimit").args([pid, limit]).status();
    assert!(done.is_ok_and(|status| status.success()), "prlimit works");
}

/// What the supervisor has computed so far (`proc_pid_stat(5)`: in hundredths of a second on Linux).
fn cpu_time(service: &Running) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{}/stat", service.pid())).expect("it is there");
    let fields = stat.rsplit_once(')').expect("a name in brackets").1.split_ascii_whitespace();
    let ticks =
        fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number of ticks")).sum::<u64>();
    Duration::from_millis(ticks * 10)
}

fn is_refused_for_the_journal(answer: &str) {
    assert!(answer.starts_with("refused journal: "), "{answer}");
}

#[test]
fn while_the_journal_cannot_be_written_nothing_is_promised_and_afterwards_all_is_as_before() {
    let service = Service::new().callbacks("CB_ok() { echo ran >>$FOLDER/ran; }").start();
    // Until all about it is written.
    ended(&service, &service.request("ok"));
    let daemon = service.daemon();
    let length = fs::metadata(service.path(JOURNAL)).expect("a journal").len();
    limit_files(&service, &length.to_string());
    is_refused_for_the_journal(&service.ask("root ok"));
    is_refused_for_the_journal(&service.ask("root ok"));
    assert!(is_alive(daemon), "the service runs on");
    let (status, said) = service.health();
    assert!(status == 0 && said.contains("degraded: cannot write to the journal"), "{said}");
    // It waits for better times without being busy with that.
    let before = cpu_time(&service);
    std::thread::sleep(Duration::from_secs(2));
    let busy = cpu_time(&service).saturating_sub(before);
    assert!(busy < Duration::from_millis(500), "it computed for {busy:?} within 2 s");

    limit_files(&service, "unlimited");
    let id = wait_for("the journal to be written again", || {
        let answer = service.ask("root ok");
        answer.starts_with("accepted").then(|| accepted(&answer))
    });
    assert_eq!(ended(&service, &id).outcome(), Some(Succeeded));
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    assert_eq!(fs::read_to_string(service.path("ran")).expect("it ran"), "ran\nran\n");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn an_outcome_that_cannot_be_written_at_once_is_written_later() {
    let service =
        Service::new().callbacks("CB_slow() { echo begun; read -r <$FOLDER/hold; }").fifo("hold").start();
    let id = service.request("slow");
    service.log().wait_for("| begun");
    let length = fs::metadata(service.path(JOURNAL)).expect("a journal").len();
    limit_files(&service, &length.to_string());
    service.release("hold");
    service.log().wait_for("degraded: cannot write to the journal");
    limit_files(&service, "unlimited");
    assert_eq!(ended(&service, &id).outcome(), Some(Succeeded));
    service.log().wait_for("the journal can be written again");
}

/// The journal can grow no more, from where it is.
fn fill_journal(service: &Running) {
    let length = fs::metadata(service.path(JOURNAL)).expect("a journal").len();
    limit_files(service, &length.to_string());
}

const HELD: &str = "CB_held() { echo begun; read -r <$FOLDER/hold; }";

#[test]
fn what_runs_is_not_ended_for_one_that_is_refused() {
    let rule = "[action.held]\noverlap = 'replace'";
    let service = Service::new().callbacks(HELD).file("conf/housekeeping.toml", rule).fifo("hold").start();
    let id = service.request("held");
    service.log().wait_for("| begun");
    fill_journal(&service);
    is_refused_for_the_journal(&service.ask("root held"));
    limit_files(&service, "unlimited");
    service.release("hold");
    assert_eq!(ended(&service, &id).outcome(), Some(Succeeded));
    assert!(!service.log().text().contains("asked to end"), "{}", service.log().text());
}

#[test]
fn what_waits_cannot_be_called_off_while_that_cannot_be_recorded() {
    let service = Service::new().callbacks(HELD).fifo("hold").start();
    let runs = service.request("held");
    service.log().wait_for("| begun");
    let waits = service.request("held");
    fill_journal(&service);
    let cancel = serde_json::json!({"op": "cancel", "id": waits.as_str()}).to_string();
    assert_eq!(service.call(&cancel)["code"], "journal");
    limit_files(&service, "unlimited");
    service.release("hold");
    assert_eq!(ended(&service, &runs).outcome(), Some(Succeeded));
    service.release("hold");
    assert_eq!(ended(&service, &waits).outcome(), Some(Succeeded));
}

/// The end of an attempt and a repeat, for which the next one begins at once, come in the same moment.
#[test]
fn an_attempt_that_ended_is_recorded_although_the_disk_failed_when_the_next_one_began() {
    let rule = "[action.held]\nretry = { attempts = 2, backoff = '1s' }";
    let service = Service::new()
        .callbacks("CB_held() { echo $BASHPID >$FOLDER/callback; read -r <$FOLDER/hold; return 3; }")
        .file("conf/housekeeping.toml", rule)
        .fifo("hold")
        .start();
    let id = service.request("held");
    let callback = service.wait_for_line("callback").parse().expect("a pid");
    wait_for("a listener for the next attempt", || {
        (service.call(r#"{"op":"status"}"#)["listener"]["state"] == "ready").then_some(())
    });
    fill_journal(&service);
    service.signal(nix::libc::SIGSTOP);
    service.release("hold");
    wait_for("the attempt's end", || (!is_alive(callback)).then_some(()));
    let mut repeat = service.connect();
    repeat.send("root held\n");
    service.signal(nix::libc::SIGCONT);
    is_refused_for_the_journal(&repeat.answer());
    limit_files(&service, "unlimited");
    service.log().wait_for("starts for root, attempt 2");
    service.release("hold");
    let story = ended(&service, &id);
    assert_eq!((&story.faults[..], story.retried.len()), (&[][..], 1), "{story:?}");
    assert_eq!((story.outcome(), &story.started[..]), (Some(Failed(3)), &[1, 2][..]));
}

/// Kills a supervisor while a run is on and a request waits, and puts a folder where its journal was: the next
/// supervisor cannot open it. The pid of what survived of the run.
fn start_without_journal(service: &mut Running) -> u32 {
    assert!(service.ask(run_line(&id("runs"), "slow").trim_end()).contains(r#""ok":true"#));
    let survivor = service.wait_for_line("slow").parse().expect("a pid");
    assert!(service.ask(run_line(&id("waits"), "slow").trim_end()).contains(r#""ok":true"#));
    service.kill();
    wait_for("its end", || service.log().exit());
    fs::rename(service.path(JOURNAL), service.path("journal")).expect("a rename in our own folder");
    fs::create_dir(service.path(JOURNAL)).expect("a folder in our own");
    service.write("bin/docker-callbacks.sh", "CB_ok() { :; }\nCB_slow() { echo ran >>$FOLDER/ran; }");
    service.start_again();
    is_refused_for_the_journal(&service.ask("root ok"));
    survivor
}

fn mend(service: &Running) {
    fs::remove_dir(service.path(JOURNAL)).expect("an empty folder");
    fs::rename(service.path("journal"), service.path(JOURNAL)).expect("a rename in our own folder");
}

fn id(text: &str) -> RequestId {
    text.parse().expect("an id")
}

const SLOW: &str =
    "CB_ok() { :; }\nCB_slow() { echo $BASHPID >$FOLDER/slow; echo ran >>$FOLDER/ran; exec sleep infinity; }";

#[test]
fn a_journal_that_cannot_be_opened_at_the_start_is_shown_and_the_service_runs() {
    let mut service = Service::new().callbacks(SLOW).start();
    start_without_journal(&mut service);
    assert!(is_alive(service.daemon()));
    let (status, said) = service.health();
    assert!(status == 0 && said.contains("degraded: cannot open the journal"), "{said}");
    mend(&service);
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
}

#[test]
fn what_was_promised_before_is_taken_up_when_the_journal_can_be_opened_late() {
    let mut service = Service::new().callbacks(SLOW).start();
    let survivor = start_without_journal(&mut service);
    mend(&service);
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(ended(&service, &id("runs")).outcome(), Some(Interrupted));
    assert_eq!(ended(&service, &id("waits")).outcome(), Some(Succeeded));
    assert!(!is_alive(survivor), "what survived of a run is ended before another attempt may begin");
}

#[test]
fn an_id_is_known_although_the_journal_can_be_opened_late() {
    let mut service = Service::new().callbacks(SLOW).start();
    start_without_journal(&mut service);
    mend(&service);
    // The very first to ask after it was mended asks again for what was accepted before.
    let again: Value =
        serde_json::from_str(&service.ask(run_line(&id("runs"), "slow").trim_end())).expect("JSON");
    assert_eq!(again["ok"], true, "{again}");
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(ended(&service, &id("waits")).outcome(), Some(Succeeded));
    let story = &stories(&records(&service.path("state")))[&id("runs")];
    assert_eq!((story.acceptances, story.started.len()), (1, 1), "{story:?}");
    assert_eq!(fs::read_to_string(service.path("ran")).expect("it ran"), "ran\nran\n");
}

#[test]
fn how_actions_last_ended_is_known_although_the_journal_can_be_opened_late() {
    let mut service = Service::new().callbacks(SLOW).start();
    let before = service.request("ok");
    ended(&service, &before);
    start_without_journal(&mut service);
    mend(&service);
    // Whoever asks has the journal looked at again, also for what is refused then.
    assert!(service.ask("root nonsense").starts_with("refused unknown-action"));
    let status = service.call(r#"{"op":"status"}"#);
    let of_ok =
        status["actions"].as_array().and_then(|actions| actions.iter().find(|of| of["action"] == "ok"));
    assert_eq!(of_ok.expect("an action")["last_success"]["id"], before.as_str(), "{status}");
}

/// Wherever a crash has cut its journal: see `journal::torn` for each byte, without a supervisor.
#[test]
fn a_supervisor_starts_on_a_journal_that_is_cut_anywhere_and_serves() {
    let mut service = Service::new().callbacks("CB_ok() { :; }").start();
    for _ in 0..3 {
        ended(&service, &service.request("ok"));
    }
    assert_eq!(service.stop(), 128 + 15);
    let whole = fs::read(service.path(JOURNAL)).expect("a journal");
    for cut in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        fs::write(service.path(JOURNAL), &whole[..cut]).expect("a file in our own folder");
        service.start_again();
        assert_eq!(service.run("ok").outcome, "succeeded", "cut at {cut}");
        assert_eq!(service.stop(), 128 + 15, "cut at {cut}");
    }
}
