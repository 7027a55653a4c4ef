//! Runs that are forked by a listener that has read the callbacks: they find what a bash of their own would show them, and
//! whoever needs such a bash gets one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{Running, Service, is_alive, send, wait_for};
use serde_json::Value;

/// Waits to be killed, or told to end.
const FOR_EVER: &str = "exec {hold}<> <(:); read -r <&$hold";

/// A hard limit of locks on files, below which no fork can be marked.
const NO_MARKS: [&str; 3] = ["prlimit", "--locks=18446744073709551614", "--"];

fn start(callbacks: &str) -> Running {
    Service::new().callbacks(callbacks).start()
}

/// Why runs of it are not forked, once that is known.
fn unforkable(service: &Running) -> Value {
    wait_for("a listener that waits", || {
        let listener = &service.call(r#"{"op":"status"}"#)["listener"];
        (listener["state"] == "ready").then(|| listener["unforkable"].clone())
    })
}

/// What a run of `look` prints, of one that is forked, and of one that has a bash of its own.
fn in_both(callbacks: &str) -> [String; 2] {
    let forked = start(callbacks);
    assert_eq!(unforkable(&forked), Value::Null);
    let alone = Service::new().callbacks(callbacks).below(&NO_MARKS).start();
    assert!(unforkable(&alone).as_str().is_some_and(|why| why.contains("marked")));
    [forked, alone].map(|service| {
        let run = service.run("look");
        assert_eq!(run.outcome, "succeeded", "{}", run.output);
        run.output.replace(&service.path("").display().to_string(), "FOLDER/")
    })
}

#[track_caller]
fn looks_alike(callbacks: &str) -> String {
    let [forked, alone] = in_both(callbacks);
    assert_eq!(forked, alone);
    forked
}

/// Runs are forked until there is a reason in their callbacks, which is said.
#[track_caller]
fn has_a_bash_of_its_own(callbacks: &str, why: &str) -> Running {
    let service = start(callbacks);
    let said = unforkable(&service);
    assert!(said.as_str().is_some_and(|said| said.contains(why)), "{said}");
    service.log().wait_for(&format!("each run reads the callbacks itself: {}", said.as_str().unwrap()));
    service
}

#[test]
fn the_callbacks_are_read_once_and_every_run_starts_from_what_was_read() {
    let service =
        start("echo read >>$FOLDER/reads\ncount=0\nCB_count() { echo $((++count)); cd /; exit 0; }");
    for _ in 0..5 {
        assert_eq!(service.run("count").output, "1\n");
    }
    assert_eq!(fs::read_to_string(service.path("reads")).unwrap(), "read\n");
}

#[test]
fn a_file_that_is_sourced_is_read_again_when_it_has_changed() {
    let service = Service::new()
        .file("bin/more.sh", "CB_version() { echo 0; }")
        .callbacks(
            "[[ a =~ (.) ]]\nsource \"$LAMPLIGHTER_BIN\"/more.sh </dev/null\n[[ ${BASH_REMATCH[1]} == a ]]",
        )
        .start();
    assert_eq!(unforkable(&service), Value::Null);
    for version in 1..=3 {
        assert_eq!(service.run("version").output, format!("{}\n", version - 1));
        service.write("bin/more.sh", &format!("CB_version() {{ echo {version}; }}"));
    }
    assert_eq!(service.run("version").output, "3\n");
}

#[test]
fn a_file_that_only_sets_something_is_read_again_when_it_has_changed() {
    let service = Service::new()
        .file("conf/settings.sh", "setting=0")
        .callbacks("source \"$LAMPLIGHTER_CONF/settings.sh\"\nCB_show() { echo \"$setting\"; }")
        .start();
    assert_eq!(service.run("show").output, "0\n");
    service.write("conf/settings.sh", "setting=1");
    assert_eq!(service.run("show").output, "1\n");
}

#[test]
fn a_fork_has_the_descriptors_and_signals_of_a_bash_of_its_own() {
    let descriptors = "for fd in /proc/$BASHPID/fd/*; do echo \"${fd##*/} $(readlink \"$fd\")\"; done | \
                       sed 's/:.*//; s/^255 .*/script/' | sort";
    let signals = "grep -E '^Sig(Ign|Blk|Cgt)|^ShdPnd' /proc/self/status";
    looks_alike(&format!("CB_look() {{ {descriptors}; {signals}; }}"));
    // What a callback puts into the background ignores INT and QUIT, as bash has it where jobs are not controlled.
    let background = looks_alike(
        "CB_look() { cat /proc/self/status >$FOLDER/status & wait; grep SigIgn $FOLDER/status; }",
    );
    assert!(background.trim_end().ends_with('6'), "{background}");
}

#[test]
fn a_fork_has_the_options_variables_and_depth_of_a_bash_of_its_own() {
    looks_alike("CB_look() { echo \"$- $SHLVL $BASH_SUBSHELL ${!-none} $SHELLOPTS $BASHOPTS $0 $# $*\"; }");
    looks_alike("CB_look() { echo \"${FUNCNAME[*]} ${BASH_SOURCE[*]}\"; caller; }");
    looks_alike("CB_look() { trap -p | sed 's/[0-9]//g'; jobs; umask; [[ $PWD == $FOLDER ]]; ulimit -n; }");
}

#[test]
fn a_fork_leads_a_group_of_its_own_and_is_a_child_of_the_supervisors() {
    let service = start(
        "CB_look() { read -r -a stat </proc/$BASHPID/stat; echo \"$BASHPID ${stat[0]} ${stat[4]} $PPID ${stat[3]}\"; }",
    );
    assert_eq!(unforkable(&service), Value::Null);
    let printed = service.run("look").output;
    let words: Vec<&str> = printed.split_ascii_whitespace().collect();
    assert!(words[0] == words[1] && words[0] == words[2], "{printed}");
    let supervisor = service.pid().to_string();
    assert_eq!(words[3..], [&supervisor, &supervisor], "{printed}");
}

#[test]
fn a_run_is_told_of_no_service_that_there_is_not() {
    let service = Service::new()
        .personality("USE_VARLOG=")
        .callbacks("CB_look() { echo \"${LAMPLIGHTER_SERVICE_PID-none}\"; }")
        .start();
    service.log().wait_for("there is no service to start, only callbacks");
    for _ in 0..2 {
        assert_eq!(service.run("look").output, "none\n");
    }
}

#[test]
fn seconds_are_counted_from_the_runs_beginning() {
    let service = start("SECONDS=1000\nCB_count() { echo \"$((SECONDS < 100))\"; }");
    assert_eq!(unforkable(&service), Value::Null);
    assert_eq!(service.run("count").output, "1\n");
}

#[test]
fn every_fork_has_random_numbers_of_its_own() {
    let service = start("echo $RANDOM >/dev/null\nCB_draw() { echo $RANDOM$RANDOM$RANDOM; }");
    assert_eq!(unforkable(&service), Value::Null);
    let drawn: BTreeSet<String> = (0..20).map(|_| service.run("draw").output).collect();
    assert_eq!(drawn.len(), 20, "{drawn:?}");
}

/// So many runs side by side, each of which writes a file that is named by its process.
fn files_of_runs(number: &str) -> usize {
    const RUNS: usize = 1000;
    let service = Service::new()
        .file("conf/housekeeping.toml", "[action.write]\noverlap = 'allow'")
        .callbacks(&format!("CB_write() {{ mkdir $FOLDER/log/{number}; }}"))
        .start();
    let mut client = service.connect();
    client.send("root write\n".repeat(RUNS)).finish();
    let ids: Vec<_> = client.rest().iter().map(|answer| common::accepted(answer)).collect();
    assert_eq!(ids.len(), RUNS);
    wait_for("the end of all runs", || {
        let status = service.call(r#"{"op":"status"}"#);
        let is_over = |state: &str| status[state].as_array().is_some_and(Vec::is_empty);
        (is_over("running") && is_over("waiting")).then_some(())
    });
    assert_eq!(service.log().lines_with("write failed").len(), 0);
    fs::read_dir(service.path("log")).unwrap().count()
}

#[test]
fn a_thousand_runs_that_name_files_by_their_process_have_a_thousand_files() {
    assert_eq!(files_of_runs("$$"), 1000);
}

#[test]
fn a_thousand_forks_that_name_files_by_their_process_have_a_thousand_files() {
    assert_eq!(files_of_runs("$BASHPID"), 1000);
}

#[test]
fn callbacks_that_use_the_shells_number_have_a_bash_of_their_own() {
    let service = has_a_bash_of_its_own(
        "CB_look() {\n    echo $(($$ == BASHPID))\n}",
        "docker-callbacks.sh: `$$` in line 2 is the number of another process in a fork",
    );
    assert_eq!(service.run("look").output, "1\n");
    service.write("bin/docker-callbacks.sh", "CB_look() { echo mended; }");
    assert_eq!(service.run("look").output, "mended\n");
    assert_eq!(unforkable(&service), Value::Null);
}

#[test]
fn a_trap_that_is_set_while_the_callbacks_are_read_is_every_runs() {
    let service = has_a_bash_of_its_own("trap 'echo bye' EXIT\nCB_leave() { :; }", "set a trap");
    for _ in 0..2 {
        assert_eq!(service.run("leave").output, "bye\n");
    }
}

#[test]
fn a_process_that_the_callbacks_start_while_they_are_read_is_every_runs_child() {
    let service =
        has_a_bash_of_its_own("(exit 7) &\nchild=$!\nCB_wait() { wait $child; }", "in the background");
    for _ in 0..2 {
        assert_eq!(service.run("wait").outcome, "failed 7");
    }
}

#[test]
fn a_file_that_is_opened_while_the_callbacks_are_read_is_locked_for_one_run() {
    let service = has_a_bash_of_its_own(
        "exec {lock}>$FOLDER/lock\nCB_hold() { flock -n $lock; echo held; read -r <$FOLDER/hold; }\n\
         CB_try() { flock -n $lock && echo locked || echo taken; }",
        "open a file",
    );
    nix::unistd::mkfifo(&service.path("hold"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let id = service.request("hold");
    service.log().wait_for("| held");
    assert_eq!(service.run("try").output, "taken\n");
    service.release("hold");
    service.outcome("hold", &id);
    assert_eq!(service.run("try").output, "locked\n");
}

#[test]
fn what_programs_find_while_the_callbacks_are_read_is_found_for_every_run() {
    let service = has_a_bash_of_its_own("mine=$(mktemp -d)\nCB_use() { rmdir \"$mine\"; }", "start programs");
    for _ in 0..3 {
        assert_eq!(service.run("use").outcome, "succeeded");
    }
}

#[test]
fn a_file_that_nobody_can_name_is_read_for_every_run() {
    let service = has_a_bash_of_its_own(
        "source /dev/stdin <<<'CB_look() { echo here; }'",
        "cannot be told from `source",
    );
    assert_eq!(service.run("look").output, "here\n");
}

#[test]
fn a_callback_that_closes_all_descriptors_harms_nobody() {
    let service =
        start("CB_close() { for fd in {0..255}; do eval \"exec $fd>&-\"; done; }\nCB_ok() { echo ok; }");
    for _ in 0..3 {
        assert_eq!(service.run("close").outcome, "succeeded");
        assert_eq!(service.run("ok").output, "ok\n");
    }
    assert_eq!(service.log().lines_with("degraded"), [""; 0]);
}

#[test]
fn a_callback_that_computes_for_ever_with_job_control_is_ended_with_its_jobs() {
    let service = start(
        "CB_loop() { set -m; sleep infinity & echo $! >$FOLDER/job; echo begun; while :; do :; done; }",
    );
    assert_eq!(unforkable(&service), Value::Null);
    let id = service.request("loop");
    service.log().wait_for("| begun");
    let job = service.wait_for_line("job").parse().unwrap();
    service.call(&format!(r#"{{"op":"cancel","id":"{id}"}}"#));
    assert_eq!(service.outcome("loop", &id).outcome, "cancelled");
    wait_for("the end of its job", || (!is_alive(job)).then_some(()));
}

/// The listener that forks the others: the first one.
fn forking(service: &Running) -> u32 {
    wait_for("the listener that forks", || forking_beyond(service, &[]))
}

#[test]
fn who_forks_may_be_killed_while_those_that_it_has_forked_run() {
    let service = Service::new()
        .callbacks("CB_long() { echo begun; read -r <$FOLDER/hold; echo done; }\nCB_ok() { echo ok; }")
        .fifo("hold")
        .start();
    assert_eq!(unforkable(&service), Value::Null);
    let forking = forking(&service);
    let id = service.request("long");
    service.log().wait_for("| begun");
    send(forking, 9);
    service.log().wait_for("the listener was killed by KILL while it waited for a request");
    assert_eq!(service.run("ok").output, "ok\n");
    service.release("hold");
    let run = service.outcome("long", &id);
    assert_eq!((run.outcome.as_str(), run.output.as_str()), ("succeeded", "begun\ndone\n"));
    assert_eq!(unforkable(&service), Value::Null);
}

#[test]
fn nothing_that_was_accepted_is_lost_or_done_twice_when_who_forks_is_killed_in_a_burst() {
    const RUNS: usize = 300;
    let service = Service::new()
        .file("conf/housekeeping.toml", "[action.mark]\noverlap = 'allow'")
        .callbacks("CB_mark() { echo >>$FOLDER/marks; }")
        .start();
    assert_eq!(unforkable(&service), Value::Null);
    let marks = || fs::read(service.path("marks")).map_or(0, |marks| marks.len());
    let mut killed = Vec::new();
    let mut client = service.connect();
    client.send("root mark\n".repeat(RUNS)).finish();
    // Who does not read its answers is told no more.
    let answers = std::thread::spawn(move || client.rest());
    for part in 1..=3 {
        wait_for("a part of the burst", || (marks() >= part * RUNS / 10).then_some(()));
        let next = wait_for("one that forks", || forking_beyond(&service, &killed));
        send(next, 9);
        killed.push(next);
    }
    let ids: Vec<_> = answers.join().unwrap().iter().map(|answer| common::accepted(answer)).collect();
    for id in &ids {
        assert_eq!(service.outcome("mark", id).outcome, "succeeded");
    }
    assert_eq!((ids.len(), marks()), (RUNS, RUNS));
}

/// The same, when these have been killed: numbers of processes begin anew at the bottom, so a later one may be lower.
fn forking_beyond(service: &Running, killed: &[u32]) -> Option<u32> {
    service.children("listener.sh").into_iter().find(|pid| !killed.contains(pid) && forks(*pid))
}

/// Whether a listener was started and not forked: it has executed a program since it began.
fn forks(pid: u32) -> bool {
    const FORKED_AND_NOT_EXECUTED: u64 = 0x40;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The ninth word (proc_pid_stat(5)), the kernel's `PF_FORKNOEXEC`.
    let flags =
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(6)?.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & FORKED_AND_NOT_EXECUTED == 0)
}

#[test]
fn a_callback_that_kills_its_parent_has_the_service_stopped_as_before() {
    let stops = |below: &[&str]| {
        let service = Service::new()
            .callbacks(&format!("CB_kill() {{ kill $PPID; {FOR_EVER}; }}"))
            .below(below)
            .start();
        let id = service.request("kill");
        assert_eq!(service.exit(), 128 + 15);
        service.outcome("kill", &id).outcome
    };
    assert_eq!([stops(&[]), stops(&NO_MARKS)], ["interrupted", "interrupted"]);
}

/// As an ordinary user, who may have so many processes and no more.
#[test]
fn a_callback_that_forks_without_end_is_ended_and_what_comes_after_it_is_done() {
    if !common::is_root() {
        return common::skip("only root can become a user whose processes are counted apart");
    }
    let uid = "64991";
    let bounded =
        ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "prlimit", "--nproc=60", "--"];
    let user = ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--bounding-set=-all", "--"];
    let below: Vec<&str> = bounded.into_iter().chain(user).collect();
    let service = Service::new()
        .callbacks("CB_bomb() { echo begun; while :; do sleep infinity & done; }\nCB_ok() { echo ok; }")
        .owned_by(uid.parse().unwrap())
        .below(&below)
        .start();
    let id = service.request("bomb");
    service.log().wait_for("Resource temporarily unavailable");
    service.call(&format!(r#"{{"op":"cancel","id":"{id}"}}"#));
    assert_eq!(service.outcome("bomb", &id).outcome, "cancelled");
    assert_eq!(service.run("ok").output, "ok\n");
}

#[test]
fn a_supervisor_of_before_that_runs_on_learns_by_the_end_of_the_pipe_that_a_listener_is_ready() {
    let folder = tempfile::tempdir().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::write(folder.path().join("docker-callbacks.sh"), "CB_one() { :; }").unwrap();
    let mut listener = std::process::Command::new("bash")
        .args(["-c", "exec 3>&1 1>/dev/null; exec \"$0\"", &format!("{root}/target-sbin/listener.sh")])
        .env("LAMPLIGHTER_SBIN", format!("{root}/target-sbin"))
        .env("LAMPLIGHTER_BIN", folder.path())
        .env("LAMPLIGHTER_READY_FD", "3")
        .env_remove("LAMPLIGHTER_FORKS")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = listener.stdin.take().unwrap();
    let said = std::io::read_to_string(listener.stdout.take().unwrap()).unwrap();
    assert_eq!(said, "CB_one\nready\n");
    drop(stdin);
    assert!(listener.wait().unwrap().success());
}
